package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// verified is what verify prints.
type verified struct {
	Verdict  verify.Verdict    `json:"verdict"`
	Exit     int               `json:"exit"`
	Policy   string            `json:"policy,omitempty"` // SHA-256 of the policy's bytes
	Findings []verify.Finding  `json:"findings"`
	Dossiers []verifiedDossier `json:"dossiers"`
}

type verifiedDossier struct {
	File   string          `json:"file"`
	SHA256 evidence.Digest `json:"sha256"`
	Log    evidence.Digest `json:"log,omitzero"`
	Origin string          `json:"origin,omitempty"`
	Size   uint64          `json:"logSize,omitempty"`
	Case   evidence.Digest `json:"case,omitzero"`
	Events int             `json:"events"`
	Items  []verifiedItem  `json:"items"`
}

type verifiedItem struct {
	ID     evidence.Digest   `json:"item"`
	Phase  custody.Phase     `json:"phase"`
	Holder custody.Party     `json:"holder"`
	Name   string            `json:"holderOrganisation,omitempty"`
	Bytes  verify.BytesCheck `json:"bytes,omitempty"`
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
	cmd.Flags().StringArrayVar(&artifacts, "artifact", nil, "file whose bytes to check against the record; repeat for several")
	return examples(cmd,
		"custody verify --policy trust.json dossier.zip",
		"custody verify --policy court from-agency.zip from-lab.zip --artifact exhibit-3.dd --json")
}

func (a *app) verifyFiles(cmd *cobra.Command, paths, artifacts []string) (verified, error) {
	out := verified{Findings: []verify.Finding{}, Dossiers: []verifiedDossier{}}
	policy, fingerprint, err := a.policyForVerify()
	if err != nil {
		return out, err
	}
	out.Policy = fingerprint
	var opened []*dossier.Dossier
	for i, path := range paths {
		d, bad, sum, err := openDossier(path)
		if err != nil {
			return out, err
		}
		out.Dossiers = append(out.Dossiers, verifiedDossier{File: path, SHA256: sum, Items: []verifiedItem{}})
		if bad != nil { // malformed: nothing in it can be relied on
			for _, f := range bad.Findings {
				f.Dossier = i
				out.Findings = append(out.Findings, f)
			}
			continue
		}
		opened = append(opened, d)
	}
	if len(opened) < len(paths) {
		out.Verdict, out.Exit = verify.NotWhole, verify.NotWhole.ExitCode()
		return out, nil
	}
	var files []verify.File
	for _, path := range artifacts {
		f, err := os.Open(path)
		if err != nil {
			return out, fmt.Errorf("couldn't open the artifact: %w", err)
		}
		defer f.Close()
		files = append(files, verify.File{Name: filepath.Base(path), Reader: f})
	}
	result, err := verify.Dossiers(cmd.Context(), policy, opened, files...)
	if err != nil {
		return out, err
	}
	out.Verdict, out.Exit = result.Verdict, result.Verdict.ExitCode()
	out.Findings = append(out.Findings, result.Findings...)
	for i, r := range result.Readings {
		out.Dossiers[i].read(r)
	}
	return out, nil
}

func openDossier(path string) (*dossier.Dossier, *verify.Result, evidence.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, evidence.Digest{}, fmt.Errorf("couldn't open the dossier: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, evidence.Digest{}, fmt.Errorf("couldn't look at the dossier: %w", err)
	}
	m, _, err := evidence.Measure(f)
	if err != nil {
		return nil, nil, evidence.Digest{}, err
	}
	d, bad, err := verify.Read(f, info.Size(), dossier.DefaultLimits)
	if err != nil {
		return nil, nil, evidence.Digest{}, fmt.Errorf("couldn't read %s: %w", path, err)
	}
	return d, bad, m.SHA256, nil
}

func (v *verifiedDossier) read(r *verify.Reading) {
	v.Log, v.Origin, v.Size, v.Case, v.Events = r.LogID, r.Log.Origin, r.Checkpoint.Size, r.Case, len(r.Events)
	for _, id := range slices.SortedFunc(maps.Keys(r.Items), custody.ID.Compare) {
		it := r.Items[id]
		item := verifiedItem{ID: id, Phase: it.State.Phase, Holder: it.State.Holder}
		if it.State.Artifact != nil {
			item.Bytes = it.Bytes
		}
		if o := r.Orgs[it.State.Holder.Org]; o != nil && o.Identified {
			item.Name = o.Name
		}
		v.Items = append(v.Items, item)
	}
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
	for _, d := range v.Dossiers {
		fmt.Fprintf(w, "%s\n  sha256  %s\n", printable(d.File), d.SHA256)
		if d.Log.IsZero() {
			continue
		}
		fmt.Fprintf(w, "  log     %s (%s), %d leaves\n  case    %s, %d events\n", d.Log, printable(d.Origin), d.Size, d.Case, d.Events)
		for _, it := range d.Items {
			state := fmt.Sprintf("%s by %s", it.Phase, holderWords(it))
			if it.Phase == custody.PhaseTransit {
				state = "in transit; answerable: " + holderWords(it)
			}
			fmt.Fprintf(w, "  item    %s: %s", it.ID, state)
			if it.Bytes != "" {
				fmt.Fprintf(w, "; bytes %s", it.Bytes)
			}
			fmt.Fprintln(w)
		}
	}
	for _, f := range v.Findings {
		fmt.Fprintf(w, "%s\n", printable(f.String()))
	}
	switch v.Verdict {
	case verify.Whole:
		fmt.Fprintln(w, "VERDICT: whole under the given policy")
	case verify.NotWhole:
		fmt.Fprintln(w, "VERDICT: bad, the evidence or its record is not what it claims to be")
	case verify.Open:
		fmt.Fprintln(w, "VERDICT: could not be checked")
	}
}

func holderWords(it verifiedItem) string {
	if it.Name != "" {
		return "person " + short(it.Holder.Person) + " of " + printable(it.Name)
	}
	return partyWords(it.Holder)
}
