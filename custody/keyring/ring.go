package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// Typed refusals of a Ring.
var (
	ErrKeyExists  = errors.New("a key of this name exists")
	ErrNoKey      = errors.New("no key of this name")
	ErrExposedKey = errors.New("key file can be read by others")
)

// Meta is what is known about a key in clear: nothing here is secret, and
// nothing here is believed by anyone but its owner's own client.
type Meta struct {
	Name  string          `json:"name"`
	KeyID evidence.Digest `json:"keyId"`
	// Root says that the key founds an organisation.
	Root    bool      `json:"root,omitempty"`
	Created time.Time `json:"created"`
	Server  string    `json:"server,omitempty"`
	// Log, Organisation and Person are founding documents' ids.
	Log          evidence.Digest `json:"log,omitzero"`
	Organisation evidence.Digest `json:"organisation,omitzero"`
	Person       evidence.Digest `json:"person,omitzero"`
	// Request is the leaf of the key.requested event; Cert that of the
	// key.certified event, for a root key that of its org.founded.
	Request evidence.Digest `json:"request,omitzero"`
	Cert    evidence.Digest `json:"cert,omitzero"`
}

// Ring is a directory of keys. Several processes may use it at once.
type Ring struct {
	dir string
}

// OpenRing opens a directory of keys, making it if needed, and removes what a
// crash left in it. now judges how old a leftover is.
func OpenRing(dir string, now time.Time) (*Ring, error) {
	if err := safefile.Dir(dir); err != nil {
		return nil, fmt.Errorf("couldn't open keyring: %w", err)
	}
	if err := safefile.Sweep(dir, now); err != nil {
		return nil, fmt.Errorf("couldn't open keyring: %w", err)
	}
	return &Ring{dir: dir}, nil
}

// Create makes a new key under name and returns it opened. An existing key is
// never replaced (ErrKeyExists). The key file is on disk for good before
// Create returns, so what the key signs can never outlive it.
func (r *Ring) Create(name string, passphrase []byte, meta Meta) (*Key, error) {
	name, err := CanonicalName(name)
	if err != nil {
		return nil, err
	}
	if err := CheckStrength(passphrase); err != nil {
		return nil, err
	}
	// Deriving the key from the passphrase takes a second: say no at once.
	if _, err := os.Lstat(r.keyPath(name)); err == nil {
		return nil, fmt.Errorf("couldn't create key %q: %w", name, ErrKeyExists)
	}
	priv, err := seal.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("couldn't make key: %w", err)
	}
	key, err := newKey(priv, Meta{})
	if err != nil {
		return nil, err
	}
	content, err := encodeKeyFile(name, priv, key.Public(), passphrase)
	if err != nil {
		return nil, err
	}
	// The key first: it decides which of two concurrent creators has the
	// name. A crash before the metadata leaves a key that lists and opens.
	if err := safefile.WriteNew(r.keyPath(name), content); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("couldn't create key %q: %w", name, ErrKeyExists)
	} else if err != nil {
		return nil, fmt.Errorf("couldn't store key: %w", err)
	}
	meta.Name, meta.KeyID = name, key.KeyID()
	if err := r.writeMeta(meta); err != nil {
		return nil, err
	}
	key.Meta = meta
	return key, nil
}

// Open decrypts the key. ask is called once the file is found and private.
func (r *Ring) Open(name string, ask Passphrase) (*Key, error) {
	k, meta, err := r.read(name)
	if err != nil {
		return nil, err
	}
	passphrase, err := ask(fmt.Sprintf("Passphrase of key %q", meta.Name))
	if err != nil {
		return nil, err
	}
	priv, err := k.open(passphrase)
	if err != nil {
		return nil, fmt.Errorf("couldn't open key %q: %w", meta.Name, err)
	}
	return newKey(priv, meta)
}

// Meta returns what is known in clear about a key.
func (r *Ring) Meta(name string) (Meta, error) {
	_, meta, err := r.read(name)
	return meta, err
}

// List returns all keys in the order of their names. A file that cannot be
// read does not hide the others: keys come with a joined error about the rest.
func (r *Ring) List() ([]Meta, error) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't list keys: %w", err)
	}
	var keys []Meta
	var broken []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), keyPrefix) || !strings.HasSuffix(e.Name(), keySuffix) {
			continue
		}
		_, meta, err := r.readFile(filepath.Join(r.dir, e.Name()))
		if err != nil {
			broken = append(broken, fmt.Errorf("%s: %w", e.Name(), err))
			continue
		}
		keys = append(keys, meta)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].Name < keys[j].Name })
	return keys, errors.Join(broken...)
}

// Update changes what is known about a key. Name and key id stay.
func (r *Ring) Update(name string, change func(*Meta)) (Meta, error) {
	unlock, err := lockedfile.MutexAt(filepath.Join(r.dir, "lock")).Lock()
	if err != nil {
		return Meta{}, fmt.Errorf("couldn't lock keyring: %w", err)
	}
	defer unlock()
	_, meta, err := r.read(name)
	if err != nil {
		return Meta{}, err
	}
	changed := meta
	change(&changed)
	changed.Name, changed.KeyID = meta.Name, meta.KeyID
	return changed, r.writeMeta(changed)
}

const (
	keyPrefix = "key-"
	keySuffix = ".pem"
)

func (r *Ring) keyPath(name string) string {
	return filepath.Join(r.dir, keyPrefix+fileStem(name)+keySuffix)
}

func (r *Ring) metaPath(name string) string {
	return filepath.Join(r.dir, keyPrefix+fileStem(name)+".json")
}

func (r *Ring) writeMeta(m Meta) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't encode key's metadata: %w", err)
	}
	if err := safefile.Replace(r.metaPath(m.Name), append(b, '\n')); err != nil {
		return fmt.Errorf("couldn't store key's metadata: %w", err)
	}
	return nil
}

func (r *Ring) read(name string) (keyFile, Meta, error) {
	name, err := CanonicalName(name)
	if err != nil {
		return keyFile{}, Meta{}, err
	}
	k, meta, err := r.readFile(r.keyPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return k, meta, fmt.Errorf("couldn't find key %q: %w", name, ErrNoKey)
	}
	if err == nil && k.name != name {
		return k, meta, fmt.Errorf("couldn't use key file: it was made for the name %q", k.name)
	}
	return k, meta, err
}

func (r *Ring) readFile(path string) (keyFile, Meta, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return keyFile{}, Meta{}, fmt.Errorf("couldn't look at key file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return keyFile{}, Meta{}, errors.New("couldn't read key file: not a regular file of a key's size")
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return keyFile{}, Meta{}, fmt.Errorf("couldn't use %s, mode %#o: %w (chmod 600 it, and consider the key exposed)",
			path, info.Mode().Perm(), ErrExposedKey)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return keyFile{}, Meta{}, fmt.Errorf("couldn't read key file: %w", err)
	}
	k, err := parseKeyFile(b)
	if err != nil {
		return keyFile{}, Meta{}, err
	}
	meta, err := r.readMeta(k, info.ModTime())
	return k, meta, err
}

// readMeta reads the companion file. If a crash came before it was written,
// the key file itself says enough to go on.
func (r *Ring) readMeta(k keyFile, modified time.Time) (Meta, error) {
	b, err := os.ReadFile(r.metaPath(k.name))
	if errors.Is(err, fs.ErrNotExist) {
		return Meta{Name: k.name, KeyID: k.public.ID(), Created: modified.UTC().Truncate(time.Second)}, nil
	}
	if err != nil {
		return Meta{}, fmt.Errorf("couldn't read key's metadata: %w", err)
	}
	var m Meta
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return Meta{}, fmt.Errorf("couldn't read key's metadata: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Meta{}, errors.New("couldn't read key's metadata: more than one value")
	}
	if m.Name != k.name || m.KeyID != k.public.ID() {
		return Meta{}, errors.New("couldn't use key's metadata: it belongs to another key")
	}
	return m, nil
}

// Key is an opened key. It signs events and client assertions.
type Key struct {
	Meta
	signer seal.Signer
	priv   *ecdsa.PrivateKey
}

var _ seal.Signer = (*Key)(nil)
