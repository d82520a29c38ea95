package desk

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

func TestDepositIsTakenUp(t *testing.T) {
	ctx := context.Background()
	c := newCast(t)
	path, content := image(t, 3.1)
	c.f.part = func(n int) error {
		if n == 3 {
			return errLine
		}
		return nil
	}
	in := Depositing{Path: path, Case: c.matter, Parent: &c.exhibit}
	before := len(c.f.story.Entries)
	if _, err := c.officer.Deposit(ctx, in); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("got %v, want ErrInterrupted", err)
	}
	if len(c.f.story.Entries) != before {
		t.Error("a record without its bytes")
	}
	arrived := slices.Clone(c.f.parts)
	c.f.part = nil
	open, err := c.officer.Sessions(ctx)
	if err != nil || len(open) != 1 || open[0].Size != int64(len(content)) || open[0].Held == 0 || open[0].Held >= open[0].Size {
		t.Errorf("the deposits begun are %+v (%v)", open, err)
	}
	r, err := c.officer.Deposit(ctx, in)
	must(t, err)
	if !bytes.Equal(c.f.stored[r.Artifact.SHA256], content) {
		t.Error("stored bytes differ")
	}
	for _, n := range c.f.parts[len(arrived):] {
		if slices.Contains(arrived, n) {
			t.Errorf("part %d was sent again", n)
		}
	}
	if len(c.f.uploads) != 1 {
		t.Errorf("%d sessions, want 1", len(c.f.uploads))
	}
	if left, _ := os.ReadDir(c.officer.State); len(left) != 0 {
		t.Errorf("still remembered: %v", left)
	}
}

// TestDepositStopsWhereItCanGoOn: Ctrl-C in the middle.
func TestDepositStopsWhereItCanGoOn(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := newCast(t)
	path, _ := image(t, 3.1)
	c.f.part = func(n int) error {
		if n == 2 {
			cancel()
			return ctx.Err()
		}
		return nil
	}
	in := Depositing{Path: path, Case: c.matter, Parent: &c.exhibit}
	if _, err := c.officer.Deposit(ctx, in); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("got %v, want ErrInterrupted", err)
	}
	c.f.part = nil
	if _, err := c.officer.Deposit(context.Background(), in); err != nil {
		t.Error(err)
	}
}

func TestDepositRefusals(t *testing.T) {
	ctx := context.Background()
	c := newCast(t)
	empty := filepath.Join(t.TempDir(), "empty")
	must(t, os.WriteFile(empty, nil, 0o600))
	if _, err := c.officer.Deposit(ctx, Depositing{Path: empty, Case: c.matter}); err == nil {
		t.Error("an empty image was deposited")
	}
	path, _ := image(t, 0.1)
	if _, err := c.officer.Deposit(ctx, Depositing{Path: path, Case: c.matter, Name: "../x"}); !errors.Is(err, evidence.ErrFileName) {
		t.Errorf("a path as name: %v", err)
	}
	declared := evidence.Sum([]byte("what the imager says"))
	_, err := c.officer.Deposit(ctx, Depositing{Path: path, Case: c.matter, Declared: custody.Declared{SHA256: &declared}})
	var no *Answer
	if !errors.As(err, &no) || no.Code != CodeMismatch || no.Differences[0].Declared != declared.String() {
		t.Errorf("a declared hash that does not match: %v", err)
	}
	if _, err := c.clerk.Deposit(ctx, Depositing{Path: path, Case: c.matter, Parent: &c.exhibit}); !errors.Is(err, ErrNotHolder) {
		t.Errorf("by somebody who does not hold the exhibit: %v", err)
	}
	if len(c.f.stored) != 0 {
		t.Error("something was stored")
	}
}
