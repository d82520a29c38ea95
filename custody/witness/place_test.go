package witness_test

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/witness"
)

func TestPlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "w")
	if _, _, err := witness.Open(dir, time.Now()); !errors.Is(err, witness.ErrNoWitness) {
		t.Fatalf("nothing there: %v", err)
	}
	if _, _, err := witness.Make(dir, "no name", rand.Reader, time.Now()); err == nil {
		t.Fatal("made one with a space in its name")
	}
	c, _, err := witness.Make(dir, "w.example.org/lab", rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if again, _, err := witness.Open(dir, time.Now()); err != nil || again.VerifierKey() != c.VerifierKey() {
		t.Errorf("opened another: %v", err)
	}
	if _, _, err := witness.Make(dir, "other", rand.Reader, time.Now()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made over it: %v", err)
	}
	other := filepath.Join(t.TempDir(), "o")
	if _, _, err := witness.Make(other, "w.example.org/lab", rand.Reader, time.Now()); err != nil {
		t.Fatal(err)
	}
	key, says := filepath.Join(dir, "witness.pem"), filepath.Join(dir, "witness.json")
	b, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	strange, err := os.ReadFile(filepath.Join(other, "witness.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() error{
		"another's key":  func() error { return os.WriteFile(key, strange, 0o600) },
		"no key in it":   func() error { return os.WriteFile(key, []byte("key"), 0o600) },
		"others read it": func() error { return os.Chmod(key, 0o644) },
		"key gone":       func() error { return os.Remove(key) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := witness.Open(dir, time.Now()); err == nil {
			t.Errorf("%s: opened", name)
		}
		if err := errors.Join(os.WriteFile(key, b, 0o600), os.Chmod(key, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(says); err != nil {
		t.Fatal(err)
	}
	if _, _, err := witness.Open(dir, time.Now()); err == nil || errors.Is(err, witness.ErrNoWitness) {
		t.Errorf("a key without a name: %v", err)
	}
}
