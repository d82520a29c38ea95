package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/evidence"
)

func auditorCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "auditor", Short: "Give outsiders tokens to read the log's entries, and take them back", Args: cobra.NoArgs,
		Long: `Everybody can read the log's checkpoint and Merkle tiles. Its entries show each key's activity, though no
content of a case, and are for members and for auditors with a token made here (unless log_entries is open).
A token opens GET /tile/entries/… and nothing else. It is kept as its SHA-256 only, ends by itself, and can
be revoked at once. The commands reach the service's database, whether or not the service runs.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(issueAuditor(), listAuditors(), revokeAuditor())
	return cmd
}

func issueAuditor() *cobra.Command {
	var name string
	life := config.Duration(90 * 24 * time.Hour)
	var asJSON bool
	cmd := &cobra.Command{Use: "issue --name NAME", Short: "Make a token, which is shown once", Args: cobra.NoArgs,
		Example: "  custodyd auditor issue --name 'Court of Session, expert' --life 365d\n  custody audit https://custody.example.org --policy trust.json --full --token-file auditor.token",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return usageError{fmt.Errorf("--name says who the auditor is")}
			}
			o, err := configured(cmd)
			if err != nil {
				return err
			}
			secret, a, err := service.IssueAuditor(cmd.Context(), o, name, time.Duration(life))
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), struct {
					Token string `json:"token"`
					service.Auditor
				}{secret, a})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "token:    %s\nid:       %s\nexpires:  %s\n", secret, a.ID, a.Expires.Format(time.RFC3339))
			return err
		}}
	config.AddFlags(cmd.Flags())
	cmd.Flags().StringVar(&name, "name", "", "who the auditor is, for the list; up to 128 characters")
	cmd.Flags().Var(textFlag{&life, "duration"}, "life", "how long the token opens the log's entries, such as 90d; up to ten years")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

func listAuditors() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "List the tokens that were made", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := configured(cmd)
			if err != nil {
				return err
			}
			all, err := service.Auditors(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), all)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tEXPIRES\tSTATE\tNAME")
			for _, a := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%q\n", a.ID, a.Expires.Format(time.RFC3339), stateOf(a, time.Now()), a.Name)
			}
			return w.Flush()
		}}
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the list as JSON")
	return cmd
}

func stateOf(a service.Auditor, now time.Time) string {
	switch {
	case a.Revoked != nil:
		return "revoked"
	case !now.Before(a.Expires):
		return "expired"
	}
	return "good"
}

func revokeAuditor() *cobra.Command {
	cmd := &cobra.Command{Use: "revoke ID", Short: "End a token at once", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := evidence.ParseDigest(args[0])
			if err != nil {
				return usageError{fmt.Errorf("%q is no token's id, as custodyd auditor list shows them: %w", args[0], err)}
			}
			o, err := configured(cmd)
			if err != nil {
				return err
			}
			if err := service.RevokeAuditor(cmd.Context(), o, id); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "revoked")
			return err
		}}
	config.AddFlags(cmd.Flags())
	return cmd
}

// textFlag lets a value that reads text be a flag.
type textFlag struct {
	value interface {
		String() string
		UnmarshalText([]byte) error
	}
	kind string
}

func (f textFlag) String() string     { return f.value.String() }
func (f textFlag) Set(s string) error { return f.value.UnmarshalText([]byte(s)) }
func (f textFlag) Type() string       { return f.kind }
