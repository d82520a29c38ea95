package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/youmark/pkcs8"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// Cost of deriving the encryption key from a passphrase: the strength OWASP
// recommends, spread over p so that memory stays under the 32 MiB at which
// openssl refuses (N=2^17 p=1 is as strong, and openssl cannot open it).
const (
	scryptN    = 1 << 14
	scryptR    = 8
	scryptP    = 5
	scryptSalt = 16
)

// Limits on what a key file may ask of the machine that opens it; files made
// by this package or by openssl's defaults are far below.
const (
	maxKeyFile    = 16 << 10
	maxScryptN    = 1 << 20
	maxScryptRP   = 64
	maxIterations = 10_000_000
)

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
)

// Why a key file does not open.
var (
	ErrPassphrase = errors.New("wrong passphrase")
	ErrDamaged    = errors.New("the key file is damaged")
)

const (
	pemEncrypted = "ENCRYPTED PRIVATE KEY"
	pemPublic    = "PUBLIC KEY"
)

// encodeKeyFile makes the content of a key file: two lines of text, which PEM
// readers skip, with the key's name and a checksum of all the rest; the
// encrypted private key; and the public key in clear, so that keys can be
// listed without a passphrase. The checksum is against accidents: CBC hides
// some of them, and a wrong passphrase is to be told from a damaged file.
func encodeKeyFile(name string, priv *ecdsa.PrivateKey, public seal.PublicKey, passphrase []byte) ([]byte, error) {
	der, err := pkcs8.MarshalPrivateKey(priv, passphrase, &pkcs8.Opts{
		Cipher: pkcs8.AES256CBC,
		KDFOpts: pkcs8.ScryptOpts{
			SaltSize: scryptSalt, CostParameter: scryptN,
			BlockSize: scryptR, ParallelizationParameter: scryptP,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't encrypt key: %w", err)
	}
	var b bytes.Buffer
	for _, block := range []*pem.Block{{Type: pemEncrypted, Bytes: der}, {Type: pemPublic, Bytes: public.SPKI()}} {
		if err := pem.Encode(&b, block); err != nil {
			return nil, fmt.Errorf("couldn't encode key: %w", err)
		}
	}
	return append(header(name, b.Bytes()), b.Bytes()...), nil
}

// header is the two lines before the PEM blocks.
func header(name string, blocks []byte) []byte {
	sum := evidence.Sum(append([]byte(name+"\n"), blocks...))
	return fmt.Appendf(nil, "%s%s\n%s%s\n", nameLine, name, sumLine, sum)
}

const (
	nameLine = "Custody key: "
	sumLine  = "Checksum: "
)

// keyFile is a key file read without its passphrase.
type keyFile struct {
	name      string
	encrypted []byte
	public    seal.PublicKey
}

// parseKeyFile reads a key file strictly: the name, two blocks, nothing else.
func parseKeyFile(b []byte) (keyFile, error) {
	var k keyFile
	first, rest, _ := bytes.Cut(b, []byte("\n"))
	name, hasName := bytes.CutPrefix(first, []byte(nameLine))
	_, rest, hasSum := bytes.Cut(rest, []byte("\n"))
	if !hasName || !hasSum || !bytes.HasPrefix(b, header(string(name), rest)) {
		return k, fmt.Errorf("couldn't read key file: %w", ErrDamaged)
	}
	k.name = string(name)
	if canonical, err := CanonicalName(k.name); err != nil || canonical != k.name {
		return k, errors.New("couldn't read key file: its name is not acceptable")
	}
	private, rest := pem.Decode(rest)
	public, rest := pem.Decode(rest)
	if private == nil || public == nil || private.Type != pemEncrypted || public.Type != pemPublic ||
		len(private.Headers)+len(public.Headers) != 0 || len(bytes.TrimSpace(rest)) != 0 {
		return k, errors.New("couldn't read key file: not one encrypted private key and its public key")
	}
	k.encrypted = private.Bytes
	var err error
	if k.public, err = seal.ParseSPKI(public.Bytes); err != nil {
		return k, fmt.Errorf("couldn't read key file's public key: %w", err)
	}
	return k, nil
}

// open decrypts the private key and holds it against the public one: CBC
// without a checksum would let a flipped byte make a different key.
func (k keyFile) open(passphrase []byte) (*ecdsa.PrivateKey, error) {
	if err := checkCost(k.encrypted); err != nil {
		return nil, err
	}
	if len(passphrase) == 0 { // pkcs8 would take the file for an unencrypted one
		return nil, ErrPassphrase
	}
	key, err := pkcs8.ParsePKCS8PrivateKey(k.encrypted, passphrase)
	if err != nil {
		return nil, ErrPassphrase
	}
	priv, ok := key.(*ecdsa.PrivateKey)
	if !ok || priv.Curve != elliptic.P256() {
		return nil, errors.New("couldn't use key: not a P-256 key")
	}
	signer, err := seal.NewSigner(priv)
	if err != nil {
		return nil, fmt.Errorf("couldn't use key: %w", err)
	}
	if signer.Public().ID() != k.public.ID() {
		return nil, errors.New("couldn't use key: the private key in the file does not belong to its public key")
	}
	return priv, nil
}

// checkCost looks at the derivation parameters before anything is derived:
// they come from a file, and scrypt takes memory by the megabyte.
func checkCost(der []byte) error {
	var outer struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	var params struct{ KDF, Cipher pkix.AlgorithmIdentifier }
	var iv []byte
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) != 0 {
		return errors.New("couldn't read key file: not PKCS#8")
	}
	if !outer.Algorithm.Algorithm.Equal(oidPBES2) {
		return errors.New("couldn't read key file: not encrypted with PBES2")
	}
	if _, err := asn1.Unmarshal(outer.Algorithm.Parameters.FullBytes, &params); err != nil {
		return errors.New("couldn't read key file: garbled PBES2 parameters")
	}
	// The AES mode panics on a partial block or a short IV.
	if _, err := asn1.Unmarshal(params.Cipher.Parameters.FullBytes, &iv); err != nil || len(iv) != 16 ||
		len(outer.Data) == 0 || len(outer.Data)%16 != 0 {
		return errors.New("couldn't read key file: garbled cipher text")
	}
	switch kdf := params.KDF; {
	case kdf.Algorithm.Equal(oidScrypt):
		var p struct {
			Salt    []byte
			N, R, P int
			KeyLen  int `asn1:"optional"`
		}
		if _, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &p); err != nil ||
			p.N < 2 || p.N > maxScryptN || p.R < 1 || p.P < 1 || p.R > maxScryptRP || p.P > maxScryptRP {
			return errors.New("couldn't read key file: scrypt parameters out of bounds")
		}
	case kdf.Algorithm.Equal(oidPBKDF2):
		var p struct {
			Salt       []byte
			Iterations int
			KeyLen     int                      `asn1:"optional"`
			PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
		}
		if _, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &p); err != nil ||
			p.Iterations < 1 || p.Iterations > maxIterations {
			return errors.New("couldn't read key file: PBKDF2 parameters out of bounds")
		}
	default:
		return errors.New("couldn't read key file: unknown key derivation")
	}
	return nil
}
