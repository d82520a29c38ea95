package golden

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// Expected is one vector's file: what to verify, and what must be found.
// Members stand in order of their names.
type Expected struct {
	Artifacts []string       `json:"artifacts"`        // files given, below files/
	Dossiers  []string       `json:"dossiers"`         // in the order given
	Exit      int            `json:"exit"`             // exit code
	Findings  []Finding      `json:"findings"`         // exactly these, in this order
	Policy    string         `json:"policy,omitempty"` // absent: no policy is given
	Sets      [][]Segment    `json:"sets,omitempty"`   // segmented images given, after the artifacts
	Shows     verify.Name    `json:"shows"`            // the finding that the vector is about
	Verdict   verify.Verdict `json:"verdict"`
}

// Segment is one file of a segmented image, and the name that it is given under.
type Segment struct {
	File string `json:"file"` // below files/
	Name string `json:"name"`
}

// Set is the files of a segmented image, in their order.
type Set struct {
	Names    []string
	Contents [][]byte
}

// Finding is a finding without its words.
type Finding struct {
	Dossier  int             `json:"dossier"`
	Event    *uint64         `json:"event,omitempty"`
	Name     verify.Name     `json:"name"`
	Rule     string          `json:"rule,omitempty"`
	Severity verify.Severity `json:"severity"`
	Subject  *custody.ID     `json:"subject,omitempty"`
}

// Verification returns every file below testdata/verify by its name.
func Verification(t testing.TB) map[string][]byte {
	t.Helper()
	w := &writer{t: t, files: map[string][]byte{}, names: map[string]string{}}
	begin := newScene(t, custody.ModeProduction)
	for _, list := range [][]single{formCases, policyCases, fileCases, setCases, storyCases, timeCases} {
		for _, c := range list {
			name := string(c.finding)
			if c.variant != "" {
				name += "-" + c.variant
			}
			w.vector(name, c.finding, c.make(begin.apart()))
		}
	}
	return w.files
}

// writer gives files names; equal files have one.
type writer struct {
	t     testing.TB
	files map[string][]byte
	names map[string]string // by content
}

func (w *writer) file(kind, name string, content []byte) string {
	key := kind + string(content)
	if known, ok := w.names[key]; ok {
		return known
	}
	path := "files/" + name + "." + kind
	for i := 2; w.files[path] != nil; i++ {
		path = fmt.Sprintf("files/%s-%d.%s", name, i, kind)
	}
	w.names[key], w.files[path] = path, content
	return path
}

func (w *writer) vector(name string, shows verify.Name, e exam) {
	w.t.Helper()
	v := Expected{Artifacts: []string{}, Dossiers: []string{}, Findings: []Finding{}, Shows: shows}
	for _, raw := range e.dossiers {
		v.Dossiers = append(v.Dossiers, w.file("zip", name, raw))
	}
	for _, raw := range e.files {
		v.Artifacts = append(v.Artifacts, w.file("bin", name, raw))
	}
	var sets []Set
	for _, set := range e.sets {
		var one Set
		var names []Segment
		for _, f := range set {
			one.Names, one.Contents = append(one.Names, f.name), append(one.Contents, f.content)
			names = append(names, Segment{w.file("bin", name, f.content), f.name})
		}
		sets, v.Sets = append(sets, one), append(v.Sets, names)
	}
	var policy []byte
	if e.policy != nil {
		var err error
		if policy, err = e.policy.Encode(); err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		v.Policy = w.file("json", name, policy)
	}
	r, err := Examine(policy, e.dossiers, e.files, sets)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	v.Verdict, v.Exit = r.Verdict, r.Verdict.ExitCode()
	for _, f := range r.Findings {
		v.Findings = append(v.Findings, Finding{f.Dossier, f.Event, f.Name, f.Rule, f.Severity, f.Subject})
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		w.t.Fatal(err)
	}
	w.files[name+".json"] = append(b, '\n')
}

// Examine verifies what a vector gives, from its bytes alone, in both ways that
// there are: they must find the same.
func Examine(policy []byte, dossiers, files [][]byte, sets []Set) (*verify.Result, error) {
	var p *verify.Policy
	if policy != nil {
		var err error
		if p, err = verify.ParsePolicy(policy); err != nil {
			return nil, err
		}
	}
	given := func() (out []verify.File) {
		for i, raw := range files {
			out = append(out, verify.File{Name: fmt.Sprintf("artifact %d", i+1), Reader: bytes.NewReader(raw)})
		}
		for i, set := range sets {
			f := verify.File{Name: fmt.Sprintf("segmented image %d", i+1), Reader: bytes.NewReader(bytes.Join(set.Contents, nil))}
			for k, name := range set.Names {
				f.Segments = append(f.Segments, verify.FileSegment{Name: name, Size: uint64(len(set.Contents[k]))})
			}
			out = append(out, f)
		}
		return out
	}
	var sources []verify.Source
	for i, raw := range dossiers {
		sources = append(sources, verify.Source{Name: fmt.Sprintf("dossier %d", i+1), Reader: bytes.NewReader(raw), Size: int64(len(raw))})
	}
	read, err := verify.Sources(context.Background(), p, dossier.DefaultLimits, sources, given()...)
	if err != nil {
		return nil, err
	}
	var list []*dossier.Dossier
	for i, raw := range dossiers {
		d, final, err := verify.Read(bytes.NewReader(raw), int64(len(raw)), dossier.DefaultLimits)
		if err != nil {
			return nil, err
		}
		if final != nil {
			final.Findings[0].Dossier = i
			return final, same(read, final)
		}
		list = append(list, d)
	}
	held, err := verify.Dossiers(context.Background(), p, list, given()...)
	if err != nil {
		return nil, err
	}
	return held, same(read, held)
}

// same compares what the two ways found.
func same(a, b *verify.Result) error {
	x, err1 := a.Summary().Encode()
	y, err2 := b.Summary().Encode()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if !bytes.Equal(x, y) {
		return fmt.Errorf("read event by event it is\n%s\nand as a whole\n%s", x, y)
	}
	return nil
}
