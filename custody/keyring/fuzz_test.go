package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"testing"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// FuzzKeyFile: a key file that is read is exactly the two lines and two blocks
// of it, and nothing in it makes the machine that opens it work for hours.
func FuzzKeyFile(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	public, err := seal.FromECDSA(&key.PublicKey, nil)
	if err != nil {
		f.Fatal(err)
	}
	good, err := encodeKeyFile("officer", key, public, []byte("passphrase"))
	if err != nil {
		f.Fatal(err)
	}
	_, blocks, _ := bytes.Cut(good, []byte("\n"))
	_, blocks, _ = bytes.Cut(blocks, []byte("\n"))
	f.Add("officer", blocks)
	f.Add("Officer", blocks)
	f.Add("", []byte("x"))
	f.Add("officer", append(bytes.Clone(blocks), blocks...))
	f.Fuzz(func(t *testing.T, name string, blocks []byte) {
		// The checksum is made to fit, so that the reader gets behind it.
		k, err := parseKeyFile(append(header(name, blocks), blocks...))
		if err != nil {
			return
		}
		if canonical, err := CanonicalName(k.name); err != nil || canonical != k.name || k.name != name {
			t.Errorf("named %q (%v)", k.name, err)
		}
		if len(k.encrypted) == 0 || k.public.ID() != evidence.Sum(k.public.SPKI()) {
			t.Error("a key file without its keys")
		}
		if _, err := parseKeyFile(blocks); err == nil && bytes.HasPrefix(blocks, []byte(nameLine)) {
			t.Error("one file inside another")
		}
	})
}

// FuzzStored: what the outbox keeps is one JSON value of known members; an
// accepted policy is under its own fingerprint.
func FuzzStored(f *testing.F) {
	for _, v := range []any{Entry{Kind: "case.opened", Envelope: []byte("{}")}, Sent{Kind: "case.opened", Receipt: json.RawMessage("{}")}} {
		b, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(append(b, b...))
	}
	f.Add([]byte("court\n" + evidence.Sum([]byte("{}")).String() + "\n{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Entry
		if decodeStrict(b, &e) == nil {
			if !json.Valid(b) {
				t.Errorf("more than one value, or none: %s", b)
			}
			again, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			var twice Entry
			if err := decodeStrict(again, &twice); err != nil || twice.EventID != e.EventID || !bytes.Equal(twice.Envelope, e.Envelope) {
				t.Errorf("%s comes back as %s (%v)", b, again, err)
			}
		}
		if p, err := parsePolicy(b); err == nil && (evidence.Sum(p.Content) != p.Fingerprint || !bytes.HasSuffix(b, p.Content)) {
			t.Errorf("policy %+v", p)
		}
	})
}
