// Package keysafe keeps the service's own keys: what the service saw is signed
// with one, checkpoints with the other. Each is a file that only the service
// reads, or stays in a key management system (KMS) which signs for it. A third,
// by which checkpoints of newer logs are signed as well, is post-quantum
// (ML-DSA-44) and always a file: KMSs that sigstore reaches have no such keys.
// All replicas of a service use the same. No person's key is ever here.
package keysafe

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"filippo.io/mldsa"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// Place says where the keys are. It is the operator's configuration and
// nothing else: a KMS's URI can name a program to run.
type Place struct {
	Dir     string // of the keys' files
	Service string // "" service.pem in Dir; else a file, or a KMS's URI
	Log     string // "" log.pem in Dir; else a file, or a KMS's URI
	// LogMLDSA is a file; "" is log-mldsa.pem in Dir, or none where Dir is "".
	LogMLDSA string
	// TokenFile holds the token that Vault or OpenBao asks for; "" leaves it
	// to VAULT_TOKEN.
	TokenFile string
}

// Keys are the service's own.
type Keys struct {
	Service seal.Signer
	Log     crypto.Signer // Ed25519

	LogMLDSA *mldsa.PrivateKey // nil: there is none
}

// PostQuantum is the verifying key of LogMLDSA, or nil.
func (k Keys) PostQuantum() *mldsa.PublicKey {
	if k.LogMLDSA == nil {
		return nil
	}
	return k.LogMLDSA.PublicKey()
}

// MissingError names key files that are not there.
type MissingError struct{ Files []string }

func (e *MissingError) Error() string {
	return "couldn't find the service's keys: no file " + strings.Join(e.Files, " and no file ")
}

// InKMS says whether a place is a KMS's URI rather than a file.
func InKMS(place string) bool { return strings.Contains(place, "://") }

// Open takes the keys out. With mayMake, for a new log, files that are all
// missing are made; one missing beside one that is there is an accident, and
// is not papered over. Otherwise files missing are a *MissingError; but whether
// the log needs the ML-DSA-44 key, its document says (Fit).
func Open(ctx context.Context, p Place, mayMake bool) (Keys, error) {
	if p.Service == "" {
		p.Service = filepath.Join(p.Dir, "service.pem")
	}
	if p.Log == "" {
		p.Log = filepath.Join(p.Dir, "log.pem")
	}
	if p.LogMLDSA == "" && p.Dir != "" {
		p.LogMLDSA = filepath.Join(p.Dir, "log-mldsa.pem")
	}
	if InKMS(p.LogMLDSA) {
		return Keys{}, fmt.Errorf("couldn't use the log's ML-DSA-44 key %s: it must be a file", p.LogMLDSA)
	}
	if mayMake {
		if err := makeMissing(p); err != nil {
			return Keys{}, err
		}
	}
	var missing []string
	for _, path := range []string{p.Service, p.Log} {
		if !InKMS(path) && !there(path) {
			missing = append(missing, path)
		}
	}
	if len(missing) > 0 {
		return Keys{}, &MissingError{missing}
	}
	service, err := p.service(ctx)
	if err != nil {
		return Keys{}, fmt.Errorf("couldn't use the service's key: %w", err)
	}
	log, err := p.log(ctx)
	if err != nil {
		return Keys{}, fmt.Errorf("couldn't use the log's key: %w", err)
	}
	postQuantum, err := p.logMLDSA()
	if err != nil {
		return Keys{}, fmt.Errorf("couldn't use the log's ML-DSA-44 key: %w", err)
	}
	return Keys{service, log, postQuantum}, nil
}

func (p Place) service(ctx context.Context) (seal.Signer, error) {
	if InKMS(p.Service) {
		return p.remoteService(ctx)
	}
	key, err := readKey(p.Service)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a %T, and must be ECDSA P-256", p.Service, key)
	}
	return seal.NewSigner(private)
}

func (p Place) log(ctx context.Context) (crypto.Signer, error) {
	if InKMS(p.Log) {
		return p.remoteLog(ctx)
	}
	key, err := readKey(p.Log)
	if err != nil {
		return nil, err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a %T, and must be Ed25519", p.Log, key)
	}
	return private, nil
}

func (p Place) logMLDSA() (*mldsa.PrivateKey, error) {
	if p.LogMLDSA == "" || !there(p.LogMLDSA) {
		return nil, nil
	}
	key, err := readKey(p.LogMLDSA)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*mldsa.PrivateKey)
	if !ok || private.PublicKey().Parameters() != mldsa.MLDSA44() {
		return nil, fmt.Errorf("%s holds a %T, and must be ML-DSA-44", p.LogMLDSA, key)
	}
	return private, nil
}

// makeMissing makes the key files where none of them exists, and for a new log
// the post-quantum one in any case.
func makeMissing(p Place) error {
	if p.LogMLDSA != "" && !there(p.LogMLDSA) {
		if err := makeFile(p.LogMLDSA, newLogMLDSAKey); err != nil {
			return err
		}
	}
	var missing, have int
	for _, path := range []string{p.Service, p.Log} {
		switch {
		case InKMS(path):
		case there(path):
			have++
		default:
			missing++
		}
	}
	if missing == 0 || have > 0 {
		return nil // Open says which is missing
	}
	// The log's key last: with it alone nothing was signed yet.
	if err := makeFile(p.Service, newServiceKey); err != nil {
		return err
	}
	return makeFile(p.Log, newLogKey)
}

func makeFile(path string, make func() (any, error)) error {
	if InKMS(path) {
		return nil
	}
	key, err := make()
	if err != nil {
		return err
	}
	if err := safefile.Dir(filepath.Dir(path)); err != nil {
		return err
	}
	return writeKey(path, key)
}

// Fit reports whether these are the keys of the log with this document.
func (k Keys) Fit(document []byte) error {
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		return err
	}
	have, err := tlog.ParseLogKey(doc.Keys[0].Key)
	if err != nil {
		return err
	}
	if !doc.ServiceKey(k.Service.Public().ID()) || !have.Equal(k.Log.Public()) {
		return errors.New("the database holds a log of other keys than these")
	}
	for _, listed := range doc.Keys {
		if listed.Algorithm != custody.LogMLDSA44 {
			continue
		}
		key, err := tlog.ParseMLDSAKey(listed.Key)
		if err != nil {
			return err
		}
		if k.LogMLDSA == nil {
			return errors.New("the log's checkpoints are signed by an ML-DSA-44 key too, and no file log-mldsa.pem is there")
		}
		if !key.Equal(k.LogMLDSA.PublicKey()) {
			return errors.New("the database holds a log of another ML-DSA-44 key than this")
		}
		return nil
	}
	return nil
}
