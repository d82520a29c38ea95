package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/minio/crc64nvme"
	"github.com/minio/minio-go/v7"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

// MaxSize is the most bytes of evidence that an object holds: 16 TiB.
const MaxSize = 16 << 40

// maxObject is how long it then is where they are encrypted: 8 GiB more.
const maxObject = MaxSize + MaxSize/evidence.BlockSize*(strongbox.BlockSize-evidence.BlockSize)

const (
	maxParts    = 10_000   // of one upload, by the S3 protocol
	minPartSize = 16 << 20 // a multiple of the 8 MiB block
)

// PartSize returns the size of every part but the last of an object of total
// bytes: the smallest power of two, from 16 MiB, that needs no more than
// 10,000 parts (1 TiB: 128 MiB, 16 TiB: 2 GiB). Sizes of 0 and over MaxSize
// are ErrSize.
func PartSize(total uint64) (uint64, error) {
	if total == 0 || total > MaxSize {
		return 0, fmt.Errorf("couldn't divide %d bytes into parts: %w", total, ErrSize)
	}
	size := uint64(minPartSize)
	for (total+size-1)/size > maxParts {
		size *= 2
	}
	return size, nil
}

// Upload is an object being written. The caller keeps it, all fields, and
// goes on with it after a crash.
type Upload struct {
	Key      string `json:"key"`
	ID       string `json:"id"`
	Size     uint64 `json:"size"`     // of the whole object, bytes
	PartSize uint64 `json:"partSize"` // of every part but the last, bytes
	Mode     Mode   `json:"mode"`     // of the lock it was begun under
}

// Parts returns the number of parts the upload needs.
func (u Upload) Parts() int {
	if u.PartSize == 0 {
		return 0
	}
	return int((u.Size + u.PartSize - 1) / u.PartSize)
}

// PartLen returns the bytes part n must have; n counts from 1. It is 0 for a
// part the upload does not have.
func (u Upload) PartLen(n int) uint64 {
	if n < 1 || n > u.Parts() {
		return 0
	}
	return min(u.PartSize, u.Size-uint64(n-1)*u.PartSize)
}

// Part is a part the server holds. The caller keeps it until Complete.
type Part struct {
	Number int      `json:"number"`
	Size   uint64   `json:"size"`
	ETag   string   `json:"etag"`
	CRC    Checksum `json:"crc64nvme"`
}

// Checksum is a CRC-64/NVME value, written as S3 does: base64 of 8 big-endian
// bytes.
type Checksum uint64

// ChecksumOf returns the checksum of b.
func ChecksumOf(b []byte) Checksum { return Checksum(crc64nvme.Checksum(b)) }

// ParseChecksum reads what String returns.
func ParseChecksum(s string) (Checksum, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	// The comparison: decoding passes over line breaks.
	if err != nil || len(b) != 8 || base64.StdEncoding.EncodeToString(b) != s {
		return 0, fmt.Errorf("couldn't read checksum %.40q: not base64 of 8 bytes", s)
	}
	return Checksum(binary.BigEndian.Uint64(b)), nil
}

// String returns the base64 form.
func (c Checksum) String() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(c)))
}

// MarshalText implements encoding.TextMarshaler.
func (c Checksum) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Checksum) UnmarshalText(b []byte) error {
	p, err := ParseChecksum(string(b))
	if err == nil {
		*c = p
	}
	return err
}

// nvmePolynomial is CRC-64/NVME's generator, bits reversed as the register is.
const nvmePolynomial = 0x9a6c9329ac4bc9b5

// Joined returns the checksum of c's bytes followed by n bytes whose checksum
// is b: c's register is moved past n zero bytes, which is multiplication by
// x^(8n) modulo the generator, then b is added.
func (c Checksum) Joined(b Checksum, n uint64) Checksum {
	power := uint64(1) << 55 // x^8 in the reversed representation
	shift := uint64(1) << 63 // x^0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			shift = nvmeMultiply(shift, power)
		}
		power = nvmeMultiply(power, power)
	}
	return Checksum(nvmeMultiply(uint64(c), shift)) ^ b
}

// nvmeMultiply multiplies two polynomials over GF(2), bit 63 being x^0.
func nvmeMultiply(a, b uint64) uint64 {
	var product uint64
	for bit := uint64(1) << 63; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b & 1
		b >>= 1
		if carry != 0 {
			b ^= nvmePolynomial
		}
	}
	return product
}

// Content is the bytes of a part, which may be read several times and at once.
type Content interface {
	Size() int64 // bytes
	Open() io.ReadCloser
}

type inMemory []byte

func (b inMemory) Size() int64         { return int64(len(b)) }
func (b inMemory) Open() io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

// PutPart is PutContent of bytes in memory.
func (s *Store) PutPart(ctx context.Context, u Upload, n int, data []byte) (Part, error) {
	return s.PutContent(ctx, u, n, inMemory(data))
}

// PutContent stores part n of the upload; n counts from 1. It returns when the
// server has the part on its disk and has found its checksum right. Parts may
// be put in any order and in parallel; the same part put again replaces the
// one before. data is only read; where a request failed, it may be read for a
// while after the return, until what Open gave is closed.
//
// A part of another length than PartLen is ErrParts, nothing is sent. An
// upload the server no longer has is ErrNotFound.
func (s *Store) PutContent(ctx context.Context, u Upload, n int, data Content) (Part, error) {
	if want := u.PartLen(n); want == 0 || uint64(data.Size()) != want {
		return Part{}, fmt.Errorf("couldn't store %d bytes as part %d of %d, it has %d: %w", data.Size(), n, u.Parts(), want, ErrParts)
	}
	crc, err := checksumOf(data)
	if err != nil {
		return Part{}, fmt.Errorf("couldn't read part %d: %w", n, err)
	}
	var part Part
	for try, pause := 1, repeatPause; ; try, pause = try+1, 2*pause {
		// minio-go repeats no part whose body was on its way. It is safe to: the
		// same part put again replaces the one before.
		if part, err = s.putPart(ctx, s.core, u, n, data, crc); err == nil {
			return part, nil
		}
		if final(ctx, err) {
			break
		}
		// A server that says no before it has read the part may hang up, and
		// its answer is lost with the connection. Whether it still knows the
		// upload tells that case from a mishap on the way.
		if _, asked := s.core.ListObjectParts(ctx, s.bucket, u.Key, u.ID, 0, 1); errors.Is(classed(asked), ErrNotFound) {
			err = asked
			break
		}
		if try == repeatTries || !wait(ctx, pause) {
			break
		}
	}
	return Part{}, fmt.Errorf("couldn't store part %d of %s: %w", n, u.Key, classed(err))
}

func checksumOf(data Content) (Checksum, error) {
	in := data.Open()
	defer in.Close()
	crc := crc64nvme.New()
	if _, err := io.Copy(crc, in); err != nil {
		return 0, err
	}
	return Checksum(crc.Sum64()), nil
}

func (s *Store) putPart(ctx context.Context, core *minio.Core, u Upload, n int, data Content, crc Checksum) (Part, error) {
	body := &sent{ReadCloser: data.Open()}
	ctx = context.WithValue(ctx, sentKey{}, body)
	answer, err := core.PutObjectPart(ctx, s.bucket, u.Key, u.ID, n, body, data.Size(),
		minio.PutObjectPartOptions{
			// The checksum header is what the server compares. Signing the
			// body too would hash every byte once more for nothing.
			DisableContentSha256: true,
			CustomHeader:         http.Header{checksumHeader: {crc.String()}},
		})
	body.unsent()
	if err != nil {
		return Part{}, err
	}
	if answer.ChecksumCRC64NVME != "" && answer.ChecksumCRC64NVME != crc.String() {
		return Part{}, fmt.Errorf("%w: sent %s, server has %s", ErrChecksum, crc, answer.ChecksumCRC64NVME)
	}
	return Part{Number: n, Size: uint64(data.Size()), ETag: answer.ETag, CRC: crc}, nil
}

// Lacking returns the numbers of those parts that the server doesn't list as
// they were acknowledged. ErrNotFound: it doesn't know the upload.
func (s *Store) Lacking(ctx context.Context, u Upload, parts []Part) ([]int, error) {
	listed, err := s.ListParts(ctx, u)
	if err != nil {
		return nil, err
	}
	there := map[int]Part{}
	for _, p := range listed {
		there[p.Number] = p
	}
	var lacking []int
	for _, p := range parts {
		if have := there[p.Number]; have.CRC != p.CRC || have.Size != p.Size || strings.Trim(p.ETag, `"`) != have.ETag {
			lacking = append(lacking, p.Number)
		}
	}
	return lacking, nil
}

// ListParts returns the parts the server holds of the upload, in order.
func (s *Store) ListParts(ctx context.Context, u Upload) ([]Part, error) {
	var parts []Part
	for marker := 0; ; {
		page, err := s.core.ListObjectParts(ctx, s.bucket, u.Key, u.ID, marker, 1000)
		if err != nil {
			return nil, fmt.Errorf("couldn't list the parts of %s: %w", u.Key, classed(err))
		}
		for _, p := range page.ObjectParts {
			crc, err := ParseChecksum(p.ChecksumCRC64NVME)
			if err != nil {
				return nil, fmt.Errorf("couldn't list part %d of %s: %w", p.PartNumber, u.Key, err)
			}
			parts = append(parts, Part{Number: p.PartNumber, Size: uint64(p.Size), ETag: strings.Trim(p.ETag, `"`), CRC: crc})
		}
		if !page.IsTruncated || page.NextPartNumberMarker <= marker {
			return parts, nil
		}
		marker = page.NextPartNumberMarker
	}
}
