package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/evidence/vault"
)

// storePatience bounds the examination: its longest wait is for clocks that
// differ by half a minute.
const storePatience = 2 * time.Minute

func checkStoreCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "check-store", Short: "Try whether the configured object store protects evidence", Args: cobra.NoArgs,
		Long: `Tries on the configured S3 store all that must not work there: deleting what is locked, shortening a
retention, deleting under a legal hold once the retention has expired, parts with a wrong checksum or cut
short, uploads that were aborted. It takes some seconds, makes no bucket, and leaves a few bytes that stay
locked for minutes. Exit code 0: the store is safe; 1: it is refused, or could not be asked.`,
		Example: "  custodyd check-store --config /etc/custodyd.yaml\n  custodyd check-store --config /etc/custodyd.yaml --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(cmd.Flags(), os.Getenv)
			if err != nil {
				return err
			}
			return checkStore(cmd.Context(), cfg, asJSON, cmd.OutOrStdout())
		}}
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the findings as JSON")
	return cmd
}

func checkStore(ctx context.Context, cfg config.Config, asJSON bool, out io.Writer) error {
	if !cfg.OutsideStore() {
		return errors.New("no outside store is configured (s3.endpoint); serve probes its private one at each start")
	}
	o, err := options(cfg)
	if err != nil {
		return err
	}
	store, err := vault.Open(ctx, *o.Store)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	findings, err := store.Examine(ctx)
	switch {
	case errors.Is(err, vault.ErrNotFound) && len(findings) == 0:
		return fmt.Errorf("the store has no bucket %q; serve makes it, with Object Lock, for a new log: %w", cfg.S3.Bucket, err)
	case err != nil && len(findings) == 0:
		return err
	}
	refused := 0
	for _, f := range findings {
		if !f.OK() {
			refused++
		}
	}
	if asJSON {
		if werr := writeFindingsJSON(out, findings, err); werr != nil {
			return werr
		}
	} else {
		writeFindings(out, findings)
	}
	switch {
	case err != nil:
		return err
	case refused > 0:
		return fmt.Errorf("%w: %d of %d checks are not passed", vault.ErrUnsafeStore, refused, len(findings))
	}
	return nil
}

// writeFindings writes one line a check.
func writeFindings(out io.Writer, findings []vault.Finding) {
	for _, f := range findings {
		word, why := "ok", ""
		switch {
		case f.Refused != "":
			word, why = "refused", ": "+f.Refused
		case f.Skipped != "":
			word, why = "not tried", ": "+f.Skipped
		}
		fmt.Fprintf(out, "%-9s  %-17s  %s%s\n", word, f.Check, f.Asks, why)
	}
}

func writeFindingsJSON(out io.Writer, findings []vault.Finding, failed error) error {
	result := struct {
		OK     bool            `json:"ok"`
		Error  string          `json:"error,omitempty"` // the checks after the last one could not be made
		Checks []vault.Finding `json:"checks"`
	}{OK: failed == nil, Checks: findings}
	if failed != nil {
		result.Error = failed.Error()
	}
	for _, f := range findings {
		result.OK = result.OK && f.OK()
	}
	b, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	_, err = out.Write(append(b, '\n'))
	return err
}
