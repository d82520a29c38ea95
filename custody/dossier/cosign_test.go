//go:build cosign

package dossier_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/evidence"
)

// cosign returns the program under test, which CUSTODY_COSIGN names. Building it
// takes minutes and 200 modules, so these tests have a build tag of their own
// and CI a step that builds it.
func cosign(t *testing.T) []string {
	t.Helper()
	path := os.Getenv("CUSTODY_COSIGN")
	if out, err := run(t, t.TempDir(), nil, path, "version"); err != nil {
		t.Fatalf("CUSTODY_COSIGN=%q names no cosign that runs: %v: %s", path, err, out)
	}
	dir := t.TempDir()
	if err := os.Symlink(path, filepath.Join(dir, "cosign")); err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=" + dir + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		// Nothing listens there: cosign must not ask anyone.
		"HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1"}
}

// TestCosign runs the README's cosign commands on every event, and holds cosign
// to refusing what is false.
func TestCosign(t *testing.T) {
	env := cosign(t)
	need(t, "sh")
	d := sample(t, 3)
	bag := unpack(t, d)
	key, err := x509.MarshalPKIXPublicKey(logKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(bag, "../log.pem"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: key}))
	c := commands(t, bag, "cosign")
	if len(c) != 3 {
		t.Fatalf("the README has %d cosign commands", len(c))
	}
	signature, root, inclusion := c[0], c[1], c[2]
	if out, err := run(t, bag, append(env, variables(d, 0)...), "sh", "-c", root); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i := range d.Events {
		for _, command := range []string{signature, inclusion} {
			vars := append(env, variables(d, i)...)
			if out, err := run(t, bag, vars, "sh", "-c", command); err != nil || !strings.Contains(out, "Verified OK") {
				t.Errorf("event %d: %v: %s", i, err, out)
			}
			otherImage := append(vars, "D="+evidence.Sum([]byte("another image")).String())
			if out, err := run(t, bag, otherImage, "sh", "-c", command); err == nil {
				t.Errorf("event %d, another image: %s", i, out)
			}
		}
	}
	vars := append(env, variables(d, 0)...)
	if out, err := run(t, bag, append(vars, variables(d, 2)[1]), "sh", "-c", signature); err == nil {
		t.Errorf("another key: %s", out)
	}
	write(t, filepath.Join(bag, "../image.dd"), artifact)
	byFile := strings.Replace(inclusion, "--digest $D --digestAlg sha256", "../image.dd", 1)
	if out, err := run(t, bag, vars, "sh", "-c", byFile); err != nil || !strings.Contains(out, "Verified OK") {
		t.Errorf("image as a file: %v: %s", err, out)
	}
	// A proof with one hash changed.
	bundle := filepath.Join(bag, "data/events/000000000001.sigstore.json")
	b, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte(`"hashes":["`)) + len(`"hashes":["`)
	b[at] ^= 'A' ^ 'B' // another base64 digit, whichever it was
	if !bytes.ContainsRune([]byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"), rune(b[at])) {
		b[at] = 'A'
	}
	write(t, bundle, b)
	if out, err := run(t, bag, vars, "sh", "-c", inclusion); err == nil {
		t.Errorf("a spoiled proof: %s", out)
	}
	if out, err := run(t, bag, vars, "sh", "-c", signature); err != nil {
		t.Errorf("the signature alone, its proof spoiled: %v: %s", err, out)
	}
}
