package ledger_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// A deposit, its observation, its artifact row and its upload's end are one.
func TestDeposit(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	upload := evidence.Sum([]byte("upload"))
	if err := l.BeginUpload(ctx, newUpload(upload, s)); err != nil {
		t.Fatal(err)
	}
	doc, item := ledgertest.Document(t, custody.DocItem, "description", "second image")
	content := []byte("second image")
	leaf := evidence.BlockLeaf(content)
	a := custody.Artifact{SHA256: evidence.Sum(content), Size: uint64(len(content)), BlockRoot: evidence.BlockRoot([]evidence.Digest{leaf})}
	deposit := ledgertest.Seal(t, s.Officer, ledgertest.Draft(t, l, s.Officer, &custody.Deposited{Artifact: a, Case: s.Case, Format: custody.FormatRaw,
		Item: item, Parent: &s.Disk, Role: custody.RoleMaster}, s.Custody(s.Disk)))
	deposit.Documents = [][]byte{doc}
	reception := s.Reception(item, a)
	reception.Retention.Mode = custody.RetentionGovernance
	deposit.Effects = docket.Effects{Upload: &upload, Artifact: &docket.Artifact{Item: item, Case: s.Case, SHA256: a.SHA256, Size: a.Size, BlockRoot: a.BlockRoot,
		SHA1: unhex(t, reception.SHA1), MD5: unhex(t, reception.MD5), Bucket: "b", Key: "k", Version: "v", Encoding: custody.EncodingPlain, Retention: custody.RetentionGovernance,
		Until: farAway, Leaves: leaf[:], Stored: time.Now()}}
	received := docket.Act{Body: reception}
	// What the service computed is not what was signed: nothing of either.
	other := *s.Reception(item, a)
	other.Artifact.SHA256[0] ^= 1
	var refused *custody.Refusal
	if _, err := l.Deposit(ctx, deposit, docket.Act{Body: &other}); !errors.As(err, &refused) || refused.Rule != "received.mismatch" {
		t.Fatalf("a mismatch: %v", err)
	}
	if u, err := l.Upload(ctx, upload); err != nil || u.Status != docket.UploadOpen {
		t.Fatalf("the upload is %s: %v", u.Status, err)
	}
	first, err := l.Deposit(ctx, deposit, received)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 2 || first[1].Index != first[0].Index+1 || !first[0].Created {
		t.Fatalf("receipts %+v", first)
	}
	second, err := l.Deposit(ctx, deposit, received)
	if err != nil || second[0].Created || second[1].EventID != first[1].EventID || !bytes.Equal(second[1].Checkpoint, first[1].Checkpoint) {
		t.Errorf("again: %v %+v", err, second)
	}
	if u, err := l.Upload(ctx, upload); err != nil || u.Status != docket.UploadFinished {
		t.Errorf("the upload is %s: %v", u.Status, err)
	}
	kept, err := l.Artifact(ctx, item)
	if err != nil || kept.SHA256 != a.SHA256 || !bytes.Equal(kept.Leaves, leaf[:]) || kept.Retention != custody.RetentionGovernance {
		t.Errorf("%+v %v", kept, err)
	}
	if same, err := l.ArtifactsBySHA256(ctx, a.SHA256); err != nil || len(same) != 1 {
		t.Errorf("%d artifacts: %v", len(same), err)
	}
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
}

func newUpload(id custody.ID, s *rulingtest.Scene) docket.Upload {
	return docket.Upload{ID: id, S3Upload: "s3", Bucket: "b", ObjectKey: "k", Owner: s.Officer.ID(), Case: s.Case, Parent: &s.Disk,
		FileName: "شہادت ../x", Size: 20 << 20, PartSize: 8 << 20, HashState: []byte("state 0"), Expires: farAway, Created: time.Now()}
}

func TestUploads(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	id := evidence.Sum([]byte("u"))
	if err := l.BeginUpload(ctx, newUpload(id, s)); err != nil {
		t.Fatal(err)
	}
	part := func(n int) docket.UploadPart {
		sum := evidence.Sum([]byte{byte(n)})
		return docket.UploadPart{N: n, ETag: "e", CRC64: make([]byte, 8), Size: 8 << 20, Leaves: sum[:]}
	}
	steps := []struct {
		name string
		part docket.UploadPart
		err  error
	}{
		{"ahead", part(2), docket.ErrClosed},
		{"first", part(1), nil},
		{"first again", part(1), nil},
		{"first with other bytes", func() docket.UploadPart { p := part(1); p.Leaves[0] ^= 1; return p }(), docket.ErrClosed},
		{"second", part(2), nil},
		{"first, late", part(1), docket.ErrClosed},
	}
	for _, step := range steps {
		if err := l.AddPart(ctx, id, step.part, []byte("state "+step.name), farAway); !errors.Is(err, step.err) {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	u, err := l.Upload(ctx, id)
	if err != nil || u.Frontier != 2 || string(u.HashState) != "state second" || u.FileName != "شہادت ../x" || *u.Parent != s.Disk {
		t.Errorf("%+v %v", u, err)
	}
	parts, err := l.UploadParts(ctx, id)
	if err != nil || len(parts) != 2 || !bytes.Equal(parts[1].Leaves, part(2).Leaves) {
		t.Errorf("%+v %v", parts, err)
	}
	// The store lost a part: it is to come again, with the same bytes.
	if err := l.LoseParts(ctx, id, []int{2}); err != nil {
		t.Error(err)
	}
	if u, err := l.Upload(ctx, id); err != nil || !slices.Equal(u.Lost, []int{2}) || u.Frontier != 2 {
		t.Errorf("lost are %v of %d (%v)", u.Lost, u.Frontier, err)
	}
	again := part(2)
	again.ETag = "other"
	other := part(2)
	other.Leaves = evidence.JoinLeaves([]evidence.Digest{evidence.Sum(nil)})
	for name, step := range map[string]struct {
		part docket.UploadPart
		err  error
	}{"not lost": {part(1), docket.ErrClosed}, "of other bytes": {other, docket.ErrClosed}} {
		if err := l.RestorePart(ctx, id, step.part); !errors.Is(err, step.err) {
			t.Errorf("a part %s is restored: %v", name, err)
		}
	}
	if err := l.RestorePart(ctx, id, again); err != nil {
		t.Error(err)
	}
	if u, err := l.Upload(ctx, id); err != nil || len(u.Lost) != 0 {
		t.Errorf("lost are %v (%v)", u.Lost, err)
	}
	if parts, err := l.UploadParts(ctx, id); err != nil || parts[1].ETag != "other" {
		t.Errorf("%+v %v", parts, err)
	}
	if err := l.SetUpload(ctx, id, docket.UploadCompleting, []byte("envelope"), ""); err != nil {
		t.Error(err)
	}
	if err := l.AddPart(ctx, id, part(3), nil, farAway); !errors.Is(err, docket.ErrClosed) {
		t.Errorf("a part while completing: %v", err)
	}
	if left, err := l.ExpiredUploads(ctx, time.Now()); err != nil || len(left) != 1 || string(left[0].Finish) != "envelope" {
		t.Errorf("to go on with: %+v %v", left, err)
	}
	if mine, err := l.Uploads(ctx, s.Officer.ID()); err != nil || len(mine) != 1 {
		t.Errorf("%d uploads: %v", len(mine), err)
	}
	if err := l.SetUpload(ctx, id, docket.UploadAborted, nil, ""); err != nil {
		t.Error(err)
	}
	if err := l.LoseParts(ctx, id, []int{1}); !errors.Is(err, docket.ErrClosed) {
		t.Errorf("an aborted upload loses parts: %v", err)
	}
	if err := l.SetUpload(ctx, id, docket.UploadOpen, nil, ""); !errors.Is(err, docket.ErrClosed) {
		t.Errorf("an aborted upload opens again: %v", err)
	}
	if mine, err := l.Uploads(ctx, s.Officer.ID()); err != nil || len(mine) != 0 {
		t.Errorf("%d uploads: %v", len(mine), err)
	}
	if _, err := l.Upload(ctx, evidence.Sum(nil)); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("an unknown upload: %v", err)
	}
}

func TestTokens(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	token := func(name string, expires time.Time) docket.Token {
		return docket.Token{Hash: evidence.Sum([]byte(name)), Key: s.Officer.ID(), Expires: expires}
	}
	if err := l.SaveToken(ctx, token("a", farAway), "jti", farAway); err != nil {
		t.Fatal(err)
	}
	if err := l.SaveToken(ctx, token("b", farAway), "jti", farAway); !errors.Is(err, docket.ErrSpent) {
		t.Errorf("an assertion is used twice: %v", err)
	}
	if _, err := l.Token(ctx, token("b", farAway).Hash); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("a replay left a token: %v", err)
	}
	if got, err := l.Token(ctx, token("a", farAway).Hash); err != nil || got.Key != s.Officer.ID() {
		t.Errorf("%+v %v", got, err)
	}
	past := time.Now().Add(-time.Minute)
	if err := l.SaveToken(ctx, token("c", past), "old", past); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Token(ctx, token("c", past).Hash); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("an expired token is found: %v", err)
	}
	if err := l.Forget(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.SaveToken(ctx, token("d", farAway), "jti", farAway); !errors.Is(err, docket.ErrSpent) {
		t.Errorf("a live assertion was forgotten: %v", err)
	}
}

func TestRequests(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	r := docket.Request{Key: s.Officer.ID(), Name: "once", Digest: evidence.Sum([]byte("r")), Expires: farAway}
	if _, started, err := l.BeginRequest(ctx, r); err != nil || !started {
		t.Fatal(started, err)
	}
	if kept, started, err := l.BeginRequest(ctx, r); err != nil || started || kept.Digest != r.Digest || kept.Answer != nil {
		t.Errorf("in flight: %+v %v %v", kept, started, err)
	}
	if err := l.EndRequest(ctx, r.Key, r.Name, []byte("answer")); err != nil {
		t.Fatal(err)
	}
	if kept, started, err := l.BeginRequest(ctx, r); err != nil || started || string(kept.Answer) != "answer" {
		t.Errorf("answered: %+v %v %v", kept, started, err)
	}
	r.Name = "fails"
	if _, _, err := l.BeginRequest(ctx, r); err != nil {
		t.Fatal(err)
	}
	if err := l.EndRequest(ctx, r.Key, r.Name, nil); err != nil {
		t.Fatal(err)
	}
	if _, started, err := l.BeginRequest(ctx, r); err != nil || !started {
		t.Errorf("a failed request can't be tried again: %v", err)
	}
}

func TestReports(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	pdf, js := []byte("%PDF"), []byte("{}")
	cp, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Observe(ctx, docket.Act{Body: &custody.ReportIssued{Case: s.Case, For: s.Officer.Party, Items: []custody.ID{}, Over: cp.Seen(),
		Files: custody.ReportFiles{JSON: evidence.Sum(js), PDF: evidence.Sum(pdf)}}},
		docket.Effects{Report: &docket.Report{Case: s.Case, For: s.Officer.Party, Made: time.Now(), Files: []docket.ReportFile{
			{Name: "report.pdf", SHA256: evidence.Sum(pdf), Bytes: pdf}, {Name: "report.json", SHA256: evidence.Sum(js), Bytes: js}}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Report(ctx, r.EventID)
	if err != nil || got.Case != s.Case || got.For != s.Officer.Party || len(got.Files) != 2 {
		t.Errorf("%+v %v", got, err)
	}
	if f, err := l.ReportFile(ctx, r.EventID, "report.pdf"); err != nil || !bytes.Equal(f.Bytes, pdf) {
		t.Errorf("%+v %v", f, err)
	}
	if _, err := l.ReportFile(ctx, r.EventID, "../x"); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("an unknown file: %v", err)
	}
}

// Who has a part in which case, who is who, and which chains belong to a case.
func TestDirectory(t *testing.T) {
	ctx := testContext(t)
	s := rulingtest.Everything(t)
	l := ledgertest.NewDatabase(t).Open(t)
	ledgertest.Retell(t, l, s.Story, 0)
	parts := func(org custody.ID) (out []string) {
		got, err := l.Involvements(ctx, org)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range got {
			if p.Case != s.Case {
				out = append(out, "other case")
				continue
			}
			out = append(out, string(p.Part))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	for name, row := range map[string]struct {
		org  custody.ID
		want []string
	}{
		"agency":       {s.Agency.ID, []string{"agency", "holder"}},
		"laboratory":   {s.Laboratory.ID, []string{"grantee-bytes", "holder", "recipient"}},
		"court":        {s.Court.ID, []string{"grantee-record"}},
		"other agency": {s.OtherAgency.ID, []string{"other case"}},
		"directorate":  {s.Directorate.ID, nil},
	} {
		if got := parts(row.org); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
	orgs, err := l.Organisations(ctx, docket.All())
	if err != nil || len(orgs) != 6 {
		t.Errorf("%d organisations: %v", len(orgs), err)
	}
	if next, err := l.Organisations(ctx, docket.Page{After: int64(orgs[1].Founded), Limit: 2}); err != nil || len(next) != 2 || next[0].ID != orgs[2].ID {
		t.Errorf("a page: %v", err)
	}
	keys, err := l.OrgKeys(ctx, s.Agency.ID)
	if err != nil || len(keys) != 4 || keys[0].Public.ID() != s.Officer.ID() || keys[0].Standing.Revocation == nil {
		t.Errorf("%d keys: %v", len(keys), err)
	}
	root, err := l.Key(ctx, s.Agency.Root.ID())
	if err != nil || root.Standing != nil || len(root.RootOf) != 1 || root.RootOf[0] != s.Agency.ID {
		t.Errorf("%+v %v", root, err)
	}
	if _, err := l.Key(ctx, evidence.Sum(nil)); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("an unknown key: %v", err)
	}
	chains, err := l.CaseChains(ctx, s.Case)
	if err != nil {
		t.Fatal(err)
	}
	n := map[custody.ChainType]int{}
	var ids []custody.ID
	for _, c := range chains {
		n[c.Type]++
		ids = append(ids, c.ID)
	}
	// Exhibits phone and disk, the image, what was extracted from it, an image in
	// E01, and a working copy that was erased.
	if n[custody.ChainCase] != 1 || n[custody.ChainItem] != 6 || n[custody.ChainGrant] != 2 || n[custody.ChainAccess] != 1 || n[custody.ChainObservations] != 5 {
		t.Errorf("the case has %v", n)
	}
	events, err := l.ChainEvents(ctx, ids...)
	if err != nil || !slices.IsSortedFunc(events, func(a, b *docket.Event) int { return int(a.Index) - int(b.Index) }) {
		t.Errorf("%d events: %v", len(events), err)
	}
	if e, err := l.EventByLeaf(ctx, events[3].LeafHash); err != nil || e.Index != events[3].Index {
		t.Errorf("by leaf: %v", err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
