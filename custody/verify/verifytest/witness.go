package verifytest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// Witness is a C2SP witness (cosignature/v1) with a key made from its name.
type Witness struct {
	name string
	hash uint32
	key  ed25519.PrivateKey
}

var _ note.Signer = (*Witness)(nil)

// NewWitness makes the witness of that name.
func NewWitness(name string) *Witness {
	seed := sha256.Sum256([]byte("witness " + name))
	w := &Witness{name: name, key: ed25519.NewKeyFromSeed(seed[:])}
	sum := sha256.Sum256(append([]byte(name+"\n"), w.typed()...))
	w.hash = binary.BigEndian.Uint32(sum[:4])
	return w
}

func (w *Witness) typed() []byte {
	return append([]byte{0x04}, w.key.Public().(ed25519.PublicKey)...)
}

// VerifierKey is what a policy names the witness by.
func (w *Witness) VerifierKey() string {
	return fmt.Sprintf("%s+%08x+%s", w.name, w.hash, base64.StdEncoding.EncodeToString(w.typed()))
}

// Name implements note.Signer.
func (w *Witness) Name() string { return w.name }

// KeyHash implements note.Signer.
func (w *Witness) KeyHash() uint32 { return w.hash }

// Sign implements note.Signer: eight bytes of time, then the signature.
func (w *Witness) Sign(msg []byte) ([]byte, error) {
	const when = 1772400000
	signed := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", when, msg)
	return append(binary.BigEndian.AppendUint64(nil, when), ed25519.Sign(w.key, signed)...), nil
}
