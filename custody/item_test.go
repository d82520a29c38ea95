package custody_test

import (
	"reflect"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
)

func id(n byte) custody.ID { return custody.ID{n} }

// The people of the machine's tests: the holder, a colleague, the recipient
// named, another person of the recipient's organisation, and a stranger.
var people = map[string]custody.Party{
	"holder":              {Org: id(1), Person: id(11)},
	"colleague":           {Org: id(1), Person: id(12)},
	"recipient":           {Org: id(2), Person: id(21)},
	"recipient colleague": {Org: id(2), Person: id(22)},
	"stranger":            {Org: id(3), Person: id(11)}, // the holder's person in another organisation
}

var item = id(9)

// deed is an act of that kind on the item.
func deed(kind custody.Kind, by custody.Party) custody.Deed {
	person := people["recipient"].Person
	handed := []custody.HandedItem{{Item: item, Seals: []custody.SealNumber{"S-2"}, State: custody.SealIntact}}
	bodies := map[custody.Kind]custody.Body{
		custody.KindRegistered: &custody.ItemRegistered{Case: id(8), Item: item, Class: custody.ItemDevice, Seals: []custody.SealNumber{"S-1"}},
		custody.KindDeposited:  &custody.Deposited{Case: id(8), Item: item, Format: custody.FormatRaw, Role: custody.RoleMaster, Artifact: custody.Artifact{Size: 1}},
		custody.KindReleased:   &custody.Released{Items: handed, Purpose: custody.PurposeExamination, To: custody.Recipient{Org: id(2), Person: &person}},
		custody.KindAccepted:   &custody.Accepted{Items: handed},
		custody.KindDeclined:   &custody.Declined{Items: []custody.ID{item}},
		custody.KindRecalled:   &custody.Recalled{Items: []custody.ID{item}},
		custody.KindAssumed:    &custody.Assumed{From: people["holder"], Items: handed},
		custody.KindConfirmed:  &custody.Confirmed{Items: []custody.ID{item}},
		custody.KindDisposed:   &custody.Disposed{Authority: custody.DisposeCourtOrder, Case: id(8), Item: item, Method: custody.DisposeReturned},
	}
	return custody.Deed{Kind: kind, Body: bodies[kind], Signer: by, Leaf: id(100), Index: 100}
}

// inPhase returns an item as the machine itself brings it there.
func inPhase(t *testing.T, phase custody.Phase) *custody.Item {
	t.Helper()
	if phase == custody.PhaseNone {
		return nil
	}
	act := deed(custody.KindRegistered, people["holder"])
	act.Leaf, act.Index = id(50), 50
	it, err := (*custody.Item)(nil).Next(item, act)
	if err != nil {
		t.Fatal(err)
	}
	if phase == custody.PhaseTransit {
		act := deed(custody.KindReleased, people["holder"])
		act.Leaf, act.Index = id(60), 60
		if it, err = it.Next(item, act); err != nil {
			t.Fatal(err)
		}
	}
	if phase == custody.PhaseDisposed {
		if it, err = it.Next(item, deed(custody.KindDisposed, people["holder"])); err != nil {
			t.Fatal(err)
		}
	}
	return it
}

// may says who may bring about an admitted row, and who is refused by what.
var may = map[custody.Kind]struct {
	who  []string
	rule string
}{
	custody.KindRegistered: {[]string{"holder", "colleague", "recipient", "recipient colleague", "stranger"}, ""},
	custody.KindDeposited:  {[]string{"holder", "colleague", "recipient", "recipient colleague", "stranger"}, ""},
	custody.KindReleased:   {[]string{"holder"}, "custody.not-holder"},
	custody.KindAccepted:   {[]string{"recipient"}, "custody.not-recipient"},
	custody.KindDeclined:   {[]string{"recipient"}, "custody.not-recipient"},
	custody.KindRecalled:   {[]string{"holder"}, "custody.not-releaser"},
	custody.KindAssumed:    {[]string{"holder", "colleague"}, "custody.not-holder-org"},
	custody.KindConfirmed:  {[]string{"holder"}, "custody.not-holder"},
	custody.KindDisposed:   {[]string{"holder"}, "custody.not-holder"},
}

// TestStateMachine goes through every phase, every kind and every signer, and
// holds the behaviour to the table, which SPEC.md repeats.
func TestStateMachine(t *testing.T) {
	rows := map[custody.Phase]map[custody.Kind]custody.Transition{}
	for _, r := range custody.Transitions() {
		if rows[r.From] == nil {
			rows[r.From] = map[custody.Kind]custody.Transition{}
		}
		if _, twice := rows[r.From][r.Kind]; twice {
			t.Errorf("%s from %q stands twice", r.Kind, r.From)
		}
		rows[r.From][r.Kind] = r
	}
	for _, phase := range []custody.Phase{custody.PhaseNone, custody.PhaseHeld, custody.PhaseTransit, custody.PhaseDisposed} {
		for _, kind := range custody.KindTable() {
			row, advances := rows[phase][kind.Kind]
			for name, by := range people {
				was := inPhase(t, phase)
				var before custody.Item
				if was != nil {
					before = *was
				}
				act := deed(kind.Kind, by)
				is, err := was.Next(item, act)
				want := row.Rule
				switch who := may[kind.Kind]; {
				case !advances:
					want = "item.kind"
				case want == "" && !contains(who.who, name):
					want = who.rule
				case want == "":
					want = "ok"
				}
				if got := ruleOf(t, err); got != want {
					t.Errorf("%q, %s by the %s: %s; want %s", phase, kind.Kind, name, got, want)
				}
				if was != nil && (was.Phase != before.Phase || was.Holder != before.Holder || was.Release != before.Release) {
					t.Errorf("%q, %s by the %s changed the state it was given", phase, kind.Kind, name)
				}
				if want == "ok" && err == nil {
					checkNext(t, row, act, before, is)
				}
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

func checkNext(t *testing.T, row custody.Transition, act custody.Deed, was custody.Item, is *custody.Item) {
	t.Helper()
	if is.Phase != row.To {
		t.Errorf("%s from %q leads to %q; the table says %q", row.Kind, row.From, is.Phase, row.To)
	}
	gives := map[custody.Kind]bool{custody.KindRegistered: true, custody.KindDeposited: true, custody.KindAccepted: true, custody.KindAssumed: true}[row.Kind]
	if gives && (is.Holder != act.Signer || is.Custody != act.Leaf || is.Since != act.Index) {
		t.Errorf("%s does not make its signer the holder: %+v", row.Kind, is)
	}
	if !gives && (is.Holder != was.Holder || is.Custody != was.Custody || is.Since != was.Since) {
		t.Errorf("%s changes the holder: %+v", row.Kind, is)
	}
	if open := is.Release != nil; open != (is.Phase == custody.PhaseTransit) || open != (is.To != nil) || open != (is.Purpose != "") {
		t.Errorf("after %s the item is %q with release %v to %v", row.Kind, is.Phase, is.Release, is.To)
	}
	if row.Kind == custody.KindReleased && *is.Release != act.Leaf {
		t.Errorf("the open release is %v", is.Release)
	}
	if row.Kind == custody.KindDeposited && (is.Class != custody.ItemDigital || is.Artifact == nil) {
		t.Errorf("a deposit makes no digital item: %+v", is)
	}
	if row.From != custody.PhaseNone && (is.Case != was.Case || is.Class != was.Class) {
		t.Errorf("%s changes what the item is", row.Kind)
	}
}

// TestReleaseToOrganisation: any of its people may accept.
func TestReleaseToOrganisation(t *testing.T) {
	act := deed(custody.KindReleased, people["holder"])
	act.Body.(*custody.Released).To.Person = nil
	it, err := inPhase(t, custody.PhaseHeld).Next(item, act)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"recipient": "ok", "recipient colleague": "ok", "holder": "custody.not-recipient", "stranger": "custody.not-recipient"} {
		_, err := it.Next(item, deed(custody.KindAccepted, people[name]))
		if got := ruleOf(t, err); got != want {
			t.Errorf("accepted by the %s: %s; want %s", name, got, want)
		}
	}
}

// TestAssumedFromAnother: the assumption names the holder, or is refused.
func TestAssumedFromAnother(t *testing.T) {
	act := deed(custody.KindAssumed, people["colleague"])
	act.Body.(*custody.Assumed).From = people["recipient"]
	_, err := inPhase(t, custody.PhaseHeld).Next(item, act)
	if got := ruleOf(t, err); got != "custody.wrong-from" {
		t.Errorf("got %s", got)
	}
}

// TestConfirmationChangesNothing: it says what is, and moves the chain alone.
func TestConfirmationChangesNothing(t *testing.T) {
	was := inPhase(t, custody.PhaseHeld)
	is, err := was.Next(item, deed(custody.KindConfirmed, people["holder"]))
	if err != nil || !reflect.DeepEqual(was, is) {
		t.Errorf("before %+v, after %+v, %v", was, is, err)
	}
}

// TestSealsFollowTheHandover: what the last handover found is what the item has.
func TestSealsFollowTheHandover(t *testing.T) {
	it := inPhase(t, custody.PhaseTransit)
	if len(it.Seals) != 1 || it.Seals[0] != "S-2" {
		t.Errorf("after the release the seals are %v", it.Seals)
	}
	back, err := it.Next(item, deed(custody.KindRecalled, people["holder"]))
	if err != nil || back.Seals[0] != "S-2" || back.Custody != id(50) {
		t.Errorf("after the recall: %+v, %v", back, err)
	}
}
