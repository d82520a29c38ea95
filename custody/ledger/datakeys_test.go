package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/migrations"
)

func wrapping(id string) docket.WrappingKey {
	return docket.WrappingKey{ID: id, Check: bytes.Repeat([]byte{1}, 61), Made: time.Now()}
}

// firstWrapping makes a ledger's first key-encryption key known.
func firstWrapping(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	if _, err := l.AddWrappingKey(testContext(t), "", func() (docket.WrappingKey, error) { return wrapping("one"), nil }); err != nil {
		t.Fatal(err)
	}
}

// Of many replicas that start at once, one makes the first key-encryption key.
func TestFirstWrappingKey(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, db := ledgertest.New(t)
	other := db.Open(t)
	var made sync.Map
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			k, err := []*ledger.Ledger{l, other}[n%2].AddWrappingKey(ctx, "", func() (docket.WrappingKey, error) {
				id := fmt.Sprint("key-", n)
				made.Store(id, true)
				return wrapping(id), nil
			})
			if _, mine := made.Load(k.ID); err != nil || !mine {
				t.Errorf("%d: %q, %v", n, k.ID, err)
			}
		})
	}
	all.Wait()
	n := 0
	made.Range(func(any, any) bool { n++; return true })
	keys, err := l.WrappingKeys(ctx)
	if err != nil || n != 1 || len(keys) != 1 || !keys[0].Current {
		t.Errorf("%d keys were made, %v is known: %v", n, keys, err)
	}
	failing := errors.New("no room")
	if _, err := l.AddWrappingKey(ctx, keys[0].ID, func() (docket.WrappingKey, error) { return docket.WrappingKey{}, failing }); !errors.Is(err, failing) {
		t.Errorf("a key that couldn't be made: %v", err)
	}
	if k, err := l.WrappingKey(ctx, ""); err != nil || k.ID != keys[0].ID {
		t.Errorf("the current key is %q: %v", k.ID, err)
	}
}

// A data key goes with its upload, and is wrapped anew by whoever knows how it was.
func TestDataKeys(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, db, s := scene(t)
	firstWrapping(t, l)
	keep := func(n byte, object string) docket.DataKey {
		t.Helper()
		u := newUpload(evidence.Sum([]byte{n}), s)
		k := docket.DataKey{Object: object, Wrapping: "one", Wrapped: bytes.Repeat([]byte{n}, 61)}
		u.ObjectKey, u.DataKey, u.Encoding = object, &k, custody.EncodingDARE
		if err := l.BeginUpload(ctx, u); err != nil {
			t.Fatal(err)
		}
		return k
	}
	first, second := keep(1, "evidence/1"), keep(2, "evidence/2")
	if k, err := l.DataKey(ctx, "evidence/1"); err != nil || !bytes.Equal(k.Wrapped, first.Wrapped) || k.Wrapping != "one" {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := l.DataKey(ctx, "evidence/3"); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("a key that isn't there: %v", err)
	}
	// The same object again, or under a key that nobody knows: nothing of it.
	for what, k := range map[string]docket.DataKey{"object again": first, "unknown wrapping key": {Object: "evidence/9", Wrapping: "nine", Wrapped: first.Wrapped}} {
		u := newUpload(evidence.Sum([]byte(what)), s)
		u.ObjectKey, u.DataKey, u.Encoding = k.Object, &k, custody.EncodingDARE
		if err := l.BeginUpload(ctx, u); err == nil {
			t.Errorf("%s: taken", what)
		}
		if _, err := l.Upload(ctx, u.ID); !errors.Is(err, docket.ErrNotFound) {
			t.Errorf("%s: the session is there without its key: %v", what, err)
		}
	}

	if _, err := l.AddWrappingKey(ctx, "one", func() (docket.WrappingKey, error) { return wrapping("two"), nil }); err != nil {
		t.Fatal(err)
	}
	if err := l.RetireWrappingKey(ctx, "one"); !errors.Is(err, docket.ErrClosed) {
		t.Errorf("retired a key that wraps: %v", err)
	}
	anew := func(k docket.DataKey) docket.DataKey {
		return docket.DataKey{Object: k.Object, Wrapping: "two", Wrapped: bytes.Repeat([]byte{9}, 61)}
	}
	stale := second
	stale.Wrapped = bytes.Repeat([]byte{8}, 61)
	if n, err := l.Rewrap(ctx, []ledger.Rewrap{{Was: first, Now: anew(first)}, {Was: stale, Now: anew(stale)}}); err != nil || n != 1 {
		t.Errorf("wrapped %d anew: %v", n, err)
	}
	if _, err := l.Rewrap(ctx, []ledger.Rewrap{{Was: second, Now: anew(first)}}); err == nil {
		t.Error("wrapped one object's key as another's")
	}
	left, err := l.DataKeysUnder(ctx, "one", "", 10)
	if err != nil || len(left) != 1 || left[0].Object != "evidence/2" {
		t.Errorf("left are %v: %v", left, err)
	}
	if n, err := l.Rewrap(ctx, []ledger.Rewrap{{Was: second, Now: anew(second)}}); err != nil || n != 1 {
		t.Errorf("wrapped %d anew: %v", n, err)
	}
	for _, id := range []string{"two", "three"} {
		if err := l.RetireWrappingKey(ctx, id); !errors.Is(err, docket.ErrClosed) {
			t.Errorf("retired %s: %v", id, err)
		}
	}
	if err := l.RetireWrappingKey(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	if err := l.RetireWrappingKey(ctx, "one"); !errors.Is(err, docket.ErrClosed) {
		t.Errorf("retired again: %v", err)
	}
	keys, err := l.WrappingKeys(ctx)
	if err != nil || len(keys) != 2 || keys[0].Retired == nil || keys[0].Wraps != 0 || keys[1].Wraps != 2 || !keys[1].Current {
		t.Errorf("%+v: %v", keys, err)
	}
	// Nothing comes back under a key that is retired.
	if n, err := l.Rewrap(ctx, []ledger.Rewrap{{Was: anew(first), Now: first}}); err == nil || n != 0 {
		t.Errorf("wrapped %d by a retired key: %v", n, err)
	}

	// What the database itself refuses of the service's own role.
	app := db.Connect(t, migrations.RoleApp)
	for _, query := range []string{
		`DELETE FROM custody.data_keys WHERE object_key = 'evidence/1'`,
		`UPDATE custody.data_keys SET object_key = 'evidence/7' WHERE object_key = 'evidence/1'`,
		`UPDATE custody.wrapping_keys SET id = 'eight' WHERE id = 'two'`,
		`UPDATE custody.wrapping_keys SET retired = NULL WHERE id = 'one'`,
		`UPDATE custody.wrapping_keys SET current = false, retired = now() WHERE id = 'two'`,
	} {
		if _, err := app.ExecContext(ctx, query); pq.As(err, pqerror.RestrictViolation) == nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	for _, query := range []string{`TRUNCATE custody.data_keys`, `DELETE FROM custody.wrapping_keys`} {
		if _, err := app.ExecContext(ctx, query); pq.As(err, pqerror.InsufficientPrivilege) == nil {
			t.Errorf("%s: %v", query, err)
		}
	}

	// An upload that is given up takes its key with it; one that goes on keeps it.
	if err := l.SetUpload(ctx, evidence.Sum([]byte{1}), docket.UploadCompleting, []byte("x"), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := l.DataKey(ctx, "evidence/1"); err != nil {
		t.Errorf("completing, it lost its key: %v", err)
	}
	if err := l.SetUpload(ctx, evidence.Sum([]byte{1}), docket.UploadAborted, nil, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := l.DataKey(ctx, "evidence/1"); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("aborted, its key is there: %v", err)
	}
	if _, err := l.DataKey(ctx, "evidence/2"); err != nil {
		t.Errorf("another's key is gone: %v", err)
	}
}
