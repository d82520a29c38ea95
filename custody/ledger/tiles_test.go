package ledger_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestTiles reads the whole tree by its tiles, from the process that appended
// it and from one that has nothing in memory.
func TestTiles(t *testing.T) {
	ctx := testContext(t)
	l, d := ledgertest.New(t)
	ledgertest.Fill(ctx, t, l, ledgertest.Officer(t, l), 600)
	cp, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	other := d.Open(t)
	for name, from := range map[string]func(tlog.Tile) ([]byte, error){
		"appender": func(tile tlog.Tile) ([]byte, error) { return l.Tile(ctx, tile) },
		"another":  func(tile tlog.Tile) ([]byte, error) { return other.Tile(ctx, tile) },
	} {
		for _, size := range []uint64{1, 256, 300, 512, cp.Size} {
			root, err := l.RootAt(ctx, size)
			if err != nil {
				t.Fatal(err)
			}
			r, err := tlog.NewTileReader(size, root, from)
			if err != nil {
				t.Fatal(err)
			}
			for n := range (size + 255) / 256 {
				entries, err := r.Entries(n)
				if err != nil {
					t.Errorf("%s, bundle %d of %d leaves: %v", name, n, size, err)
				}
				for i, b := range entries {
					f, err := tlog.ParseLeaf(b)
					if err != nil {
						t.Fatal(err)
					}
					if e, err := l.Event(ctx, f.EventID); i == 0 && (err != nil || e.Index != n*256) {
						t.Errorf("entry %d of bundle %d is event %v: %v", i, n, e, err)
					}
				}
			}
		}
		for _, tile := range []tlog.Tile{{N: 100, Width: 1}, {N: cp.Size / 256, Width: 256}, {N: cp.Size / 256, Width: int(cp.Size%256) + 1}, {Level: 1, Width: 3}, {Level: 2, Width: 1}, {Level: 63, Width: 1},
			{Entries: true, N: cp.Size / 256, Width: 256}, {Entries: true, N: 1 << 40, Width: 1}, {N: 1 << 60, Width: 1}, {Width: 0}, {Width: 257}, {Level: -1, Width: 1}} {
			if b, err := from(tile); !errors.Is(err, docket.ErrNotFound) {
				t.Errorf("%s, %+v: %d bytes, %v", name, tile, len(b), err)
			}
		}
	}
}

func TestShelved(t *testing.T) {
	ctx := testContext(t)
	l, d := ledgertest.New(t)
	other := d.Open(t)
	for _, n := range []uint64{3, 2, 7, 7} {
		if err := l.SetShelved(ctx, docket.BundleLevel, n); err != nil {
			t.Fatal(err)
		}
	}
	want := map[int]uint64{-1: 7, 0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 0}
	if got, err := other.Shelved(ctx); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	// One at a time, whoever it is; and again once it has ended, badly too.
	failed := errors.New("failed")
	for _, l := range []interface {
		Shelving(ctx context.Context, do func() error) (bool, error)
	}{l, other, l} {
		mine, err := l.Shelving(ctx, func() error {
			if mine, err := other.Shelving(ctx, func() error { t.Error("two shelve at once"); return nil }); mine || err != nil {
				t.Errorf("while one shelves: %t, %v", mine, err)
			}
			return failed
		})
		if !mine || !errors.Is(err, failed) {
			t.Errorf("%t, %v", mine, err)
		}
	}
}

func TestAuditors(t *testing.T) {
	ctx := testContext(t)
	l, _ := ledgertest.New(t)
	now := time.Now().UTC().Truncate(time.Second)
	first := docket.Auditor{Hash: evidence.Sum([]byte("first")), Name: "نعیم, expert", Issued: now, Expires: now.Add(time.Hour)}
	second := docket.Auditor{Hash: evidence.Sum([]byte("second")), Name: "second", Issued: now.Add(time.Second), Expires: now.Add(time.Hour)}
	for _, a := range []docket.Auditor{second, first} {
		if err := l.SaveAuditor(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	for what, bad := range map[string]docket.Auditor{"again": first, "no name": {Hash: evidence.Sum(nil), Issued: now, Expires: now.Add(1)}, "a long name": {Hash: evidence.Sum(nil), Name: strings.Repeat("x", 129), Issued: now, Expires: now.Add(1)},
		"no life": {Hash: evidence.Sum(nil), Name: "x", Issued: now, Expires: now}} {
		if err := l.SaveAuditor(ctx, bad); err == nil {
			t.Errorf("%s was kept", what)
		}
	}
	if got, err := l.Auditor(ctx, first.Hash); err != nil || got.Name != first.Name || !got.Expires.Equal(first.Expires) || got.Revoked != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := l.Auditor(ctx, evidence.Sum(nil)); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
	if err := l.RevokeAuditor(ctx, evidence.Sum(nil)); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("revoking one that is not there: %v", err)
	}
	var when time.Time
	for range 2 {
		if err := l.RevokeAuditor(ctx, first.Hash); err != nil {
			t.Fatal(err)
		}
		all, err := l.Auditors(ctx)
		if err != nil || len(all) != 2 || all[0].Hash != first.Hash || all[0].Revoked == nil || all[1].Revoked != nil {
			t.Fatalf("%+v, %v", all, err)
		}
		if !when.IsZero() && !when.Equal(*all[0].Revoked) {
			t.Error("revoked again, it was revoked later")
		}
		when = *all[0].Revoked
	}
}
