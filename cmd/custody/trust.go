package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

func (a *app) trustCommand() *cobra.Command {
	return group("trust", "Say whom you trust", a.trustMake(), a.trustShow(), a.trustAdd(), a.trustList())
}

// anonymous reaches the service for what is public.
func (a *app) anonymous() (desk.Service, error) {
	server, err := a.serverURL(keyring.Meta{})
	if err != nil {
		home, herr := a.openHome()
		if herr != nil {
			return nil, herr
		}
		name, kerr := a.keyName(home.Keys)
		if kerr != nil {
			return nil, err
		}
		meta, kerr := home.Keys.Meta(name)
		if kerr != nil {
			return nil, kerr
		}
		if server, err = a.serverURL(meta); err != nil {
			return nil, err
		}
	}
	return a.connect(desk.Connection{Server: server, CAFile: a.caFile, Clock: a.clock})
}

// shownPolicy is what trust make, show, add and list print.
type shownPolicy struct {
	Name        string          `json:"name,omitempty"`
	Path        string          `json:"path,omitempty"`
	Fingerprint evidence.Digest `json:"fingerprint"`
	Policy      *verify.Policy  `json:"policy"`
}

func (s shownPolicy) words(w io.Writer) {
	for _, l := range s.Policy.Logs {
		fmt.Fprintf(w, "log           %s  %s\n", l.ID, printable(l.Origin))
	}
	for _, o := range s.Policy.Organisations {
		fmt.Fprintf(w, "organisation  %s  %s\n", o.ID, printable(o.Name))
	}
	fmt.Fprintf(w, "witnesses     %d, of which %d must have cosigned\n", len(s.Policy.Witnesses), *s.Policy.Quorum)
	fmt.Fprintf(w, "fingerprint   %s\n", s.Fingerprint)
}

func (a *app) trustMake() *cobra.Command {
	var organisations []string
	var out string
	cmd := &cobra.Command{Use: "make", Short: "Make a policy from what organisations published", Args: cobra.NoArgs,
		Long: "Make a policy file from what the log and its organisations published. It trusts nobody yet:\ncompare each organisation's id with one that reached you another way (its letter, its web site,\nits seal), then accept the file with `custody trust add`.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ids, err := parseIDs("--organisation", organisations)
			if err != nil {
				return err
			}
			service, err := a.anonymous()
			if err != nil {
				return err
			}
			t, err := desk.ReadPublished(cmd.Context(), service)
			if err != nil {
				return err
			}
			p, err := t.MakePolicy(ids...)
			if err != nil {
				return err
			}
			b, err := p.Encode()
			if err != nil {
				return err
			}
			if err := safefile.WriteNew(out, b); err != nil {
				return err
			}
			s := shownPolicy{Path: out, Fingerprint: evidence.Sum(b), Policy: p}
			return a.print(s, func(w io.Writer) {
				s.words(w)
				fmt.Fprintf(w, "written to %s. Compare, then: custody trust add %s --name NAME --fingerprint FINGERPRINT\n", out, out)
			})
		}}
	cmd.Flags().StringSliceVar(&organisations, "organisation", nil, "only these organisations (ids)")
	cmd.Flags().StringVarP(&out, "out", "o", "trust.json", "file to write; must not exist")
	return examples(cmd, "custody trust make --server https://custody.example.org --organisation AGENCY --organisation LAB -o trust.json")
}

func (a *app) trustShow() *cobra.Command {
	return examples(&cobra.Command{Use: "show FILE|NAME", Short: "Show a policy and its fingerprint", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := a.policyContent(args[0])
			if err != nil {
				return err
			}
			p, err := verify.ParsePolicy(b)
			if err != nil {
				return err
			}
			s := shownPolicy{Fingerprint: evidence.Sum(b), Policy: p}
			return a.print(s, s.words)
		}}, "custody trust show trust.json", "custody trust show court")
}

func (a *app) trustAdd() *cobra.Command {
	var name, fingerprint string
	cmd := &cobra.Command{Use: "add FILE", Short: "Accept a policy whose fingerprint you compared", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			compared, err := parseID("--fingerprint", fingerprint)
			if err != nil {
				return err
			}
			b, err := readBounded(args[0], keyring.MaxPolicy)
			if err != nil {
				return err
			}
			p, err := verify.ParsePolicy(b)
			if err != nil {
				return err
			}
			home, err := a.openHome()
			if err != nil {
				return err
			}
			stored, err := home.Trust.Add(name, b, compared)
			if err != nil {
				return err
			}
			s := shownPolicy{Name: stored.Name, Fingerprint: stored.Fingerprint, Policy: p}
			return a.print(s, func(w io.Writer) {
				s.words(w)
				fmt.Fprintf(w, "accepted as %q\n", stored.Name)
			})
		}}
	cmd.Flags().StringVar(&name, "name", "", "name to accept it under")
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "the fingerprint that you compared, from another source than the file")
	return examples(required(cmd, "name", "fingerprint"), "custody trust add trust.json --name court --fingerprint 5b0c…")
}

func (a *app) trustList() *cobra.Command {
	return examples(&cobra.Command{Use: "list", Short: "List the policies that you accepted", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			home, err := a.openHome()
			if err != nil {
				return err
			}
			all, err := home.Trust.List()
			if err != nil {
				return err
			}
			shown := []shownPolicy{}
			for _, p := range all {
				parsed, err := verify.ParsePolicy(p.Content)
				if err != nil {
					return err
				}
				shown = append(shown, shownPolicy{Name: p.Name, Fingerprint: p.Fingerprint, Policy: parsed})
			}
			return a.print(shown, func(w io.Writer) {
				tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(tw, "NAME\tORGANISATIONS\tFINGERPRINT")
				for _, s := range shown {
					fmt.Fprintf(tw, "%s\t%d\t%s\n", s.Name, len(s.Policy.Organisations), s.Fingerprint)
				}
				tw.Flush()
			})
		}}, "custody trust list")
}
