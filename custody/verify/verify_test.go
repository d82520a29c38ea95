package verify_test

import (
	"context"
	"testing"

	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
)

func run(t testing.TB, p *verify.Policy, d *dossier.Dossier, files ...verify.File) *verify.Result {
	t.Helper()
	r, err := verify.Dossiers(context.Background(), p, []*dossier.Dossier{d}, files...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantVerdict prints the findings that stand in the way.
func wantVerdict(t testing.TB, r *verify.Result, want verify.Verdict) {
	t.Helper()
	if r.Verdict == want {
		return
	}
	t.Errorf("verdict %s, want %s", r.Verdict, want)
	for _, f := range r.Findings {
		if f.Severity != verify.Note {
			t.Log(f)
		}
	}
}

// everybody is a policy that names all organisations of a scene.
func everybody(b *verifytest.Book, s *rulingtest.Scene) *verify.Policy {
	return b.Trust(s.Agency, s.Laboratory, s.Court, s.InHouse, s.Directorate, s.OtherAgency)
}

func TestAStoryIsWhole(t *testing.T) {
	s := rulingtest.Everything(t)
	b := verifytest.Open(t, s.Story)
	d := b.Dossier(s.Case, s.Phone, s.Disk, s.Image)
	r := run(t, everybody(b, s), d)
	wantVerdict(t, r, verify.Whole)
	for _, f := range r.Findings {
		t.Log(f)
	}
	wantVerdict(t, run(t, nil, d), verify.Open)
}
