package desk

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

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

// TestAnotherReport: a true report of the service, recorded and with its receipt,
// does not pass for the one that was asked for.
func TestAnotherReport(t *testing.T) {
	ctx := context.Background()
	c := newCast(t)
	c.f.reader = c.officer.Identity()
	items := []evidence.Digest{c.exhibit}
	other, err := c.officer.OpenCase(ctx, Opening{Fields: map[string]string{"title": "another"}})
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.officer.RequestReport(ctx, c.matter, items)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*custody.ReportIssued)
		at     int
		says   string
	}{
		"of another case":  {func(b *custody.ReportIssued) { b.Case, b.Items = other.Case, []custody.ID{} }, 0, "is on case"},
		"of other items":   {func(b *custody.ReportIssued) { b.Items = []custody.ID{} }, 0, "other items"},
		"for another":      {func(b *custody.ReportIssued) { b.For = c.clerk.Identity() }, 0, "somebody else"},
		"issued yesterday": {nil, int(first.Recorded.Index), "before it was asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			c.f.report, c.f.reported = tt.change, tt.at
			if _, err := c.officer.RequestReport(ctx, c.matter, items); !errors.Is(err, ErrEvidence) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	c.f.report, c.f.reported = nil, 0
	if _, err := c.officer.RequestReport(ctx, c.matter, items); err != nil {
		t.Error(err)
	}
}
