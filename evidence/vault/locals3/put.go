package locals3

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// busyPatience is how long a part waits for another request that writes the
// same part: one whose connection has broken is soon found out.
const busyPatience = 30 * time.Second

// putInPlace writes a part where it belongs. An acknowledged part outlasts
// whatever comes later: bytes in place are written only while the register
// doesn't hold the part, by one request at a time. A part that comes again is
// read and compared; if it has other bytes it is written to a file of its own,
// and takes the place of the first in the register when it is whole.
func (g *guard) putInPlace(ctx context.Context, in *s3.UploadPartInput, r *register, dir string) (*s3.UploadPartOutput, error) {
	n := int(*in.PartNumber)
	size := r.length(n)
	if in.ContentLength == nil || *in.ContentLength != size || size == 0 {
		return nil, wrongLength(in, size)
	}
	said, err := stated(in.ChecksumCRC64NVME)
	if err != nil {
		return nil, err
	}
	done, err := g.writers.enter(ctx, fmt.Sprintf("%s/%d", *in.UploadId, n))
	if err != nil {
		return nil, err
	}
	defer done()
	before, there, err := r.entry(n)
	if err != nil {
		return nil, err
	}
	if there && before.crc == said {
		crc, err := checked(in.Body, size, g.strides)
		if err == nil && crc != said {
			err = s3err.GetChecksumBadDigestErr(types.ChecksumAlgorithmCrc64nvme)
		}
		return acknowledged(before), arrived(err)
	}
	e := entry{size: size, at: g.now()}
	path, offset := filepath.Join(dir, objectFile), r.offset(n)
	if there {
		e.turn = before.turn + 1
		path, offset = filepath.Join(dir, aside(n, e.turn)), 0
		if err := makeAside(path); err != nil {
			return nil, gone(err, *in.UploadId)
		}
	}
	published := false
	defer func() {
		if there && !published {
			os.Remove(path)
		}
	}()
	if e.crc, err = g.write(in, path, offset, size); err != nil {
		return nil, err
	}
	if e.crc != said {
		return nil, s3err.GetChecksumBadDigestErr(types.ChecksumAlgorithmCrc64nvme)
	}
	g.step("part written")
	// Entering takes turns with Complete and Abort.
	defer g.uploads.share(*in.UploadId)()
	if _, err := os.Stat(filepath.Join(dir, registerFile)); err != nil {
		return nil, gone(err, *in.UploadId)
	}
	if there {
		if err := g.attrs.settleIn(dir); err != nil {
			return nil, err
		}
	}
	// A crash until here leaves the part as it was before; from here on it is
	// the new one, whole.
	if err := r.enter(n, e); err != nil {
		return nil, err
	}
	published = true
	g.step("part entered")
	if before.turn > 0 {
		os.Remove(filepath.Join(dir, aside(n, before.turn))) // else repair does
	}
	return acknowledged(e), nil
}

func (g *guard) write(in *s3.UploadPartInput, path string, offset, size int64) (uint64, error) {
	l, err := openLane(path, offset)
	if err != nil {
		return 0, gone(err, *in.UploadId)
	}
	defer l.close()
	crc, err := l.fill(in.Body, size, g.strides)
	return crc, arrived(err)
}

// makeAside makes an empty file; one of that name was left by a part that
// didn't arrive whole.
func makeAside(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func acknowledged(e entry) *s3.UploadPartOutput {
	etag, crc := e.etag(), sum(e.crc)
	return &s3.UploadPartOutput{ETag: &etag, ChecksumCRC64NVME: &crc}
}

func wrongLength(in *s3.UploadPartInput, size int64) error {
	switch {
	case in.ContentLength == nil || size == 0:
		return errPlannedTo
	case *in.ContentLength < size:
		return s3err.GetEntityTooSmallErr(*in.ContentLength, size)
	}
	return s3err.GetEntityTooLargeErr(*in.ContentLength, size)
}

// stated reads the checksum that came with a part.
func stated(header *string) (uint64, error) {
	if header == nil {
		return 0, errUnverifiable
	}
	b, err := base64.StdEncoding.Strict().DecodeString(*header)
	if err != nil || len(b) != 8 {
		return 0, refusal("The x-amz-checksum-crc64nvme header is not base64 of 8 bytes.")
	}
	return binary.BigEndian.Uint64(b), nil
}

// gone says that an upload has ended meanwhile.
func gone(err error, id string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return s3err.GetNoSuchUploadErr(id)
	}
	return err
}

// arrived names a body that was cut short.
func arrived(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return err
}

// listBounds reads where a list begins, and how many parts it may have.
func listBounds(in *s3.ListPartsInput) (marker, most int, err error) {
	if in.PartNumberMarker != nil && *in.PartNumberMarker != "" {
		if marker, err = strconv.Atoi(*in.PartNumberMarker); err != nil {
			return 0, 0, s3err.GetInvalidArgMaxLimiter("part-number-marker", *in.PartNumberMarker)
		}
	}
	if in.MaxParts != nil {
		most = int(*in.MaxParts)
	}
	return marker, most, nil
}

// ListParts shows what the register holds.
func (g *guard) ListParts(ctx context.Context, in *s3.ListPartsInput) (s3response.ListPartsResult, error) {
	if in.Bucket == nil || in.Key == nil || in.UploadId == nil {
		return g.Posix.ListParts(ctx, in)
	}
	r, err := openRegister(filepath.Join(*in.Bucket, uploadParent(*in.Key), *in.UploadId, registerFile))
	if err != nil {
		// Without a register its parts are the gateway's; without the upload,
		// its refusal is.
		if errors.Is(err, fs.ErrNotExist) {
			return g.Posix.ListParts(ctx, in)
		}
		return s3response.ListPartsResult{}, err
	}
	defer r.close()
	all, err := r.entries()
	if err != nil {
		return s3response.ListPartsResult{}, err
	}
	marker, most, err := listBounds(in)
	if err != nil {
		return s3response.ListPartsResult{}, err
	}
	list := s3response.ListPartsResult{
		Bucket: *in.Bucket, Key: *in.Key, UploadID: *in.UploadId, StorageClass: types.StorageClassStandard,
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeFullObject,
		PartNumberMarker: marker, MaxParts: most, Parts: []s3response.Part{},
	}
	for n := max(marker, 0) + 1; n <= r.parts(); n++ {
		e, ok := all[n]
		if !ok {
			continue
		}
		if most > 0 && len(list.Parts) == most {
			list.IsTruncated = true
			break
		}
		crc := sum(e.crc)
		list.Parts = append(list.Parts, s3response.Part{PartNumber: n, ETag: e.etag(), LastModified: e.at, Size: e.size, ChecksumCRC64NVME: &crc})
		list.NextPartNumberMarker = n
	}
	return list, nil
}
