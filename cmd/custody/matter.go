package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

func (a *app) caseCommand() *cobra.Command {
	return group("case", "Open and look up cases", a.caseOpen(), a.caseList(), a.caseShow())
}

func (a *app) caseOpen() *cobra.Command {
	var fields fieldFlags
	var telling tellingFlags
	cmd := &cobra.Command{Use: "open", Short: "Open a case of your agency", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			values, err := fields.fields()
			if err != nil {
				return err
			}
			told, err := telling.telling()
			if err != nil {
				return err
			}
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			r, err := d.OpenCase(cmd.Context(), desk.Opening{Fields: values, Telling: told})
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) { fmt.Fprintf(w, "opened: log index %d\ncase %s\n", r.Index, r.Case) })
		}}
	fields.register(cmd, custody.DocCase, "title", "number", "fir", "court", "sections", "officer")
	telling.register(cmd, custody.KindCaseOpened)
	return examples(required(cmd, "title"), `custody case open --title "State v. unknown" --fir 112/2026 --sections "PECA 3, 4" --court "Special Court Lahore"`)
}

// shownCase is what case list and show print.
type shownCase struct {
	ID     evidence.Digest   `json:"id"`
	Agency evidence.Digest   `json:"agency"`
	Fields map[string]string `json:"fields,omitempty"` // absent where withheld
	Items  int               `json:"items"`
}

// readFounding reads a founding document that hashes to id; nil if withheld.
func readFounding(id evidence.Digest, b []byte) (map[string]string, error) {
	if b == nil {
		return nil, nil
	}
	if evidence.Sum(b) != id {
		return nil, fmt.Errorf("the document shown is not that of %s: %w", id.Short(), desk.ErrEvidence)
	}
	doc, err := custody.ParseFounding(b)
	return doc.Fields, err
}

func showCase(c desk.Case) (shownCase, error) {
	fields, err := readFounding(c.ID, c.Document)
	return shownCase{ID: c.ID, Agency: c.Agency, Fields: fields, Items: c.Items}, err
}

func (a *app) caseList() *cobra.Command {
	return examples(&cobra.Command{Use: "list", Short: "List the cases that you may see", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			cases, err := d.Service.Cases(cmd.Context())
			if err != nil {
				return fmt.Errorf("couldn't list cases: %w", err)
			}
			shown := []shownCase{}
			for _, c := range cases {
				s, err := showCase(c)
				if err != nil {
					return err
				}
				shown = append(shown, s)
			}
			return a.print(shown, func(w io.Writer) {
				tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(tw, "CASE\tNUMBER\tITEMS\tTITLE")
				for _, c := range shown {
					fmt.Fprintf(tw, "%s\t%s\t%d\t%s\n", c.ID, printable(c.Fields["number"]+c.Fields["fir"]), c.Items, printable(c.Fields["title"]))
				}
				tw.Flush()
			})
		}}, "custody case list")
}

func (a *app) caseShow() *cobra.Command {
	return examples(&cobra.Command{Use: "show CASE", Short: "Show a case", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			id, err := resolve(cmd.Context(), "case", args[0], casesOf(d))
			if err != nil {
				return err
			}
			c, err := d.Service.Case(cmd.Context(), id)
			if err != nil {
				return fmt.Errorf("couldn't get the case: %w", err)
			}
			s, err := showCase(c)
			if err != nil {
				return err
			}
			return a.print(s, func(w io.Writer) {
				fmt.Fprintf(w, "case    %s\nagency  %s\nitems   %d\n", s.ID, s.Agency, s.Items)
				printFields(w, s.Fields)
			})
		}}, "custody case show CASE")
}

func printFields(w io.Writer, fields map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		fmt.Fprintf(w, "%s: %s\n", name, printable(fields[name]))
	}
}

func (a *app) itemCommand() *cobra.Command {
	return group("item", "Register and look up items", a.itemRegister(), a.itemList(), a.itemShow())
}

func (a *app) itemRegister() *cobra.Command {
	var ofCase, class, parent, seizedBy string
	var seals, witnesses []string
	var fields fieldFlags
	var telling tellingFlags
	cmd := &cobra.Command{Use: "register", Short: "Register a seized thing; you then hold it", Args: cobra.NoArgs,
		Long: "Register a seized thing: when and where (--at, --detail place=…), by whom, before two or more\nwitnesses, under which seals. A witness is a name, or \"name=…; address=…\".",
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := desk.Registration{Class: custody.ItemClass(class)}
			var err error
			if in.Fields, err = fields.fields(); err != nil {
				return err
			}
			if in.Telling, err = telling.telling(); err != nil {
				return err
			}
			if len(witnesses) < 2 {
				return usagef("a seizure list names at least two witnesses: --witness NAME --witness NAME")
			}
			for _, s := range witnesses {
				p, err := parsePerson("--witness", s)
				if err != nil {
					return err
				}
				in.Witnesses = append(in.Witnesses, p)
			}
			if seizedBy != "" {
				if in.SeizedBy, err = parseParty("--seized-by", seizedBy); err != nil {
					return err
				}
			}
			in.Seals = sealNumbers(seals)
			d, err := a.desk(cmd.Context(), want{policy: true})
			if err != nil {
				return err
			}
			if in.Case, err = resolve(cmd.Context(), "case", ofCase, casesOf(d)); err != nil {
				return err
			}
			if parent != "" {
				id, err := resolve(cmd.Context(), "item", parent, itemsOf(d))
				if err != nil {
					return err
				}
				in.Parent = &id
			}
			r, err := d.RegisterItem(cmd.Context(), in)
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) { fmt.Fprintf(w, "registered: log index %d\nitem %s\n", r.Index, r.Item) })
		}}
	cmd.Flags().StringVar(&ofCase, "case", "", "the case")
	cmd.Flags().StringVar(&class, "class", "", "device, medium, document or other")
	cmd.Flags().StringVar(&parent, "parent", "", "item it was found in or taken from")
	cmd.Flags().StringVar(&seizedBy, "seized-by", "", "ORGANISATION/PERSON that seized it, if not you")
	cmd.Flags().StringArrayVar(&seals, "seal", nil, "number of a seal on it; repeat for several")
	cmd.Flags().StringArrayVar(&witnesses, "witness", nil, "a witness of the seizure; at least two")
	fields.register(cmd, custody.DocItem, "exhibit", "description", "make", "model", "serial")
	telling.register(cmd, custody.KindRegistered)
	return examples(required(cmd, "case", "class", "description"),
		`custody item register --case CASE --class device --exhibit FB/1/1 --description "mobile phone, black" \`,
		`    --seal A-0041 --at "2026-11-23 14:05" --detail place="House 7, Street 2" \`,
		`    --witness "Bilal Khan" --witness "name=Sana Tariq; address=Lahore"`)
}

func sealNumbers(in []string) []custody.SealNumber {
	var out []custody.SealNumber
	for _, s := range in {
		out = append(out, custody.SealNumber(s))
	}
	return out
}
