package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
)

func rotateKeyCommand() *cobra.Command {
	var status, prepare, asJSON bool
	var to string
	cmd := &cobra.Command{Use: "rotate-key [--status | --prepare | --to ID]", Short: "Wrap the evidence's keys by a new key-encryption key", Args: cobra.NoArgs,
		Long: `Every object is encrypted under a data key of its own, which is kept wrapped by a key-encryption key: a
file kek-….pem in keys_dir, or a key in a KMS (encryption_key). This makes a new one and wraps all data keys
by it, a few at a time, while the service serves. No object is touched. Interrupted, it is run again and goes
on where it stopped. Once nothing is wrapped by the old one it is retired; its file is left, because older
copies of the database need it: destroy it, and the copies of it, where they are not to be opened any more.

Where several replicas have their keys in files, each needs the new one before it is used:
  1. custodyd rotate-key --prepare     makes kek-ID.pem, which nobody uses yet
  2. copy that file (mode 600) into keys_dir of every replica
  3. custodyd rotate-key --to ID

Run it as the account that the service runs as. Exit codes: 0 done, 1 ended early: run it again, 3 some data
keys could not be wrapped anew.`,
		Example: "  custodyd rotate-key\n  custodyd rotate-key --status\n  custodyd rotate-key --prepare",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if status && prepare || to != "" && (status || prepare) {
				return usageError{errors.New("--status, --prepare and --to: one at a time")}
			}
			o, err := configured(cmd)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if status {
				keys, err := service.EncryptionKeys(cmd.Context(), o)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(out, keys)
				}
				return showKeys(out, keys)
			}
			if prepare {
				id, file, err := service.PrepareEncryptionKey(cmd.Context(), o)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(out, service.EncryptionKey{ID: id, File: file})
				}
				_, err = fmt.Fprintf(out, "made %s; copy it into keys_dir of every replica (mode 600), then: custodyd rotate-key --to %s\n", file, id)
				return err
			}
			r, err := service.RotateKey(cmd.Context(), o, to, progress(cmd.ErrOrStderr(), "data keys seen to"))
			if r != nil && err == nil {
				err = errors.Join(err, rotated(out, r, asJSON))
			}
			if err == nil && len(r.Problems) > 0 {
				err = notAsRecorded{len(r.Problems)}
			}
			return err
		}}
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&status, "status", false, "only show which key-encryption keys there are, and what each wraps")
	cmd.Flags().BoolVar(&prepare, "prepare", false, "only make the new key-encryption key's file")
	cmd.Flags().StringVar(&to, "to", "", "use this key-encryption key, which is in keys_dir already")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

func rotated(out io.Writer, r *service.Rotation, asJSON bool) error {
	if asJSON {
		return writeJSON(out, r)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(out, "PROBLEM     %s: %s\n", p.About, p.What)
	}
	fmt.Fprintf(out, "%d data keys wrapped anew by %s\n", r.Rewrapped, r.Current)
	return showKeys(out, r.Keys)
}

func showKeys(out io.Writer, keys []service.EncryptionKey) error {
	for _, k := range keys {
		state := "in use until its data keys are wrapped anew: custodyd rotate-key"
		switch {
		case k.Current:
			state = "current"
		case k.Retired != nil:
			state = "retired " + k.Retired.UTC().Format(time.RFC3339)
		}
		if k.Problem != "" {
			state += "; CAN'T BE USED: " + k.Problem
		}
		if k.File != "" {
			state += "; " + k.File
		}
		if _, err := fmt.Fprintf(out, "%s  made %s, wraps %d data keys, %s\n", k.ID, k.Made.Format(time.RFC3339), k.Wraps, state); err != nil {
			return err
		}
	}
	return nil
}
