package locals3

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"golang.org/x/sys/unix"
)

// What the creation of an upload says to have its parts written in place, as
// user metadata: the bytes of the object, and those of each part but the last,
// in decimal.
const (
	sizeMetadata     = "custody-size"
	partSizeMetadata = "custody-part-size"
)

const (
	maxParts    = 10_000
	minPartSize = 5 << 20 // of S3
	maxSize     = 32 << 40
)

func refusal(why string) s3err.APIError {
	return s3err.APIError{Code: "InvalidRequest", Description: why, HTTPStatusCode: http.StatusBadRequest}
}

var (
	errPlan      = refusal("custody-size and custody-part-size don't divide an object into up to 10,000 parts of whole pages.")
	errPlanSum   = refusal("Parts in place need CRC64NVME checksums of the FULL_OBJECT type.")
	errPlannedTo = refusal("The part hasn't the length that the upload's creation said.")
	errTaken     = s3err.APIError{
		Code:           "PreconditionFailed",
		Description:    "There is an object of this key, and parts in place replace none.",
		HTTPStatusCode: http.StatusPreconditionFailed,
	}
	errBusy = s3err.APIError{
		Code:           "OperationAborted",
		Description:    "The same part is being written by another request.",
		HTTPStatusCode: http.StatusConflict,
	}
)

// newPlan refuses sizes that can't be held: parts must begin at pages, which
// is what a disk is written by without going through memory twice.
func newPlan(size, partSize uint64) (plan, error) {
	p := plan{int64(min(size, maxSize+1)), int64(min(partSize, maxSize+1))}
	if size == 0 || size > maxSize || partSize == 0 || partSize > maxSize || partSize%page != 0 || p.parts() > maxParts ||
		p.parts() > 1 && partSize < minPartSize {
		return plan{}, errPlan
	}
	return p, nil
}

// planned reads the plan in the creation's metadata; there need be none.
func planned(in s3response.CreateMultipartUploadInput) (p plan, any bool, err error) {
	size, one := in.Metadata[sizeMetadata]
	partSize, other := in.Metadata[partSizeMetadata]
	if !one && !other {
		return plan{}, false, nil
	}
	a, errA := strconv.ParseUint(size, 10, 64)
	b, errB := strconv.ParseUint(partSize, 10, 64)
	if errA != nil || errB != nil {
		return plan{}, false, errPlan
	}
	if in.ChecksumAlgorithm != types.ChecksumAlgorithmCrc64nvme || in.ChecksumType != types.ChecksumTypeFullObject {
		return plan{}, false, errPlanSum
	}
	if p, err = newPlan(a, b); err != nil {
		return plan{}, false, err
	}
	return p, true, nil
}

// prepare makes the files of an upload with a plan. The object gets all of its
// room on the disk now: a disk that is too full says so before anything is
// sent. A file system that can't reserve room leaves the parts to the gateway.
func (g *guard) prepare(dir string, p plan) error {
	f, err := os.OpenFile(filepath.Join(dir, objectFile), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.Fallocate(int(f.Fd()), 0, 0, p.size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return os.Remove(f.Name())
	}
	if errors.Is(err, unix.EFBIG) {
		return s3err.GetEntityTooLargeErr(p.size, p.size)
	}
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	g.step("room reserved")
	return writeRegister(filepath.Join(dir, registerFile), p)
}

func (g *guard) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (s3response.InitiateMultipartUploadResult, error) {
	p, inPlace, err := planned(in)
	if err != nil {
		return s3response.InitiateMultipartUploadResult{}, err
	}
	res, err := g.Posix.CreateMultipartUpload(ctx, in)
	if err != nil {
		return res, answer(err)
	}
	dir := filepath.Join(*in.Bucket, uploadParent(*in.Key), res.UploadId)
	if inPlace {
		if err := g.prepare(dir, p); err != nil {
			// Nobody has heard of it yet. What stays in spite of this, after a
			// crash too, is found by repair: it has no whole register.
			return s3response.InitiateMultipartUploadResult{}, answer(errors.Join(err, g.attrs.discard(*in.Bucket, uploadParent(*in.Key), res.UploadId)))
		}
	}
	g.step("upload created")
	return res, answer(g.attrs.settle(dir))
}

// discard removes an upload with all that belongs to it.
func (a *attributes) discard(bucket, inBucket, id string) error {
	parent := filepath.Join(bucket, inBucket)
	if err := os.RemoveAll(filepath.Join(parent, id)); err != nil {
		return err
	}
	_ = os.Remove(parent) // stays if it holds other uploads of the key
	return a.DeleteAttributes(bucket, filepath.Join(inBucket, id))
}

// sum is a CRC-64/NVME value as S3 writes it.
func sum(crc uint64) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc))
}
