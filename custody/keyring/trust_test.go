package keyring

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

func testTrust(t *testing.T) *TrustStore {
	t.Helper()
	s, err := OpenTrust(t.TempDir()+"/trust", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTrustTakesOnlyWhatWasCompared(t *testing.T) {
	s := testTrust(t)
	content := []byte("{\n  \"log\": 1\n}\n")
	if _, err := s.Add("court", content, evidence.Sum([]byte("another"))); !errors.Is(err, ErrFingerprint) {
		t.Fatalf("got %v, want ErrFingerprint", err)
	}
	if _, err := s.Policy("court"); !errors.Is(err, ErrNoPolicy) {
		t.Fatalf("got %v, want ErrNoPolicy", err)
	}
	if _, err := s.Add("court", content, evidence.Sum(content)); err != nil {
		t.Fatal(err)
	}
	p, err := s.Policy("court")
	if err != nil || !bytes.Equal(p.Content, content) || p.Name != "court" || p.Fingerprint != evidence.Sum(content) {
		t.Fatalf("got %+v, %v", p, err)
	}
	all, err := s.List()
	if err != nil || len(all) != 1 || all[0].Name != "court" {
		t.Errorf("listed %+v, %v", all, err)
	}
}

func TestTrustNoticesAChangedFile(t *testing.T) {
	s := testTrust(t)
	content := []byte(`{"log":1}`)
	if _, err := s.Add("عدالت", content, evidence.Sum(content)); err != nil {
		t.Fatal(err)
	}
	path := s.path("عدالت")
	good, _ := os.ReadFile(path)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := s.Policy("عدالت"); err == nil {
			t.Errorf("flip at byte %d gave %+v", i, p)
		}
	}
}

func TestTrustRefusesEmptyAndHuge(t *testing.T) {
	s := testTrust(t)
	for _, b := range [][]byte{nil, make([]byte, MaxPolicy+1)} {
		if _, err := s.Add("p", b, evidence.Sum(b)); err == nil {
			t.Errorf("%d bytes were accepted", len(b))
		}
	}
}
