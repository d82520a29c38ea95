package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/evidence"
)

func (a *app) logCommand() *cobra.Command {
	return examples(&cobra.Command{Use: "log", Short: "Check the log's newest checkpoint against those you saw before", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.desk(cmd.Context(), want{keepOutbox: true})
			if err != nil {
				return err
			}
			head, err := d.Checkpoint(cmd.Context())
			if err != nil {
				return err
			}
			id, err := d.LogID(cmd.Context())
			if err != nil {
				return err
			}
			v := struct {
				Log evidence.Digest `json:"log"`
				keyring.Head
			}{id, head}
			return a.print(v, func(w io.Writer) {
				fmt.Fprintf(w, "log   %s\nsize  %d\nroot  %s\nsigned by the log, and continues all that you saw before\n\n%s", id, head.Size, head.Root, head.Note)
			})
		}}, "custody log", "custody log --json")
}

func (a *app) outboxCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "outbox", Short: "List what you signed and is not known to be recorded", Args: cobra.NoArgs,
		Long: "List the events that were signed here and wait to be sent, and those that the service refused for\ngood. What waits is sent before the next act, or by `custody outbox send`.",
		RunE: func(*cobra.Command, []string) error {
			home, err := a.openHome()
			if err != nil {
				return err
			}
			return a.listOutbox(home.Outbox)
		}}
	cmd.AddCommand(a.outboxSend(), a.outboxDiscard())
	return examples(cmd, "custody outbox", "custody outbox send")
}

// outboxLine is one event that outbox prints; details stay out of sight.
type outboxLine struct {
	EventID evidence.Digest `json:"eventId"`
	Kind    string          `json:"kind"`
	Key     string          `json:"key"`
	Server  string          `json:"server"`
	Created time.Time       `json:"created"`
	State   string          `json:"state"` // pending, refused or recorded
	Reason  string          `json:"reason,omitempty"`
}

func lineOf(e keyring.Entry, state, reason string) outboxLine {
	return outboxLine{EventID: e.EventID, Kind: e.Kind, Key: e.KeyName, Server: e.Server, Created: e.Created, State: state, Reason: reason}
}

func (a *app) listOutbox(o *keyring.Outbox) error {
	waiting, err1 := o.Pending()
	refused, err2 := o.Refusals()
	lines := []outboxLine{}
	for _, e := range waiting {
		lines = append(lines, lineOf(e, "pending", ""))
	}
	for _, r := range refused {
		lines = append(lines, lineOf(r.Entry, "refused", r.Reason))
	}
	return errors.Join(a.printOutbox(lines), err1, err2)
}

func (a *app) printOutbox(lines []outboxLine) error {
	return a.print(lines, func(w io.Writer) {
		tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintln(tw, "SIGNED\tEVENT\tKIND\tSTATE\tREASON")
		for _, l := range lines {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", l.Created.Local().Format("2006-01-02 15:04:05"), l.EventID, l.Kind, l.State, printable(l.Reason))
		}
		tw.Flush()
	})
}

func (a *app) outboxSend() *cobra.Command {
	return examples(&cobra.Command{Use: "send", Short: "Send what waits, with the bytes that were signed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.desk(cmd.Context(), want{keepOutbox: true})
			if err != nil {
				return err
			}
			results, err := d.Resend(cmd.Context())
			lines := []outboxLine{}
			for _, r := range results {
				switch {
				case r.Err == nil:
					lines = append(lines, lineOf(r.Entry, "recorded", ""))
				case errors.Is(r.Err, desk.ErrPending):
					lines = append(lines, lineOf(r.Entry, "pending", r.Err.Error()))
					err = errors.Join(err, r.Err)
				default:
					lines = append(lines, lineOf(r.Entry, "refused", r.Err.Error()))
					err = errors.Join(err, r.Err)
				}
			}
			return errors.Join(a.printOutbox(lines), err)
		}}, "custody outbox send")
}

func (a *app) outboxDiscard() *cobra.Command {
	return examples(&cobra.Command{Use: "discard EVENT", Short: "Give up an event that waits; it stays on file as refused", Args: cobra.ExactArgs(1),
		Long: "Give up an event that waits, for example because its key was revoked. If the service did record it\nand only its answer was lost, it stays recorded: discarding takes nothing back.",
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := parseID("EVENT", args[0])
			if err != nil {
				return err
			}
			home, err := a.openHome()
			if err != nil {
				return err
			}
			if err := home.Outbox.Refuse(id, "given up by its signer", a.clock().UTC()); err != nil {
				return err
			}
			return a.listOutbox(home.Outbox)
		}}, "custody outbox discard EVENT")
}
