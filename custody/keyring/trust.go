package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/evidence"
)

// Refusals of a TrustStore.
var (
	ErrFingerprint = errors.New("the policy's fingerprint is not the one that was compared")
	ErrNoPolicy    = errors.New("no policy of this name")
)

// MaxPolicy bounds a stored policy, in bytes.
const MaxPolicy = 4 << 20

// Policy is a stored trust policy: the exact bytes a person accepted.
type Policy struct {
	Name        string
	Fingerprint evidence.Digest
	Content     []byte
}

// TrustStore keeps the trust policies that this person accepted after
// comparing a fingerprint over another channel.
type TrustStore struct {
	dir string
}

// OpenTrust opens the directory of accepted policies.
func OpenTrust(dir string, now time.Time) (*TrustStore, error) {
	if err := safefile.Dir(dir); err != nil {
		return nil, fmt.Errorf("couldn't open trust store: %w", err)
	}
	if err := safefile.Sweep(dir, now); err != nil {
		return nil, fmt.Errorf("couldn't open trust store: %w", err)
	}
	return &TrustStore{dir: dir}, nil
}

// Add accepts content under name. compared is the fingerprint the person
// compared; anything else is refused, so that a file exchanged between
// comparing and adding is noticed. An older policy of the name is replaced.
func (t *TrustStore) Add(name string, content []byte, compared evidence.Digest) (Policy, error) {
	name, err := CanonicalName(name)
	if err != nil {
		return Policy{}, err
	}
	if len(content) == 0 || len(content) > MaxPolicy {
		return Policy{}, fmt.Errorf("couldn't accept policy: %d bytes", len(content))
	}
	p := Policy{Name: name, Fingerprint: evidence.Sum(content), Content: content}
	if p.Fingerprint != compared {
		return Policy{}, ErrFingerprint
	}
	// One file says all: its name line, its fingerprint, the policy.
	file := fmt.Sprintf("%s\n%s\n%s", name, p.Fingerprint, content)
	if err := safefile.Replace(t.path(name), []byte(file)); err != nil {
		return Policy{}, fmt.Errorf("couldn't store policy: %w", err)
	}
	return p, nil
}

// Policy returns an accepted policy. A file changed since is refused.
func (t *TrustStore) Policy(name string) (Policy, error) {
	name, err := CanonicalName(name)
	if err != nil {
		return Policy{}, err
	}
	p, err := readPolicy(t.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return Policy{}, fmt.Errorf("couldn't find policy %q: %w", name, ErrNoPolicy)
	}
	if err == nil && p.Name != name {
		return Policy{}, fmt.Errorf("couldn't use policy file: it was made for the name %q", p.Name)
	}
	return p, err
}

// List returns all accepted policies in the order of their names.
func (t *TrustStore) List() ([]Policy, error) {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't list policies: %w", err)
	}
	var policies []Policy
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), trustSuffix) {
			continue
		}
		p, err := readPolicy(filepath.Join(t.dir, e.Name()))
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	sort.Slice(policies, func(i, j int) bool { return policies[i].Name < policies[j].Name })
	return policies, nil
}

const trustSuffix = ".trust"

func (t *TrustStore) path(name string) string {
	return filepath.Join(t.dir, "policy-"+fileStem(name)+trustSuffix)
}

func readPolicy(path string) (Policy, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Policy{}, fmt.Errorf("couldn't read policy: %w", err)
	}
	p, err := parsePolicy(b)
	if err != nil {
		return Policy{}, fmt.Errorf("couldn't use policy %s: %w", path, err)
	}
	return p, nil
}

// parsePolicy reads a stored policy: its name, its fingerprint, its bytes.
func parsePolicy(b []byte) (Policy, error) {
	name, rest, ok := strings.Cut(string(b), "\n")
	hex, content, ok2 := strings.Cut(rest, "\n")
	fingerprint, err := evidence.ParseDigest(hex)
	if !ok || !ok2 || err != nil {
		return Policy{}, errors.New("garbled")
	}
	if evidence.Sum([]byte(content)) != fingerprint {
		return Policy{}, ErrFingerprint
	}
	return Policy{Name: name, Fingerprint: fingerprint, Content: []byte(content)}, nil
}
