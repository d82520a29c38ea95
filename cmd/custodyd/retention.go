package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/evidence"
)

func retentionCommand() *cobra.Command {
	var until string
	var items []string
	var asJSON bool
	cmd := &cobra.Command{Use: "extend-retention --until DATE [--item ID]...", Short: "Lock stored evidence for longer", Args: cobra.NoArgs,
		Long: `Extends the Object Lock of every artifact's object, or of those of the items named, to the end of a date
(in UTC) or to a moment. Nothing is ever locked for shorter: an object that is locked for longer already is
left as it is. With all artifacts', the objects of the log's published tree (log/) are locked as long.
Interrupted, it is run again and goes on where it stopped. What is deposited afterwards is
locked for s3.retention_period, which is set in the configuration.

Under COMPLIANCE nobody can take an extension back. Exit codes: 0 done, 1 ended early: run it again,
3 some objects could not be extended.`,
		Example: "  custodyd extend-retention --until 2040-12-31\n  custodyd extend-retention --until 2031-06-30T12:00:00Z --item 3f…",
		RunE: func(cmd *cobra.Command, _ []string) error {
			end, err := moment(until, time.Now())
			if err != nil {
				return usageError{err}
			}
			ids, err := identified(items)
			if err != nil {
				return usageError{err}
			}
			o, err := configured(cmd)
			if err != nil {
				return err
			}
			result, err := service.ExtendRetention(cmd.Context(), o, end, ids, progress(cmd.ErrOrStderr(), "objects seen to"))
			if result != nil {
				err = errors.Join(err, told(cmd, result, asJSON))
			}
			if err == nil && len(result.Problems) > 0 {
				err = notAsRecorded{len(result.Problems)}
			}
			return err
		}}
	config.AddFlags(cmd.Flags())
	cmd.Flags().StringVar(&until, "until", "", "date (its end, in UTC) or moment: 2040-12-31, 2031-06-30T12:00:00Z")
	cmd.Flags().StringArrayVar(&items, "item", nil, "only this item's object; may be repeated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

// farthest bounds what a slip of the finger can lock.
const farthest = 100 * 366 * 24 * time.Hour

// moment reads a date as the end of that day, or a full time.
func moment(text string, now time.Time) (time.Time, error) {
	end, err := time.Parse(time.RFC3339, text)
	if err != nil {
		if end, err = time.Parse(time.DateOnly, text); err != nil {
			return end, fmt.Errorf("--until %q is neither a date such as 2040-12-31 nor a moment such as 2031-06-30T12:00:00Z", text)
		}
		end = end.Add(24*time.Hour - time.Second)
	}
	if !end.After(now) || end.Sub(now) > farthest {
		return end, fmt.Errorf("--until %s is in the past, or more than a hundred years away", text)
	}
	return end, nil
}

func identified(texts []string) ([]evidence.Digest, error) {
	var ids []evidence.Digest
	for _, text := range texts {
		id, err := evidence.ParseDigest(text)
		if err != nil {
			return nil, fmt.Errorf("--item %q is no item's id: %w", text, err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func told(cmd *cobra.Command, r *service.Extension, asJSON bool) error {
	out := cmd.OutOrStdout()
	if asJSON {
		return writeJSON(out, r)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(out, "PROBLEM     %s: %s\n", p.About, p.What)
	}
	_, err := fmt.Fprintf(out, "locked until %s: %d extended, %d were already; of the log's published tree %d objects are\n", r.Until.Format(time.RFC3339), r.Extended, r.Already, r.Log)
	return err
}
