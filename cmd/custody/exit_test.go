package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/evidence"
)

func TestExitCodes(t *testing.T) {
	line := errors.New("the line went dead")
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{line, 1},
		{context.Canceled, 1},
		{&desk.FindingsError{}, 1},
		{fmt.Errorf("x: %w", desk.ErrNotChecked), 1},
		{&desk.Answer{Status: 500}, 1},
		{&desk.Answer{Status: 404, Code: "not-found"}, 1},
		{usagef("x"), 2},
		{custody.Refuse("body.enum", "x", "y"), 2},
		{fmt.Errorf("x: %w", desk.ErrEvidence), 3},
		{fmt.Errorf("x: %w: %w", desk.ErrReceipt, line), 3},
		{&keyring.SplitViewError{}, 3},
		{keyring.ErrFingerprint, 3},
		{&verdictError{3}, 3},
		{&verdictError{1}, 1},
		{fmt.Errorf("x: %w", &desk.Answer{Status: 422, Code: desk.CodeMismatch}), 3},
		{fmt.Errorf("x: %w", &desk.Answer{Status: 422, Code: "rule-refused"}), 4},
		{&desk.Answer{Status: 401}, 4},
		{fmt.Errorf("%w: %w", desk.ErrPending, &desk.Answer{Status: 401}), 4},
		{desk.ErrNotHolder, 4},
		{desk.ErrNotCertified, 4},
		{fmt.Errorf("x: %w", keyring.ErrPassphrase), 4},
		{&desk.Answer{Status: 409, Code: desk.CodeStale}, 5},
		{desk.ErrNotInTransit, 5},
		{keyring.ErrKeyExists, 5},
		{fmt.Errorf("x: %w", fs.ErrExist), 5},
		{fmt.Errorf("%w: %w", desk.ErrInterrupted, context.Canceled), 6},
		{fmt.Errorf("%w: %w", desk.ErrPending, line), 6},
		{fmt.Errorf("%w: %w", desk.ErrPending, &desk.Answer{Status: 503}), 6},
		// What is said of the evidence outweighs what is said of the errand.
		{fmt.Errorf("%w: %w", desk.ErrInterrupted, desk.ErrEvidence), 3},
	}
	for _, tt := range tests {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%v: exit %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestSafeName(t *testing.T) {
	item := evidence.Sum([]byte("item"))
	for _, good := range []string{"disk.dd", "تصویر.E01", "FB_1-1 (2).raw", strings.Repeat("ی", 127)} {
		if got := safeName(good, item); got != good {
			t.Errorf("safeName(%q) = %q", good, got)
		}
	}
	for _, bad := range []string{"", ".", "..", "../x", "/etc/passwd", `..\x`, `C:\x`, "a:b", ".bashrc", "x\x00", "x\n", "a\u202eb", "nul ", "x.", "a*"} {
		if got := safeName(bad, item); got != item.String()+".bin" {
			t.Errorf("safeName(%q) = %q", bad, got)
		}
	}
}

func TestPrintableHidesNothing(t *testing.T) {
	if got := printable("a\x1b[2Jb\u202ec\nd علی\u200c"); got != "a?[2Jb?c?d علی\u200c" {
		t.Errorf("got %q", got)
	}
}

func TestParseRecipient(t *testing.T) {
	id := evidence.Sum([]byte("x")).String()
	for in, ok := range map[string]bool{id: true, id + "/" + id: true, "": false, "/" + id: false, id + "/": false, id + "/" + id + "/" + id: false} {
		if _, err := parseRecipient(in); (err == nil) != ok {
			t.Errorf("parseRecipient(%.20q): %v", in, err)
		}
	}
}
