package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/evidence"
)

func (a *app) uploadsCommand() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "Deposits begun and not finished, with the time they end", Args: cobra.NoArgs,
		Long: "List the deposits that your key began and didn't finish. The same put takes one up again, and sends\nonly what the service doesn't hold; each part it takes puts the end off. After its end a deposit is\ndiscarded: nothing of it was recorded.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			sessions, err := d.Sessions(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(sessions, func(w io.Writer) {
				if len(sessions) == 0 {
					fmt.Fprintln(w, "nothing is unfinished")
				}
				for _, s := range sessions {
					warning := ""
					if s.EndsSoon {
						warning = "  ENDS SOON: the same put goes on with it; else it is discarded"
					}
					fmt.Fprintf(w, "%s  %s  %d of %d bytes  until %s%s\n", s.ID, printable(s.FileName), s.Held, s.Size, s.Expires.Local().Format(time.RFC3339), warning)
				}
			})
		}}
	abort := &cobra.Command{Use: "abort UPLOAD", Short: "Discard a deposit begun", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseID("UPLOAD", args[0])
			if err != nil {
				return err
			}
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			if err := d.EndSession(cmd.Context(), id.String()); err != nil {
				return err
			}
			return a.print(discarded{id}, func(w io.Writer) {
				fmt.Fprintf(w, "discarded %s: nothing of it was recorded\n", id)
			})
		}}
	return group("uploads", "Deposits that were begun and not finished",
		examples(list, `custody uploads list`), examples(abort, `custody uploads abort 3f0c…`))
}

// discarded is a deposit that was ended by who began it.
type discarded struct {
	Upload evidence.Digest `json:"discarded"`
}
