//go:build cosign

package dossier_test

import (
	"cmp"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
)

// TestCosignOnAStory: cosign verifies real events of every kind, under
// a checkpoint that witnesses cosigned.
func TestCosignOnAStory(t *testing.T) {
	env := cosign(t)
	need(t, "sh")
	s := rulingtest.Recovered(t)
	book := verifytest.Open(t, s.Story)
	book.Witnesses = append(book.Witnesses, verifytest.NewWitness("witness.example.org"))
	d := book.Dossier(s.Case, s.Phone, s.Disk, s.Image, itemOf(t, book, custody.KindDisposed), itemOf(t, book, custody.KindImageRead))
	showTimes(t, book, d)
	log, err := custody.ParseLogDocument(d.Log)
	if err != nil {
		t.Fatal(err)
	}
	bag := unpack(t, d)
	write(t, filepath.Join(bag, "../log.pem"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: log.Keys[0].Key}))
	c := commands(t, bag, "cosign")
	env = append(env, "H="+log.Origin)
	if out, err := run(t, bag, env, "sh", "-c", c[1]); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	kinds := map[custody.Kind]bool{}
	for _, e := range d.Events {
		st, err := custody.Decode(e.Envelope.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if kinds[st.Predicate.Kind] {
			continue
		}
		kinds[st.Predicate.Kind] = true
		vars := append(env, fmt.Sprintf("N=%012d", e.Index), "K="+e.Key.ID().String(), "D="+st.Subject[0].Digest.SHA256.String())
		if out, err := run(t, bag, vars, "sh", "-c", c[2]); err != nil || !strings.Contains(out, "Verified OK") {
			t.Errorf("%s at %d: %v: %s", st.Predicate.Kind, e.Index, err, out)
		}
	}
	if want := len(custody.KindTable()); len(kinds) < want {
		t.Errorf("the story shows %d of %d kinds: %v", len(kinds), want, kinds)
	}
}

// itemOf is the item that the story's event of that kind is about.
func itemOf(t *testing.T, book *verifytest.Book, kind custody.Kind) custody.ID {
	t.Helper()
	for _, s := range book.Sealed {
		st, err := custody.Decode(s.Envelope.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if st.Predicate.Kind == kind {
			return custody.ItemsOf(st.Predicate.Body)[0]
		}
	}
	t.Fatalf("the story has no %s", kind)
	return custody.ID{}
}

// showTimes adds the log.time events, which this dossier has no need of.
func showTimes(t *testing.T, book *verifytest.Book, d *dossier.Dossier) {
	t.Helper()
	tree := book.Tree()
	for i, s := range book.Sealed {
		st, err := custody.Decode(s.Envelope.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if st.Predicate.Kind != custody.KindTime {
			continue
		}
		proof, err := tlog.ProveInclusion(tree.Size(), uint64(i), tree)
		if err != nil {
			t.Fatal(err)
		}
		d.Events = append(d.Events, dossier.Event{Index: uint64(i), Envelope: s.Envelope, Key: s.Key, Proof: proof})
	}
	slices.SortFunc(d.Events, func(a, b dossier.Event) int { return cmp.Compare(a.Index, b.Index) })
}
