package keysafe

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/keysafe/keysafetest"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

func newDataKey(t *testing.T) *strongbox.DataKey {
	t.Helper()
	k, err := strongbox.NewDataKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// wraps holds a key-encryption key to what it promises, wherever it is.
func wraps(t *testing.T, w Wrapping) {
	t.Helper()
	ctx, k := t.Context(), newDataKey(t)
	wrapped, err := w.Wrap(ctx, "evidence/1", k)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(wrapped, k.Expose()) {
		t.Error("the wrapped key is the key")
	}
	again, err := w.Unwrap(ctx, "evidence/1", wrapped)
	if err != nil || *again != *k {
		t.Fatalf("unwrapped otherwise: %v", err)
	}
	for what, try := range map[string]struct {
		object string
		b      []byte
	}{
		"another object": {"evidence/2", wrapped},
		"altered":        {"evidence/1", append(append([]byte(nil), wrapped[:len(wrapped)-3]...), 'A', 'A', 'A')},
		"cut":            {"evidence/1", wrapped[:len(wrapped)/2]},
		"nothing":        {"evidence/1", nil},
	} {
		if got, err := w.Unwrap(ctx, try.object, try.b); !errors.Is(err, strongbox.ErrWrapped) || got != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWrappingFile(t *testing.T) {
	ctx, p := t.Context(), Place{Dir: filepath.Join(t.TempDir(), "keys")}
	made, err := p.MakeWrapping(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	wraps(t, made)
	path := p.WrappingFile(made.ID())
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key's file: %v, %v", info, err)
	}
	found, err := p.FindWrapping(ctx, made.ID())
	if err != nil || found.ID() != made.ID() {
		t.Fatalf("found %v", err)
	}
	k := newDataKey(t)
	wrapped, err := made.Wrap(ctx, "evidence/1", k)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := found.Unwrap(ctx, "evidence/1", wrapped); err != nil || *again != *k {
		t.Errorf("the key that was read is not the one that was written: %v", err)
	}
	second, err := p.MakeWrapping(ctx, "")
	if err != nil || second.ID() == made.ID() {
		t.Fatalf("a second key: %v", err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(p.WrappingFile(second.ID()))
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		content []byte
		mode    os.FileMode
		want    string
	}{
		"another key's file":  {other, 0o600, "another key"},
		"readable by others":  {good, 0o640, "chmod 600"},
		"empty":               {nil, 0o600, "PEM"},
		"cut":                 {good[:40], 0o600, "PEM"},
		"more behind it":      {append(append([]byte(nil), good...), good...), 0o600, "PEM"},
		"a key of 31 bytes":   {[]byte("-----BEGIN CUSTODYD KEY-ENCRYPTION KEY-----\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n-----END CUSTODYD KEY-ENCRYPTION KEY-----\n"), 0o600, "31 bytes"},
		"a private key's PEM": {[]byte(strings.ReplaceAll(string(good), wrappingBlock, keyBlock)), 0o600, "PEM"},
	} {
		if err := errors.Join(os.WriteFile(path, c.content, 0o600), os.Chmod(path, c.mode)); err != nil {
			t.Fatal(err)
		}
		_, err := p.FindWrapping(ctx, made.ID())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := p.FindWrapping(ctx, made.ID()); !errors.Is(err, ErrNoWrapping) || !strings.Contains(err.Error(), path) {
		t.Errorf("a key that is gone: %v", err)
	}
	for _, id := range []string{"", "../../etc/passwd", strings.Repeat("A", 32), made.ID() + "0"} {
		if _, err := p.FindWrapping(ctx, id); err == nil || errors.Is(err, ErrNoWrapping) {
			t.Errorf("id %q: %v", id, err)
		}
	}
	if _, err := p.MakeWrapping(ctx, "a-file"); err == nil {
		t.Error("made a key of another kind")
	}
}

func TestWrappingTransit(t *testing.T) {
	ctx, v, p := t.Context(), keysafetest.NewTransit(t, "custody-evidence"), Place{Dir: t.TempDir()}
	first, err := p.MakeWrapping(ctx, "hashivault://custody-evidence")
	if err != nil || first.ID() != "hashivault://custody-evidence#1" {
		t.Fatalf("%v, %v", first, err)
	}
	wraps(t, first)
	k := newDataKey(t)
	old, err := first.Wrap(ctx, "evidence/1", k)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.RotateTransit(ctx, "hashivault://custody-evidence"); err != nil {
		t.Fatal(err)
	}
	second, err := p.MakeWrapping(ctx, "hashivault://custody-evidence")
	if err != nil || second.ID() != "hashivault://custody-evidence#2" {
		t.Fatalf("%v, %v", second, err)
	}
	wraps(t, second)
	// The old version goes on, wraps by itself, and each unwraps its own alone.
	again, err := p.FindWrapping(ctx, first.ID())
	if err != nil {
		t.Fatal(err)
	}
	wraps(t, again)
	if got, err := again.Unwrap(ctx, "evidence/1", old); err != nil || *got != *k {
		t.Errorf("the old version: %v", err)
	}
	if _, err := second.Unwrap(ctx, "evidence/1", old); !errors.Is(err, strongbox.ErrWrapped) {
		t.Errorf("the new version unwraps what the old one wrapped: %v", err)
	}
	if err := p.ForbidBelow(ctx, second.ID()); err != nil || v.Least() != 2 {
		t.Errorf("the old version is not closed: %v", err)
	}
	if _, err := again.Unwrap(ctx, "evidence/1", old); !errors.Is(err, strongbox.ErrWrapped) {
		t.Errorf("a closed version unwraps: %v", err)
	}

	// What cannot be asked is not an altered key.
	v.Down(true)
	if _, err := again.Unwrap(ctx, "evidence/1", old); err == nil || errors.Is(err, strongbox.ErrWrapped) {
		t.Errorf("a sealed KMS: %v", err)
	}
	v.Down(false)
	t.Setenv("VAULT_TOKEN", "another")
	if _, err := p.MakeWrapping(ctx, "hashivault://custody-evidence"); err == nil || strings.Contains(err.Error(), "another") {
		t.Errorf("a wrong token: %v", err)
	}
	p.TokenFile = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(p.TokenFile, []byte(keysafetest.Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.MakeWrapping(ctx, "openbao://custody-evidence"); err != nil {
		t.Errorf("a token in a file: %v", err)
	}
	for _, uri := range []string{"hashivault://none", "hashivault://custody-evidence#1", "awskms://x", "hashivault://../sys", "hashivault://a/b"} {
		if _, err := p.MakeWrapping(ctx, uri); err == nil {
			t.Errorf("%s makes a key", uri)
		}
	}
	if _, err := p.FindWrapping(ctx, "hashivault://custody-evidence"); err == nil {
		t.Error("a key without its version is found")
	}
	v.Type = "chacha20-poly1305"
	if _, err := p.MakeWrapping(ctx, "hashivault://custody-evidence"); err == nil || !strings.Contains(err.Error(), "aes256-gcm96") {
		t.Errorf("another type: %v", err)
	}
}

func FuzzParseWrapping(f *testing.F) {
	f.Add([]byte("-----BEGIN CUSTODYD KEY-ENCRYPTION KEY-----\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END CUSTODYD KEY-ENCRYPTION KEY-----\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseWrapping(bytes.Clone(b))
		if (err == nil) != (k != nil) || err == nil && !fileID.MatchString(k.ID()) {
			t.Errorf("read %v: %v", k, err)
		}
	})
}
