package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// The service notes timestamps over checkpoints that were published, old ones
// too, and no others.
func TestObserveTime(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, _ := ledgertest.New(t)
	_, log := l.LogDocument()
	over := func(cp docket.Checkpoint) *custody.LogTime {
		return &custody.LogTime{Digest: evidence.Sum([]byte("token")), Log: log, Root: cp.Root, Size: cp.Size, Time: custody.NewTime(time.Now())}
	}
	first, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(3) { // over the head, then over an older checkpoint
		r, err := l.Observe(ctx, docket.Act{Body: over(first)}, docket.Effects{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Index != n+1 || !r.Created {
			t.Errorf("timestamp %d got index %d, created %v", n, r.Index, r.Created)
		}
	}
	events, err := l.ChainEvents(ctx, custody.Observations(log))
	if err != nil || len(events) != 3 {
		t.Fatalf("the log's observations are %d events, %v", len(events), err)
	}
	if c, err := l.Chain(ctx, custody.Observations(log)); err != nil || c.Seq != 2 || c.About == nil || *c.About != log || c.Case != nil {
		t.Errorf("the chain is %+v, %v", c, err)
	}

	for name, spoil := range map[string]func(*custody.LogTime){
		"a size never published":   func(b *custody.LogTime) { b.Size += 100 },
		"a root never published":   func(b *custody.LogTime) { b.Root[0] ^= 1 },
		"a checkpoint of no other": func(b *custody.LogTime) { b.Size, b.Root = 2, first.Root },
	} {
		b := over(first)
		spoil(b)
		_, err := l.Observe(ctx, docket.Act{Body: b}, docket.Effects{})
		wantRefusal(t, name, err, "seen.unknown")
	}
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
}

// A recovery is the first event after the loss, names a head that is lost, and
// stands on the log's own chain.
func TestObserveRecovery(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, d, s := scene(t)
	_, log := l.LogDocument()
	n := size(t, l)
	lost := func(size uint64) docket.Act {
		return docket.Act{Body: &custody.LogRecovered{Cause: custody.RecoveryBackup, Log: log, Signed: custody.SignedHead{Size: size}}}
	}
	_, err := l.Observe(ctx, lost(n-1), docket.Effects{})
	wantRefusal(t, "a head that is shown", err, "recovery.signed")
	r, err := l.Observe(ctx, lost(n+5), docket.Effects{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Index != n {
		t.Errorf("the recovery got index %d, after %d events", r.Index, n)
	}
	if c, err := l.Chain(ctx, log); err != nil || c.Seq != 1 || c.Head != r.LeafHash || c.Type != custody.ChainLog {
		t.Errorf("the log's chain is %+v, %v", c, err)
	}

	// Sealed over the present head, but another event came first.
	service := rulingtest.NewKey("service " + ledgertest.Origin)
	service.Class = custody.ClassService
	late := ledgertest.Seal(t, service, ledgertest.Draft(t, l, service, lost(n+9).Body))
	one, _ := ledgertest.OpenCase(t, l, s.Officer, "came first")
	if _, err := l.Append(ctx, one); err != nil {
		t.Fatal(err)
	}
	_, err = l.Append(ctx, late)
	wantRefusal(t, "a recovery that another event came before", err, "recovery.seen")

	// Confirmations and status lists by people, and what the service may not say.
	confirm := &custody.Confirmed{Items: custody.SortedIDs(s.Phone, s.Disk)}
	if _, err := l.Append(ctx, ledgertest.Seal(t, s.Officer, ledgertest.Draft(t, l, s.Officer, confirm))); err != nil {
		t.Error(err)
	}
	_, err = l.Append(ctx, ledgertest.Seal(t, s.Second, ledgertest.Draft(t, l, s.Second, confirm)))
	wantRefusal(t, "a confirmation by a colleague", err, "custody.not-holder")

	revoked := &custody.KeyRevoked{Key: s.Second.ID(), Org: s.Agency.ID, Reason: custody.ReasonLeft}
	if _, err := l.Append(ctx, ledgertest.Seal(t, s.Certifier, ledgertest.Draft(t, l, s.Certifier, revoked, *s.Second.Cert))); err != nil {
		t.Fatal(err)
	}
	list := func(keys ...custody.ID) docket.Submission {
		return ledgertest.Seal(t, s.Agency.Root, ledgertest.Draft(t, l, s.Agency.Root, &custody.OrgStatus{Org: s.Agency.ID, Revoked: custody.SortedIDs(keys...)}))
	}
	_, err = l.Append(ctx, list())
	wantRefusal(t, "a list that hides a revocation", err, "status.list")
	stated, err := l.Append(ctx, list(s.Second.ID()))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := l.Chain(ctx, s.Agency.ID); err != nil || c.State.Org.Stated == nil || c.State.Org.Stated.Index != stated[0].Index || len(c.State.Org.Revoked) != 1 {
		t.Errorf("the agency's chain is %+v, %v", c, err)
	}

	// A person who signs what is the service's is refused by form, or, calling
	// the key a service's, by the log document.
	forger := *s.Officer
	forger.Class = custody.ClassService
	for _, body := range []custody.Body{lost(size(t, l)).Body,
		&custody.LogTime{Digest: evidence.Sum([]byte("token")), Log: log, Root: head(t, l).Root, Size: size(t, l), Time: custody.NewTime(time.Now())}} {
		_, err = l.Append(ctx, ledgertest.Seal(t, &forger, ledgertest.Draft(t, l, &forger, body)))
		wantRefusal(t, string(body.Kind())+" by an officer", err, "signer.not-service")
	}
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
	l.Close()
	l = d.Open(t) // the states come back as they were written
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
}

func head(t testing.TB, l *ledger.Ledger) docket.Checkpoint {
	t.Helper()
	cp, err := l.Checkpoint(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return cp
}

func wantRefusal(t *testing.T, name string, err error, rule string) {
	t.Helper()
	var r *custody.Refusal
	if !errors.As(err, &r) || r.Rule != rule {
		t.Errorf("%s: %v; want refusal by %s", name, err, rule)
	}
}
