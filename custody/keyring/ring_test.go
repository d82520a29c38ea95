package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/evidence"
)

var passphrase = []byte("گواہ number three walks home")

func testRing(t *testing.T) *Ring {
	t.Helper()
	r, err := OpenRing(filepath.Join(t.TempDir(), "keys"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func create(t *testing.T, r *Ring, name string) *Key {
	t.Helper()
	k, err := r.Create(name, passphrase, Meta{Created: time.Unix(1700000000, 0).UTC(), Server: "http://127.0.0.1:8440"})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCreatedKeyOpensAndSigns(t *testing.T) {
	r := testRing(t)
	made := create(t, r, "investigator")
	k, err := r.Open("investigator", Fixed(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	if k.Meta != made.Meta || k.KeyID() != made.KeyID() || k.Meta.KeyID != k.Public().ID() {
		t.Errorf("opened %+v, made %+v", k.Meta, made.Meta)
	}
	env, err := k.Sign([]byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Public().Verify(env); err != nil {
		t.Errorf("event signature: %v", err)
	}
	rs, err := k.SignJWT([]byte("header.claims"))
	if err != nil || len(rs) != 64 {
		t.Fatalf("assertion signature: %d bytes, %v", len(rs), err)
	}
	any, err := x509.ParsePKIXPublicKey(k.Public().SPKI())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("header.claims"))
	if !ecdsa.Verify(any.(*ecdsa.PublicKey), sum[:], new(big.Int).SetBytes(rs[:32]), new(big.Int).SetBytes(rs[32:])) {
		t.Error("assertion signature does not verify")
	}
}

func TestWrongPassphrase(t *testing.T) {
	r := testRing(t)
	create(t, r, "k")
	for _, wrong := range [][]byte{nil, {}, []byte("not the passphrase"), append(bytes.Clone(passphrase), ' ')} {
		if _, err := r.Open("k", Fixed(wrong)); !errors.Is(err, ErrPassphrase) {
			t.Errorf("passphrase %q: %v, want ErrPassphrase", wrong, err)
		}
	}
}

func TestWeakPassphraseMakesNoKey(t *testing.T) {
	r := testRing(t)
	if _, err := r.Create("k", []byte("short"), Meta{}); !errors.Is(err, ErrWeakPassphrase) {
		t.Errorf("%v, want ErrWeakPassphrase", err)
	}
	if entries, _ := os.ReadDir(r.dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestDamagedKeyFile flips bits and cuts the end off, over the whole file:
// every damage is noticed, before anybody is asked for a passphrase.
func TestDamagedKeyFile(t *testing.T) {
	r := testRing(t)
	create(t, r, "k")
	path := r.keyPath("k")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	asked := func(string) ([]byte, error) { t.Error("asked for a passphrase"); return passphrase, nil }
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		for _, content := range [][]byte{bad, good[:i]} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Open("k", asked); err == nil {
				t.Fatalf("damage at byte %d was not noticed", i)
			}
		}
	}
	if err := os.WriteFile(path, append(bytes.Clone(good), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open("k", asked); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte more: %v, want ErrDamaged", err)
	}
}

// TestSwappedPublicKey puts another key's public half beside the private one.
func TestSwappedPublicKey(t *testing.T) {
	r := testRing(t)
	create(t, r, "a")
	create(t, r, "b")
	a, _ := os.ReadFile(r.keyPath("a"))
	b, _ := os.ReadFile(r.keyPath("b"))
	marker := []byte("-----BEGIN PUBLIC")
	mixed := append(bytes.Clone(a[bytes.Index(a, []byte("-----")):bytes.Index(a, marker)]), b[bytes.Index(b, marker):]...)
	mixed = append(header("a", mixed), mixed...)
	if err := os.WriteFile(r.keyPath("a"), mixed, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(r.metaPath("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open("a", Fixed(passphrase)); err == nil || errors.Is(err, ErrPassphrase) || errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want a refusal that names the mismatch", err)
	}
}

func TestCostIsBoundedBeforeItIsPaid(t *testing.T) {
	r := testRing(t)
	create(t, r, "k")
	b, _ := os.ReadFile(r.keyPath("k"))
	k, err := parseKeyFile(b)
	if err != nil {
		t.Fatal(err)
	}
	// N = 2^14 is encoded 02 02 40 00; r and p follow as 02 01 08, 02 01 05.
	at := bytes.Index(k.encrypted, []byte{2, 2, 0x40, 0, 2, 1, 8, 2, 1, 5})
	if at < 0 {
		t.Fatal("scrypt parameters not found")
	}
	dear := bytes.Clone(k.encrypted)
	dear[at+6] = 0x7f
	if err := checkCost(dear); err == nil || !strings.Contains(err.Error(), "scrypt") {
		t.Errorf("r = 127: %v", err)
	}
	if err := checkCost(k.encrypted[:len(k.encrypted)-1]); err == nil {
		t.Error("a truncated file passed")
	}
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // modes say nothing there
	}
	r := testRing(t)
	create(t, r, "k")
	entries, _ := os.ReadDir(r.dir)
	if len(entries) != 2 {
		t.Errorf("files: %v", entries)
	}
	for _, e := range entries {
		if info, _ := e.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %#o", e.Name(), info.Mode().Perm())
		}
	}
	if info, _ := os.Stat(r.dir); info.Mode().Perm() != 0o700 {
		t.Errorf("directory has mode %#o", info.Mode().Perm())
	}
	if err := os.Chmod(r.keyPath("k"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open("k", Fixed(passphrase)); !errors.Is(err, ErrExposedKey) {
		t.Errorf("a readable key: %v, want ErrExposedKey", err)
	}
}

func TestNeverOverwritten(t *testing.T) {
	r := testRing(t)
	create(t, r, "k")
	before, _ := os.ReadFile(r.keyPath("k"))
	if _, err := r.Create("k", passphrase, Meta{}); !errors.Is(err, ErrKeyExists) {
		t.Errorf("%v, want ErrKeyExists", err)
	}
	if after, _ := os.ReadFile(r.keyPath("k")); !bytes.Equal(before, after) {
		t.Error("the key file changed")
	}
}

func TestConcurrentCreatorsAndUpdates(t *testing.T) {
	r := testRing(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	var won []evidence.Digest
	for range 4 {
		group.Go(func() {
			k, err := r.Create("shared", passphrase, Meta{})
			if err != nil {
				if !errors.Is(err, ErrKeyExists) {
					t.Error(err)
				}
				return
			}
			mu.Lock()
			won = append(won, k.KeyID())
			mu.Unlock()
		})
	}
	group.Wait()
	if len(won) != 1 {
		t.Fatalf("%d creators succeeded, want 1", len(won))
	}
	for range 20 {
		group.Go(func() {
			if _, err := r.Update("shared", func(m *Meta) { m.Cert[0]++ }); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	m, err := r.Meta("shared")
	if err != nil || m.KeyID != won[0] || m.Cert[0] != 20 {
		t.Errorf("after 20 updates: %+v, %v", m, err)
	}
}

// TestCrashBeforeMetadata leaves a key without its companion, and a temporary
// file: the key lists and opens, the leftover goes.
func TestCrashBeforeMetadata(t *testing.T) {
	r := testRing(t)
	name := "تفتیشی افسر"
	id := create(t, r, name).KeyID()
	if err := os.Remove(r.metaPath(name)); err != nil {
		t.Fatal(err)
	}
	leftover := filepath.Join(r.dir, ".key-x.pem.123"+safefile.TempSuffix)
	if err := os.WriteFile(leftover, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenRing(r.dir, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("leftover: %v", err)
	}
	keys, err := r.List()
	if err != nil || len(keys) != 1 || keys[0].Name != name || keys[0].KeyID != id {
		t.Fatalf("listed %+v, %v", keys, err)
	}
	if _, err := r.Open(name, Fixed(passphrase)); err != nil {
		t.Error(err)
	}
}

func TestListShowsTheGoodBesideTheBroken(t *testing.T) {
	r := testRing(t)
	create(t, r, "good")
	if err := os.WriteFile(r.keyPath("broken"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := r.List()
	if err == nil || len(keys) != 1 || keys[0].Name != "good" {
		t.Errorf("listed %+v, %v", keys, err)
	}
}

// TestStockOpenSSLOpensTheKey is the promise that a key is not locked in.
func TestStockOpenSSLOpensTheKey(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CUSTODY_TEST_REQUIRE") == "all" {
			t.Fatal("openssl is not installed")
		}
		t.Skip("openssl is not installed")
	}
	r := testRing(t)
	k := create(t, r, "k")
	pass := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(pass, append(bytes.Clone(passphrase), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(openssl, "pkey", "-in", r.keyPath("k"), "-passin", "file:"+pass, "-pubout", "-outform", "PEM").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	block, _ := pem.Decode(out)
	if block == nil || !bytes.Equal(block.Bytes, k.Public().SPKI()) {
		t.Errorf("openssl read another key: %s", out)
	}
}
