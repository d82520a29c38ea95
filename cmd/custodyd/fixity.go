package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
)

func fixityCommand() *cobra.Command {
	var ask service.FixityAsk
	var items []string
	var asJSON bool
	cmd := &cobra.Command{Use: "fixity [--now [--all]] [--item ID]...", Short: "Show how stored evidence was last found, or read it back now", Args: cobra.NoArgs,
		Long: `Shows of every artifact how the store's copy was found when it was last read back, block by block
against what its depositor signed: passed, failed, or not checked. The service reads copies back by itself
(fixity_every, fixity_rate), the one that waits the longest first, and steps aside while evidence comes in.

With --now those that are due are read back now, with --all every one, with --item the items named: by the
service where it runs on a private database, else here, beside whatever replicas there are. Each outcome is
an event in the log. Interrupted, it goes on where it was.

Exit codes: 0 all that were asked about passed, or were erased by a disposal; 3 a copy is not what was
deposited; 1 some could not be checked or were not read back yet, or an error.`,
		Example: "  custodyd fixity\n  custodyd fixity --now --item 3f…\n  custodyd fixity --now --all --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ids, err := identified(items)
			if err != nil {
				return usageError{err}
			}
			if ask.All && !ask.Now {
				return usageError{fmt.Errorf("--all goes with --now")}
			}
			o, err := configured(cmd)
			if err != nil {
				return err
			}
			ask.Items, ask.Every = ids, o.FixityEvery
			if ask.Every == 0 {
				ask.Every = service.DefaultFixityEvery
			}
			result, err := service.Fixity(cmd.Context(), o, ask, progress(cmd.ErrOrStderr(), "copies read back"))
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), result)
			} else {
				err = tellFixity(cmd.OutOrStdout(), result)
			}
			switch {
			case err != nil:
				return err
			case result.Failed > 0:
				return notAsRecorded{result.Failed}
			case result.Unchecked+result.Never > 0:
				return fmt.Errorf("%d could not be checked, %d were not read back yet", result.Unchecked, result.Never)
			}
			return nil
		}}
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&ask.Now, "now", false, "read back now what is due")
	cmd.Flags().BoolVar(&ask.All, "all", false, "with --now: read everything back")
	cmd.Flags().StringArrayVar(&items, "item", nil, "only this item's copy; may be repeated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

func tellFixity(out io.Writer, r service.FixityResult) error {
	for _, i := range r.Items {
		word := map[string]string{"passed": "passed     ", "failed": "FAILED     ", "unchecked": "not checked", "erased": "erased     ", "": "not yet    "}[string(i.Result)]
		at := "                    "
		if i.At != nil {
			at = i.At.Format(time.RFC3339)
		}
		fmt.Fprintf(out, "%s  %s  %s  last found whole %s; %s\n", word, at, i.Item, i.Whole.Format(time.RFC3339), i.Words)
	}
	_, err := fmt.Fprintf(out, "%d passed, %d failed, %d could not be checked, %d not read back yet, %d erased\n", r.Passed, r.Failed, r.Unchecked, r.Never, r.Erased)
	return err
}
