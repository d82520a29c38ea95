package report_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/report/pdf"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
)

// told is the story of every kind of event, with its log.
func told(t testing.TB) (*rulingtest.Scene, *verifytest.Book, *verify.Policy) {
	t.Helper()
	s := rulingtest.Everything(t)
	b := verifytest.Open(t, s.Story)
	return s, b, b.Trust(s.Agency, s.Laboratory, s.Court)
}

// compose verifies and composes, and holds the document to its own check and
// to its one encoding.
func compose(t testing.TB, p *verify.Policy, d *dossier.Dossier, files ...verify.File) (*verify.Result, report.Document) {
	t.Helper()
	result, err := verify.Dossiers(context.Background(), p, []*dossier.Dossier{d}, files...)
	if err != nil {
		t.Fatal(err)
	}
	return result, composed(t, p, result, result.Readings[0])
}

func composed(t testing.TB, p *verify.Policy, result *verify.Result, reading *verify.Reading) report.Document {
	t.Helper()
	req := report.Request{Number: "CR-1", GeneratedAt: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), Zone: report.Zone{OffsetMinutes: 300}, Policy: p}
	if p != nil {
		var err error
		if req.PolicyBytes, err = p.Encode(); err != nil {
			t.Fatal(err)
		}
	}
	doc, err := report.Compose(result, reading, req)
	if err != nil {
		t.Fatalf("%v\n%v", err, result.Findings)
	}
	js, err := report.JSON(doc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := report.Parse(js); err != nil {
		t.Fatal(err)
	}
	if string(doc.Result.Verdict) != string(result.Verdict) || len(doc.Findings) != len(result.Findings) {
		t.Fatalf("verdict %s with %d findings; the verifier said %s with %d", doc.Result.Verdict, len(doc.Findings), result.Verdict, len(result.Findings))
	}
	return doc
}

func TestComposeTellsTheStory(t *testing.T) {
	s, b, p := told(t)
	d := b.Dossier(s.Case, s.Phone, s.Disk, s.Image)
	result, doc := compose(t, p, d)
	reading := result.Readings[0]
	if doc.Result.Verdict != report.Whole || doc.Result.ChainUnbroken != report.Pass || doc.Result.Hashes != report.Pass {
		t.Fatalf("%+v", doc.Result)
	}
	if doc.Result.Seals != report.Fail {
		t.Errorf("seals %s, though the laboratory declined the disk because of its seal", doc.Result.Seals)
	}
	if got := doc.Organisations[doc.Case.Agency-1]; got.Name.Value != "Cyber Crime Agency" || got.NamedBy != "policy" {
		t.Errorf("agency %+v", got)
	}
	if len(doc.Acts) != len(d.Events) || len(doc.Annex.Proofs) != len(d.Events) {
		t.Errorf("%d acts of %d events", len(doc.Acts), len(d.Events))
	}
	for i, a := range doc.Acts {
		if a.Index != reading.Events[i].Index || a.Event != reading.Events[i].ID || len(a.Chains) != len(reading.Events[i].Statement.Predicate.Chains) {
			t.Errorf("act %d is not event %d", a.No, reading.Events[i].Index)
		}
	}
	if len(doc.Items) != 3 || len(doc.Artifacts) != 1 {
		t.Fatalf("%d items, %d artifacts", len(doc.Items), len(doc.Artifacts))
	}
	kinds := []report.MeasurementKind{}
	for _, m := range doc.Artifacts[0].Measurements {
		kinds = append(kinds, m.Kind)
	}
	if want := []report.MeasurementKind{report.Declared, report.MeasuredByService, report.RecomputedByReader}; !slices.Equal(kinds, want) {
		t.Errorf("measurements %v, want %v", kinds, want)
	}
	// The three acts up to n: could not be checked, failed, passed.
	n := 1 + slices.IndexFunc(doc.Acts, func(a report.Act) bool { return a.Kind == "fixity.passed" })
	if c, w := doc.Artifacts[0].Copy, doc.Artifacts[0].Whole; c.Last != report.Pass || c.Act != n || !slices.Equal(c.Failures, []int{n - 1}) || !strings.Contains(c.Words, "1 act before says that it was not what was deposited") ||
		w.Act != n || w.By != (report.Party{}) || w.How != "read back by the service from its copy" {
		t.Errorf("the copy: %+v, found whole: %+v", c, w)
	}
	if a := doc.Acts[n-2]; a.Words != "COPY NOT AS DEPOSITED" || a.Class != report.ClassService || !strings.Contains(facts(a), "1 of 1 blocks looked at: 0") {
		t.Errorf("the failed check: %+v", a)
	}
	if doc.Artifacts[0].Bytes != report.NotChecked {
		t.Errorf("bytes %s, though no file was given", doc.Artifacts[0].Bytes)
	}
	if len(doc.Opinions) != 1 || doc.Opinions[0].Capacity != report.CapacitySection40 || doc.Opinions[0].Summary.Value != "no sign of alteration" {
		t.Errorf("opinions %+v", doc.Opinions)
	}
	if len(doc.Corrections) != 1 || doc.Corrections[0].Fields[0].Original.Value != "no sign of alteration" || doc.Corrections[0].Fields[0].Corrected.Value != "no sign of alteration was found" {
		t.Errorf("corrections %+v", doc.Corrections)
	}
	if n := doc.Opinions[0].Act; len(doc.Acts[n-1].CorrectedBy) != 1 {
		t.Errorf("the opinion does not say that it was corrected")
	}
	if len(doc.Access) != 1 || doc.Access[0].Result != report.Pass || doc.Access[0].Served == 0 || doc.Access[0].Grant == 0 || doc.Access[0].Artifact != 1 {
		t.Errorf("access %+v", doc.Access)
	}
	var promises []string
	for _, c := range doc.Scope.Completeness {
		if !strings.Contains(c.Words(), "according to the service") {
			promises = append(promises, c.Words())
		}
	}
	// The analyst confirmed the phone after accepting it: registered, released, accepted.
	confirmed := slices.IndexFunc(doc.Acts, func(a report.Act) bool { return a.Kind == string(custody.KindConfirmed) }) + 1
	if len(promises) != 1 || !strings.HasPrefix(promises[0], fmt.Sprintf("complete to seq 2 according to the custodian who signed act %d, person ", confirmed)) ||
		!strings.HasSuffix(promises[0], " of Independent Laboratory") {
		t.Errorf("custodians' promises: %q", promises)
	}
	if a := doc.Acts[confirmed-1]; a.Words != "Record confirmed by the custodian" || a.Class != report.ClassPerson || !strings.Contains(facts(a), "up to seq 2, leaf ") {
		t.Errorf("the confirmation reads %q: %s", a.Words, facts(a))
	}
	status := slices.IndexFunc(doc.Acts, func(a report.Act) bool { return a.Kind == string(custody.KindStatus) }) + 1
	if a := doc.Acts[status-1]; a.Words != "Revoked keys listed" || !strings.Contains(facts(a), "revoked so far: 1 key; ") || !strings.Contains(facts(a), "revoked key: "+s.Officer.ID().String()) {
		t.Errorf("the status reads %q: %s", a.Words, facts(a))
	}
	if !slices.ContainsFunc(doc.Limits, func(l string) bool {
		return strings.Contains(l, fmt.Sprintf("Cyber Crime Agency itself listed its revoked keys as of log size %d (act %d)", doc.Acts[status-1].Index, status))
	}) {
		t.Errorf("limits %q", doc.Limits)
	}
}

func facts(a report.Act) string {
	var out []string
	for _, f := range a.Notes {
		out = append(out, f.Name+": "+f.Value.Value)
	}
	return strings.Join(out, "; ")
}

// TestALossIsTold: a log that lost events says so in the act, the check and
// the sentence.
func TestALossIsTold(t *testing.T) {
	s := rulingtest.Recovered(t)
	b := verifytest.Open(t, s.Story)
	_, doc := compose(t, b.Trust(s.Agency, s.Laboratory, s.Court), b.Dossier(s.Case, s.Phone, s.Disk, s.Image))
	last := doc.Acts[len(doc.Acts)-1]
	if last.Words != "Log continued after a loss of events" || last.Class != report.ClassService || !strings.Contains(facts(last), "cause: backup-restored") {
		t.Errorf("the recovery reads %q: %s", last.Words, facts(last))
	}
	if doc.Result.Verdict != report.Unchecked || !strings.HasPrefix(doc.Sentence(), "Verification could not be completed") {
		t.Errorf("%s: %s", doc.Result.Verdict, doc.Sentence())
	}
	for _, c := range doc.Checks {
		if c.Name == "loss" && c.Outcome != report.NotChecked {
			t.Errorf("check %+v", c)
		}
	}
}

// TestPeriodsSayWhoHeldItWhen follows the disk: seized, released, declined,
// released, recalled, assumed.
func TestPeriodsSayWhoHeldItWhen(t *testing.T) {
	s, b, p := told(t)
	result, doc := compose(t, p, b.Dossier(s.Case, s.Phone, s.Disk, s.Image))
	disk := slices.IndexFunc(doc.Items, func(it report.Item) bool { return it.ID == s.Disk }) + 1
	who := func(n int) string { return doc.People[n-1].Names[0].Value }
	type row struct {
		state  report.PeriodState
		holder string
		gap    bool
	}
	var got []row
	for _, q := range doc.Periods {
		if q.Item == disk {
			got = append(got, row{q.State, who(q.Holder.Person), q.Gap})
			if q.FromAct == 0 || q.Span.From.IsZero() {
				t.Errorf("a period without its beginning: %+v", q)
			}
		}
	}
	want := []row{{report.Held, "officer", false}, {report.InTransit, "officer", false}, {report.Held, "officer", false},
		{report.InTransit, "officer", false}, {report.Held, "officer", true}, {report.Held, "second officer", false}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if len(doc.Gaps) != 1 || doc.Gaps[0].Kind != report.GapAssumed || doc.Gaps[0].Item != disk {
		t.Errorf("gaps %+v", doc.Gaps)
	}
	if held := result.Readings[0].Items[s.Disk].State.Holder.Person; doc.Periods[len(doc.Periods)-1].Item == disk && held != s.Second.Party.Person {
		t.Errorf("the verifier ends with another holder")
	}
}

// TestAnOpenReleaseIsAGap: what was released and not accepted is listed.
func TestAnOpenReleaseIsAGap(t *testing.T) {
	s := rulingtest.NewScene(t)
	s.Act(s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Phone))
	b := verifytest.Open(t, s.Story)
	_, doc := compose(t, b.Trust(s.Agency, s.Laboratory, s.Court), b.Dossier(s.Case, s.Phone))
	if len(doc.Gaps) != 1 || doc.Gaps[0].Kind != report.GapInTransit || !doc.Gaps[0].Span.To.IsZero() {
		t.Fatalf("gaps %+v", doc.Gaps)
	}
	if !strings.Contains(doc.Result.Sentence, "1 gap in custody is listed") {
		t.Error(doc.Result.Sentence)
	}
}

func TestWithoutAPolicyNobodyIsIdentified(t *testing.T) {
	s, b, _ := told(t)
	_, doc := compose(t, nil, b.Dossier(s.Case, s.Phone, s.Disk, s.Image))
	if doc.Result.Verdict != report.Unchecked || doc.Policy.Given {
		t.Fatalf("%+v", doc.Result)
	}
	for _, o := range doc.Organisations {
		if o.NamedBy == "policy" {
			t.Errorf("%s is named by a policy that was not given", o.Name.Value)
		}
	}
	for _, person := range doc.People {
		for _, k := range person.Keys {
			if k.Status == report.KeyValid {
				t.Errorf("key %s is called valid", k.ID.Short())
			}
		}
	}
}

// TestWithheldIsSaid: with nothing disclosed the record is still whole, and
// every withheld word says so.
func TestWithheldIsSaid(t *testing.T) {
	s, b, p := told(t)
	d := b.Dossier(s.Case, s.Phone, s.Disk, s.Image)
	clear(d.Details)
	for id, raw := range d.Documents {
		if _, err := custody.ParseFounding(raw); err == nil {
			delete(d.Documents, id)
		}
	}
	_, doc := compose(t, p, d)
	if doc.Result.Verdict != report.Whole {
		t.Fatalf("%+v", doc.Result)
	}
	if doc.Opinions[0].Summary.State != report.Withheld || doc.Case.Title.State != report.Withheld || doc.People[0].Names[0].State != report.Withheld {
		t.Error("a withheld word is not said to be withheld")
	}
	for _, k := range doc.Checks {
		if k.Name == "details" && k.Outcome != report.NotChecked {
			t.Errorf("details %s, though none is disclosed", k.Outcome)
		}
	}
}

func TestReadBytesAreSaidToBeRead(t *testing.T) {
	s, b, p := told(t)
	d := b.Dossier(s.Case, s.Phone, s.Disk, s.Image)
	_, doc := compose(t, p, d, verify.File{Name: "image", Reader: strings.NewReader("artifact:image")})
	if doc.Artifacts[0].Bytes != report.Pass || !strings.Contains(doc.Result.Sentence, "all 1 stored objects were read") {
		t.Errorf("%s; %s", doc.Artifacts[0].Bytes, doc.Result.Sentence)
	}
	result, doc := compose(t, p, d, verify.File{Name: "im\xffage", Reader: strings.NewReader("artifact:imagE")})
	if doc.Result.Verdict != report.Bad || doc.Artifacts[0].Bytes == report.Pass {
		t.Errorf("%v", result.Findings)
	}
}

func TestAnUnreadableDossierStillHasAReport(t *testing.T) {
	_, result, err := verify.Read(strings.NewReader("no zip"), 6, dossier.DefaultLimits)
	if err != nil || result == nil {
		t.Fatal(err)
	}
	doc := composed(t, nil, result, nil)
	var page bytes.Buffer
	if err := pdf.Render(&page, doc); err != nil {
		t.Error(err)
	}
}

func TestComposeRefusesItsCallersFaults(t *testing.T) {
	s, b, p := told(t)
	d := b.Dossier(s.Case)
	result, err := verify.Dossiers(context.Background(), p, []*dossier.Dossier{d})
	if err != nil {
		t.Fatal(err)
	}
	ok := report.Request{Number: "1", GeneratedAt: time.Now(), Policy: p}
	for name, c := range map[string]struct {
		result  *verify.Result
		reading *verify.Reading
		req     report.Request
	}{
		"no result":        {nil, nil, ok},
		"no reading":       {result, nil, ok},
		"another reading":  {result, &verify.Reading{}, ok},
		"policy forgotten": {result, result.Readings[0], report.Request{Number: "1", GeneratedAt: time.Now()}},
		"no number":        {result, result.Readings[0], report.Request{GeneratedAt: time.Now(), Policy: p}},
		"no time":          {result, result.Readings[0], report.Request{Number: "1", Policy: p}},
	} {
		if _, err := report.Compose(c.result, c.reading, c.req); err == nil {
			t.Errorf("%s: composed", name)
		}
	}
	if _, err := report.Compose(result, result.Readings[0], ok); err != nil {
		t.Error(err)
	}
}

// TestNothingIsClaimedThatWasNotDone: a check that was not made, or not for
// everything, says so.
func TestNothingIsClaimedThatWasNotDone(t *testing.T) {
	s, b, p := told(t)
	_, doc := compose(t, p, b.Dossier(s.Case, s.Image))
	for _, k := range doc.Checks {
		switch k.Name {
		case "decoding", "bytes", "time", "witnesses":
			if k.Outcome != report.NotChecked || k.Note == "" {
				t.Errorf("%s: %s, %q", k.Name, k.Outcome, k.Note)
			}
		case "rules":
			if !strings.Contains(k.Note, "outside this report") {
				t.Errorf("nothing is said of the exhibits left out: %q", k.Note)
			}
		}
	}
}

// TestEveryWeightyFindingHasACheck: whatever can change a verdict shows in the
// table of checks too.
func TestEveryWeightyFindingHasACheck(t *testing.T) {
	s, b, p := told(t)
	d := b.Dossier(s.Case, s.Image)
	result, err := verify.Dossiers(context.Background(), p, []*dossier.Dossier{d})
	if err != nil {
		t.Fatal(err)
	}
	for name, severity := range verify.Names() {
		if severity == verify.Note || name == verify.NoPolicy {
			continue
		}
		with := *result
		with.Findings = append(slices.Clone(result.Findings), verify.Finding{Name: name, Severity: severity, Detail: "as if"})
		with.Verdict = map[verify.Severity]verify.Verdict{verify.Bad: verify.NotWhole, verify.Unchecked: verify.Open}[severity]
		doc := composed(t, p, &with, result.Readings[0])
		want := map[verify.Severity]report.Outcome{verify.Bad: report.Fail, verify.Unchecked: report.NotChecked}[severity]
		if !slices.ContainsFunc(doc.Checks, func(k report.Check) bool {
			return k.Needed && k.Outcome == want || want == report.Fail && k.Outcome == want
		}) {
			t.Errorf("no check speaks of %s", name)
		}
	}
}

// TestOneReportOfSeveralDossiers: findings of the others are told apart and
// refer to nothing in this report.
func TestOneReportOfSeveralDossiers(t *testing.T) {
	s, b, p := told(t)
	other := b.Dossier(s.Case, s.Image)
	other.Attachments["x.txt"] = []byte("x")
	result, err := verify.Dossiers(context.Background(), p, []*dossier.Dossier{b.Dossier(s.Case, s.Disk), other})
	if err != nil {
		t.Fatal(err)
	}
	for i, reading := range result.Readings {
		doc := composed(t, p, result, reading)
		if doc.Result.Verdict != report.Bad || len(doc.Items) != 1 {
			t.Errorf("dossier %d: %s, %d items", i+1, doc.Result.Verdict, len(doc.Items))
		}
		for j, f := range doc.Findings {
			foreign := strings.HasPrefix(f.Words, "(dossier") || strings.Contains(f.Words, "(dossier")
			if foreign != (result.Findings[j].Dossier != i) || foreign && (f.Item != 0 || f.Act != 0) {
				t.Errorf("dossier %d: %+v", i+1, f)
			}
		}
	}
}
