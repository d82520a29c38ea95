package service

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// keys are the service's own: what it saw is signed with one, checkpoints with
// the other. No person's key is ever here.
type keys struct {
	service *ecdsa.PrivateKey
	log     ed25519.PrivateKey
}

const keyBlock = "PRIVATE KEY"

// loadKeys reads the keys in dir. Where neither exists yet it makes both;
// fresh says so. A single one is an accident, and is not papered over.
func loadKeys(dir string) (k keys, fresh bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return keys{}, false, fmt.Errorf("couldn't make the key directory: %w", err)
	}
	servicePath, logPath := filepath.Join(dir, "service.pem"), filepath.Join(dir, "log.pem")
	service, errService := readKey(servicePath)
	log, errLog := readKey(logPath)
	switch {
	case errors.Is(errService, fs.ErrNotExist) && errors.Is(errLog, fs.ErrNotExist):
		k, err := makeKeys(servicePath, logPath)
		return k, true, err
	case errService != nil:
		return keys{}, false, errService
	case errLog != nil:
		return keys{}, false, errLog
	}
	k.service, _ = service.(*ecdsa.PrivateKey)
	k.log, _ = log.(ed25519.PrivateKey)
	if k.service == nil || k.log == nil {
		return keys{}, false, fmt.Errorf("couldn't use the keys in %s: service.pem must be P-256 and log.pem Ed25519", dir)
	}
	return k, false, nil
}

// readKey reads a PKCS #8 key from a file that nobody else may read.
func readKey(path string) (any, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("couldn't use key %s: others may read it; chmod 600 it, and think about who has", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read key: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != keyBlock {
		return nil, fmt.Errorf("couldn't read key %s: not a PEM block %s", path, keyBlock)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("couldn't read key %s: %w", path, err)
	}
	return key, nil
}

func makeKeys(servicePath, logPath string) (keys, error) {
	service, err := seal.GenerateKey()
	if err != nil {
		return keys{}, err
	}
	_, log, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return keys{}, fmt.Errorf("couldn't make the log's key: %w", err)
	}
	// The log's key last: with it alone nothing was signed yet.
	if err := writeKey(servicePath, service); err != nil {
		return keys{}, err
	}
	return keys{service, log}, writeKey(logPath, log)
}

// writeKey is atomic and never writes over a key.
func writeKey(path string, key any) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("couldn't encode key: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-")
	if err != nil {
		return fmt.Errorf("couldn't write key: %w", err)
	}
	defer os.Remove(tmp.Name())
	if err := errors.Join(pem.Encode(tmp, &pem.Block{Type: keyBlock, Bytes: der}), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("couldn't write key: %w", err)
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return fmt.Errorf("couldn't write key: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("couldn't write key: %w", err)
	}
	defer dir.Close()
	return dir.Sync()
}

// document makes the log document of a new log. Without a configured origin
// one is drawn, which no name server will ever answer for.
func (k keys) document(origin string, mode custody.Mode) ([]byte, error) {
	if origin == "" {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, fmt.Errorf("couldn't draw origin: %w", err)
		}
		origin = "log-" + hex.EncodeToString(b[:]) + ".custody.invalid"
	}
	service, err := seal.FromECDSA(&k.service.PublicKey, nil)
	if err != nil {
		return nil, err
	}
	return ledger.NewLogDocument(origin, mode, k.log.Public().(ed25519.PublicKey), service, rand.Reader)
}

// fit reports whether these are the keys of the log that the database holds.
func (k keys) fit(document []byte) error {
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		return err
	}
	service, err := seal.FromECDSA(&k.service.PublicKey, nil)
	if err != nil {
		return err
	}
	have, err := tlog.ParseLogKey(doc.Keys[0].Key)
	if err != nil {
		return err
	}
	if !doc.ServiceKey(service.ID()) || !have.Equal(k.log.Public()) {
		return errors.New("the database holds a log of other keys than those in the key directory: one of the two is not the one you mean")
	}
	return nil
}
