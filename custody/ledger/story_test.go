package ledger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

func TestMain(m *testing.M) { os.Exit(ledgertest.Main(m)) }

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// A whole story, with every kind of event, told to the ledger: its tree,
// receipts and chain states are those of the judge's own world.
func TestStory(t *testing.T) {
	ctx := testContext(t)
	story := rulingtest.Recovered(t)
	db := ledgertest.NewDatabase(t)
	l := db.Open(t)
	receipts := ledgertest.Retell(t, l, story.Story, 0)

	_, id := story.Log()
	if document, got := l.LogDocument(); got != id || !bytes.Equal(document, story.Documents[id]) {
		t.Errorf("the log is %s, not %s", got, id)
	}
	keys, err := tlog.LogVerifiers(*mustLog(t, story.Story))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range receipts {
		cp, err := tlog.OpenCheckpoint(r.Checkpoint, ledgertest.Origin, keys)
		if err != nil {
			t.Fatal(err)
		}
		if cp.Size != uint64(i)+1 || !r.Created {
			t.Errorf("event %d: checkpoint of %d leaves, created %v", i, cp.Size, r.Created)
		}
		if err := tlog.VerifyInclusion(story.Entries[i].Leaf, uint64(i), cp.Size, r.Inclusion, cp.Root); err != nil {
			t.Errorf("receipt of event %d: %v", i, err)
		}
		if root, err := story.Leaves.Root(cp.Size); err != nil || root != cp.Root {
			t.Errorf("root of %d leaves is %s, want %s", cp.Size, cp.Root, root)
		}
	}
	for id, want := range story.Chains {
		got, err := l.Chain(ctx, id)
		if err != nil {
			t.Errorf("%s chain %s: %v", want.Type, id.Short(), err)
			continue
		}
		a, _ := json.Marshal(got.Chain)
		b, _ := json.Marshal(want)
		if !bytes.Equal(a, b) {
			t.Errorf("%s chain %s:\n got %s\nwant %s", want.Type, id.Short(), a, b)
		}
	}
	for i := range story.Sealed {
		e, err := l.EventAt(ctx, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(e.Envelope.JSON(), story.Sealed[i].Envelope.JSON()) || e.LeafHash != story.Entries[i].Leaf {
			t.Errorf("event %d came back as another", i)
		}
	}
}

func mustLog(t *testing.T, s *rulingtest.Story) *custody.LogDocument {
	t.Helper()
	doc, _ := s.Log()
	if doc == nil {
		t.Fatal("the story has no log")
	}
	return doc
}
