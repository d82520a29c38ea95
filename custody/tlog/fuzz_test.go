package tlog_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// noteSeeds adds every stored checkpoint.
func noteSeeds(f *testing.F, add func(note string)) {
	f.Helper()
	b, err := os.ReadFile("../testdata/tlog/checkpoints.json")
	if err != nil {
		f.Fatal(err)
	}
	var all []checkpointVector
	if err := json.Unmarshal(b, &all); err != nil || len(all) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, v := range all {
		add(v.Note)
	}
}

// FuzzNote: any bytes as a signed note. The log's signature is over what is
// read: without its key nobody makes another head.
func FuzzNote(f *testing.F) {
	noteSeeds(f, func(n string) { f.Add([]byte(n)) })
	v, err := tlog.NewLogVerifier(origin, edPublic("log"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := tlog.OpenCheckpoint(b, origin, note.VerifierList(v))
		if err != nil {
			if !errors.Is(err, tlog.ErrCheckpoint) {
				t.Errorf("untyped: %v", err)
			}
			return
		}
		if c != head || !bytes.HasPrefix(b, head.Body()) {
			t.Errorf("%q is taken for %+v", b, c)
		}
	})
}

// FuzzCheckpointBody: three lines, one spelling.
func FuzzCheckpointBody(f *testing.F) {
	noteSeeds(f, func(n string) {
		if i := bytes.Index([]byte(n), []byte("\n\n")); i >= 0 {
			f.Add([]byte(n[:i+1]))
		}
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := tlog.ParseCheckpointBody(b)
		if err != nil {
			if !errors.Is(err, tlog.ErrCheckpoint) {
				t.Errorf("untyped: %v", err)
			}
			return
		}
		if !bytes.Equal(c.Body(), b) || c.Size > tlog.MaxSize {
			t.Errorf("%q is read as %+v", b, c)
		}
	})
}

// FuzzFrontier: what is read goes on as the tree that wrote it would.
func FuzzFrontier(f *testing.F) {
	var w tlog.Frontier
	for i := range 12 {
		b, err := w.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		w.Append(evidence.Sum([]byte{byte(i)}))
	}
	f.Add(append([]byte{0, 0x20, 0, 0, 0, 0, 0, 0}, make([]byte, 32)...)) // one leaf too many for any log
	f.Fuzz(func(t *testing.T, b []byte) {
		var r tlog.Frontier
		if err := r.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, tlog.ErrFrontier) {
				t.Errorf("untyped: %v", err)
			}
			return
		}
		if again, err := r.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x comes back as %x (%v)", b, again, err)
		}
		size, root := r.Size(), r.Root()
		if size > tlog.MaxSize {
			t.Errorf("%d leaves", size)
		}
		c := r.Clone()
		c.Append(evidence.Sum(nil))
		c.Root()
		if c.Size() != size+1 || r.Size() != size || r.Root() != root {
			t.Error("a copy that grows changes what it was copied from")
		}
	})
}

// FuzzVerifierKeys: a witness's key and a log's SPKI, each in one form.
func FuzzVerifierKeys(f *testing.F) {
	vkey, _ := witnessKey("witness.example")
	spki, err := x509.MarshalPKIXPublicKey(edPublic("log"))
	if err != nil {
		f.Fatal(err)
	}
	pq := mldsaVerifierKeyOf(f, "pq.example")
	for _, b := range [][]byte{[]byte(vkey), []byte(pq), []byte(pq[:len(pq)-4]), []byte("a+b+c"), []byte("witness.example+00000000+BA=="), spki, append(bytes.Clone(spki), 0)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := tlog.ParseVerifierKey(string(b)); err == nil && !bytes.HasPrefix(b, []byte(v.Name()+"+")) {
			t.Errorf("%q is named %q", b, v.Name())
		}
		if v, err := tlog.NewWitnessVerifier(string(b)); err == nil {
			if v.Name() == "" || !bytes.HasPrefix(b, []byte(v.Name()+"+")) {
				t.Errorf("%q is named %q", b, v.Name())
			}
			v.Verify([]byte("message"), make([]byte, 72))
		}
		if key, err := tlog.ParseMLDSAKey(b); err == nil {
			if again, err := tlog.MLDSASPKI(key); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%x comes back as %x (%v)", b, again, err)
			}
		}
		if key, err := tlog.ParseLogKey(b); err == nil {
			if again, err := x509.MarshalPKIXPublicKey(key); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%x comes back as %x (%v)", b, again, err)
			}
		}
	})
}
