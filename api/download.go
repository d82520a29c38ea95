package api

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
)

const copyBuffer = 256 << 10 // bytes

// span is a part of an artifact in bytes.
type span struct{ offset, length int64 }

// requestedRange reads Range and If-Range (RFC 9110, 13.1.5 and 14.2): one
// range of bytes, or the whole. An If-Range that is not exactly our strong
// ETag gives the whole; a unit other than bytes is ignored, as it must be.
func requestedRange(header, ifRange, etag string, size int64) (span, bool, error) {
	whole := span{0, size}
	unit, set, ok := strings.Cut(header, "=")
	if header == "" || ok && !strings.EqualFold(strings.TrimSpace(unit), "bytes") || ifRange != "" && ifRange != etag {
		return whole, false, nil
	}
	refuse := func(why string) (span, bool, error) {
		return span{}, false, &edgeError{code: "range-not-satisfiable", field: "Range", detail: why}
	}
	if !ok || strings.Contains(set, ",") {
		return refuse("one range of bytes at a time")
	}
	from, to, ok := strings.Cut(strings.TrimSpace(set), "-")
	if !ok {
		return refuse("a range is from-to, from- or -length")
	}
	if from == "" { // the last bytes
		n, err := decimal(to)
		if err != nil || n == 0 || size == 0 {
			return refuse("no such bytes")
		}
		n = min(n, size)
		return span{size - n, n}, true, nil
	}
	first, err := decimal(from)
	if err != nil || first >= size {
		return refuse("the range begins after the end")
	}
	last := size - 1
	if to != "" {
		n, err := decimal(to)
		if err != nil || n < first {
			return refuse("the range ends before it begins")
		}
		last = min(last, n)
	}
	return span{first, last - first + 1}, true, nil
}

// decimal reads digits only; a number beyond int64 is as good as the largest.
func decimal(s string) (int64, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, errors.New("not a number")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 1<<63 - 1, nil
	}
	return n, err
}

// noCleanEnd keeps an early end from looking like a proper one.
func noCleanEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fileAnswer sends finished content whose digest is known.
type fileAnswer struct{ registrar.File }

func (f fileAnswer) VisitGetCaseDossierResponse(w http.ResponseWriter) error    { return f.send(w) }
func (f fileAnswer) VisitGetItemDossierResponse(w http.ResponseWriter) error    { return f.send(w) }
func (f fileAnswer) VisitGetArtifactBlocksResponse(w http.ResponseWriter) error { return f.send(w) }
func (f fileAnswer) VisitGetReportFileResponse(w http.ResponseWriter) error     { return f.send(w) }

// send holds the newest bytes back until the next are read, and the last ones
// until size and digest have been compared: content that is not what was
// announced never arrives whole.
func (f fileAnswer) send(w http.ResponseWriter) error {
	defer f.Content.Close()
	buf, next := make([]byte, copyBuffer), make([]byte, copyBuffer)
	sum := sha256.New()
	held, err := f.fill(buf, sum)
	if err != nil {
		return err
	}
	total := int64(held)
	began := false
	for {
		n, err := f.fill(next, sum)
		if err != nil {
			return err
		}
		total += int64(n)
		if n == 0 {
			break
		}
		if !began {
			f.begin(w)
			began = true
		}
		if _, err := w.Write(buf[:held]); err != nil {
			return fmt.Errorf("couldn't send a file: %w", err)
		}
		buf, next, held = next, buf, n
	}
	if got := evidence.Digest(sum.Sum(nil)); total != f.Size || got != f.SHA256 {
		return fmt.Errorf("couldn't send a file: %d bytes with digest %s came, not %d with %s", total, got, f.Size, f.SHA256)
	}
	if !began {
		f.begin(w)
	}
	if _, err := w.Write(buf[:held]); err != nil {
		return fmt.Errorf("couldn't send a file: %w", err)
	}
	return nil
}

// fill reads until p is full or the content ends.
func (f fileAnswer) fill(p []byte, sum io.Writer) (int, error) {
	n, err := io.ReadFull(f.Content, p)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return n, fmt.Errorf("couldn't read a file: %w", err)
	}
	_, _ = sum.Write(p[:n]) // a hash never fails
	return n, nil
}

func (f fileAnswer) begin(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", f.MediaType)
	h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	h.Set("ETag", `"`+f.SHA256.String()+`"`)
	h.Set("Repr-Digest", digestHeader(f.SHA256))
	h.Set("Content-Digest", digestHeader(f.SHA256))
	h.Set("Content-Disposition", `attachment; filename="`+safeName(f.Name)+`"`)
	w.WriteHeader(http.StatusOK)
}

// safeName keeps letters, digits, dots and hyphens.
func safeName(s string) string {
	out := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '-'
	}, s)
	if out = strings.Trim(out, ".-"); out == "" {
		return "file"
	}
	return out
}
