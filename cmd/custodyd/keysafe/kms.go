package keysafe

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/hashivault" // hashivault:// and openbao://
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/evidence-custody/custodyd/custody/seal"
)

// reference bounds what is a KMS's URI here: sigstore runs the program
// sigstore-kms-SCHEME, which must come out of PATH and from nowhere else.
var reference = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*://\S+$`)

// ValidReference reports whether a text that InKMS is the URI of a key.
func ValidReference(uri string) bool { return reference.MatchString(uri) }

func (p Place) kms(ctx context.Context, uri string, hash crypto.Hash) (kms.SignerVerifier, crypto.PublicKey, error) {
	if !ValidReference(uri) {
		return nil, nil, fmt.Errorf("%q isn't a key's URI, such as hashivault://custody-service", uri)
	}
	var opts []signature.RPCOption
	if p.TokenFile != "" {
		b, err := os.ReadFile(p.TokenFile)
		if err != nil {
			return nil, nil, fmt.Errorf("couldn't read the token: %w", err)
		}
		opts = append(opts, options.WithRPCAuthOpts(options.RPCAuth{Token: strings.TrimSpace(string(b))}))
	}
	key, err := kms.Get(ctx, uri, hash, opts...)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't reach key %s: %w", uri, err)
	}
	public, err := key.PublicKey(options.WithContext(ctx))
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't ask for the public key of %s: %w", uri, err)
	}
	return key, public, nil
}

// remoteService signs with the KMS's P-256 key. Its public key is asked for
// once: one that is rotated behind our back makes signatures that the signer
// itself refuses, and the log's document does not list it.
func (p Place) remoteService(ctx context.Context) (seal.Signer, error) {
	key, public, err := p.kms(ctx, p.Service, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	ec, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%s is a %T, and must be ECDSA P-256", p.Service, public)
	}
	verifying, err := seal.FromECDSA(ec, nil)
	if err != nil {
		return nil, err
	}
	return seal.NewRemoteSigner(verifying, func(message []byte) ([]byte, error) {
		return key.SignMessage(bytes.NewReader(message))
	})
}

// remoteLog signs with the KMS's Ed25519 key, over the message itself.
func (p Place) remoteLog(ctx context.Context) (crypto.Signer, error) {
	key, public, err := p.kms(ctx, p.Log, crypto.Hash(0))
	if err != nil {
		return nil, err
	}
	ed, ok := public.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%s is a %T, and must be Ed25519", p.Log, public)
	}
	return remoteLog{key, ed}, nil
}

type remoteLog struct {
	key    signature.Signer
	public ed25519.PublicKey
}

func (r remoteLog) Public() crypto.PublicKey { return r.public }

// Sign implements crypto.Signer. The log's signer checks what it gets.
func (r remoteLog) Sign(_ io.Reader, message []byte, _ crypto.SignerOpts) ([]byte, error) {
	return r.key.SignMessage(bytes.NewReader(message))
}
