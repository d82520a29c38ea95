package ledger_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
)

// What was signed is remembered outside the database; an older copy of the
// database, one that went on from an older copy, and an empty one are refused
// before anything is signed.
func TestSignedOutsideTheDatabase(t *testing.T) {
	ctx := testContext(t)
	l, d, s := scene(t)
	l.Close()
	old, forked := d.Copy(t), d.Copy(t)

	var mu sync.Mutex
	var newest docket.Checkpoint
	cfg := d.Config()
	cfg.Published = func(cp docket.Checkpoint) {
		mu.Lock()
		defer mu.Unlock()
		if cp.Size > newest.Size {
			newest = cp
		}
	}
	l, err := ledger.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		sub, _ := ledgertest.OpenCase(t, l, s.Officer, "a case")
		r, err := l.Append(ctx, sub)
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if newest.Size < r[0].Size {
			t.Errorf("a receipt for %d events came out, told was %d", r[0].Size, newest.Size)
		}
		mu.Unlock()
	}
	l.Close()
	other := forked.Open(t)
	for range 4 {
		sub, _ := ledgertest.OpenCase(t, other, s.Officer, "another case")
		if _, err := other.Append(ctx, sub); err != nil {
			t.Fatal(err)
		}
	}
	other.Close()

	open := func(at ledgertest.Database, signed []byte) error {
		cfg := at.Config()
		cfg.Signed = signed
		l, err := ledger.Open(ctx, cfg)
		if err == nil {
			l.Close()
		}
		return err
	}
	for name, row := range map[string]struct {
		at     ledgertest.Database
		signed []byte
		says   string
	}{
		"the same":         {d, newest.Note, ""},
		"an older copy":    {old, newest.Note, "an old copy was put back"},
		"a fork":           {forked, newest.Note, "went on from an old copy"},
		"an empty one":     {ledgertest.NewDatabase(t), newest.Note, "the database holds none"},
		"another's words":  {d, []byte("log.example.org\n1\n\n"), "is not one that log"},
		"a changed number": {d, []byte(strings.Replace(string(newest.Note), "\n", "\n1", 1)), "is not one that log"},
	} {
		err := open(row.at, row.signed)
		if row.says == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var altered *docket.Altered
		if !errors.As(err, &altered) || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, want %q", name, err, row.says)
		}
	}
	// Refused, the old copy was not signed over either.
	was := old.Open(t)
	cp, err := was.Checkpoint(ctx)
	if err != nil || cp.Size != newest.Size-3 {
		t.Errorf("the old copy's newest checkpoint has %d events: %v", cp.Size, err)
	}
}

// Inspect reads without keys, and signs nothing.
func TestInspect(t *testing.T) {
	ctx := testContext(t)
	l, d, s := scene(t)
	at := size(t, l)
	i, err := ledger.Inspect(ctx, d.Config().DSN, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if err := i.Check(ctx); err != nil {
		t.Error(err)
	}
	if n, err := i.Size(ctx); err != nil || n != at {
		t.Errorf("%d events: %v", n, err)
	}
	sub, _ := ledgertest.OpenCase(t, l, s.Officer, "a case")
	if _, err := i.Append(ctx, sub); err == nil {
		t.Error("an inspector appends")
	}
	empty, err := ledger.Inspect(ctx, ledgertest.NewDatabase(t).Config().DSN, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if empty.Founded() {
		t.Error("an empty database has a log")
	}
	if err := empty.Check(ctx); err != nil {
		t.Error(err)
	}
}
