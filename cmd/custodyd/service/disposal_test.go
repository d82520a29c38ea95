package service_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// disposal plays a court's order: a superior approves, the holder signs.
func disposal(t *testing.T, cast *stage.Cast, superior *stage.Person, item evidence.Digest) desk.Recorded {
	t.Helper()
	ctx := stage.Context(t)
	approval, err := superior.Desk.Approve(ctx, desk.Approval{Items: []evidence.Digest{item}, For: cast.Investigator.Desk.Identity(), Action: custody.ActionDispose})
	if err != nil {
		t.Fatal(err)
	}
	in := desk.Disposal{Item: item, Approval: approval.Leaf, Authority: custody.DisposeCourtOrder,
		Telling: desk.Telling{Details: map[custody.Field]string{custody.FieldAuthority: "Order of the Sessions Court, 12 March 2026"}}}
	in.Method = custody.DisposeReturned
	if _, err := cast.Investigator.Desk.Dispose(ctx, in); err == nil {
		t.Fatal("stored bytes were returned to somebody")
	}
	in.Method = ""
	if _, err := superior.Desk.Dispose(ctx, in); !errors.Is(err, desk.ErrNotHolder) {
		t.Fatalf("disposed of by another than the holder: %v", err)
	}
	r, err := cast.Investigator.Desk.Dispose(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// erasures are the artifact.erased events of an item, as its verified dossier
// shows them.
func erasures(t *testing.T, p *stage.Person, item evidence.Digest) (found []*custody.Erased, phase custody.Phase) {
	t.Helper()
	d, err := p.Desk.VerifyItems(stage.Context(t), item)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range d.Readings[0].Events {
		if b, ok := e.Body().(*custody.Erased); ok && b.Item == item {
			found = append(found, b)
		}
	}
	return found, d.Item(item).Phase
}

// refusedAsErased reads with an old request of access, and must not be served.
func refusedAsErased(t *testing.T, c *client.Client, r desk.Reader) {
	t.Helper()
	down, err := c.Artifact(stage.Context(t), r.Artifact.SHA256, r.EventID, 0)
	if err == nil {
		b, _ := io.ReadAll(down)
		down.Close()
		t.Fatalf("served %d bytes of what was disposed of", len(b))
	}
	var answer *client.Error
	if !errors.As(err, &answer) || answer.Status != 410 || answer.Problem.Code != "erased" {
		t.Errorf("reading what was disposed of: %v", err)
	}
}

// TestDisposal: a court's order makes stored bytes unreadable under a lock that
// nobody can lift; what was left undone by a crash is done; and nothing is said
// of bytes that were never encrypted.
func TestDisposal(t *testing.T) {
	t.Parallel()
	data, ctx := stage.Dir(t), t.Context()
	o := stage.Options(data)
	svc := stage.Serve(t, o)
	token, _, err := svc.FirstToken(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cast := stage.NewCast(t, svc.URL(), token)
	superior := cast.Enrol(t, cast.Agency, "Superintendent", custody.RightApprove, custody.RightHold)
	kase := cast.Investigator.OpenCase(t)
	db := stage.Database(t, data, localpg.Superuser)
	keys := func() (n int) {
		t.Helper()
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM custody.data_keys`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	asked := func(item evidence.Digest) desk.Reader {
		t.Helper()
		r, err := cast.Investigator.Desk.RequestAccess(stage.Context(t), desk.Reading{Item: item, Purpose: custody.PurposeExamination})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	deposit := func(first byte) (evidence.Digest, desk.Reader) {
		t.Helper()
		path := image(t, first)
		item := cast.Investigator.Deposit(t, kase, nil, path).Item
		same(t, cast.Investigator, item, path)
		return item, asked(item)
	}

	// As it should be: disposed of, erased, and nothing else touched.
	one, oneRead := deposit(1)
	two, twoRead := deposit(2)
	_, keptRead := deposit(3)
	before := objects(t, data)
	if _, err := db.ExecContext(ctx, `DELETE FROM custody.data_keys`); err == nil {
		t.Fatal("the data keys of evidence can be deleted without a word")
	}
	disposal(t, cast, superior, one)
	if n := keys(); n != 2 {
		t.Errorf("%d data keys are left of three, after one disposal", n)
	}
	said, phase := erasures(t, cast.Investigator, one)
	if len(said) != 1 || phase != custody.PhaseDisposed || said[0].Retention.Mode != custody.RetentionCompliance || said[0].Artifact != oneRead.Artifact.SHA256 {
		t.Errorf("%d erasures in the record, the item is %s", len(said), phase)
	}
	for path, was := range before {
		if now := objects(t, data)[path]; now == nil || !now.ModTime().Equal(was.ModTime()) {
			t.Errorf("the disposal touched %s, which is under a lock", path)
		}
	}
	reader := cast.Investigator.Client(t, svc.URL())
	refusedAsErased(t, reader, oneRead)
	if _, err := cast.Investigator.Desk.RequestAccess(stage.Context(t), desk.Reading{Item: one, Purpose: custody.PurposeExamination}); err == nil || !strings.Contains(err.Error(), "disposed") {
		t.Errorf("asked for what was disposed of: %v", err)
	}

	// The key can't be destroyed at once, as where the service dies in between:
	// the disposal stands, nothing is served, and nothing is claimed.
	for _, q := range []string{`CREATE FUNCTION custody.not_now() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not now''; END'`,
		`CREATE TRIGGER not_now BEFORE DELETE ON custody.data_keys FOR EACH ROW EXECUTE FUNCTION custody.not_now()`} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	disposal(t, cast, superior, two)
	if said, phase := erasures(t, cast.Investigator, two); len(said) != 0 || phase != custody.PhaseDisposed || keys() != 2 {
		t.Errorf("%d erasures are claimed, the item is %s, %d keys are left", len(said), phase, keys())
	}
	refusedAsErased(t, reader, twoRead)
	for _, q := range []string{`DROP TRIGGER not_now ON custody.data_keys`, `DROP FUNCTION custody.not_now`} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	stage.Stop(t, svc)
	if r, err := service.Check(ctx, o, true, func(uint64, uint64) {}); err != nil || r.Erased != 1 || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].What, "its data key is still there") {
		t.Errorf("the check between the two: %+v, %v", r, err)
	}

	// The next start does what was left, and what is not encrypted is not erased.
	o.Plain = true
	svc = stage.Serve(t, o)
	cast.Reach(t, svc.URL())
	superior.Reach(t, svc.URL(), "")
	db = stage.Database(t, data, localpg.Superuser)
	for range 200 { // it does so while it serves
		if keys() == 1 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if said, _ := erasures(t, cast.Investigator, two); len(said) != 1 {
		t.Errorf("%d erasures after the start", len(said))
	}
	reader = cast.Investigator.Client(t, svc.URL())
	refusedAsErased(t, reader, twoRead)
	plain, plainRead := deposit(4)
	disposal(t, cast, superior, plain)
	if said, phase := erasures(t, cast.Investigator, plain); len(said) != 0 || phase != custody.PhaseDisposed {
		t.Errorf("%d erasures of what was stored in plain, the item is %s", len(said), phase)
	}
	refusedAsErased(t, reader, plainRead)

	// A copy that was erased is nobody's trouble any more, and says so.
	for item, want := range map[evidence.Digest]string{one: "erased", two: "erased", plain: "unread"} {
		it, err := cast.Investigator.Desk.Service.Item(stage.Context(t), item)
		if err != nil || it.Fixity == nil || it.Fixity.State != want || (want == "erased") != (it.Fixity.Due == nil && !it.Fixity.Event.IsZero()) {
			t.Errorf("shown as %+v, %v; want %s", it.Fixity, err, want)
		}
	}
	if r, err := service.Fixity(ctx, o, service.FixityAsk{Now: true, All: true}, func(uint64, uint64) {}); err != nil || r.Erased != 2 || r.Passed != 2 || r.Failed+r.Unchecked+r.Never != 0 {
		t.Errorf("read back: %+v, %v", r, err)
	}

	// What was not disposed of is as it was.
	if down, err := reader.Artifact(stage.Context(t), keptRead.Artifact.SHA256, keptRead.EventID, 0); err != nil {
		t.Errorf("another item: %v", err)
	} else if n, err := io.Copy(io.Discard, down); err != nil || uint64(n) != keptRead.Artifact.Size {
		t.Errorf("another item: %d bytes, %v", n, err)
	}
	if _, err := cast.Investigator.Desk.RequestReport(stage.Context(t), kase, nil); err != nil {
		t.Errorf("a report of it all: %v", err)
	}
	stage.Stop(t, svc)
	if r, err := service.Check(ctx, o, true, func(uint64, uint64) {}); err != nil || !r.Whole() || r.Erased != 2 || r.Artifacts != 4 {
		t.Errorf("the check found %+v, %v", r, err)
	}
}
