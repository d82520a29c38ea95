package keysafe

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// works signs with both keys and checks what came out.
func works(t *testing.T, k Keys) {
	t.Helper()
	// Half of all signatures come out with a high s: none may leave as such.
	for range 16 {
		e, err := k.Service.Sign([]byte(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Service.Public().Verify(e); err != nil {
			t.Fatal(err)
		}
	}
	message := []byte("log.example.org\n1\n")
	sig, err := k.Log.Sign(nil, message, crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(k.Log.Public().(ed25519.PublicKey), message, sig) {
		t.Fatal("the log's signature does not verify")
	}
}

func TestFiles(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "keys")
	p := Place{Dir: dir}
	var missing *MissingError
	if _, err := Open(ctx, p, false); !errors.As(err, &missing) || len(missing.Files) != 2 {
		t.Fatalf("an empty place: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Fatal("something was made for a log that exists")
	}
	k, err := Open(ctx, p, true)
	if err != nil {
		t.Fatal(err)
	}
	works(t, k)
	pq, err := Open(ctx, p, false)
	if err != nil || k.LogMLDSA == nil || !k.LogMLDSA.Equal(pq.LogMLDSA) || !k.PostQuantum().Equal(pq.PostQuantum()) {
		t.Fatalf("another post-quantum key the second time: %v", err)
	}
	again, err := Open(ctx, Place{Service: filepath.Join(dir, "service.pem"), Log: filepath.Join(dir, "log.pem")}, true)
	if err != nil || again.Service.Public().ID() != k.Service.Public().ID() {
		t.Fatalf("other keys the second time: %v", err)
	}
	// One alone is an accident, also where a new log is to be founded.
	kept := filepath.Join(dir, "kept")
	if err := os.Rename(filepath.Join(dir, "log.pem"), kept); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, p, true); !errors.As(err, &missing) || len(missing.Files) != 1 || !strings.HasSuffix(missing.Files[0], "log.pem") {
		t.Errorf("a key alone: %v", err)
	}
	if _, err := Open(ctx, Place{Dir: dir, Log: filepath.Join(dir, "service.pem")}, false); err == nil || !strings.Contains(err.Error(), "must be Ed25519") {
		t.Errorf("keys mixed up: %v", err)
	}
	if err := os.Chmod(kept, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, Place{Dir: dir, Log: kept}, false); err == nil || !strings.Contains(err.Error(), "others may read it") {
		t.Errorf("a key that others may read: %v", err)
	}
}

// TestFit: the keys must be those that the log's document lists, the
// post-quantum one too where it lists one.
func TestFit(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	k, err := Open(ctx, Place{Dir: dir}, true)
	if err != nil {
		t.Fatal(err)
	}
	document := func(with ...custody.LogKey) []byte {
		spki, err := x509.MarshalPKIXPublicKey(k.Log.Public())
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := custody.LogDocument{Document: custody.DocLog, Mode: custody.ModeTest, Origin: "log.example.org", ServiceKeys: [][]byte{k.Service.Public().SPKI()},
			Keys: append([]custody.LogKey{{Algorithm: custody.LogEd25519, Key: spki}}, with...)}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	spki, err := tlog.MLDSASPKI(k.PostQuantum())
	if err != nil {
		t.Fatal(err)
	}
	listed := custody.LogKey{Algorithm: custody.LogMLDSA44, Key: spki}
	if err := errors.Join(k.Fit(document()), k.Fit(document(listed))); err != nil {
		t.Error(err)
	}
	other, err := Open(ctx, Place{Dir: t.TempDir()}, true)
	if err != nil {
		t.Fatal(err)
	}
	mixed := k
	mixed.LogMLDSA = other.LogMLDSA
	without := k
	without.LogMLDSA = nil
	for name, bad := range map[string]Keys{"others": other, "another post-quantum key": mixed, "no post-quantum key": without} {
		if err := bad.Fit(document(listed)); err == nil {
			t.Errorf("%s fit", name)
		}
	}
	if err := without.Fit(document()); err != nil {
		t.Errorf("a log without a post-quantum key: %v", err)
	}
	// It is a file, and of its own kind.
	for _, place := range []string{"hashivault://custody-log", filepath.Join(dir, "log.pem")} {
		if _, err := Open(ctx, Place{Dir: dir, LogMLDSA: place}, false); err == nil {
			t.Errorf("%s is taken for an ML-DSA-44 key", place)
		}
	}
}

func TestReferences(t *testing.T) {
	for uri, ok := range map[string]bool{
		"hashivault://custody-service": true, "openbao://a": true, "my-hsm://slot/1?x=y": true,
		"../../tmp/evil://x": false, "a b://x": false, "://x": false, "x://": false, "X://y": false, "x://a b": false,
	} {
		if ValidReference(uri) != ok {
			t.Errorf("%s: %v", uri, !ok)
		}
		if _, err := Open(t.Context(), Place{Service: uri, Log: uri}, false); err == nil {
			t.Errorf("%s opens", uri)
		}
	}
}

func checkpoint(t *testing.T, key ed25519.PrivateKey, size uint64) []byte {
	t.Helper()
	signer, err := tlog.NewLogSigner("log.example.org", key)
	if err != nil {
		t.Fatal(err)
	}
	note, err := tlog.SignCheckpoint(tlog.Checkpoint{Origin: "log.example.org", Size: size, Root: evidence.Sum(nil)}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return note
}

func TestMark(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	first, second := t.TempDir(), t.TempDir()
	open := func() *Mark {
		t.Helper()
		m, err := OpenMark(slog.New(slog.DiscardHandler), first, second)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	a, b := open(), open() // two replicas with one directory
	if a.Signed() != nil {
		t.Error("an empty place has a mark")
	}
	write := func(m *Mark, size uint64) {
		t.Helper()
		m.Note(size, checkpoint(t, key, size))
		if err := m.Write(); err != nil {
			t.Fatal(err)
		}
	}
	write(a, 7)
	write(b, 5) // slower
	a.Note(6, checkpoint(t, key, 6))
	if got := open(); got.size != 7 || string(got.Signed()) != string(checkpoint(t, key, 7)) {
		t.Errorf("the mark is at %d", got.size)
	}
	// Where the first place can't be written the second is; both are read.
	if err := os.Remove(filepath.Join(first, markFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	write(a, 9)
	if got := open(); got.size != 9 {
		t.Errorf("the mark is at %d", got.size)
	}
	if err := os.RemoveAll(second); err != nil {
		t.Fatal(err)
	}
	a.Note(10, checkpoint(t, key, 10))
	if err := a.Write(); err == nil {
		t.Error("a mark was written nowhere")
	}
	// What is no checkpoint is not taken for none.
	if err := errors.Join(os.Mkdir(first, 0o700), os.WriteFile(filepath.Join(first, markFile), []byte("log.example.org\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenMark(slog.New(slog.DiscardHandler), first); err == nil || !strings.Contains(err.Error(), "is no checkpoint") {
		t.Errorf("a broken mark: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.Run(ctx) // ends with its context
}

// A remote key that signs for another is refused by the signer itself.
func TestSwappedRemoteKey(t *testing.T) {
	a, b := newP256(t), newP256(t)
	public, err := seal.FromECDSA(&a.PublicKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := seal.NewSigner(b)
	if err != nil {
		t.Fatal(err)
	}
	s, err := seal.NewRemoteSigner(public, func([]byte) ([]byte, error) {
		e, err := other.Sign([]byte("x"))
		return e.Signature, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign([]byte("x")); err == nil {
		t.Error("another key's signature came out")
	}
}

func newP256(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
