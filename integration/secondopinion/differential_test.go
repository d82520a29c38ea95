package secondopinion

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
)

var (
	forgeries = flag.Int("forgeries", 60, "how many forged records both verifiers are given")
	seed      = flag.Uint64("seed", 1, "of the first of them")
)

// finding is a finding without its words.
type finding struct {
	Dossier  int    `json:"dossier"`
	Event    *int   `json:"event,omitempty"`
	Name     string `json:"name"`
	Rule     string `json:"rule,omitempty"`
	Severity string `json:"severity"`
	Subject  string `json:"subject,omitempty"`
}

type opinion struct {
	Verdict  string    `json:"verdict"`
	Exit     int       `json:"exit"`
	Findings []finding `json:"findings"`
}

// job names the files of one run.
type job struct {
	Dossiers  []string `json:"dossiers"`
	Policy    string   `json:"policy,omitempty"`
	Artifacts []string `json:"artifacts"`
}

// TestForgeries: what people with keys and a log that asks no judge can put
// into a dossier, both verifiers see alike, finding by finding.
func TestForgeries(t *testing.T) {
	needPython(t)
	start := rulingtest.Recovered(t)
	dir := t.TempDir()
	var jobs bytes.Buffer
	var first []opinion
	seen := map[string]int{}
	for i := range *forgeries {
		f := newForger(t, start, rand.New(rand.NewPCG(*seed, uint64(i))))
		j, o := f.run(filepath.Join(dir, fmt.Sprint(i)))
		first = append(first, o)
		line, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		jobs.Write(append(line, '\n'))
		for _, x := range o.Findings {
			seen[x.Name+" "+x.Rule]++
		}
	}
	lines := bytes.Split(bytes.TrimSpace(command(t, jobs.Bytes(), "many")), []byte("\n"))
	if len(lines) != len(first) {
		t.Fatalf("%d results of %d", len(lines), len(first))
	}
	for i, line := range lines {
		var second opinion
		if err := json.Unmarshal(line, &second); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		formless(first[i].Findings)
		formless(second.Findings)
		if !reflect.DeepEqual(first[i], second) {
			t.Errorf("seed %d, forgery %d:\n first: %s\nsecond: %s", *seed, i, only(first[i], second), only(second, first[i]))
		}
	}
	t.Logf("%d different findings of %d forgeries", len(seen), len(first))
	if len(seen) < 35 {
		t.Errorf("the forgeries bring about %d different findings only: %v", len(seen), seen)
	}
}

// formless takes away which rule of form a scrawl breaks: it may break several.
func formless(findings []finding) {
	for i, f := range findings {
		if f.Name == "statement-invalid" {
			findings[i].Rule = ""
		}
	}
}

// only tells what a has that b does not.
func only(a, b opinion) string {
	have := map[string]int{}
	for _, f := range b.Findings {
		raw, _ := json.Marshal(f)
		have[string(raw)]++
	}
	out := fmt.Sprintf("%s (%d), %d findings", a.Verdict, a.Exit, len(a.Findings))
	for _, f := range a.Findings {
		raw, _ := json.Marshal(f)
		if have[string(raw)]--; have[string(raw)] < 0 {
			out += "\n    " + string(raw)
		}
	}
	return out
}

// run writes the forger's work to dir and has it verified.
func (f *forger) run(dir string) (job, opinion) {
	f.need(os.Mkdir(dir, 0o700))
	j := job{Artifacts: []string{}}
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		f.need(os.WriteFile(path, content, 0o600))
		return path
	}
	policy, dossiers, artifacts := f.forge()
	if policy != nil {
		raw, err := policy.Encode()
		f.need(err)
		j.Policy = write("policy.json", raw)
	}
	var opened []*dossier.Dossier
	var out *verify.Result
	for i, raw := range dossiers {
		j.Dossiers = append(j.Dossiers, write(fmt.Sprintf("%d.zip", i), raw))
		d, bad, err := verify.Read(bytes.NewReader(raw), int64(len(raw)), dossier.DefaultLimits)
		f.need(err)
		if bad != nil {
			f.t.Fatalf("the dossier is malformed: %v", bad.Findings)
		}
		opened = append(opened, d)
	}
	var files []verify.File
	for i, a := range artifacts {
		j.Artifacts = append(j.Artifacts, write(fmt.Sprintf("%d.bin", i), a))
		files = append(files, verify.File{Name: fmt.Sprint(i), Reader: bytes.NewReader(a)})
	}
	out, err := verify.Dossiers(f.t.Context(), policy, opened, files...)
	f.need(err)
	raw, err := json.Marshal(map[string]any{"verdict": out.Verdict, "exit": out.Verdict.ExitCode(), "findings": out.Findings})
	f.need(err)
	var o opinion
	f.need(json.Unmarshal(raw, &o))
	return j, o
}

var night = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC) // amid what the story tells
