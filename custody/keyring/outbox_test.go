package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/seal"
)

func testOutbox(t *testing.T) *Outbox {
	t.Helper()
	o, err := OpenOutbox(filepath.Join(t.TempDir(), "outbox"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func signedEntry(t *testing.T, n int) Entry {
	t.Helper()
	priv, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	s, err := seal.NewSigner(priv)
	if err != nil {
		t.Fatal(err)
	}
	env, err := s.Sign(fmt.Appendf(nil, `{"n":%d}`, n))
	if err != nil {
		t.Fatal(err)
	}
	return Entry{
		EventID: env.EventID(), Kind: "custody.released", KeyName: "k", KeyID: s.Public().ID(),
		Server: "http://127.0.0.1:8440", Created: time.Unix(1700000000+int64(n), 0).UTC(),
		Envelope: env.JSON(), Details: [][]byte{[]byte("{\"field\":\"note\"}\n")}, Documents: [][]byte{{0xff, 0}},
	}
}

func TestOutboxKeepsTheExactBytesInOrder(t *testing.T) {
	o := testOutbox(t)
	var want []Entry
	for n := range 5 {
		want = append(want, signedEntry(t, n))
	}
	for _, i := range []int{3, 0, 4, 2, 1, 1} { // once more is harmless
		if err := o.Put(want[i]); err != nil {
			t.Fatal(err)
		}
	}
	o, err := OpenOutbox(o.dir, time.Now()) // the next start
	if err != nil {
		t.Fatal(err)
	}
	got, err := o.Pending()
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d pending, %v", len(got), err)
	}
	for i := range want {
		if got[i].EventID != want[i].EventID || !bytes.Equal(got[i].Envelope, want[i].Envelope) ||
			!bytes.Equal(got[i].Details[0], want[i].Details[0]) || !bytes.Equal(got[i].Documents[0], want[i].Documents[0]) {
			t.Errorf("entry %d: %+v", i, got[i])
		}
	}
}

func TestOutboxDoneKeepsTheReceipt(t *testing.T) {
	o, e := testOutbox(t), signedEntry(t, 1)
	if err := o.Done(e.EventID, []byte(`{}`)); !errors.Is(err, ErrNotPending) {
		t.Fatalf("got %v, want ErrNotPending", err)
	}
	if err := o.Put(e); err != nil {
		t.Fatal(err)
	}
	if err := o.Done(e.EventID, []byte(`{"index":7}`)); err != nil {
		t.Fatal(err)
	}
	if left, err := o.Pending(); err != nil || len(left) != 0 {
		t.Errorf("pending %v, %v", left, err)
	}
	s, err := o.Receipt(e.EventID)
	if err != nil || !bytes.Equal(s.Envelope, e.Envelope) || !bytes.Contains(s.Receipt, []byte("7")) {
		t.Errorf("receipt %+v, %v", s, err)
	}
	if b, _ := os.ReadFile(o.path(sent, e.EventID)); bytes.Contains(b, []byte("details")) {
		t.Error("personal details were kept after the event was recorded")
	}
}

func TestOutboxRefuseKeepsWhatWasSigned(t *testing.T) {
	o, e := testOutbox(t), signedEntry(t, 1)
	if err := o.Put(e); err != nil {
		t.Fatal(err)
	}
	if err := o.Refuse(e.EventID, "stale-chain", time.Unix(1700000100, 0).UTC()); err != nil {
		t.Fatal(err)
	}
	r, err := o.Refusals()
	if err != nil || len(r) != 1 || r[0].EventID != e.EventID || r[0].Reason != "stale-chain" {
		t.Errorf("refused %+v, %v", r, err)
	}
	if left, _ := o.Pending(); len(left) != 0 {
		t.Errorf("still pending: %v", left)
	}
}

func TestOutboxRefusesAnotherEventsEnvelope(t *testing.T) {
	o, a, b := testOutbox(t), signedEntry(t, 1), signedEntry(t, 2)
	a.Envelope = b.Envelope
	if err := o.Put(a); err == nil {
		t.Error("an envelope was filed under another event's id")
	}
	if err := o.Put(b); err != nil {
		t.Fatal(err)
	}
	// A damaged file beside it must neither be sent nor hide it.
	if err := os.WriteFile(o.path(pending, signedEntry(t, 3).EventID), []byte(`{"eventId":`), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := o.Pending()
	if err == nil || len(got) != 1 || got[0].EventID != b.EventID {
		t.Errorf("pending %v, %v", got, err)
	}
}

func TestOutboxConcurrently(t *testing.T) {
	o, e := testOutbox(t), signedEntry(t, 1)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := o.Put(e); err != nil {
				t.Error(err)
			}
			if _, err := o.Pending(); err != nil {
				t.Error(err)
			}
			if err := o.Done(e.EventID, []byte(`{}`)); err != nil && !errors.Is(err, ErrNotPending) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if _, err := o.Receipt(e.EventID); err != nil {
		t.Error(err)
	}
}

func TestHomeOpensAllItsParts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	t.Setenv(EnvHome, dir)
	h, err := OpenHome(DefaultHome(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if h.Dir != dir || h.Keys == nil || h.Outbox == nil || h.Seen == nil || h.Trust == nil {
		t.Errorf("opened %+v", h)
	}
}
