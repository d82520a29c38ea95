package dossier_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// FuzzDecode: what is accepted encodes to the same bytes, within memory that
// the input accounts for.
func FuzzDecode(f *testing.F) {
	for _, file := range []string{"zips.json", "whole.json"} {
		b, err := os.ReadFile("../testdata/dossier/" + file)
		if err != nil {
			f.Fatal(err)
		}
		var all []zipVector
		if err := json.Unmarshal(b, &all); err != nil || len(all) == 0 {
			f.Fatalf("no seeds in %s: %v", file, err)
		}
		for _, v := range all {
			f.Add(v.Zip)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { reencodes(t, b) })
}

// FuzzContents changes one file and makes the rest of the bag fit, so that the
// fuzzer gets behind the manifests.
func FuzzContents(f *testing.F) {
	good := encode(f, sample(f, 3))
	names, content := stdFiles(f, good)
	for _, n := range names {
		f.Add(n, string(content[n]))
		if strings.HasPrefix(n, "data/log/consistency/") {
			f.Add(n, strings.ReplaceAll(string(content[n]), "\n", "\r\n")) // base64 decoders pass over it
		}
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		if len(name) > 300 {
			return
		}
		reencodes(t, rebuild(t, good, map[string]*string{name: &text}))
	})
}

func reencodes(t *testing.T, b []byte) {
	t.Helper()
	d, err := dossier.Decode(bytes.NewReader(b), int64(len(b)), dossier.DefaultLimits)
	showsEach(t, b, d, err)
	if err != nil {
		if rule := ruleOf(err); len(rule) > 8 && rule[:8] == "untyped:" {
			t.Errorf("%v", err)
		}
		return
	}
	again, err := d.Encode()
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("accepted bytes that encode otherwise (%v)", err)
	}
}

// showsEach: DecodeEach says what Decode says, and shows each event as it is.
func showsEach(t *testing.T, b []byte, d *dossier.Dossier, why error) {
	t.Helper()
	var shown [][]byte
	var mu sync.Mutex
	each, err := dossier.DecodeEach(bytes.NewReader(b), int64(len(b)), dossier.DefaultLimits, func(_, _ []byte, events int) func() func(dossier.Shown) {
		shown = make([][]byte, events)
		return func() func(dossier.Shown) {
			return func(s dossier.Shown) {
				mu.Lock()
				defer mu.Unlock()
				shown[s.Place] = bytes.Clone(s.Event.Envelope.Payload)
				if s.ID != s.Event.Envelope.EventID() || !bytes.Equal(s.Leaf, tlog.Leaf(s.Event.Envelope, s.Event.Key)) {
					t.Errorf("event %d is shown with another's id or leaf", s.Place)
				}
			}
		}
	})
	if (err == nil) != (why == nil) || err != nil && err.Error() != why.Error() {
		t.Fatalf("event by event: %v; as a whole: %v", err, why)
	}
	if err != nil {
		return
	}
	if len(shown) != len(d.Events) || len(each.Events) != len(d.Events) {
		t.Fatalf("%d events shown, %d kept, %d in the dossier", len(shown), len(each.Events), len(d.Events))
	}
	for i, e := range d.Events {
		if k := each.Events[i]; !bytes.Equal(shown[i], e.Envelope.Payload) || k.Envelope.Payload != nil || k.Index != e.Index || !bytes.Equal(k.Envelope.Signature, e.Envelope.Signature) {
			t.Fatalf("event %d is shown, or kept, as another", i)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	bytes := encode(b, sample(b, 1000))
	b.SetBytes(int64(len(bytes)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode(bytes); err != nil {
			b.Fatal(err)
		}
	}
}
