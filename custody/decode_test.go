package custody_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/testdata/golden"
	"github.com/gowebpki/jcs"
)

// TestDecode: each golden vector is read, or refused by exactly its rule; and
// what is read has one encoding, on which another implementation agrees.
func TestDecode(t *testing.T) {
	for _, v := range goldenVectors(t, "statement", golden.Statements(t)) {
		t.Run(v.Name, func(t *testing.T) {
			payload := v.Bytes(t)
			s, err := custody.Decode(payload)
			if got := ruleOf(t, err); got != v.Expect {
				t.Fatalf("%s (%v); want %s", got, err, v.Expect)
			}
			if err == nil {
				checkRead(t, payload, s)
			}
		})
	}
}

func checkRead(t *testing.T, payload []byte, s *custody.Statement) {
	t.Helper()
	again, err := custody.Encode(s)
	if err != nil || !bytes.Equal(again, payload) {
		t.Fatalf("what was read encodes to other bytes: %v\n%s\n%s", err, payload, again)
	}
	canonical, err := jcs.Transform(payload)
	if err != nil || !bytes.Equal(canonical, payload) {
		t.Fatalf("accepted, but not in RFC 8785 form by the peer: %v\n%s\n%s", err, payload, canonical)
	}
	// A reader that keeps the first of two members, or folds case, must see the same.
	if strings.Contains(string(payload), "null") && !strings.Contains(string(payload), `"null`) {
		t.Fatalf("accepted a null: %s", payload)
	}
}

// FuzzDecode: whatever is accepted has one encoding, the peer's too.
func FuzzDecode(f *testing.F) {
	seed(f, "statement")
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := custody.Decode(payload)
		sameBothWays(t, payload, s, err)
		if err != nil {
			ruleOf(t, err)
			return
		}
		checkRead(t, payload, s)
	})
}

// sameBothWays holds what Decode said to what the long way says.
func sameBothWays(t *testing.T, payload []byte, s *custody.Statement, err error) {
	t.Helper()
	long, longErr := custody.DecodeLong(payload)
	if fmt.Sprint(err) != fmt.Sprint(longErr) || !reflect.DeepEqual(s, long) {
		t.Fatalf("read otherwise the long way: %v, %v\n%+v\n%+v\n%s", err, longErr, s, long, payload)
	}
}

// TestBothWaysAgree: on every vector and every cut and changed byte of one,
// and all that is accepted is read the short way.
func TestBothWaysAgree(t *testing.T) {
	files, err := filepath.Glob("testdata/statement/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors", err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v golden.Vector
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		payload := v.Bytes(t)
		s, err := custody.Decode(payload)
		sameBothWays(t, payload, s, err)
		if err == nil && !custody.ReadShort(payload) {
			t.Errorf("%s takes the long way", file)
		}
		if len(payload) > 4096 {
			continue
		}
		for range 60 {
			changed := bytes.Clone(payload)
			if i := rng.IntN(len(changed) + 1); i == len(changed) || rng.IntN(4) == 0 {
				changed = changed[:i]
			} else {
				changed[i] = "0\"{}[],:nZ\\ "[rng.IntN(12)]
			}
			s, err := custody.Decode(changed)
			sameBothWays(t, changed, s, err)
		}
	}
}

// FuzzDocuments: the same of founding documents and details.
func FuzzDocuments(f *testing.F) {
	seed(f, "document")
	seed(f, "detail")
	f.Fuzz(func(t *testing.T, b []byte) {
		custody.ShortWaysAgree(t, b)
		_, e1 := custody.ParseFounding(b)
		_, e2 := custody.ParseOrgDocument(b)
		_, e3 := custody.ParseLogDocument(b)
		_, e4 := custody.ParseDetail(b)
		accepted := 0
		for _, err := range []error{e1, e2, e3, e4} {
			if err == nil {
				accepted++
			}
			ruleOf(t, err)
		}
		if accepted > 1 {
			t.Fatalf("read as two things: %s", b)
		}
		if accepted == 1 {
			sameAsPeer(t, b)
		}
	})
}
