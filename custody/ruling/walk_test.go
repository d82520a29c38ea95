package ruling_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

var errUnread = errors.New("the disk is on fire")

// TestRandomWalk lets people try acts at random, and holds the record to what
// must be true after each: an item founded has exactly one accountable holder,
// who changes only by acceptance or assumption; an item in transit moves only
// by acceptance, refusal or recall; a refused act changes nothing.
func TestRandomWalk(t *testing.T) {
	start := rulingtest.NewScene(t)
	for seed := range uint64(6) {
		s := start.Apart(t)
		r := rand.New(rand.NewPCG(seed, 2))
		admitted := map[custody.Kind]int{}
		for range 400 {
			a := randomAct(s, r)
			before := map[id]custody.Item{}
			items := []id{s.Phone, s.Disk, s.Foreign, s.Image}
			for _, it := range items {
				before[it] = *s.Item(it)
			}
			head := s.Seen()
			_, _, err := s.Do(a)
			if err != nil && s.Seen() != head {
				t.Fatalf("seed %d: a refused %s moved the log", seed, a.Body.Kind())
			}
			if err == nil {
				admitted[a.Body.Kind()]++
			}
			for _, it := range items {
				checkStep(t, before[it], *s.Item(it), a, err)
			}
		}
		for _, k := range []custody.Kind{custody.KindReleased, custody.KindAccepted, custody.KindDeclined, custody.KindRecalled, custody.KindAssumed, custody.KindConfirmed} {
			if admitted[k] == 0 {
				t.Errorf("seed %d: no %s was admitted, so the walk shows nothing of it", seed, k)
			}
		}
	}
}

func checkStep(t *testing.T, was, is custody.Item, a attempt, err error) {
	t.Helper()
	kind := a.Body.Kind()
	if is.Holder.IsZero() || is.Custody.IsZero() {
		t.Fatalf("after %s nobody is accountable", kind)
	}
	if (is.Phase == custody.PhaseTransit) != (is.Release != nil && is.To != nil) || (is.Phase != custody.PhaseHeld && is.Phase != custody.PhaseTransit) {
		t.Fatalf("after %s the item is %q with release %v to %v", kind, is.Phase, is.Release, is.To)
	}
	if is.Custody == was.Custody && (is.Holder != was.Holder || is.Since != was.Since) {
		t.Fatalf("after %s the holder changed without an event that gave custody", kind)
	}
	if kind == custody.KindConfirmed && !reflect.DeepEqual(was, is) {
		t.Fatalf("a confirmation changed %+v to %+v", was, is)
	}
	moved := is.Phase != was.Phase || is.Custody != was.Custody
	switch {
	case !moved:
	case err != nil:
		t.Fatalf("a refused %s moved an item: %v", kind, err)
	case was.Phase == custody.PhaseTransit && kind != custody.KindAccepted && kind != custody.KindDeclined && kind != custody.KindRecalled:
		t.Fatalf("an item in transit was moved by %s", kind)
	case is.Custody != was.Custody && kind != custody.KindAccepted && kind != custody.KindAssumed:
		t.Fatalf("%s gave custody", kind)
	case is.Custody != was.Custody && is.Holder != a.By.Party:
		t.Fatalf("%s gave custody to somebody who did not sign", kind)
	}
}

// randomAct is mostly an act that could be admitted, by mostly the right person.
func randomAct(s *scene, r *rand.Rand) attempt {
	people := []*rulingtest.Key{s.Officer, s.Second, s.Approver, s.Analyst, s.Visitor, s.Stranger}
	items := []id{s.Phone, s.Disk, s.Foreign, s.Image}
	by := people[r.IntN(len(people))]
	item := items[r.IntN(len(items))]
	some := []id{item}
	if r.IntN(3) == 0 {
		some = custody.SortedIDs(item, items[r.IntN(len(items))])
	}
	var basis []id
	for _, it := range some {
		if leaf := s.Item(it).Release; leaf != nil {
			basis = append(basis, *leaf)
		}
	}
	switch r.IntN(7) {
	case 0, 1:
		if r.IntN(4) > 0 {
			by = holder(people, s.Item(item))
		}
		to := people[r.IntN(len(people))]
		recipient := rulingtest.To(to.Party.Org)
		if r.IntN(2) == 0 {
			recipient = rulingtest.To(to.Party.Org, to)
		}
		return attempt{By: by, Body: s.Release(recipient, some...)}
	case 2:
		return attempt{By: by, Body: s.Acceptance(some...), Basis: basis}
	case 3:
		return attempt{By: by, Body: &custody.Declined{Items: some, Reason: custody.DeclineOther}, Basis: basis}
	case 4:
		return attempt{By: holder(people, s.Item(item)), Body: &custody.Recalled{Items: some}, Basis: basis}
	case 5:
		if r.IntN(3) > 0 {
			by = holder(people, s.Item(item))
		}
		return attempt{By: by, Body: &custody.Confirmed{Items: some}}
	default:
		from := holder(people, s.Item(item))
		assumer := s.Second
		if from == s.Second {
			assumer = s.Officer
		}
		if e, _, err := s.Do(attempt{By: s.Approver, Body: s.Approval(assumer, item)}); err == nil {
			basis = []id{e.Leaf}
		}
		return attempt{By: assumer, Body: s.Assumption(from, item), Basis: basis}
	}
}

func holder(people []*rulingtest.Key, it *custody.Item) *rulingtest.Key {
	for _, k := range people {
		if k.Party == it.Holder {
			return k
		}
	}
	return people[0]
}

// brokenWorld cannot read one thing at a time.
type brokenWorld struct {
	ruling.World
	chain, entry, document bool
}

func (w brokenWorld) Chain(i id) (*ruling.Chain, error) {
	if w.chain {
		return nil, errUnread
	}
	return w.World.Chain(i)
}

func (w brokenWorld) Entry(i id) (*ruling.Entry, error) {
	if w.entry {
		return nil, errUnread
	}
	return w.World.Entry(i)
}

func (w brokenWorld) Document(i id) ([]byte, error) {
	if w.document {
		return nil, errUnread
	}
	return w.World.Document(i)
}

// TestUnreadableWorld: what could not be read is an error, never a refusal and
// never an admission.
func TestUnreadableWorld(t *testing.T) {
	s := rulingtest.Everything(t)
	for n, e := range s.Entries {
		kind := e.Statement.Predicate.Kind
		for _, w := range []brokenWorld{{chain: true}, {entry: true}, {document: true}} {
			w.World = s.World // later than the event; the failing read comes before that matters, or not at all
			_, err := ruling.Judge(w, ruling.Entry{Index: uint64(n), Leaf: e.Leaf, EventID: e.EventID, Statement: e.Statement})
			var refusal *custody.Refusal
			if err == nil {
				t.Errorf("%s at %d was admitted by a world that cannot be read (%+v)", kind, n, w)
			} else if !errors.As(err, &refusal) && !errors.Is(err, errUnread) {
				t.Errorf("%s at %d: the error lost its cause: %v", kind, n, err)
			}
		}
	}
}
