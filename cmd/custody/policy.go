package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

func (a *app) policyCommand() *cobra.Command {
	cmd := group("policy", "Say whom you trust: trust policies", a.policyMake(), a.policyShow(), a.policyCheck(), a.policyAdd(), a.policyList())
	cmd.Aliases = []string{"trust"}
	return cmd
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

// shownPolicy is what policy make, show, check, add and list print.
type shownPolicy struct {
	Name        string           `json:"name,omitempty"`
	Path        string           `json:"path,omitempty"`
	Fingerprint evidence.Digest  `json:"fingerprint"`
	Policy      *verify.Policy   `json:"policy"`
	Witnesses   []shownKey       `json:"witnesses,omitempty"`
	Authorities []shownAuthority `json:"timestampAuthorities,omitempty"`
}

// shownKey is a witness by what people compare: SHA-256 of its verifier key's text.
type shownKey struct {
	Name        string          `json:"name"`
	Fingerprint evidence.Digest `json:"fingerprint"`
}

// shownAuthority is a time-stamping authority's certificate; its fingerprint is
// the SHA-256 of its DER, as `openssl x509 -fingerprint -sha256` has it.
type shownAuthority struct {
	Name        string          `json:"name"`
	Subject     string          `json:"subject"`
	NotAfter    time.Time       `json:"notAfter"`
	Fingerprint evidence.Digest `json:"fingerprint"`
}

func showPolicy(p *verify.Policy, content []byte) (shownPolicy, error) {
	s := shownPolicy{Fingerprint: evidence.Sum(content), Policy: p}
	for _, w := range p.Witnesses {
		name, _, _ := strings.Cut(w.Key, "+")
		s.Witnesses = append(s.Witnesses, shownKey{Name: name, Fingerprint: evidence.Sum([]byte(w.Key))})
	}
	for _, t := range p.TimestampAuthorities {
		for _, raw := range t.Certificates {
			c, err := x509.ParseCertificate(raw)
			if err != nil {
				return s, fmt.Errorf("couldn't read a certificate of %s: %w", printable(t.Name), err)
			}
			s.Authorities = append(s.Authorities, shownAuthority{Name: t.Name, Subject: c.Subject.String(), NotAfter: c.NotAfter, Fingerprint: evidence.Sum(raw)})
		}
	}
	return s, nil
}

func (s shownPolicy) words(w io.Writer) {
	for _, l := range s.Policy.Logs {
		fmt.Fprintf(w, "log           %s  %s\n", l.ID, printable(l.Origin))
		for _, id := range l.Recoveries {
			fmt.Fprintf(w, "  recovery    %s  accepted\n", id)
		}
	}
	for _, o := range s.Policy.Organisations {
		fmt.Fprintf(w, "organisation  %s  %s\n", o.ID, printable(o.Name))
		if o.OldestStatus != nil {
			fmt.Fprintf(w, "  status      not older than %s\n", o.OldestStatus)
		}
	}
	fmt.Fprintf(w, "witnesses     %d, of which %d must have cosigned\n", len(s.Policy.Witnesses), *s.Policy.Quorum)
	for _, k := range s.Witnesses {
		fmt.Fprintf(w, "  witness     %s  %s\n", k.Fingerprint, printable(k.Name))
	}
	if len(s.Authorities) == 0 {
		fmt.Fprintf(w, "time          no authority: times stay claims\n")
	}
	for _, t := range s.Authorities {
		fmt.Fprintf(w, "time          %s  %s (%s, until %s)\n", t.Fingerprint, printable(t.Name), printable(t.Subject), t.NotAfter.Format(time.DateOnly))
	}
	for _, x := range s.Policy.Algorithms {
		fmt.Fprintf(w, "algorithm     %s only where timestamped by %s\n", x.Algorithm, x.Until)
	}
	fmt.Fprintf(w, "fingerprint   %s\n", s.Fingerprint)
}

func (a *app) policyShow() *cobra.Command {
	return examples(&cobra.Command{Use: "show FILE|NAME", Short: "Show a policy, and the fingerprints to compare", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := a.policyContent(args[0])
			if err != nil {
				return err
			}
			s, err := readShown(b)
			if err != nil {
				return err
			}
			return a.print(s, s.words)
		}}, "custody policy show policy.json", "custody policy show court --json")
}

func readShown(content []byte) (shownPolicy, error) {
	p, err := verify.ParsePolicy(content)
	if err != nil {
		return shownPolicy{}, err
	}
	return showPolicy(p, content)
}

func (a *app) policyCheck() *cobra.Command {
	var fingerprint string
	cmd := &cobra.Command{Use: "check FILE|NAME", Short: "Check a policy's form, and its fingerprint", Args: cobra.ExactArgs(1),
		Long: "Read a policy as strictly as `custody verify` does, without accepting it. With --fingerprint, exit\ncode 3 says that it is another file than the one whose fingerprint you were given.",
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := a.policyContent(args[0])
			if err != nil {
				return err
			}
			s, err := readShown(b)
			if err != nil {
				return err
			}
			if fingerprint != "" {
				compared, err := parseID("--fingerprint", fingerprint)
				if err != nil {
					return err
				}
				if compared != s.Fingerprint {
					return fmt.Errorf("couldn't take %s for that policy: %w", printable(args[0]), keyring.ErrFingerprint)
				}
			}
			return a.print(s, func(w io.Writer) {
				fmt.Fprintf(w, "a policy, with fingerprint %s\n", s.Fingerprint)
			})
		}}
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "what its SHA-256 must be")
	return examples(cmd, "custody policy check policy.json", "custody policy check policy.json --fingerprint 5b0c…")
}

func (a *app) policyAdd() *cobra.Command {
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
			s, err := readShown(b)
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
			s.Name = stored.Name
			return a.print(s, func(w io.Writer) {
				s.words(w)
				fmt.Fprintf(w, "accepted as %q\n", stored.Name)
			})
		}}
	cmd.Flags().StringVar(&name, "name", "", "name to accept it under")
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "the fingerprint that you compared, from another source than the file")
	return examples(required(cmd, "name", "fingerprint"), "custody policy add policy.json --name court --fingerprint 5b0c…")
}

func (a *app) policyList() *cobra.Command {
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
				s, err := readShown(p.Content)
				if err != nil {
					return err
				}
				s.Name = p.Name
				shown = append(shown, s)
			}
			return a.print(shown, func(w io.Writer) {
				tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(tw, "NAME\tORGANISATIONS\tQUORUM\tFINGERPRINT")
				for _, s := range shown {
					fmt.Fprintf(tw, "%s\t%d\t%d of %d\t%s\n", s.Name, len(s.Policy.Organisations), *s.Policy.Quorum, len(s.Policy.Witnesses), s.Fingerprint)
				}
				tw.Flush()
			})
		}}, "custody policy list")
}
