package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
)

func recoverCommand() *cobra.Command {
	var accept uint64
	var cause string
	var asJSON bool
	cmd := &cobra.Command{Use: "recover", Short: "Show what an old copy of the database lost, and let its log go on", Args: cobra.NoArgs,
		Long: `Compares the database with what is known of its log outside of it: the newest checkpoint signed, kept
beside the keys, and every configured witness. Without --accept-loss it changes nothing.

A service that starts on an old copy of its database refuses to sign, because it would sign a second
history over the first. Restore a newer copy if there is one: a standby, archived WAL, the old disks.
Where the events are lost for good, stop every replica and run

    custodyd recover --accept-loss SIZE

with the size that it shows. The log then records, signed and for ever, in every dossier, that it lost
the events from its present end up to that size (log.recovered). Verifiers report it, and receipts for
the lost events keep proving what was lost. The checkpoint beside the keys is archived, not deleted.

WITNESSES THAT COSIGNED THE LOST EVENTS WILL REFUSE THIS LOG FOR EVER: that is what they are for. They
no longer count for the quorum. Take them out of the configuration, ask for new witnesses, and tell
everybody whose trust policy names the old ones why.

Exit codes: 0 nothing is missing, or the loss was recorded; 1 it could not be compared; 3 something is
missing, and nothing was accepted.`,
		Example: "  custodyd recover --config /etc/custodyd.yaml\n  custodyd recover --config /etc/custodyd.yaml --accept-loss 48213 --cause backup-restored",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := configured(cmd)
			if err != nil {
				return err
			}
			r := service.Recovery{Cause: custody.RecoveryCause(cause)}
			switch r.Cause {
			case custody.RecoveryBackup, custody.RecoveryStorage, custody.RecoveryOther:
			default:
				return usageError{fmt.Errorf("--cause %q is none of %s, %s and %s", cause, custody.RecoveryBackup, custody.RecoveryStorage, custody.RecoveryOther)}
			}
			if cmd.Flags().Changed("accept-loss") {
				r.AcceptLoss = &accept
			}
			loss, err := service.Recover(cmd.Context(), o, r)
			if loss != nil {
				if asJSON {
					err = errors.Join(err, writeJSON(cmd.OutOrStdout(), loss))
				} else {
					describeLoss(cmd.OutOrStdout(), loss, err)
				}
			}
			if err == nil && (loss.Forked || (loss.Lost || loss.MarkOnly) && r.AcceptLoss == nil) {
				err = notAsRecorded{1}
			}
			return err
		}}
	config.AddFlags(cmd.Flags())
	cmd.Flags().Uint64Var(&accept, "accept-loss", 0, "record that all events up to this size, which were signed, are lost")
	cmd.Flags().StringVar(&cause, "cause", string(custody.RecoveryBackup), "why: backup-restored, storage-lost or other")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

var standsWords = map[string]string{
	"same": "agrees with the database", "ahead": "HAS SEEN MORE than the database holds", "other": "HAS SEEN OTHER EVENTS than the database holds",
	"given-up": "is of a history whose loss is recorded", "unknown": "did not say",
}

func describeLoss(out io.Writer, l *service.Loss, failed error) {
	fmt.Fprintf(out, "log:        %s\nevents:     %d in the database\n", l.Log, l.Events)
	for _, h := range l.Heads {
		fmt.Fprintf(out, "%-11s %d events: %s\n", h.Source+":", h.Size, standsWords[h.Stands])
		if h.Problem != "" {
			fmt.Fprintf(out, "            %s\n", h.Problem)
		}
		if h.Stands == "ahead" || h.Stands == "other" {
			if h.Proven {
				fmt.Fprintf(out, "            it shows that head with the log's own signature: root %s\n", h.Root)
			} else {
				fmt.Fprintln(out, "            that is its word; it did not show the log's signature")
			}
		}
	}
	switch {
	case failed != nil:
	case l.Forked:
		fmt.Fprintln(out, "This database went on from an old copy without saying so, or the log's key was used elsewhere. No record of\n"+
			"a loss can mend that: restore the newest copy there is, or begin a new log (migrations/BACKUP.md).")
	case l.Recorded > 0:
		fmt.Fprintf(out, "recorded:   log.recovered, event %d: the events from %d up to %d are lost\n", l.Recorded, l.Events, l.Signed)
		fmt.Fprintf(out, "event:      %s\n            Verifiers report it until people who know of the loss list it in their trust policy (recoveries).\n", l.Event)
		afterLoss(out, l)
	case l.Archived != nil:
		fmt.Fprintln(out, "the loss was recorded before")
		afterLoss(out, l)
	case l.MarkOnly:
		fmt.Fprintf(out, "The loss is recorded; only this replica's checkpoint beside the keys is of before it. To archive it:\n    custodyd recover --accept-loss %d\n", l.GivenUp)
	case l.Lost:
		fmt.Fprintf(out, "lost:       events %d to %d, at least\n", l.Events, l.Signed-1)
		fmt.Fprintf(out, "Look for a newer copy first. Where there is none, and every replica is stopped:\n    custodyd recover --accept-loss %d\n", l.Signed)
		fmt.Fprintln(out, "Witnesses that cosigned the lost events will refuse this log for ever and count no more; custodyd recover --help.")
	default:
		fmt.Fprintln(out, "nothing is missing, as far as anybody here knows")
	}
}

func afterLoss(out io.Writer, l *service.Loss) {
	for _, path := range l.Archived {
		fmt.Fprintf(out, "archived:   %s\n", path)
	}
	for _, h := range l.Heads {
		if h.URL != "" && (h.Stands == "ahead" || h.Stands == "given-up") {
			fmt.Fprintf(out, "WITNESS     %s will refuse this log for ever: take it out of the configuration, and ask for a new one\n", h.Source)
		}
	}
	fmt.Fprintln(out, "The service can be started. Other replicas, with a checkpoint of their own: the same command there.")
}
