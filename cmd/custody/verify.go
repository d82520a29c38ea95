package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// verified is what verify prints: the result as SPEC describes it, and what it
// was made of.
type verified struct {
	verify.Summary
	Policy string      `json:"policy,omitempty"` // SHA-256 of the policy's bytes
	Files  []givenFile `json:"files"`            // the dossiers given, in that order
	Logs   []imagerLog `json:"logs,omitempty"`   // acquisition logs, by their own word
}

type givenFile struct {
	File   string          `json:"file"`
	SHA256 evidence.Digest `json:"sha256"`
}

func (a *app) verifyCommand() *cobra.Command {
	var artifacts []string
	cmd := &cobra.Command{Use: "verify DOSSIER...", Short: "Verify dossiers offline, under a trust policy from outside them", Args: cobra.MinimumNArgs(1),
		Long: `Verify one or more dossiers without any network. Several are also compared with one another for
forks. The policy (--policy: a file, or the name of one you accepted) says whom you trust; without one
nobody is identified and the answer is at best "could not check".

Exit code 0: whole under the policy; 3: the evidence is bad; 1: could not be checked.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := a.verifyFiles(cmd, args, artifacts)
			if err != nil {
				return err
			}
			if err := a.print(v, func(w io.Writer) { verdictWords(w, v) }); err != nil {
				return err
			}
			if v.Exit != exitOK {
				return &verdictError{v.Exit}
			}
			return nil
		}}
	cmd.Flags().StringArrayVar(&artifacts, "artifact", nil, "file whose bytes to check against the record, or the directory of a segmented image; repeat for several")
	return examples(cmd,
		"custody verify --policy trust.json dossier.zip",
		"custody verify --policy court from-agency.zip from-lab.zip --artifact exhibit-3.dd --json")
}

func (a *app) verifyFiles(cmd *cobra.Command, paths, artifacts []string) (verified, error) {
	var out verified
	policy, fingerprint, err := a.policyForVerify()
	if err != nil {
		return out, err
	}
	out.Policy = fingerprint
	var sources []verify.Source
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return out, fmt.Errorf("couldn't open the dossier: %w", err)
		}
		defer f.Close()
		h := sha256.New()
		size, err := io.Copy(h, f)
		if err != nil {
			return out, fmt.Errorf("couldn't read %s: %w", path, err)
		}
		out.Files = append(out.Files, givenFile{path, evidence.Digest(h.Sum(nil))})
		sources = append(sources, verify.Source{Name: path, Reader: f, Size: size})
	}
	var files []verify.File
	for _, path := range artifacts {
		f, closer, err := desk.OpenArtifact(path)
		if err != nil {
			return out, err
		}
		defer closer.Close()
		files = append(files, f)
	}
	result, err := verify.Sources(cmd.Context(), policy, dossier.DefaultLimits, sources, files...)
	if err != nil {
		return out, err
	}
	out.Summary = result.Summary()
	out.Logs, err = readLogs(result, artifacts)
	return out, err
}

// policyForVerify reads the policy from a file or from those accepted. There
// is no default: whom one trusts is said, every time.
func (a *app) policyForVerify() (*verify.Policy, string, error) {
	name := a.policy
	if name == "" {
		name = os.Getenv("CUSTODY_POLICY")
	}
	if name == "" {
		return nil, "", nil
	}
	content, err := a.policyContent(name)
	if err != nil {
		return nil, "", err
	}
	p, err := verify.ParsePolicy(content)
	return p, evidence.Sum(content).String(), err
}

// policyContent reads a policy file, or an accepted policy of that name.
func (a *app) policyContent(name string) ([]byte, error) {
	b, err := readBounded(name, keyring.MaxPolicy)
	if err == nil || !missing(err) {
		return b, err
	}
	home, herr := a.openHome()
	if herr != nil {
		return nil, herr
	}
	p, perr := home.Trust.Policy(name)
	if perr != nil {
		return nil, fmt.Errorf("neither a file nor an accepted policy: %w", perr)
	}
	return p.Content, nil
}

func verdictWords(w io.Writer, v verified) {
	for i, file := range v.Files {
		fmt.Fprintf(w, "%s\n  sha256  %s\n", printable(file.File), file.SHA256)
		if len(v.Dossiers) == len(v.Files) { // else one was malformed, and none was looked into
			dossierWords(w, v.Dossiers[i])
		}
	}
	for _, f := range v.Findings {
		fmt.Fprintf(w, "%s\n", printable(f.String()))
	}
	logWords(w, v.Logs)
	switch v.Verdict {
	case verify.Whole:
		fmt.Fprintln(w, "VERDICT: whole under the given policy")
	case verify.NotWhole:
		fmt.Fprintln(w, "VERDICT: bad, the evidence or its record is not what it claims to be")
	case verify.Open:
		fmt.Fprintln(w, "VERDICT: could not be checked")
	}
}

func dossierWords(w io.Writer, d verify.DossierSummary) {
	fmt.Fprintf(w, "  log     %s (%s), %d leaves\n  case    %s, %d events\n", d.Log, printable(d.Origin), d.Size, d.Case, d.Admitted)
	for _, it := range d.Items {
		holder := holderWords(d, it.Holder)
		state := fmt.Sprintf("%s by %s", it.Phase, holder)
		if it.Phase == custody.PhaseTransit {
			state = "in transit; answerable: " + holder
		}
		fmt.Fprintf(w, "  item    %s: %s", it.ID, state)
		if it.Bytes != "" {
			fmt.Fprintf(w, "; bytes %s", it.Bytes)
		}
		fmt.Fprintln(w)
	}
}

// holderWords names the holder's organisation where the policy does.
func holderWords(d verify.DossierSummary, holder custody.Party) string {
	for _, o := range d.Organisations {
		if o.ID == holder.Org && o.Identified {
			return "person " + short(holder.Person) + " of " + printable(o.Name)
		}
	}
	return partyWords(holder)
}
