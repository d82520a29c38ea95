package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
)

func checkCommand() *cobra.Command {
	var bytes, asJSON bool
	cmd := &cobra.Command{Use: "check", Short: "Check the whole record and every stored object", Args: cobra.NoArgs,
		Long: `Reads the whole record again from its exact bytes: every signature, every place in the log, every
checkpoint, and everything made of them. Holds it to the newest checkpoint kept beside the keys, and looks
at every artifact's object in the store: there, of its size, and locked. With --bytes it also reads all
objects and hashes them again, and the log's tiles and entry bundles there.

It signs and writes nothing. Exit codes: 0 whole, 1 could not be checked, 3 something is not as recorded.`,
		Example: "  custodyd check --config /etc/custodyd.yaml\n  custodyd check --data /srv/custody --bytes --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := configured(cmd)
			if err != nil {
				return err
			}
			result, err := service.Check(cmd.Context(), o, bytes, progress(cmd.ErrOrStderr(), "objects checked"))
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), result)
			} else {
				err = describe(cmd.OutOrStdout(), result, bytes)
			}
			if err == nil && !result.Whole() {
				err = notAsRecorded{len(result.Problems)}
			}
			return err
		}}
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&bytes, "bytes", false, "read all objects and hash them again")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

// notAsRecorded is exit code 3.
type notAsRecorded struct{ n int }

func (e notAsRecorded) Error() string { return fmt.Sprintf("not as recorded: %d problems", e.n) }

func describe(out io.Writer, r *service.CheckResult, bytes bool) error {
	if r.Log == "" {
		fmt.Fprintln(out, "log:        none is founded yet")
	} else {
		fmt.Fprintf(out, "log:        %s\n", r.Log)
	}
	fmt.Fprintf(out, "events:     %d\n", r.Events)
	if r.Signed > 0 {
		fmt.Fprintf(out, "signed:     up to event %d at least, says the checkpoint beside the keys\n", r.Signed)
	} else {
		fmt.Fprintln(out, "signed:     no checkpoint is kept beside the keys: an older copy would not be noticed")
	}
	fmt.Fprintf(out, "objects:    %d", r.Artifacts)
	if bytes {
		fmt.Fprintf(out, ", %d bytes hashed again\n", r.Bytes)
	} else {
		fmt.Fprintln(out, "; their bytes were not read (--bytes)")
	}
	for _, p := range r.Problems {
		fmt.Fprintf(out, "PROBLEM     %s: %s\n", p.About, p.What)
	}
	if r.Whole() {
		_, err := fmt.Fprintln(out, "whole")
		return err
	}
	return nil
}

func configured(cmd *cobra.Command) (service.Options, error) {
	cfg, err := config.Load(cmd.Flags(), os.Getenv)
	if err != nil {
		return service.Options{}, err
	}
	o, err := options(cfg)
	o.Log = logger(cfg, os.Stderr)
	return o, err
}

// progress tells a terminal how far it is; others it leaves alone.
func progress(out io.Writer, what string) service.Progress {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(uint64, uint64) {}
	}
	return func(done, all uint64) {
		end := "\r"
		if done == all {
			end = "\n"
		}
		fmt.Fprintf(out, "%d of %d %s%s", done, all, what, end)
	}
}

func writeJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
