package dossier_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

var tamperUpdate = flag.Bool("tamper", false, "write TAMPER.md anew")

// golden reads a vector of the verifier's: a dossier that is whole under its
// policy and has a file of every kind.
func golden(t *testing.T, name string) ([]byte, *verify.Policy) {
	t.Helper()
	dir := filepath.Join("..", "testdata", "verify")
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var v struct {
		Policy   string
		Dossiers []string
	}
	if err := json.Unmarshal(read(name), &v); err != nil || len(v.Dossiers) != 1 {
		t.Fatalf("%s: %v", name, err)
	}
	p, err := verify.ParsePolicy(read(v.Policy))
	if err != nil {
		t.Fatal(err)
	}
	return read(v.Dossiers[0]), p
}

// kindOf is the place of a file: its directory, or its name where it has no
// others of its kind.
func kindOf(name string) string {
	if dir := path.Dir(name); strings.Count(name, "/") > 1 && dir != "data/log" {
		return dir + "/"
	}
	return name
}

// against says what counts against a dossier's bytes, and nothing of it twice.
func against(t *testing.T, p *verify.Policy, raw []byte) string {
	t.Helper()
	d, res, err := verify.Read(bytes.NewReader(raw), int64(len(raw)), dossier.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if res == nil {
		if res, err = verify.Dossiers(context.Background(), p, []*dossier.Dossier{d}); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, f := range res.Findings {
		s := string(f.Name)
		if f.Rule != "" {
			s += " (" + f.Rule + ")"
		}
		if f.Severity != verify.Note && !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	if (len(names) == 0) != (res.Verdict == verify.Whole) {
		t.Errorf("verdict %s with %v", res.Verdict, names)
	}
	return strings.Join(names, ", ")
}

// notNoticed are the cells in which nothing is wrong: what is left is a whole
// dossier that shows less, and says so in its notes.
var notNoticed = map[string]string{
	"data/details/ drop":         withheld,
	"data/documents/ drop":       withheld,
	"data/log/times/ drop":       untimed,
	"data/log/times/ drop all":   untimed,
	"data/attachments/ drop":     less,
	"data/attachments/ drop all": less,
	"data/blocks/ drop":          "bytes are then compared whole, by their digest",
	"data/blocks/ drop all":      "bytes are then compared whole, by their digest",
	"data/proofs/ drop all":      "they repeat what the events show, for other tools",
}

const (
	less     = "a file withheld: nothing is said of it"
	withheld = "the note `withheld`: never said to be checked"
	untimed  = "less evidence of time: the notes say what is left"
)

// reported is a dossier of a case with an image and a report.
func reported(t *testing.T) ([]byte, *verify.Policy) {
	t.Helper()
	s := rulingtest.NewStory(t)
	agency := s.Organisation("Agency", custody.OrgAgency)
	officer := s.Person(agency, "officer", custody.RightHold, custody.RightInvestigate)
	matter := s.Case(officer, "State v. X")
	deposit := s.Deposit(matter, nil, "image", custody.RoleMaster)
	s.Act(s.Service, s.Reception(deposit.Item, deposit.Artifact), s.Act(officer, deposit))
	second := s.Deposit(matter, nil, "second", custody.RoleMaster)
	s.Act(s.Service, s.Reception(second.Item, second.Artifact), s.Act(officer, second))
	pdf, js := []byte("pdf"), []byte("json")
	s.Act(s.Service, &custody.ReportIssued{Case: matter, For: officer.Party, Items: []custody.ID{}, Over: s.Seen(),
		Files: custody.ReportFiles{JSON: evidence.Sum(js), PDF: evidence.Sum(pdf)}})
	b := verifytest.Open(t, s)
	b.Keep([]byte("artifact:image"))
	b.Keep([]byte("artifact:second"))
	at := uint64(len(s.Entries) - 1)
	b.Attachments[dossier.ReportFile(at, "pdf")], b.Attachments[dossier.ReportFile(at, "json")] = pdf, js
	return encode(t, b.Dossier(matter, deposit.Item, second.Item)), b.Trust(agency)
}

// tampering is the matrix on its way.
type tampering struct {
	t    *testing.T
	rows []string
	done map[string]bool // kinds
}

// cell verifies changed bytes and writes its row.
func (m *tampering) cell(kind, what string, good, raw []byte, p *verify.Policy) {
	m.t.Helper()
	if bytes.Equal(raw, good) {
		m.t.Errorf("%s: %s: nothing was changed", kind, what)
		return
	}
	found, why := against(m.t, p, raw), notNoticed[kind+" "+what]
	if (found == "") != (why != "") {
		m.t.Errorf("%s: %s: finds %q; %q", kind, what, found, why)
	}
	if found == "" {
		found = "–; " + why
	}
	m.rows = append(m.rows, fmt.Sprintf("| `%s` | %s | %s |", kind, what, found))
}

// everyKind does the same to a file of every kind that was not had yet.
func (m *tampering) everyKind(good []byte, p *verify.Policy) {
	t := m.t
	t.Helper()
	if got := against(t, p, good); got != "" {
		t.Fatalf("the dossier itself: %s", got)
	}
	names, files := stdFiles(t, good)
	kinds := map[string][]string{}
	for _, n := range names {
		kinds[kindOf(n)] = append(kinds[kindOf(n)], n)
	}
	text := func(b []byte) *string { s := string(b); return &s }
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if m.done[kind] {
			continue
		}
		m.done[kind] = true
		all := kinds[kind]
		name := all[len(all)/2]
		b := files[name]
		flipped := bytes.Clone(b)
		flipped[len(b)/2] ^= 1
		entries := entriesOf(t, good)
		for i := range entries {
			if entries[i].name == name {
				entries[i].content = flipped
			}
		}
		m.cell(kind, "flip, manifests left", good, forge(entries), p)
		if !strings.HasPrefix(name, "data/") {
			continue // made anew by whoever makes the rest fit
		}
		for _, c := range []struct {
			what  string
			files map[string]*string
		}{
			{"flip", map[string]*string{name: text(flipped)}},
			{"truncate", map[string]*string{name: text(b[:len(b)/2])}},
			{"empty", map[string]*string{name: text(nil)}},
			{"drop", map[string]*string{name: nil}},
			{"duplicate", map[string]*string{beside(name): text(b)}},
		} {
			m.cell(kind, c.what, good, rebuild(t, good, c.files), p)
		}
		if len(all) > 1 {
			other := all[0]
			m.cell(kind, "swap two", good, rebuild(t, good, map[string]*string{name: text(files[other]), other: text(b)}), p)
			everyOne := map[string]*string{}
			for _, n := range all {
				everyOne[n] = nil
			}
			m.cell(kind, "drop all", good, rebuild(t, good, everyOne), p)
		}
	}
}

// TestTamper does everything to a file of every kind in a dossier and makes the
// manifests fit again, as a forger would; TAMPER.md says what the verifier
// finds.
func TestTamper(t *testing.T) {
	m := &tampering{t: t, done: map[string]bool{}}
	good, policy := golden(t, "complete-to-with-everything-of-time.json")
	m.everyKind(good, policy)
	m.resigned(good, policy)
	m.everyKind(golden(t, "time-gap.json"))
	m.everyKind(reported(t))
	// Every place that a dossier has, from where it is written.
	for _, k := range dossier.Places() {
		if !m.done[k] {
			t.Errorf("no dossier here has %s: another is needed", k)
		}
	}
	compareTamper(t, m.rows)
}

// beside is another name of the same kind.
func beside(name string) string {
	dir, base := path.Split(name)
	if strings.HasPrefix(base, "0") {
		return dir + "9" + base[1:]
	}
	stem, ext, _ := strings.Cut(base, ".")
	if len(stem) == 64 {
		return dir + evidence.Sum([]byte(base)).String() + strings.TrimSuffix("."+ext, ".")
	}
	return dir + "a-" + base
}

// resigned changes what is signed, and signs it by another key, with proofs and
// files that fit.
func (m *tampering) resigned(good []byte, policy *verify.Policy) {
	t := m.t
	cell := func(kind, what string, raw []byte) {
		t.Helper()
		m.cell(kind, what, good, raw, policy)
	}
	change := func(f func(d *dossier.Dossier)) []byte {
		t.Helper()
		d, err := decode(good)
		if err != nil {
			t.Fatal(err)
		}
		f(d)
		raw, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	thief := sealtest.Public(t, "thief")
	cell("data/events/", "re-sign by another key", change(func(d *dossier.Dossier) {
		e := &d.Events[len(d.Events)/2]
		e.Envelope, e.Key = sealtest.Seal(t, "thief", e.Envelope.Payload), thief
	}))
	cell("data/events/", "re-sign by another key, which the statement names", change(func(d *dossier.Dossier) {
		e := &d.Events[len(d.Events)/2]
		payload := bytes.ReplaceAll(e.Envelope.Payload, []byte(e.Key.ID().String()), []byte(thief.ID().String()))
		e.Envelope, e.Key = sealtest.Seal(t, "thief", payload), thief
	}))
	cell("data/events/", "show another key's file beside the signature", change(func(d *dossier.Dossier) { d.Events[len(d.Events)/2].Key = thief }))
	cell("data/events/", "roll back: drop the newest", change(func(d *dossier.Dossier) { d.Events = d.Events[:len(d.Events)-1] }))
	note := func(f func(text []byte, lines []tlog.Signature) []tlog.Signature) []byte {
		return change(func(d *dossier.Dossier) {
			text, lines, err := tlog.SplitNote(d.Checkpoint)
			if err != nil {
				t.Fatal(err)
			}
			d.Checkpoint = append(bytes.Clone(text), '\n')
			for _, l := range f(text, lines) {
				d.Checkpoint = append(d.Checkpoint, l.String()...)
			}
		})
	}
	cell("data/log/checkpoint.txt", "re-sign by another key, shown as the log's", note(func(text []byte, lines []tlog.Signature) []tlog.Signature {
		lines[0].Bytes = ed25519.Sign(thiefLogKey(), text)
		return lines[:1]
	}))
	cell("data/log/checkpoint.txt", "re-sign another head by the log's key", change(func(d *dossier.Dossier) {
		text, lines, err := tlog.SplitNote(d.Checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Split(string(text), "\n")
		fields[2] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
		other := strings.Join(fields, "\n")
		lines[0].Bytes = ed25519.Sign(storyLogKey(fields[0]), []byte(other))
		d.Checkpoint = []byte(other + "\n" + lines[0].String())
	}))
}

// storyLogKey is the key of the log of that name in every story.
func storyLogKey(origin string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("log key " + origin))
	return ed25519.NewKeyFromSeed(seed[:])
}

func thiefLogKey() ed25519.PrivateKey { return storyLogKey("thief") }

const tamperHeading = `# What a forger can do to a dossier, and what the verifier finds

Written by ` + "`go test ./custody/dossier -run TestTamper -tamper`" + ` and compared by every run, over the vector
` + "`verify/complete-to-with-everything-of-time`" + `, which is whole under its policy (older checkpoints: ` + "`verify/time-gap`" + `;
attachments and block trees: a case with a report). The manifests are made to fit each change but the first: what is
found is found behind them. Findings that only note something are left out.

| File | Tampering | Findings |
| --- | --- | --- |
`

func compareTamper(t *testing.T, rows []string) {
	t.Helper()
	got := tamperHeading + strings.Join(rows, "\n") + "\n"
	if *tamperUpdate {
		if err := os.WriteFile("TAMPER.md", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("TAMPER.md")
	if err != nil {
		t.Fatal(err)
	}
	was := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(was) || was[i] != line {
			t.Fatalf("TAMPER.md, line %d, now is\n%s", i+1, line)
		}
	}
	if len(rows) < 80 {
		t.Errorf("a matrix of %d cells", len(rows))
	}
}
