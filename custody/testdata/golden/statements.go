package golden

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

// Examples returns one payload of each kind.
func Examples(t testing.TB) map[custody.Kind][]byte {
	out := map[custody.Kind][]byte{}
	s := rulingtest.Recovered(t)
	for i, e := range s.Entries {
		// The last of a kind is mostly the richer one.
		out[e.Statement.Predicate.Kind] = s.Sealed[i].Envelope.Payload
	}
	for _, row := range custody.KindTable() {
		if out[row.Kind] == nil {
			t.Fatalf("the story has no %s", row.Kind)
		}
	}
	return out
}

// loose writes a statement without the checks of Encode, members in order.
func loose(t testing.TB, s *custody.Statement) []byte {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// refusedStatement is one way to spoil a payload of a kind: as text, or as a
// statement.
type refusedStatement struct {
	rule, name string
	kind       custody.Kind
	text       func(string) string
	change     func(*custody.Statement)
}

func (r refusedStatement) payload(t testing.TB, of map[custody.Kind][]byte) []byte {
	t.Helper()
	b := of[r.kind]
	if r.change != nil {
		s, err := custody.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		r.change(s)
		b = loose(t, s)
	}
	if r.text != nil {
		b = []byte(r.text(string(b)))
	}
	if bytes.Equal(b, of[r.kind]) {
		t.Fatalf("%s: nothing was spoilt", r.name)
	}
	return b
}

func allRefused() []refusedStatement {
	return append(append(append([]refusedStatement{}, refusedForms...), refusedPredicates...), refusedBodies...)
}

// StatementRules are the rules that a statement of Statements breaks.
func StatementRules() []string {
	out := []string{"statement.size"}
	for _, r := range allRefused() {
		out = append(out, r.rule)
	}
	return out
}

// Statements are the vectors of statements: one of each kind, some more, and one
// or more for each rule that the bytes alone can break.
func Statements(t testing.TB) []Vector {
	t.Helper()
	of := Examples(t)
	var made []Vector
	for _, row := range custody.KindTable() {
		made = append(made, newVector("ok-"+string(row.Kind), "ok", of[row.Kind]))
	}
	plain := body("", "", func(b *custody.Received) { b.MD5, b.SHA1 = "", "" })
	made = append(made, newVector("ok-artifact.received-nothing-else-asked-for", "ok", plain.payload(t, of)))
	set := body("", "", func(b *custody.Deposited) {
		b.Declared, b.Segments = custody.Declared{}, []uint64{b.Artifact.Size - 3, 1, 2}
	})
	made = append(made, newVector("ok-artifact.deposited-in-segments", "ok", set.payload(t, of)))
	for name, change := range map[string]func(*custody.ImageRead){
		"damaged": damaged(func(*custody.ImageFound) {}),
		"differs": func(b *custody.ImageRead) {
			b.Found.Stored.SHA1, b.Outcome = strings.Repeat("0", 40), custody.ImageDamaged
		},
		"no-hash": func(b *custody.ImageRead) { b.Found.Stored = custody.MediaHashes{} },
		"unreadable": func(b *custody.ImageRead) {
			b.Found, b.Outcome, b.Reason = nil, custody.ImageUnreadable, custody.UnreadableTruncated
		},
	} {
		made = append(made, newVector("ok-image.read-"+name, "ok", body("", name, change).payload(t, of)))
	}
	for _, r := range allRefused() {
		made = append(made, newVector(r.rule+"-"+r.name, r.rule, r.payload(t, of)))
	}
	large := newVector("statement.size-one-byte-over", "statement.size", []byte(" "))
	large.Times = custody.MaxPayload + 1
	made = append(made, large)
	return made
}
