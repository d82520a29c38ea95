package desk

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/acquisition"
)

// ftkLog writes what FTK Imager would beside an image.
func ftkLog(t *testing.T, path string, md5Hex, sha1Hex string) ImagerLog {
	t.Helper()
	must(t, os.WriteFile(path, fmt.Appendf(nil, "Created By AccessData FTK Imager 4.7.1.2\n\n[Computed Hashes]\n MD5 checksum:    %s\n SHA1 checksum:   %s\n\nImage Information:\n Acquisition finished:  Fri Nov 27 18:36:12 2026\n\nImage Verification Results:\n Verification finished: Fri Nov 27 18:36:40 2026\n MD5 checksum:    %s : verified\n", md5Hex, sha1Hex, md5Hex), 0o600))
	l, err := ReadImagerLog(path)
	must(t, err)
	return l
}

// TestDepositBesideItsLog: the log's hashes are computed, compared before anything
// is signed, and declared where they are over the file; the log is an artifact of
// its own below the image.
func TestDepositBesideItsLog(t *testing.T) {
	ctx := context.Background()
	c := newCast(t)
	path, content := image(t, 1.5)
	log := ftkLog(t, path+".txt", fmt.Sprintf("%x", md5.Sum(content)), fmt.Sprintf("%x", sha1.Sum(content)))
	if beside := LogsBeside(path); len(beside) != 1 || beside[0].Path != log.Path {
		t.Fatalf("beside the image: %+v", beside)
	}
	put, err := c.officer.Deposit(ctx, Depositing{Path: path, Case: c.matter, Parent: &c.exhibit, Logs: []ImagerLog{log}})
	must(t, err)
	if got, want := put.Logs[0].Summary(), "hashes match (MD5, SHA-1); the copy was read back; the source was not"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	event := c.f.story.Entries[len(c.f.story.Entries)-2].Statement.Predicate
	body := event.Body.(*custody.Deposited)
	if body.Declared.MD5 != put.MD5 || body.Declared.SHA1 != put.SHA1 || body.Declared.MD5 == "" || body.Declared.SHA256 != nil {
		t.Errorf("declared %+v", body.Declared)
	}
	if c.f.details[event.Details[custody.FieldTool]] == nil || !strings.Contains(string(c.f.details[event.Details[custody.FieldTool]]), "FTK Imager 4.7.1.2") {
		t.Error("the tool is not told")
	}
	kept, err := c.officer.DepositLog(ctx, log, c.matter, put.Item, Telling{})
	must(t, err)
	if it := c.f.story.Item(kept.Item); it == nil || *it.Parent != put.Item || it.Role != custody.RoleLog || it.Format != custody.FormatOther {
		t.Errorf("the log stands as %+v", it)
	}
}

// TestALogThatDiffersStopsTheDeposit: nothing is signed; with words, they are
// recorded, the differing hash is not declared, and no byte is sent again.
func TestALogThatDiffersStopsTheDeposit(t *testing.T) {
	ctx := context.Background()
	c := newCast(t)
	path, content := image(t, 1.5)
	log := ftkLog(t, filepath.Join(t.TempDir(), "other.txt"), strings.Repeat("0", 32), fmt.Sprintf("%x", sha1.Sum(content)))
	in := Depositing{Path: path, Case: c.matter, Parent: &c.exhibit, Logs: []ImagerLog{log}}
	events := len(c.f.story.Entries)
	_, err := c.officer.Deposit(ctx, in)
	var no *LogMismatch
	if !errors.As(err, &no) || len(no.Findings) != 1 || !strings.Contains(no.Findings[0], "MD5 differs") || len(c.f.story.Entries) != events {
		t.Fatalf("%v; %d events more", err, len(c.f.story.Entries)-events)
	}
	waiting, err := c.officer.Outbox.Pending()
	if err != nil || len(waiting) != 0 {
		t.Errorf("%d signed events wait: %v", len(waiting), err)
	}
	sent := len(c.f.parts)
	in.Despite = "the log is of an earlier copy"
	put, err := c.officer.Deposit(ctx, in)
	must(t, err)
	if len(c.f.parts) != sent {
		t.Errorf("%d parts were sent again", len(c.f.parts)-sent)
	}
	event := c.f.story.Entries[len(c.f.story.Entries)-2].Statement.Predicate
	words := string(c.f.details[event.Details[custody.FieldErrors]])
	if !strings.Contains(words, in.Despite) || !strings.Contains(words, "MD5 differs") || event.Body.(*custody.Deposited).Declared.MD5 != "" || !put.Logs[0].Mismatch() {
		t.Errorf("recorded: %s; declared %+v", words, event.Body.(*custody.Deposited).Declared)
	}
}

// TestAnE01IsNotComparedWithMediaHashes: the log's hash is over the media data, and
// is neither computed over the file nor declared as the file's.
func TestAnE01IsNotComparedWithMediaHashes(t *testing.T) {
	c := newCast(t)
	path := filepath.Join(t.TempDir(), "a.E01")
	must(t, os.WriteFile(path, []byte("EVF\x09\x0d\x0a\xff\x00 and more"), 0o600))
	log := ftkLog(t, path+".txt", strings.Repeat("0", 32), strings.Repeat("0", 40))
	in := Depositing{Path: path, Case: c.matter, Parent: &c.exhibit, Logs: []ImagerLog{log}, AcceptDamaged: true} // none that can be decoded
	put, err := c.officer.Deposit(context.Background(), in)
	must(t, err)
	if put.MD5 != "" || put.Logs[0].Mismatch() || !strings.HasPrefix(put.Logs[0].Summary(), "MD5, SHA-1 not compared: it is over media data") {
		t.Errorf("MD5 %q; %s", put.MD5, put.Logs[0].Summary())
	}
	sums := filepath.Join(filepath.Dir(path), "a.E01.sha256")
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(sums, fmt.Appendf(nil, "%s  a.E01\n", evidence.Sum(b)), 0o600))
	l, err := ReadImagerLog(sums)
	must(t, err)
	if r := acquisition.Compare(l.Said, acquisition.Received{Name: "a.E01", Container: acquisition.EWF, Digests: map[acquisition.Algorithm]string{acquisition.SHA256: evidence.Sum(b).String()}}); r.Statements[0].Kind != acquisition.Match {
		t.Errorf("%+v", r)
	}
}
