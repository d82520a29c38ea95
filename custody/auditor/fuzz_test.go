package auditor

import (
	"bytes"
	"errors"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// FuzzState: what is read is what was written.
func FuzzState(f *testing.F) {
	full, err := new(tlog.Frontier).MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []auditState{
		{Format: AuditFormat, Log: evidence.Sum(nil), Origin: "log.example.org", Keys: []watched{}},
		{Format: AuditFormat, Log: evidence.Sum(nil), Origin: "log.example.org", Head: "log.example.org\n1\nAAA=\n\n\u2014 x y\n", Keys: []watched{{evidence.Sum(nil), 7}}, Full: full},
		{Format: AuditFormat, Log: evidence.Sum(nil), Origin: "log.example.org", Keys: []watched{{evidence.Sum(nil), 7}, {evidence.Sum(nil), 8}}, Refused: "/x"},
		{Format: "another", Keys: []watched{}},
	} {
		b, err := s.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseState(b)
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Errorf("untyped: %v", err)
			}
			return
		}
		if again, err := s.encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s comes back as %s (%v)", b, again, err)
		}
		for i, w := range s.Keys {
			if s.through(w.Key) != w.Through || i > 0 && s.Keys[i-1].Key.Compare(w.Key) >= 0 {
				t.Errorf("key %d stands wrong", i)
			}
		}
	})
}

// FuzzFork: without the log's key there is no proof, whatever the bytes.
func FuzzFork(f *testing.F) {
	log := Log{ID: evidence.Sum(nil), Origin: "log.example.org", Keys: note.VerifierList()}
	for _, fork := range []Fork{
		{Format: ForkFormat, Log: log.ID, Origin: log.Origin, Older: "log.example.org\n1\nAAA=\n\n\u2014 x y\n", Newer: "", Proof: []evidence.Digest{}},
		{Format: ForkFormat, Log: log.ID, Origin: log.Origin, Proof: []evidence.Digest{evidence.Sum(nil)}},
		{},
	} {
		b, err := fork.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ReadFork(b, log); !errors.Is(err, ErrNoFork) {
			t.Errorf("a proof against a log without keys: %v", err)
		}
	})
}
