package locals3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/oklog/ulid/v2"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/evidence-custody/custodyd/evidence/bulk"
)

// carried are the attributes of an upload that its object inherits: what its
// creation said, the lock before all.
var carried = []string{
	"object-retention", "object-legal-hold", "metadata", "X-Amz-Tagging",
	"content-type", "content-encoding", "content-language", "content-disposition", "cache-control", "expires", "website-redirect-location",
}

// completeInPlace makes the file of an upload an object: nothing is copied.
// The caller owns the upload. Until the file is linked under the key, a crash
// leaves an upload that can be completed again; after that, an object with
// everything that belongs to it, and a directory to clear up.
func (g *guard) completeInPlace(ctx context.Context, in *s3.CompleteMultipartUploadInput, r *register, dir string) (s3response.CompleteMultipartUploadResult, string, error) {
	none := s3response.CompleteMultipartUploadResult{}
	bucket, key, id := *in.Bucket, *in.Key, *in.UploadId
	if g.attrs.madeFrom(bucket, key, id) { // and only the clearing up was missing
		if err := g.attrs.clear(bucket, key, id); err != nil {
			return none, "", err
		}
		return g.completed(bucket, key, id)
	}
	crc, err := wholeSum(in, r)
	if err != nil {
		return none, "", err
	}
	if err := g.settleParts(r, dir); err != nil {
		return none, "", err
	}
	f, err := os.OpenFile(filepath.Join(dir, objectFile), os.O_RDWR, 0)
	if err != nil {
		return none, "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != r.size {
		return none, "", errors.Join(err, fmt.Errorf("couldn't complete an object of %d bytes: %w", r.size, io.ErrShortWrite))
	}
	// Nobody else makes an object of this key meanwhile, which would take the
	// place of this one.
	defer g.keys.own(bucket + "/" + key)()
	objectName := filepath.Join(bucket, key)
	if _, err := os.Lstat(objectName); !errors.Is(err, fs.ErrNotExist) {
		return none, "", errors.Join(err, errTaken)
	}
	version, err := g.describe(ctx, f, in, r, crc)
	if err != nil {
		return none, "", err
	}
	g.step("object described")
	if err := link(f.Name(), objectName); err != nil {
		return none, "", err
	}
	g.step("object linked")
	if err := g.attrs.clear(bucket, key, id); err != nil {
		return none, "", err
	}
	g.step("upload cleared")
	etag, value := entry{crc: crc}.etag(), sum(crc)
	full := types.ChecksumTypeFullObject
	return s3response.CompleteMultipartUploadResult{Bucket: &bucket, Key: &key, ETag: &etag, ChecksumCRC64NVME: &value, ChecksumType: &full}, version, nil
}

// wholeSum compares the list with the register and joins the checksums. An
// object of which a part is missing doesn't exist.
func wholeSum(in *s3.CompleteMultipartUploadInput, r *register) (uint64, error) {
	switch {
	case in.MultipartUpload == nil:
		return 0, s3err.GetAPIError(s3err.ErrMalformedXML)
	case in.IfMatch != nil:
		return 0, s3err.GetPreconditionFailedErr(s3err.ConditionIfMatch)
	case in.IfNoneMatch != nil && *in.IfNoneMatch != "*":
		return 0, s3err.GetNotImplementedErr("If-None-Match", s3err.NmpAdditionalMessageIfNoneMatch)
	case in.ChecksumType != "" && in.ChecksumType != types.ChecksumTypeFullObject:
		return 0, s3err.GetChecksumTypeMismatchOnMpErr(types.ChecksumTypeFullObject)
	case in.MpuObjectSize != nil && *in.MpuObjectSize != r.size:
		return 0, s3err.GetIncorrectMpObjectSizeErr(r.size, *in.MpuObjectSize)
	}
	there, err := r.entries()
	if err != nil {
		return 0, err
	}
	var joined string
	for i, p := range in.MultipartUpload.Parts {
		if p.PartNumber == nil || p.ETag == nil {
			return 0, s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		n := int(*p.PartNumber)
		e, ok := there[n]
		switch {
		case n < i+1:
			return 0, s3err.GetAPIError(s3err.ErrInvalidPartOrder)
		case n != i+1, !ok, !backend.AreEtagsSame(e.etag(), *p.ETag), p.ChecksumCRC64NVME == nil, *p.ChecksumCRC64NVME != sum(e.crc):
			return 0, s3err.GetInvalidPartErr(*in.UploadId, *p.PartNumber, *p.ETag)
		case i == 0:
			joined = sum(e.crc)
		default:
			if joined, err = utils.AddCRCChecksum(types.ChecksumAlgorithmCrc64nvme, joined, sum(e.crc), e.size); err != nil {
				return 0, err
			}
		}
	}
	if n := len(in.MultipartUpload.Parts); n != r.parts() {
		return 0, s3err.GetInvalidPartErr(*in.UploadId, int32(n+1), "")
	}
	if in.ChecksumCRC64NVME != nil && *in.ChecksumCRC64NVME != joined {
		return 0, s3err.GetChecksumBadDigestErr(types.ChecksumAlgorithmCrc64nvme)
	}
	return stated(&joined)
}

// settleParts copies into place the parts that were sent again with other
// bytes. Until all of them are, and the register says so, a crash finds them
// where they were.
func (g *guard) settleParts(r *register, dir string) error {
	there, err := r.entries()
	if err != nil {
		return err
	}
	for n, e := range there {
		if e.turn == 0 {
			continue
		}
		path := filepath.Join(dir, aside(n, e.turn))
		if err := r.settlePart(filepath.Join(dir, objectFile), path, n, e, g.strides); err != nil {
			return fmt.Errorf("couldn't put part %d into its place: %w", n, err)
		}
		g.step("part settled")
		_ = os.Remove(path) // else it goes with the directory
	}
	return nil
}

func (r *register) settlePart(object, path string, n int, e entry, s *bulk.Shelf) error {
	src, err := os.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	l, err := openLane(object, r.offset(n))
	if err != nil {
		return err
	}
	defer l.close()
	crc, err := l.fill(src, e.size, s)
	if err == nil && crc != e.crc {
		err = errors.New("it has changed on the disk")
	}
	if err != nil {
		return err
	}
	e.turn = 0
	return r.enter(n, e)
}

// describe gives the file what the gateway expects of an object, the lock
// first, and makes file and attributes durable.
func (g *guard) describe(ctx context.Context, f *os.File, in *s3.CompleteMultipartUploadInput, r *register, crc uint64) (version string, err error) {
	bucket, key := *in.Bucket, *in.Key
	upload := filepath.Join(uploadParent(key), *in.UploadId)
	store := func(name string, value []byte) {
		if err == nil {
			err = g.attrs.StoreAttribute(f, bucket, key, name, value)
		}
	}
	for _, name := range carried {
		value, missing := g.attrs.RetrieveAttribute(nil, bucket, upload, name)
		if errors.Is(missing, meta.ErrNoSuchKey) {
			if err := g.attrs.forget(bucket, key, name); err != nil {
				return "", err
			}
			continue
		}
		if missing != nil {
			return "", missing
		}
		store(name, value)
	}
	status, statusErr := g.GetBucketVersioning(ctx, bucket)
	if statusErr != nil {
		return "", statusErr
	}
	if status.Status != nil && *status.Status == types.BucketVersioningStatusEnabled {
		version = ulid.Make().String()
		store(versionAttribute, []byte(version))
	}
	value := sum(crc)
	checksums, jsonErr := json.Marshal(s3response.Checksum{Algorithm: types.ChecksumAlgorithmCrc64nvme, Type: types.ChecksumTypeFullObject, CRC64NVME: &value})
	if jsonErr != nil {
		return "", jsonErr
	}
	store("checksums", checksums)
	store("etag", []byte(entry{crc: crc}.etag()))
	list := backend.MpUploadMetadata{UploadID: *in.UploadId}
	for n := 1; n <= r.parts(); n++ {
		list.Parts = append(list.Parts, r.offset(n)+r.length(n))
	}
	parts, jsonErr := backend.MarshalMpUploadMetadata(list, false)
	if jsonErr != nil {
		return "", jsonErr
	}
	store(partsAttribute, parts) // the last: it syncs the file
	return version, err
}

// forget removes what a sidecar may have kept of an object of this key that is
// gone. Attributes of files went with them.
func (a *attributes) forget(bucket, key, name string) error {
	if !a.sidecar {
		return nil
	}
	if err := a.DeleteAttribute(bucket, key, name); !errors.Is(err, meta.ErrNoSuchKey) {
		return err
	}
	return nil
}

// link gives the file the object's name, if nothing has it. A delete may be
// removing its empty directories at the same time.
func link(file, object string) (err error) {
	for range 10 {
		if err = os.MkdirAll(filepath.Dir(object), 0o700); err != nil {
			return err
		}
		err = os.Link(file, object)
		if errors.Is(err, fs.ErrExist) {
			return errTaken
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// clear removes what is left of an upload whose object is linked. The object's
// name is made durable before that of the upload goes.
func (a *attributes) clear(bucket, key, id string) error {
	if err := a.settle(filepath.Dir(filepath.Join(bucket, key))); err != nil {
		return err
	}
	return a.discard(bucket, uploadParent(key), id)
}
