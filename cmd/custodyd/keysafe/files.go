package keysafe

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"filippo.io/mldsa"
	mldsax509 "filippo.io/mldsa/x509"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/seal"
)

const keyBlock = "PRIVATE KEY"

// there reports whether the file exists; one that can't be looked at does, and
// reading it says why.
func there(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
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
	key, err := mldsax509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("couldn't read key %s: %w", path, err)
	}
	return key, nil
}

func newServiceKey() (any, error) { return seal.GenerateKey() }

func newLogKey() (any, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the log's key: %w", err)
	}
	return key, nil
}

func newLogMLDSAKey() (any, error) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		return nil, fmt.Errorf("couldn't make the log's ML-DSA-44 key: %w", err)
	}
	return key, nil
}

// writeKey is durable and never writes over a key.
func writeKey(path string, key any) error {
	der, err := mldsax509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("couldn't encode key: %w", err)
	}
	if err := safefile.WriteNew(path, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der})); err != nil {
		return fmt.Errorf("couldn't write key: %w", err)
	}
	return nil
}
