package desk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

var errLine = errors.New("the line went dead")

func (c *cast) release() Release {
	return Release{Items: []Handing{{Item: c.exhibit}}, To: c.to(c.clerk), Purpose: custody.PurposeStorage}
}

// TestNothingIsSignedBlind shows the desk dossiers that it must not sign on.
func TestNothingIsSignedBlind(t *testing.T) {
	other := rulingtest.NewStoryOn(t, "other.example.org")
	tests := []struct {
		name string
		set  func(c *cast)
		want error
	}{
		{"no policy", func(c *cast) { c.officer.Policy = nil }, ErrNoPolicy},
		{"one bit", func(c *cast) {
			c.f.dossier = func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b }
		}, ErrEvidence},
		{"not a dossier", func(c *cast) { c.f.dossier = func([]byte) []byte { return []byte("PK") } }, ErrEvidence},
		{"a policy that does not name the agency", func(c *cast) {
			p := *c.officer.Policy
			p.Organisations = p.Organisations[1:]
			c.officer.Policy = &p
		}, ErrNotChecked},
		{"a policy for another log", func(c *cast) {
			p := *c.officer.Policy
			_, id := other.Log()
			p.Logs = slices.Clone(p.Logs)
			p.Logs[0].ID = id
			c.officer.Policy = &p
		}, ErrNotChecked},
		{"another item's dossier", func(c *cast) {
			second, err := c.officer.RegisterItem(context.Background(), c.registration())
			must(t, err)
			b, err := c.f.ItemDossier(context.Background(), second.Item)
			must(t, err)
			c.f.dossier = func([]byte) []byte { return b }
		}, ErrEvidence},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCast(t)
			tt.set(c)
			before := len(c.f.story.Entries)
			_, err := c.officer.Release(context.Background(), c.release())
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if left, _ := c.officer.Outbox.Pending(); len(left) != 0 || len(c.f.story.Entries) != before {
				t.Error("something was signed")
			}
		})
	}
}

// TestOldDossierForNewHead: the service shows an old dossier, so what happened
// since was not verified.
func TestOldDossierForNewHead(t *testing.T) {
	c := newCast(t)
	ctx := context.Background()
	old, err := c.f.ItemDossier(ctx, c.exhibit)
	must(t, err)
	_, err = c.officer.Release(ctx, c.release())
	must(t, err)
	_, err = c.officer.Recall(ctx, Recalling{Items: []evidence.Digest{c.exhibit}})
	must(t, err)
	c.f.dossier = func([]byte) []byte { return old }
	if _, err := c.officer.Release(ctx, c.release()); !errors.Is(err, ErrMoved) {
		t.Errorf("got %v, want ErrMoved", err)
	}
}

func TestLostAnswerIsSentAgain(t *testing.T) {
	c := newCast(t)
	ctx := context.Background()
	lost := true
	c.f.afterAppend = func() error {
		if lost {
			return errLine
		}
		return nil
	}
	if _, err := c.officer.Release(ctx, c.release()); !errors.Is(err, ErrPending) || !errors.Is(err, errLine) {
		t.Fatalf("got %v, want ErrPending", err)
	}
	count := len(c.f.story.Entries)
	waiting, err := c.officer.Outbox.Pending()
	if err != nil || len(waiting) != 1 {
		t.Fatalf("%d waiting, %v", len(waiting), err)
	}
	lost = false
	results, err := c.officer.Resend(ctx)
	if err != nil || len(results) != 1 || results[0].Err != nil || results[0].Recorded.Index != uint64(count-1) {
		t.Fatalf("resent %+v, %v", results, err)
	}
	if len(c.f.story.Entries) != count {
		t.Error("the event was recorded twice")
	}
	if _, err := c.officer.Outbox.Receipt(waiting[0].EventID); err != nil {
		t.Error(err)
	}
}

// TestLostFoundingIsRemembered: the key learns its organisation from the event
// that was sent again.
func TestLostFoundingIsRemembered(t *testing.T) {
	f := newFake(t)
	d := sit(t, f, "root")
	f.afterAppend = func() error { return errLine }
	if _, err := d.FoundOrganisation(context.Background(), Founding{Name: "A", Class: custody.OrgAgency}); !errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	f.afterAppend = nil
	if results, err := d.Resend(context.Background()); err != nil || results[0].Err != nil {
		t.Fatalf("%+v, %v", results, err)
	}
	if meta, err := d.Ring.Meta("root"); err != nil || !meta.Root || meta.Cert.IsZero() || meta.Organisation.IsZero() {
		t.Errorf("remembered %+v, %v", meta, err)
	}
}

func TestReceiptsAreChecked(t *testing.T) {
	forged := rulingtest.NewStoryOn(t, "forged.example.org")
	tests := map[string]func(r *Receipt){
		"another event": func(r *Receipt) { r.EventID[0] ^= 1 },
		"another leaf":  func(r *Receipt) { r.LeafHash[0] ^= 1 },
		"another place": func(r *Receipt) { r.Index-- },
		"no proof":      func(r *Receipt) { r.Inclusion = nil },
		"no checkpoint": func(r *Receipt) { r.Checkpoint = "" },
		"unsigned":      func(r *Receipt) { r.Checkpoint = r.Checkpoint[:len(r.Checkpoint)-10] + "AAAAAAAA=\n" },
		"another log's": func(r *Receipt) {
			f := &fakeService{story: forged, origin: "forged.example.org"}
			r.Checkpoint = string(f.sign(1))
		},
		"beyond the log":     func(r *Receipt) { r.Index = 1 << 40 },
		"a proof of nothing": func(r *Receipt) { r.Inclusion = append(r.Inclusion, evidence.Digest{}) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCast(t)
			c.f.receipt = change
			_, err := c.officer.OpenCase(context.Background(), Opening{Fields: map[string]string{"title": "x"}})
			if !errors.Is(err, ErrReceipt) {
				t.Fatalf("got %v, want ErrReceipt", err)
			}
			if left, _ := c.officer.Outbox.Pending(); len(left) != 1 {
				t.Errorf("%d events pending, want 1: a wrong receipt is not a receipt", len(left))
			}
		})
	}
}

// TestSplitView: a checkpoint that the log signed, of a history that this
// person has not seen.
func TestSplitView(t *testing.T) {
	c := newCast(t)
	twin := &fakeService{story: c.f.story.Apart(t), origin: c.f.origin}
	_, err := c.officer.OpenCase(context.Background(), Opening{Fields: map[string]string{"title": "x"}})
	must(t, err)
	for _, name := range []string{"invented", "too"} {
		twin.story.Organisation(name, custody.OrgOther)
	}
	c.officer.Service = forked{c.f, twin}
	_, err = c.officer.OpenCase(context.Background(), Opening{Fields: map[string]string{"title": "y"}})
	var split *keyring.SplitViewError
	if !errors.As(err, &split) {
		t.Fatalf("got %v, want a SplitViewError", err)
	}
	if left, _ := c.officer.Outbox.Pending(); len(left) != 0 {
		t.Error("signed over a forked log")
	}
}

// forked shows the twin's log, with the twin's proofs.
type forked struct {
	*fakeService
	twin *fakeService
}

func (f forked) Checkpoint(ctx context.Context, index uint64) ([]byte, error) {
	return f.twin.Checkpoint(ctx, index)
}

func (f forked) Consistency(ctx context.Context, from, to uint64) ([]evidence.Digest, error) {
	return f.twin.Consistency(ctx, from, to)
}

func TestStaleLinkIsVerifiedAndSignedAnew(t *testing.T) {
	c := newCast(t)
	ctx := context.Background()
	once := true
	c.f.beforeAppend = func() error {
		if once { // another officer's item moves the case on
			once = false
			_, err := c.officer.RegisterItem(ctx, c.registration())
			return err
		}
		return nil
	}
	r, err := c.officer.RegisterItem(ctx, c.registration())
	must(t, err)
	if c.f.story.Item(r.Item) == nil {
		t.Error("not registered")
	}
	refused, err := c.officer.Outbox.Refusals()
	if err != nil || len(refused) != 1 {
		t.Errorf("%d refused events on file, %v; want the stale one", len(refused), err)
	}
}

func TestRefusedByRule(t *testing.T) {
	c := newCast(t)
	_, err := c.analyst.OpenCase(context.Background(), Opening{Fields: map[string]string{"title": "x"}})
	var no *Answer
	if !errors.As(err, &no) || no.Status != 422 || no.Rule == "" || errors.Is(err, ErrPending) {
		t.Fatalf("got %v", err)
	}
	if left, _ := c.analyst.Outbox.Pending(); len(left) != 0 {
		t.Error("what is refused for good still waits")
	}
}

func TestAnotherLogIsRefused(t *testing.T) {
	c := newCast(t)
	c.officer.log, c.officer.Service = nil, newFakeOn(t, "other.example.org")
	if _, err := c.officer.OpenCase(context.Background(), Opening{}); !errors.Is(err, ErrOtherLog) {
		t.Errorf("got %v, want ErrOtherLog", err)
	}
}

func TestSealsAreNotInvented(t *testing.T) {
	c := newCast(t)
	in := c.release()
	in.Items[0].Seals = []custody.SealNumber{"B-9"}
	if _, err := c.officer.Release(context.Background(), in); !errors.Is(err, ErrSeal) {
		t.Errorf("other seals without a state: %v, want ErrSeal", err)
	}
	in.Items[0].State = custody.SealBroken
	if _, err := c.officer.Release(context.Background(), in); err != nil {
		t.Error(err)
	}
}

// TestRetrieval crosses what can go wrong on the way with what must be left.
func TestRetrieval(t *testing.T) {
	ctx := context.Background()
	c := newCast(t)
	path, content := image(t, 2.5)
	put := c.deposit(t, path)
	out := filepath.Join(t.TempDir(), "copy.dd")
	in := Retrieval{Path: out, Streams: 1, Reading: Reading{Item: put.Item, Purpose: custody.PurposeExamination}}
	absent := func() {
		t.Helper()
		if _, err := os.Lstat(out); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("the file is there before it is whole: %v", err)
		}
	}
	c.f.content = func(offset int64, r io.Reader) (io.Reader, error) { // cut in the second block
		return io.MultiReader(io.LimitReader(r, max(0, evidence.BlockSize-offset)+100), failing{}), nil
	}
	if _, err := c.officer.Retrieve(ctx, in); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("cut: %v, want ErrInterrupted", err)
	}
	absent()
	// Other bytes, always: named, and what the others are like.
	c.f.content = func(offset int64, _ io.Reader) (io.Reader, error) {
		return bytes.NewReader(make([]byte, len(content))), nil
	}
	_, err := c.officer.Retrieve(ctx, in)
	var bad *BadBlocksError
	if !errors.Is(err, ErrEvidence) || !errors.As(err, &bad) || len(bad.Blocks) != 2 || bad.Whole != 1 || bad.Of != 3 || bad.Blocks[0].Index != 1 || bad.Blocks[1].Length != evidence.BlockSize/2 ||
		!strings.Contains(err.Error(), "block 1 (bytes 8388608 to 16777215) is not what was deposited: other bytes came twice") || !strings.Contains(err.Error(), "1 of 3 blocks") {
		t.Fatalf("other bytes: %v", err)
	}
	absent()
	// The service says that one is damaged: the others are fetched all the same.
	c.f.content = func(offset int64, r io.Reader) (io.Reader, error) {
		if offset == evidence.BlockSize {
			return nil, &Answer{Status: 500, Code: "copy-damaged", Rule: "digest-mismatch"}
		}
		return r, nil
	}
	if _, err := c.officer.Retrieve(ctx, in); !errors.As(err, &bad) || len(bad.Blocks) != 1 || bad.Blocks[0].Index != 1 || bad.Whole != 2 {
		t.Fatalf("damaged: %v", err)
	}
	absent()
	// Somebody changes what was left: it is noticed, and fetched again. One block
	// comes damaged once: that is told.
	part := filepath.Join(filepath.Dir(out), "."+put.Artifact.SHA256.Short()+".custody-part")
	if f, err := os.OpenFile(part, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	} else if _, err = f.WriteAt([]byte("other"), 77); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	once := false
	c.f.offsets, c.f.content = nil, func(offset int64, r io.Reader) (io.Reader, error) {
		if offset == evidence.BlockSize && !once {
			once = true
			return bytes.NewReader(make([]byte, len(content))), nil
		}
		return r, nil
	}
	r, err := c.officer.Retrieve(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if r.Reused != 1 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "block 1 came damaged once") || r.Computed != put.Artifact {
		t.Errorf("got %+v", r)
	}
	slices.Sort(c.f.offsets)
	if want := []int64{0, evidence.BlockSize, evidence.BlockSize}; !slices.Equal(c.f.offsets, want) {
		t.Errorf("read from %v, want %v", c.f.offsets, want)
	}
	if b, _ := os.ReadFile(out); !bytes.Equal(b, content) {
		t.Error("the file differs")
	}
	if entries, _ := os.ReadDir(filepath.Dir(out)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if _, err := c.officer.Retrieve(ctx, in); !errors.Is(err, os.ErrExist) {
		t.Errorf("over an existing file: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errLine }

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

// TestRetrievalIntoStream: what comes out is a true beginning of the evidence,
// and an error says that it is not the whole.
func TestRetrievalIntoStream(t *testing.T) {
	ctx := context.Background()
	c := newCast(t)
	path, content := image(t, 12.5)
	put := c.deposit(t, path)
	var out bytes.Buffer
	in := Retrieval{Out: &out, Reading: Reading{Item: put.Item, Purpose: custody.PurposeExamination}}
	if r, err := c.officer.Retrieve(ctx, in); err != nil || !bytes.Equal(out.Bytes(), content) || r.Computed != put.Artifact {
		t.Fatalf("whole: %v, %d bytes", err, out.Len())
	}
	out.Reset()
	c.f.content = func(offset int64, r io.Reader) (io.Reader, error) {
		if at := int64(10*evidence.BlockSize + 5); offset <= at {
			all, err := io.ReadAll(r)
			if i := at - offset; i < int64(len(all)) {
				all[i] ^= 1
			}
			return bytes.NewReader(all), err
		}
		return r, nil
	}
	var bad *BadBlocksError
	if _, err := c.officer.Retrieve(ctx, in); !errors.As(err, &bad) || bad.Blocks[0].Index != 10 || bad.Part != "" {
		t.Fatalf("a bad tail: %v", err)
	}
	if !bytes.Equal(out.Bytes(), content[:10*evidence.BlockSize]) {
		t.Errorf("%d bytes came out, 10 blocks are whole", out.Len())
	}
}
