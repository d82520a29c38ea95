package dossier_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

// secret is a text that stands nowhere else.
func secret(what string) string { return "Zubaida-" + what + "-7731" }

// secretive is a dossier whose every text is a secret of its own, with a report
// that repeats them, and the policy under which it is whole.
func secretive(t *testing.T) (*dossier.Dossier, *verify.Policy) {
	t.Helper()
	s := rulingtest.NewStory(t)
	agency := s.Organisation("Agency", custody.OrgAgency)
	officer := s.Person(agency, secret("person"), custody.RightHold, custody.RightInvestigate)
	matter := s.Found(custody.DocCase, secret("case"))
	s.ActTelling(officer, custody.FieldNote, secret("note"), &custody.CaseOpened{Case: matter})
	registration := s.Registration(officer, matter, secret("item"))
	s.ActTelling(officer, custody.FieldPlace, secret("place"), registration)
	pdf := []byte("a report of " + secret("person"))
	s.Act(s.Service, &custody.ReportIssued{Case: matter, For: officer.Party, Items: []custody.ID{}, Over: s.Seen(),
		Files: custody.ReportFiles{JSON: evidence.Sum([]byte("json")), PDF: evidence.Sum(pdf)}})
	b := verifytest.Open(t, s)
	b.Attachments[dossier.ReportFile(uint64(len(s.Entries)-1), "pdf")] = pdf
	return b.Dossier(matter, registration.Item), b.Trust(agency)
}

// TestRedactedVerifiesAndTellsNothing: whatever is withheld stands nowhere in
// the bytes, everything else still does, and the verdict is the same.
func TestRedactedVerifiesAndTellsNothing(t *testing.T) {
	d, policy := secretive(t)
	whole := encode(t, d)
	all := []string{"person", "case", "item", "note", "place"}
	for _, names := range [][]string{{"note"}, {"place"}, {"person"}, {"case"}, {"item"}, {"person", "note"}, {"all"}} {
		t.Run(fmt.Sprint(names), func(t *testing.T) {
			redacted, done, err := d.Redact(names...)
			if err != nil {
				t.Fatal(err)
			}
			if len(done.Echoes) > 0 || len(done.Attachments) != 1 || !strings.HasPrefix(done.Attachments[0], "report-") || done.Details+done.Documents == 0 {
				t.Errorf("%+v", done)
			}
			out := encode(t, redacted)
			for _, what := range all {
				withheld := slices.Contains(names, what) || names[0] == "all"
				if got := bytes.Contains(out, []byte(secret(what))); got == withheld {
					t.Errorf("%s: stands there %v", what, got)
				}
			}
			read, err := decode(out)
			if err != nil {
				t.Fatal(err)
			}
			r, err := verify.Dossiers(context.Background(), policy, []*dossier.Dossier{read})
			if err != nil {
				t.Fatal(err)
			}
			if r.Verdict != verify.Whole || !r.Has(verify.Withheld) {
				t.Errorf("%s: %v", r.Verdict, r.Findings)
			}
			if again := encode(t, d); !bytes.Equal(again, whole) {
				t.Error("the dossier itself was changed")
			}
		})
	}
}

// TestRedactOneFile withholds by a file's name, and no other file.
func TestRedactOneFile(t *testing.T) {
	d, _ := secretive(t)
	for id, raw := range d.Details {
		redacted, done, err := d.Redact(id.String())
		if err != nil {
			t.Fatal(err)
		}
		if done.Details != 1 || done.Documents != 0 || len(redacted.Details) != len(d.Details)-1 || redacted.Details[id] != nil {
			t.Errorf("%s: %+v", raw, done)
		}
	}
}

// TestEchoes: a text withheld that a file still disclosed repeats is told.
func TestEchoes(t *testing.T) {
	d, _ := secretive(t)
	detail, err := custody.NewDetail(custody.FieldCondition, custody.Salt(evidence.Sum(nil)), "taken by "+secret("person")+" at dawn")
	if err != nil {
		t.Fatal(err)
	}
	raw, id, err := detail.Encode()
	if err != nil {
		t.Fatal(err)
	}
	d.Details[id] = raw
	_, done, err := d.Redact("person")
	if err != nil {
		t.Fatal(err)
	}
	want := []dossier.Echo{{What: "person.name", In: "condition", File: id}}
	if !slices.Equal(done.Echoes, want) {
		t.Errorf("%+v", done.Echoes)
	}
	if _, done, _ = d.Redact("person", "condition"); len(done.Echoes) != 0 {
		t.Errorf("both withheld: %+v", done.Echoes)
	}
	// What is no detail may hold anything.
	junk := []byte(secret("person"))
	d.Details[evidence.Sum(junk)] = junk
	redacted, _, err := d.Redact("person", "condition")
	if err != nil || redacted.Details[evidence.Sum(junk)] != nil {
		t.Errorf("junk is kept: %v", err)
	}
}

func TestRedactRefuses(t *testing.T) {
	d, _ := secretive(t)
	for _, names := range [][]string{{}, {"nmae"}, {"organisation"}, {"note", "Note"}, {""}} {
		if _, _, err := d.Redact(names...); err == nil {
			t.Errorf("%q: withheld", names)
		}
	}
}
