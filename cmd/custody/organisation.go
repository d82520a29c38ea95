package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

func (a *app) organisationCommand() *cobra.Command {
	cmd := group("org", "Found and look up organisations", a.orgFound(), a.orgList(), a.orgShow(), a.orgStatus())
	cmd.Aliases = []string{"organisation"}
	return cmd
}

func (a *app) orgFound() *cobra.Command {
	var class, invitation string
	var controlled []string
	cmd := &cobra.Command{Use: "found NAME", Short: "Found an organisation with your key as its root key", Args: cobra.ExactArgs(1),
		Long: "Found an organisation. Its document, with its root key, is public; the document's SHA-256 is\nthe organisation's id, which others compare before they trust it. Use the root key only to\ncertify and revoke people's keys, and keep it off everyday computers.",
		RunE: func(cmd *cobra.Command, args []string) error {
			owners, err := parseIDs("--controlled-by", controlled)
			if err != nil {
				return err
			}
			d, err := a.desk(cmd.Context(), want{invitation: invitation})
			if err != nil {
				return err
			}
			r, err := d.FoundOrganisation(cmd.Context(), desk.Founding{Name: args[0], Class: custody.OrgClass(class), ControlledBy: owners})
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) {
				fmt.Fprintf(w, "founded: %s\norganisation %s\n", args[0], r.Organisation)
			})
		}}
	cmd.Flags().StringVar(&class, "class", "", "agency, laboratory, court, prosecution, defence or other")
	cmd.Flags().StringVar(&invitation, "invitation", "", "one-time token of the service's operator or of an organisation")
	cmd.Flags().StringSliceVar(&controlled, "controlled-by", nil, "ids of organisations that own or control this one")
	return examples(required(cmd, "class", "invitation"), `custody org found "Provincial Forensic Laboratory" --class laboratory --invitation inv_… --key root`)
}

func (a *app) orgList() *cobra.Command {
	return examples(&cobra.Command{Use: "list", Short: "List the organisations in the log", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			service, err := a.anonymous()
			if err != nil {
				return err
			}
			t, err := desk.ReadPublished(cmd.Context(), service)
			if err != nil {
				return err
			}
			return a.print(t.Organisations, func(w io.Writer) { organisationTable(w, t) })
		}}, "custody org list --server https://custody.example.org")
}

func organisationTable(w io.Writer, t desk.PublishedTrust) {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "ORGANISATION\tCLASS\tNAME")
	for _, o := range t.Organisations {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", o.ID, o.Class, o.Name)
	}
	tw.Flush()
}

// shownOrganisation is what org show prints.
type shownOrganisation struct {
	ID        evidence.Digest     `json:"id"`
	Document  custody.OrgDocument `json:"document"`
	FoundLeaf evidence.Digest     `json:"foundedLeaf"`
	Keys      []desk.PersonKey    `json:"keys"`
}

func (a *app) orgShow() *cobra.Command {
	return examples(&cobra.Command{Use: "show [ORGANISATION]", Short: "Show an organisation and its keys; yours by default", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			id := d.Key.Organisation
			if len(args) == 1 {
				if id, err = parseID("ORGANISATION", args[0]); err != nil {
					return err
				}
			}
			o, err := d.Service.Organisation(cmd.Context(), id)
			if err != nil {
				return fmt.Errorf("couldn't get the organisation: %w", err)
			}
			if evidence.Sum(o.Document) != id {
				return fmt.Errorf("the document shown is not organisation %s's: %w", id.Short(), desk.ErrEvidence)
			}
			doc, err := custody.ParseOrgDocument(o.Document)
			if err != nil {
				return err
			}
			return a.print(shownOrganisation{id, doc, o.FoundLeaf, o.Keys}, func(w io.Writer) {
				fmt.Fprintf(w, "%s\nid     %s\nclass  %s\n", doc.Name, id, doc.Class)
				tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(tw, "KEY\tSTANDING\tRIGHTS\tPERSON")
				for _, k := range o.Keys {
					fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", k.ID, k.Standing, rightWords(k.Rights), personWords(k))
				}
				tw.Flush()
			})
		}}, "custody org show", "custody org show ORGANISATION --json")
}

func (a *app) orgStatus() *cobra.Command {
	var telling tellingFlags
	cmd := &cobra.Command{Use: "status", Short: "Sign the list of all keys that your organisation has revoked", Args: cobra.NoArgs,
		Long: "Sign the list of all keys that your organisation has revoked so far. It is made from your\norganisation's own events, which are read back to its founding and checked one by one, not from\nwhat the service says of keys. Others then know of every key of yours, up to that time, that it was\nnot revoked; of later times the list says nothing, so sign a new one regularly. It takes a root key\nor one with the right certify.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			told, err := telling.telling()
			if err != nil {
				return err
			}
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			r, err := d.StateKeys(cmd.Context(), desk.Stating{Telling: told})
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) {
				recorded(w, r.Recorded, fmt.Sprintf("stated, %d revoked", len(r.Revoked)))
				for _, key := range r.Revoked {
					fmt.Fprintf(w, "revoked %s\n", key)
				}
			})
		}}
	telling.register(cmd, custody.KindStatus)
	return examples(cmd, "custody org status --key root")
}

func personWords(k desk.PersonKey) string {
	if k.PersonDocument == nil || evidence.Sum(k.PersonDocument) != k.Person {
		return short(k.Person)
	}
	doc, err := custody.ParseFounding(k.PersonDocument)
	if err != nil {
		return short(k.Person)
	}
	return short(k.Person) + " " + printable(doc.Fields["name"])
}

func (a *app) inviteCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "invite organisation|key", Short: "Make a one-time token for somebody else", Args: cobra.ExactArgs(1),
		Long: "Make a one-time token with which somebody else may found an organisation, or request a key\nin yours. Give it to that person directly. It opens the service for one act; it gives no trust.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != desk.InviteOrganisation && args[0] != desk.InviteKey {
				return usagef("invite %q: organisation or key", args[0])
			}
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			inv, err := d.Invite(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(inv, func(w io.Writer) {
				fmt.Fprintf(w, "%s\nexpires %s\n", inv.Token, inv.Expires.Local().Format("2006-01-02 15:04:05 -07:00"))
			})
		}}
	return examples(cmd, "custody invite key --key root")
}
