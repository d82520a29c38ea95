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

// shownItem is what item list and show print: what the service says, to find
// one's way; nothing is signed on it.
type shownItem struct {
	ID       evidence.Digest     `json:"id"`
	Case     evidence.Digest     `json:"case"`
	Parent   *evidence.Digest    `json:"parent,omitempty"`
	Class    string              `json:"class"`
	State    string              `json:"state"`
	Holder   custody.Party       `json:"holder"`
	To       *custody.Party      `json:"to,omitempty"`
	Fields   map[string]string   `json:"fields,omitempty"`
	Artifact *custody.Artifact   `json:"artifact,omitempty"`
	Fixity   *desk.Fixity        `json:"fixity,omitempty"`
	Media    *desk.Found         `json:"media,omitempty"`
	Segments int                 `json:"segments,omitempty"` // of the artifact: its SHA-256 is then that of their manifest
	Grants   []desk.GrantSummary `json:"grants,omitempty"`
	Events   []desk.EventLine    `json:"events,omitempty"`
}

func showItem(it desk.Item) (shownItem, error) {
	fields, err := readFounding(it.ID, it.Document)
	return shownItem{ID: it.ID, Case: it.Case, Parent: it.Parent, Class: it.Class, State: it.State, Holder: it.Holder, To: it.To,
		Fields: fields, Artifact: it.Artifact, Segments: it.Segments, Fixity: it.Fixity, Media: it.Media, Grants: it.Grants, Events: it.Events}, err
}

// digestWords says what an artifact is known by: no file of a segmented image has
// the digest on record.
func digestWords(w io.Writer, a custody.Artifact, segments int) {
	fmt.Fprintf(w, "sha256  %s\n", a.SHA256)
	if segments > 0 {
		fmt.Fprintf(w, "files   %d segments; the SHA-256 is that of their manifest\n", segments)
	}
	fmt.Fprintf(w, "size    %d bytes\n", a.Size)
}

func (s shownItem) name() string {
	for _, f := range []string{"exhibit", "fileName", "description"} {
		if s.Fields[f] != "" {
			return printable(s.Fields[f])
		}
	}
	return ""
}

func (a *app) itemList() *cobra.Command {
	var ofCase string
	cmd := &cobra.Command{Use: "list", Short: "List the items that you may see", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			var id evidence.Digest
			if ofCase != "" {
				if id, err = resolve(cmd.Context(), "case", ofCase, casesOf(d)); err != nil {
					return err
				}
			}
			items, err := d.Service.Items(cmd.Context(), id)
			if err != nil {
				return fmt.Errorf("couldn't list items: %w", err)
			}
			shown := []shownItem{}
			for _, it := range items {
				s, err := showItem(it)
				if err != nil {
					return err
				}
				shown = append(shown, s)
			}
			return a.print(shown, func(w io.Writer) {
				tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(tw, "ITEM\tCLASS\tSTATE\tHOLDER\tCOPY\tNAME")
				for _, it := range shown {
					fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", it.ID, it.Class, it.State, short(it.Holder.Person), it.copyWord(), it.name())
				}
				tw.Flush()
			})
		}}
	cmd.Flags().StringVar(&ofCase, "case", "", "only items of this case")
	return examples(cmd, "custody item list --case CASE")
}

func (a *app) itemShow() *cobra.Command {
	return examples(&cobra.Command{Use: "show ITEM", Short: "Show an item, its stored copy and its chronology",
		Long: "Show an item: where it stands, how the service last found its stored copy when it read it back block by\nblock (the bad blocks are named, with their bytes), when that is due again, what it found in an E01 when it\ndecoded it (hashes of the medium's data, damaged chunks with their bytes), and its chronology.", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			id, err := resolve(cmd.Context(), "item", args[0], itemsOf(d))
			if err != nil {
				return err
			}
			it, err := d.Service.Item(cmd.Context(), id)
			if err != nil {
				return fmt.Errorf("couldn't get the item: %w", err)
			}
			s, err := showItem(it)
			if err != nil {
				return err
			}
			return a.print(s, func(w io.Writer) {
				fmt.Fprintf(w, "item    %s\ncase    %s\nclass   %s\nstate   %s\nholder  %s\n", s.ID, s.Case, s.Class, s.State, partyWords(s.Holder))
				if s.To != nil {
					fmt.Fprintf(w, "to      %s\n", partyWords(*s.To))
				}
				if s.Artifact != nil {
					digestWords(w, *s.Artifact, s.Segments)
				}
				s.printCopy(w)
				s.printMedia(w)
				printFields(w, s.Fields)
				tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				for _, e := range s.Events {
					fmt.Fprintf(tw, "%d\t%s\t%s\t%s\n", e.Index, moment(e.Appended), e.Kind, partyWords(e.Signer))
				}
				tw.Flush()
				fmt.Fprintln(w, "As the service tells it; `custody dossier get` and `custody verify` show what holds.")
			})
		}}, "custody item show ITEM")
}

func partyWords(p custody.Party) string {
	if p.Org.IsZero() {
		return "the service"
	}
	return short(p.Person) + " of " + short(p.Org)
}
