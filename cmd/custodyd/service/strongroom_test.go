package service

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/keysafe"
	"github.com/evidence-custody/custodyd/cmd/custodyd/keysafe/keysafetest"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// book is the ledger's part, in memory.
type book struct {
	current docket.WrappingKey
	keys    map[string]docket.DataKey
}

func (b *book) DataKey(_ context.Context, object string) (docket.DataKey, error) {
	k, ok := b.keys[object]
	if !ok {
		return k, docket.ErrNotFound
	}
	return k, nil
}

func (b *book) WrappingKey(context.Context, string) (docket.WrappingKey, error) {
	return b.current, nil
}

func (b *book) WrappingKeys(context.Context) ([]docket.WrappingKey, error) {
	return []docket.WrappingKey{b.current}, nil
}

func (b *book) AddWrappingKey(_ context.Context, was string, prepare func() (docket.WrappingKey, error)) (docket.WrappingKey, error) {
	if b.current.ID != was {
		return b.current, nil
	}
	k, err := prepare()
	if err == nil {
		k.Current = true
		b.current = k
	}
	return k, err
}

// TestStrongroomInKMS: the KMS is asked once in a while and not for each block,
// and a key that was destroyed is gone at once, whatever is kept in memory.
func TestStrongroomInKMS(t *testing.T) {
	v, ctx := keysafetest.NewTransit(t, "custody-evidence"), t.Context()
	b := &book{keys: map[string]docket.DataKey{}}
	room := newStrongroom(b, keysafe.Place{Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	now := time.Now()
	room.now = func() time.Time { return now }
	current, err := room.ready(ctx, true, "hashivault://custody-evidence")
	if err != nil || current != "hashivault://custody-evidence#1" {
		t.Fatalf("%q, %v", current, err)
	}
	row, err := room.draw(ctx, "evidence/1")
	if err != nil {
		t.Fatal(err)
	}
	b.keys["evidence/1"] = row
	before := v.Asked("decrypt")
	first, err := room.DataKey(ctx, "evidence/1")
	if err != nil {
		t.Fatal(err)
	}
	v.Down(true)
	for range 3 {
		if again, err := room.DataKey(ctx, "evidence/1"); err != nil || *again != *first {
			t.Fatalf("within the minute: %v", err)
		}
	}
	if n := v.Asked("decrypt") - before; n != 1 {
		t.Errorf("the KMS was asked %d times", n)
	}
	now = now.Add(openFor + time.Second)
	if _, err := room.DataKey(ctx, "evidence/1"); err == nil || errors.Is(err, fixity.ErrNoKey) {
		t.Errorf("after the minute, with the KMS sealed: %v", err)
	}
	v.Down(false)
	if again, err := room.DataKey(ctx, "evidence/1"); err != nil || *again != *first {
		t.Errorf("with the KMS open again: %v", err)
	}
	delete(b.keys, "evidence/1")
	if _, err := room.DataKey(ctx, "evidence/1"); !errors.Is(err, fixity.ErrNoKey) {
		t.Errorf("a destroyed key: %v", err)
	}
	moved := row
	moved.Object = "evidence/2"
	b.keys["evidence/2"] = moved
	if _, err := room.DataKey(ctx, "evidence/2"); err == nil {
		t.Error("another object's key was taken")
	}
}
