package locals3

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend"

	"github.com/evidence-custody/custodyd/evidence/bulk"
)

// Ranges from largeRange bytes go out past the page cache and in long pieces:
// evidence is read once, from end to end, and would only push out what others
// have there.
const largeRange = 1 << 20

// socketBuffer is how much of an answer may lie in the connection.
const socketBuffer = 4 << 20

// GetObject answers large ranges itself; the gateway sends them by 4 KiB. What
// the object is, and whether there is such a range, it still says.
func (g *guard) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	if in.Range == nil || *in.Range == "" || in.PartNumber != nil {
		return g.Posix.GetObject(ctx, in)
	}
	whole := *in
	whole.Range = nil
	out, err := g.Posix.GetObject(ctx, &whole)
	if err != nil {
		return out, err
	}
	f, ok := out.Body.(*os.File)
	if !ok || out.ContentLength == nil {
		closeBody(out)
		return g.Posix.GetObject(ctx, in)
	}
	size := *out.ContentLength
	offset, length, ranged, err := backend.ParseObjectRange(size, *in.Range)
	if err != nil {
		closeBody(out)
		return nil, err
	}
	if !ranged || length < largeRange {
		closeBody(out)
		return g.Posix.GetObject(ctx, in)
	}
	said := fmt.Sprintf("bytes %d-%d/%d", offset, offset+length-1, size)
	out.ContentRange, out.ContentLength = &said, &length
	// These are of the whole object.
	out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumType = nil, nil, nil, ""
	out.ChecksumSHA1, out.ChecksumSHA256, out.ChecksumSHA512 = nil, nil, nil
	out.ChecksumMD5, out.ChecksumXXHASH64, out.ChecksumXXHASH3, out.ChecksumXXHASH128 = nil, nil, nil, nil
	body := &span{file: bulk.Past(f, false), at: offset, left: length, strides: g.fetching}
	if c, ok := ctx.(interface{ Conn() net.Conn }); ok {
		body.conn = c.Conn()
	}
	out.Body = body
	return out, nil
}

func closeBody(out *s3.GetObjectOutput) {
	if out.Body != nil {
		out.Body.Close()
	}
}

// span is a part of a file on its way out.
type span struct {
	file     *bulk.File
	at, left int64
	strides  *bulk.Shelf
	conn     net.Conn // where to, past the writer; nil if nobody said
}

// Read implements io.Reader.
func (s *span) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.file.File.ReadAt(b[:min(int64(len(b)), s.left)], s.at)
	s.at, s.left = s.at+int64(n), s.left-int64(n)
	if err == io.EOF && s.left > 0 { // an object doesn't get shorter
		err = io.ErrUnexpectedEOF
	}
	if n > 0 {
		err = nil
	}
	return n, err
}

// Close implements io.Closer.
func (s *span) Close() error { return s.file.Close() }

// WriteTo implements io.WriterTo. What the writer holds goes first, then the
// span, by the stride.
func (s *span) WriteTo(w io.Writer) (int64, error) {
	if f, ok := w.(interface{ Flush() error }); ok && s.conn != nil {
		if err := f.Flush(); err != nil {
			return 0, err
		}
		w = s.conn
		if u, ok := s.conn.(interface{ SetWriteBuffer(int) error }); ok {
			_ = u.SetWriteBuffer(socketBuffer) // it works with less, too
		}
	}
	buf := s.strides.TryTake()
	if buf == nil {
		// So many are under way: through the page cache, then.
		return io.CopyBuffer(w, struct{ io.Reader }{s}, make([]byte, 256<<10))
	}
	defer s.strides.Give(buf)
	var done int64
	for s.left > 0 {
		b, err := s.next(buf)
		if err != nil {
			return done, err
		}
		n, err := w.Write(b)
		done += int64(n)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// next reads the next piece: whole pages around it, as a file wants that is
// read past the page cache.
func (s *span) next(buf []byte) ([]byte, error) {
	skip := s.at % page
	n := min(int64(len(buf)), (skip+s.left+page-1)&^(page-1))
	got, err := s.file.ReadAt(buf[:n], s.at-skip)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if int64(got) <= skip {
		return nil, io.ErrUnexpectedEOF // an object doesn't get shorter
	}
	b := buf[skip:min(int64(got), skip+s.left)]
	s.at, s.left = s.at+int64(len(b)), s.left-int64(len(b))
	return b, nil
}
