package witness

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// A witness's directory holds its key, its name, and its shelf.
const (
	keyFile  = "witness.pem"
	nameFile = "witness.json"
)

// ErrNoWitness reports a directory in which no witness was made yet.
var ErrNoWitness = errors.New("no witness was made in this directory yet")

// identity is what nameFile holds. The key is there so that a key file put in
// by mistake is noticed: who relies on a witness knows it by this key.
type identity struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Make makes a witness with a new Ed25519 key drawn from random in a directory
// that has none, and returns it as Open does. What is there is never replaced
// (fs.ErrExist).
func Make(dir, name string, random io.Reader, now time.Time) (*tlog.Cosigner, *Directory, error) {
	if _, err := OpenDirectory(dir, now); err != nil {
		return nil, nil, err
	}
	_, private, err := ed25519.GenerateKey(random)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't draw the witness's key: %w", err)
	}
	c, err := tlog.NewCosigner(name, private)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't encode the witness's key: %w", err)
	}
	says, err := json.MarshalIndent(identity{name, c.VerifierKey()}, "", "  ")
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't encode the witness's name: %w", err)
	}
	// The key first. A crash between the two leaves a key without a name, which
	// nobody was told of: it is refused, and moved away by hand.
	if err := safefile.WriteNew(filepath.Join(dir, keyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return nil, nil, fmt.Errorf("couldn't keep the witness's key: %w", err)
	}
	if err := safefile.WriteNew(filepath.Join(dir, nameFile), append(says, '\n')); err != nil {
		return nil, nil, fmt.Errorf("couldn't keep the witness's name: %w", err)
	}
	return Open(dir, now)
}

// Open opens the witness of a directory, or returns ErrNoWitness.
func Open(dir string, now time.Time) (*tlog.Cosigner, *Directory, error) {
	var says identity
	if err := readStrict(filepath.Join(dir, nameFile), &says); errors.Is(err, fs.ErrNotExist) {
		if _, kerr := os.Lstat(filepath.Join(dir, keyFile)); kerr == nil {
			return nil, nil, fmt.Errorf("couldn't open the witness in %s: there is a key and no %s: restore it, or move the key away", dir, nameFile)
		}
		return nil, nil, fmt.Errorf("couldn't open the witness in %s: %w", dir, ErrNoWitness)
	} else if err != nil {
		return nil, nil, err
	}
	private, err := readKey(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, nil, err
	}
	c, err := tlog.NewCosigner(says.Name, private)
	if err != nil {
		return nil, nil, err
	}
	if c.VerifierKey() != says.Key {
		return nil, nil, fmt.Errorf("couldn't open the witness in %s: %s is not the key of %s", dir, keyFile, nameFile)
	}
	shelf, err := OpenDirectory(dir, now)
	return c, shelf, err
}

func readKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't find the witness's key: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > 4<<10 {
		return nil, fmt.Errorf("couldn't read the witness's key %s: not a key file", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("couldn't use the witness's key %s: mode %#o lets others read it (chmod 600 it, and consider the key exposed)", path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the witness's key: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("couldn't read the witness's key %s: not PKCS#8 in PEM", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the witness's key %s: %w", path, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("couldn't use the witness's key %s: not Ed25519", path)
	}
	return key, nil
}
