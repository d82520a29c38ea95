package strongbox

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/minio/sio"

	"github.com/evidence-custody/custodyd/evidence"
)

// Sizes of DARE 2.0 (the format's section 3).
const (
	packageSize = 64 << 10 // plaintext of every package but the last
	overhead    = 16 + 16  // header and tag
	header      = 16
)

// BlockSize is the ciphertext of a whole block, 8 MiB + 4 KiB: block i of an
// object begins at i * BlockSize.
const BlockSize = evidence.BlockSize + evidence.BlockSize/packageSize*overhead

// ErrSealed reports a block that doesn't open: it was altered, or belongs to
// another place, object or key.
var ErrSealed = errors.New("the encrypted block is not authentic")

// Sealed returns the bytes of ciphertext of n bytes of plaintext, of a block,
// a part that begins at a block, or a whole object.
func Sealed(n uint64) uint64 {
	// Blocks are whole packages, so their ends add nothing.
	return n + (n/packageSize+min(1, n%packageSize))*overhead
}

// DataKey encrypts one object.
type DataKey struct{ key [32]byte }

// NewDataKey draws a key.
func NewDataKey(rand io.Reader) (*DataKey, error) {
	var k DataKey
	if _, err := io.ReadFull(rand, k.key[:]); err != nil {
		return nil, fmt.Errorf("couldn't draw a data key: %w", err)
	}
	return &k, nil
}

// String says that there is a key, and nothing of it; so do the formats of fmt
// and slog.
func (*DataKey) String() string { return "data key" }

// GoString implements fmt.GoStringer.
func (k *DataKey) GoString() string { return k.String() }

// Format implements fmt.Formatter: %x shows no more.
func (k *DataKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue implements slog.LogValuer.
func (k *DataKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Forget overwrites the key. Copies that the compiler or the system made are
// out of reach.
func (k *DataKey) Forget() { clear(k.key[:]) }

const blockLabel = "custodyd dare-blocks 1\x00"

func (k *DataKey) config(index uint64, leaf evidence.Digest) (sio.Config, error) {
	info := binary.BigEndian.AppendUint64([]byte(blockLabel), index)
	key, err := hkdf.Key(sha256.New, k.key[:], nil, string(append(info, leaf[:]...)), 32)
	if err != nil {
		return sio.Config{}, fmt.Errorf("couldn't derive the key of block %d: %w", index, err)
	}
	return sio.Config{MinVersion: sio.Version20, MaxVersion: sio.Version20, CipherSuites: []byte{sio.AES_256_GCM},
		Key: key, Nonce: new([12]byte)}, nil
}

// Seal encrypts block index of the object, whose leaf the caller has computed,
// and appends its ciphertext to dst, which doesn't overlap block. It allocates
// only where dst has no room for Sealed(len(block)) bytes more. The same block
// makes the same ciphertext.
func (k *DataKey) Seal(dst []byte, index uint64, leaf evidence.Digest, block []byte) ([]byte, error) {
	if len(block) == 0 || len(block) > evidence.BlockSize {
		return nil, fmt.Errorf("couldn't seal block %d: it has %d bytes, and must have 1 to %d", index, len(block), evidence.BlockSize)
	}
	config, err := k.config(index, leaf)
	if err != nil {
		return nil, err
	}
	stream, err := sio.EncryptReader(bytes.NewReader(block), config)
	if err != nil {
		return nil, fmt.Errorf("couldn't seal block %d: %w", index, err)
	}
	n, at := int(Sealed(uint64(len(block)))), len(dst)
	if cap(dst)-at < n {
		dst = append(make([]byte, 0, at+n), dst...)
	}
	dst = dst[:at+n]
	if _, err := io.ReadFull(stream, dst[at:]); err != nil {
		return nil, fmt.Errorf("couldn't seal block %d: %w", index, err)
	}
	// A byte more would be lost, and the block with it.
	if more, err := stream.Read(make([]byte, 1)); more != 0 || err != io.EOF {
		return nil, fmt.Errorf("couldn't seal block %d: its ciphertext isn't of %d bytes", index, n)
	}
	return dst, nil
}

// Open decrypts block index of an object, which has n bytes of plaintext, and
// appends it to dst, which doesn't overlap sealed; as Seal it allocates where
// there is no room. It returns nothing of a block that isn't authentic
// (ErrSealed). The caller then holds the block to its leaf.
func (k *DataKey) Open(dst []byte, index uint64, leaf evidence.Digest, sealed []byte, n int) ([]byte, error) {
	// The length first: every package of it is then as long as it must be, and
	// nothing behind the last one is passed over.
	if n <= 0 || n > evidence.BlockSize || uint64(len(sealed)) != Sealed(uint64(n)) {
		return nil, fmt.Errorf("couldn't open block %d: %d bytes of ciphertext for %d: %w", index, len(sealed), n, ErrSealed)
	}
	for at := 0; at < len(sealed); at += packageSize + overhead {
		if !expected(sealed[at:]) {
			return nil, fmt.Errorf("couldn't open block %d: the header at byte %d of its ciphertext: %w", index, at, ErrSealed)
		}
	}
	config, err := k.config(index, leaf)
	if err != nil {
		return nil, err
	}
	at := len(dst)
	if cap(dst)-at < n {
		dst = append(make([]byte, 0, at+n), dst...)
	}
	// Capped, so that a defect could not write past the block.
	out, err := sio.DecryptBuffer(dst[:at:at+n], sealed, config)
	if err != nil || len(out) != at+n {
		clear(dst[at : at+n])
		return nil, fmt.Errorf("couldn't open block %d: %w", index, ErrSealed)
	}
	return out, nil
}

// expected holds the header of the package that begins rest to the one form
// that Seal writes: version, cipher, length, and a nonce of zeros but for the
// mark of the last package.
func expected(rest []byte) bool {
	var want [header]byte
	n := min(len(rest)-overhead, packageSize)
	want[0], want[1] = sio.Version20, sio.AES_256_GCM
	binary.LittleEndian.PutUint16(want[2:], uint16(n-1))
	if len(rest) == n+overhead {
		want[4] = 0x80
	}
	return bytes.Equal(rest[:header], want[:])
}
