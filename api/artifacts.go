package api

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
)

// artifacts answers for retrieval.
type artifacts struct{ use registrar.Artifacts }

func (h artifacts) ids(sha, request string) (artifact, event evidence.Digest, err error) {
	if artifact, err = digest("sha256", sha); err != nil {
		return
	}
	event, err = digest("request", request)
	return
}

// open finds what a signed request of access lets the caller read.
func (h artifacts) open(ctx context.Context, sum, request string) (id evidence.Digest, reader registrar.ArtifactReader, err error) {
	id, event, err := h.ids(sum, request)
	if err != nil {
		return id, nil, err
	}
	if reader, err = h.use.OpenArtifact(ctx, callerOf(ctx), id, event); err != nil {
		return id, nil, fmt.Errorf("couldn't open an artifact: %w", err)
	}
	return id, reader, nil
}

func (h artifacts) GetArtifactContent(ctx context.Context, r wire.GetArtifactContentRequestObject) (wire.GetArtifactContentResponseObject, error) {
	id, reader, err := h.open(ctx, r.Sha256, r.Params.Request)
	if err != nil {
		return nil, err
	}
	return &artifactAnswer{ctx: ctx, id: id, reader: reader, rangeHeader: given(r.Params.Range), ifRange: given(r.Params.IfRange)}, nil
}

func (h artifacts) HeadArtifactContent(ctx context.Context, r wire.HeadArtifactContentRequestObject) (wire.HeadArtifactContentResponseObject, error) {
	id, reader, err := h.open(ctx, r.Sha256, r.Params.Request)
	if err != nil {
		return nil, err
	}
	head := artifactHead{id, reader.Size(), reader.Segmented()}
	if err := reader.Close(ctx, 0, nil); err != nil { // nothing was read
		return nil, fmt.Errorf("couldn't leave an artifact: %w", err)
	}
	return head, nil
}

// artifactHead is what the whole artifact would be answered with, without it.
type artifactHead struct {
	id        evidence.Digest
	size      int64
	segmented bool // the id is its manifest's digest, not its bytes'
}

func (a artifactHead) VisitHeadArtifactContentResponse(w http.ResponseWriter) error {
	a.header(w.Header())
	w.Header().Set("Content-Length", strconv.FormatInt(a.size, 10))
	w.WriteHeader(http.StatusOK)
	return nil
}

// header is what every answer about an artifact has.
func (a artifactHead) header(h http.Header) {
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Accept-Ranges", "bytes")
	h.Set("ETag", `"`+a.id.String()+`"`)
	if !a.segmented {
		h.Set("Repr-Digest", digestHeader(a.id))
	}
}

func (h artifacts) GetArtifactBlocks(ctx context.Context, r wire.GetArtifactBlocksRequestObject) (wire.GetArtifactBlocksResponseObject, error) {
	id, request, err := h.ids(r.Sha256, r.Params.Request)
	if err != nil {
		return nil, err
	}
	f, err := h.use.Blocks(ctx, callerOf(ctx), id, request)
	if err != nil {
		return nil, fmt.Errorf("couldn't find the blocks of an artifact: %w", err)
	}
	return fileAnswer{f}, nil
}

// digestedRange is up to how many bytes a part of an artifact is held back, so
// that its own Content-Digest can go before it.
// It is one block of the tree (FORMAT, IDS).
const digestedRange = 8 << 20 // bytes

// artifactAnswer streams an artifact or one range of it.
type artifactAnswer struct {
	ctx                  context.Context
	id                   evidence.Digest
	reader               registrar.ArtifactReader
	rangeHeader, ifRange string
	begin                func() // sends the header; nil once done
	sent                 int64
}

func (a *artifactAnswer) VisitGetArtifactContentResponse(w http.ResponseWriter) (err error) {
	defer func() {
		// The record of what was served must not be lost with the connection.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), 30*time.Second)
		defer cancel()
		if closeErr := a.reader.Close(ctx, a.sent, err); closeErr != nil && err == nil {
			err = fmt.Errorf("couldn't record that an artifact was served: %w", closeErr)
		}
	}()
	size := a.reader.Size()
	etag := `"` + a.id.String() + `"`
	span, partial, err := requestedRange(a.rangeHeader, a.ifRange, etag, size)
	if err != nil {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		return err
	}
	content, err := a.reader.Range(a.ctx, span.offset, span.length)
	if err != nil {
		return fmt.Errorf("couldn't read an artifact: %w", err)
	}
	defer content.Close()
	// The first bytes are read before anything is promised, so that an artifact
	// which fails at once gets a problem and not a cut connection.
	digested := partial && span.length <= digestedRange
	first, err := firstOf(content, span.length, digested)
	if err != nil {
		return fmt.Errorf("couldn't read an artifact: %w", noCleanEnd(err))
	}
	a.begin = func() {
		h := w.Header()
		artifactHead{id: a.id, segmented: a.reader.Segmented()}.header(h)
		h.Set("Content-Length", strconv.FormatInt(span.length, 10))
		if !partial && !a.reader.Segmented() {
			h.Set("Content-Digest", digestHeader(a.id))
		}
		if !partial {
			w.WriteHeader(http.StatusOK)
			return
		}
		if digested {
			h.Set("Content-Digest", digestHeader(sha256.Sum256(first)))
		}
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", span.offset, span.offset+span.length-1, size))
		w.WriteHeader(http.StatusPartialContent)
	}
	return a.stream(w, first, content, span.length)
}

// firstOf returns the first bytes of content, or all of a part that is to be
// digested as a whole.
func firstOf(content registrar.Pieces, length int64, digested bool) ([]byte, error) {
	first, err := content.Next()
	if err != nil || !digested || int64(len(first)) >= length {
		return first, err
	}
	whole := append(make([]byte, 0, length), first...)
	for int64(len(whole)) < length {
		next, err := content.Next()
		if err != nil {
			return nil, err
		}
		whole = append(whole, next...)
	}
	return whole, nil
}

// stream sends what was checked as it comes, but holds the last bytes back
// until the content came to its end without an error: content that fails never
// arrives whole. Whatever error it returns, bytes may be out, and the exit cuts
// the connection.
func (a *artifactAnswer) stream(w io.Writer, piece []byte, content registrar.Pieces, length int64) error {
	read := int64(len(piece))
	for ; read < length; read += int64(len(piece)) {
		if err := a.write(w, piece); err != nil {
			return err
		}
		var err error
		if piece, err = content.Next(); err != nil {
			return fmt.Errorf("couldn't read an artifact after %d of %d bytes: %w", read, length, noCleanEnd(err))
		}
	}
	if _, err := content.Next(); read != length || err == nil {
		return fmt.Errorf("couldn't send an artifact: more bytes came than the %d that were asked for", length)
	} else if err != io.EOF {
		return fmt.Errorf("couldn't send an artifact: %w", err)
	}
	return a.write(w, piece)
}

// write sends in pieces small enough that a slow reader is seen to read.
func (a *artifactAnswer) write(w io.Writer, p []byte) error {
	if a.begin != nil {
		a.begin()
		a.begin = nil
	}
	for len(p) > 0 {
		n, err := w.Write(p[:min(len(p), copyBuffer)])
		a.sent += int64(n)
		if err != nil {
			return fmt.Errorf("couldn't send an artifact: %w: %w", registrar.ErrReaderGone, err)
		}
		p = p[n:]
	}
	return nil
}
