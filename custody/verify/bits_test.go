package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

// small is the least dossier that has something of everything.
func small(t testing.TB) ([]byte, *verify.Policy) {
	t.Helper()
	s := rulingtest.NewStory(t)
	agency := s.Organisation("Agency", custody.OrgAgency)
	officer := s.Person(agency, "officer", custody.RightHold, custody.RightInvestigate)
	caseID := s.Case(officer, "State v. X")
	deposit := s.Deposit(caseID, nil, "image", custody.RoleMaster)
	deposited := s.ActTelling(officer, custody.FieldTool, "dc3dd", deposit)
	s.Act(s.Service, s.Reception(deposit.Item, deposit.Artifact), deposited)
	pdf, js := []byte("pdf"), []byte("json")
	s.Act(s.Service, &custody.ReportIssued{Case: caseID, For: officer.Party, Items: []custody.ID{}, Over: s.Seen(),
		Files: custody.ReportFiles{JSON: evidence.Sum(js), PDF: evidence.Sum(pdf)}})
	b := verifytest.Open(t, s)
	b.Keep([]byte("artifact:image"))
	at := uint64(len(s.Entries) - 1)
	b.Attachments[dossier.ReportFile(at, "pdf")], b.Attachments[dossier.ReportFile(at, "json")] = pdf, js
	raw, err := b.Dossier(caseID, deposit.Item).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return raw, b.Trust(agency)
}

// exit is what the command would do with these bytes.
func exit(raw []byte, p *verify.Policy) (int, error) {
	d, bad, err := verify.Read(bytes.NewReader(raw), int64(len(raw)), dossier.DefaultLimits)
	if err != nil {
		return 1, nil
	}
	if bad != nil {
		return bad.Verdict.ExitCode(), nil
	}
	r, err := verify.Dossiers(context.Background(), p, []*dossier.Dossier{d})
	if err != nil {
		return 0, err
	}
	return r.Verdict.ExitCode(), nil
}

// TestAnyFlippedBitIsNoticed flips one bit of every byte of an encoded dossier
// and never sees exit 0.
func TestAnyFlippedBitIsNoticed(t *testing.T) {
	raw, p := small(t)
	if code, err := exit(raw, p); code != 0 || err != nil {
		t.Fatalf("the dossier itself: exit %d, %v", code, err)
	}
	rng := rand.New(rand.NewPCG(uint64(len(raw)), 11))
	bits := make([]byte, len(raw))
	for i := range bits {
		bits[i] = 1 << rng.IntN(8)
	}
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			mine := bytes.Clone(raw)
			for i := w; i < len(mine); i += workers {
				mine[i] ^= bits[i]
				if code, err := exit(mine, p); err != nil || (code != 1 && code != 3) {
					t.Errorf("byte %d, bit %#02x: exit %d, %v", i, bits[i], code, err)
				}
				mine[i] ^= bits[i]
			}
		})
	}
	wg.Wait()
}

// TestAnyCutIsNoticed: no prefix of a dossier, and nothing after it, passes.
func TestAnyCutIsNoticed(t *testing.T) {
	raw, p := small(t)
	for i := 0; i < len(raw); i += 97 {
		if code, _ := exit(raw[:i], p); code == 0 {
			t.Errorf("cut at byte %d: exit 0", i)
		}
	}
	for _, tail := range []string{"\x00", "PK\x05\x06", "\n"} {
		if code, _ := exit(append(slices.Clone(raw), tail...), p); code == 0 {
			t.Errorf("%q after the end: exit 0", tail)
		}
	}
}

// TestWrongFileNamesTheBadBlock: one changed byte is found in its block of
// 8 MiB, among images of the same size.
func TestWrongFileNamesTheBadBlock(t *testing.T) {
	s := rulingtest.NewScene(t)
	deposit := func(name string, content []byte) custody.ID {
		b := s.Deposit(s.Case, nil, name, custody.RoleMaster)
		b.Artifact = verifytest.Artifact(content)
		b.Declared.SHA256 = &b.Artifact.SHA256
		leaf := s.Act(s.Officer, b)
		s.Act(s.Service, s.Reception(b.Item, b.Artifact), leaf)
		return b.Item
	}
	one := bytes.Repeat([]byte("one "), (2*evidence.BlockSize+4096)/4)
	two := bytes.Repeat([]byte("two "), len(one)/4)
	first, second := deposit("first", one), deposit("second", two)
	b := verifytest.Open(t, s.Story)
	b.Keep(one)
	b.Keep(two)
	d, p := b.Dossier(s.Case, first, second), b.Trust(s.Agency, s.Laboratory)
	wantVerdict(t, run(t, p, d), verify.Whole)

	changed := bytes.Clone(two)
	changed[evidence.BlockSize+5] ^= 1
	r := run(t, p, d, verify.File{Name: "second.dd", Reader: bytes.NewReader(changed)})
	wantVerdict(t, r, verify.NotWhole)
	want := fmt.Sprintf("against artifact %s, 1 of 3 blocks of 8 MiB differ, from byte %d, blocks 1", evidence.Sum(two).Short(), evidence.BlockSize)
	if !slices.ContainsFunc(r.Findings, func(f verify.Finding) bool {
		return f.Name == verify.BytesMismatch && strings.HasSuffix(f.Detail, want)
	}) {
		t.Errorf("%v\nwant …%s", r.Findings, want)
	}
	if got := r.Readings[0].Items[second].Bytes; got != verify.Mismatch {
		t.Errorf("the second image's bytes: %s", got)
	}
	if got := r.Readings[0].Items[first].Bytes; got != verify.NotChecked {
		t.Errorf("the first image's bytes: %s", got)
	}

	// A wrong file beside the right one is still a wrong file.
	r = run(t, p, d, verify.File{Name: "a", Reader: bytes.NewReader(one)}, verify.File{Name: "b", Reader: bytes.NewReader(two)})
	wantVerdict(t, r, verify.Whole)
	if r.Has(verify.BytesUnchecked) {
		t.Error("both files were read, and one is said to be unchecked")
	}
	wantVerdict(t, run(t, p, d, verify.File{Name: "a", Reader: bytes.NewReader(one)}, verify.File{Name: "c", Reader: strings.NewReader("")}), verify.NotWhole)
}
