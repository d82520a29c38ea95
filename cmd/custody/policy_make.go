package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"strings"

	"crypto/x509"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// policyParts are the flags of policy make.
type policyParts struct {
	log           string
	organisations []string
	witnesses     []string
	quorum        int
	authorities   []string
	oldestStatus  string
	recoveries    []string
	algorithms    []string
}

func (a *app) policyMake() *cobra.Command {
	var parts policyParts
	var out string
	cmd := &cobra.Command{Use: "make", Short: "Make a policy from what organisations published", Args: cobra.NoArgs,
		Long: `Make a policy file from what the log, its organisations, witnesses and time-stamping authorities
publish. It trusts nobody yet: compare each organisation's id, each witness's key and each authority's
certificate with what reached you another way (a letter, a web site, a seal), then accept the file with
` + "`custody policy add`" + `.

What was published comes from the service (--server), or from files: --log takes the log's document and
--organisation an organisation's document in place of its id, and then no network is used.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.composePolicy(cmd.Context(), parts, cmd.Flags().Changed("quorum"))
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
			s, err := showPolicy(p, b)
			if err != nil {
				return err
			}
			s.Path = out
			return a.print(s, func(w io.Writer) {
				s.words(w)
				fmt.Fprintf(w, "written to %s. Compare, then: custody policy add %s --name NAME --fingerprint FINGERPRINT\n", out, out)
			})
		}}
	f := cmd.Flags()
	f.StringSliceVar(&parts.organisations, "organisation", nil, "only these organisations: ids, or files of their documents")
	f.StringVar(&parts.log, "log", "", "file of the log's document, in place of the service's word")
	f.StringArrayVar(&parts.witnesses, "witness", nil, "verifier key of a witness (name+hash+key); repeat for several")
	f.IntVar(&parts.quorum, "quorum", 0, "how many of the witnesses must have cosigned (needed with --witness)")
	f.StringArrayVar(&parts.authorities, "tsa", nil, "[NAME=]FILE: PEM certificates of a time-stamping authority; repeat for several")
	f.StringVar(&parts.oldestStatus, "oldest-status", "", "oldest list of revoked keys that is good enough (RFC 3339)")
	f.StringSliceVar(&parts.recoveries, "recovery", nil, "event ids of the log's recoveries that you know of and accept")
	f.StringArrayVar(&parts.algorithms, "algorithm", nil, "NAME=TIME: believe its signatures only where timestamped by then")
	f.StringVarP(&out, "out", "o", "policy.json", "file to write; must not exist")
	return examples(cmd,
		"custody policy make --server https://custody.example.org --organisation AGENCY --organisation LAB -o policy.json",
		"custody policy make --log log.json --organisation agency.json --witness KEY --witness KEY --quorum 2 --tsa tsa.pem")
}

func (a *app) composePolicy(ctx context.Context, parts policyParts, quorumSaid bool) (*verify.Policy, error) {
	if len(parts.witnesses) > 0 && !quorumSaid {
		return nil, usagef("policy make needs --quorum beside --witness: how many of them must have cosigned")
	}
	published, ids, err := a.published(ctx, parts)
	if err != nil {
		return nil, err
	}
	p, err := published.MakePolicy(ids...)
	if err != nil {
		return nil, err
	}
	*p.Quorum = parts.quorum
	for _, key := range parts.witnesses {
		p.Witnesses = append(p.Witnesses, verify.PolicyWitness{Key: key})
	}
	for _, arg := range parts.authorities {
		authority, err := readAuthority(arg)
		if err != nil {
			return nil, err
		}
		p.TimestampAuthorities = append(p.TimestampAuthorities, authority)
	}
	if parts.oldestStatus != "" {
		oldest, err := custody.ParseTime(parts.oldestStatus)
		if err != nil {
			return nil, usagef("--oldest-status: %v", err)
		}
		for i := range p.Organisations {
			p.Organisations[i].OldestStatus = &oldest
		}
	}
	recoveries, err := parseIDs("--recovery", parts.recoveries)
	if err != nil {
		return nil, err
	}
	if len(recoveries) > 0 {
		p.Logs[0].Recoveries = custody.SortedIDs(recoveries...)
	}
	for _, arg := range parts.algorithms {
		name, until, ok := strings.Cut(arg, "=")
		at, err := custody.ParseTime(until)
		if !ok || err != nil {
			return nil, usagef("--algorithm %s: not NAME=TIME", printable(arg))
		}
		p.Algorithms = append(p.Algorithms, verify.PolicyAlgorithm{Algorithm: verify.Algorithm(name), Until: at})
	}
	return p, nil
}

// published is what the log and the organisations published, from files or
// from the service, and the organisations chosen among them.
func (a *app) published(ctx context.Context, parts policyParts) (desk.PublishedTrust, []evidence.Digest, error) {
	var ids []evidence.Digest
	var documents [][]byte
	for _, arg := range parts.organisations {
		id, err := evidence.ParseDigest(arg)
		if err != nil {
			b, err := readBounded(arg, custody.MaxDetail)
			if err != nil {
				return desk.PublishedTrust{}, nil, usagef("--organisation: neither an id nor a file: %v", err)
			}
			documents, id = append(documents, b), evidence.Sum(b)
		}
		ids = append(ids, id)
	}
	if parts.log != "" {
		log, err := readBounded(parts.log, custody.MaxDetail)
		if err != nil {
			return desk.PublishedTrust{}, nil, err
		}
		t, err := desk.Measured(log, documents)
		return t, ids, err
	}
	service, err := a.anonymous()
	if err != nil {
		return desk.PublishedTrust{}, nil, err
	}
	t, err := desk.ReadPublished(ctx, service, documents...)
	return t, ids, err
}

// readAuthority reads [NAME=]FILE; without a name, the first certificate's
// common name stands for it.
func readAuthority(arg string) (verify.PolicyAuthority, error) {
	name, path, named := strings.Cut(arg, "=")
	if !named {
		name, path = "", arg
	}
	b, err := readBounded(path, 1<<20)
	if err != nil {
		return verify.PolicyAuthority{}, err
	}
	out := verify.PolicyAuthority{Name: name}
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return out, fmt.Errorf("couldn't use %s: it holds a %.40q, not only certificates", path, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return out, fmt.Errorf("couldn't read a certificate in %s: %w", path, err)
		}
		if out.Name == "" {
			out.Name = c.Subject.CommonName
		}
		out.Certificates = append(out.Certificates, block.Bytes)
	}
	if len(out.Certificates) == 0 {
		return out, fmt.Errorf("couldn't find a PEM certificate in %s", path)
	}
	return out, nil
}
