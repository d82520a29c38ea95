package keysafe

import (
	"context"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

// Wrapping is a key-encryption key: it wraps the data keys that evidence is
// encrypted under, each bound to its object.
type Wrapping interface {
	// ID is what the database calls it: 32 hex digits that follow from a key in
	// a file, or a key in a KMS with its version, hashivault://NAME#3.
	ID() string
	Wrap(ctx context.Context, object string, k *strongbox.DataKey) ([]byte, error)
	// Unwrap refuses whatever was not wrapped by this key for this object with
	// strongbox.ErrWrapped. Other errors say that it could not be asked.
	Unwrap(ctx context.Context, object string, wrapped []byte) (*strongbox.DataKey, error)
}

// ErrNoWrapping reports a key-encryption key that is not here.
var ErrNoWrapping = errors.New("the key-encryption key is not here")

// wrappingFile is one key-encryption key's: kek-ID.pem, so that several can be
// there while data keys are wrapped anew.
const (
	wrappingPrefix = "kek-"
	wrappingBlock  = "CUSTODYD KEY-ENCRYPTION KEY"
)

var fileID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// WrappingFile is where a key-encryption key that is a file lies; "" for one in
// a KMS.
func (p Place) WrappingFile(id string) string {
	if !fileID.MatchString(id) {
		return ""
	}
	return filepath.Join(p.Dir, wrappingPrefix+id+".pem")
}

// FindWrapping takes out the key-encryption key of this id, wherever it is.
// ErrNoWrapping: it is not there, and the error says where it was looked for.
func (p Place) FindWrapping(ctx context.Context, id string) (Wrapping, error) {
	if InKMS(id) {
		return p.transitVersion(ctx, id)
	}
	path := p.WrappingFile(id)
	if path == "" {
		return nil, fmt.Errorf("couldn't use key-encryption key %.80q: that is no key's name", id)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("couldn't find key-encryption key %s: no file %s: %w", id, path, ErrNoWrapping)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the key-encryption key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("couldn't use key %s: others may read it; chmod 600 it, and think about who has", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the key-encryption key: %w", err)
	}
	defer clear(b)
	key, err := parseWrapping(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't use key %s: %w", path, err)
	}
	if key.ID() != id {
		return nil, fmt.Errorf("couldn't use key %s: it holds another key, %s", path, key.ID())
	}
	return atHand{key}, nil
}

// parseWrapping reads what MakeWrapping wrote.
func parseWrapping(b []byte) (*strongbox.WrappingKey, error) {
	block, rest := pem.Decode(b)
	if block == nil || block.Type != wrappingBlock || len(block.Headers) != 0 || len(strings.TrimSpace(string(rest))) != 0 {
		return nil, fmt.Errorf("it is not a PEM block %s and nothing else", wrappingBlock)
	}
	defer clear(block.Bytes)
	return strongbox.NewWrappingKey(block.Bytes)
}

// FirstWrapping is the key-encryption key of a service that has none yet: where
// files of some were put beside its other keys, as for replicas that are started
// together, the first by name; else MakeWrapping.
func (p Place) FirstWrapping(ctx context.Context, uri string) (Wrapping, error) {
	there, err := filepath.Glob(filepath.Join(p.Dir, wrappingPrefix+"*.pem"))
	if err != nil || len(there) == 0 || uri != "" {
		return p.MakeWrapping(ctx, uri)
	}
	id, _ := strings.CutPrefix(strings.TrimSuffix(filepath.Base(there[0]), ".pem"), wrappingPrefix)
	return p.FindWrapping(ctx, id)
}

// MakeWrapping makes a key-encryption key: a new file in the directory of the
// keys, or, where uri names a key of a KMS, the newest version that is there.
func (p Place) MakeWrapping(ctx context.Context, uri string) (Wrapping, error) {
	if InKMS(uri) {
		return p.newestTransit(ctx, uri)
	}
	if uri != "" {
		return nil, fmt.Errorf("couldn't use key-encryption key %.80q: it is a KMS's URI, such as hashivault://custody-evidence, or nothing for files beside the other keys", uri)
	}
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, fmt.Errorf("couldn't draw a key-encryption key: %w", err)
	}
	defer clear(secret[:])
	key, err := strongbox.NewWrappingKey(secret[:])
	if err != nil {
		return nil, err
	}
	if err := safefile.Dir(p.Dir); err != nil {
		return nil, err
	}
	if err := safefile.WriteNew(p.WrappingFile(key.ID()), pem.EncodeToMemory(&pem.Block{Type: wrappingBlock, Bytes: secret[:]})); err != nil {
		return nil, fmt.Errorf("couldn't write the key-encryption key: %w", err)
	}
	return atHand{key}, nil
}

// atHand is a key-encryption key that was read from a file.
type atHand struct{ key *strongbox.WrappingKey }

func (a atHand) ID() string { return a.key.ID() }

func (a atHand) Wrap(_ context.Context, object string, k *strongbox.DataKey) ([]byte, error) {
	return a.key.Wrap(rand.Reader, object, k)
}

func (a atHand) Unwrap(_ context.Context, object string, wrapped []byte) (*strongbox.DataKey, error) {
	return a.key.Unwrap(object, wrapped)
}
