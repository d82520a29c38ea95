package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
)

// uploads answers for deposits.
type uploads struct {
	use     registrar.Uploads
	maxPart int64 // bytes
}

func (h uploads) BeginUpload(ctx context.Context, r wire.BeginUploadRequestObject) (wire.BeginUploadResponseObject, error) {
	ofCase, err := digest("case", r.Body.Case)
	if err != nil {
		return nil, err
	}
	req := registrar.UploadRequest{Case: ofCase, Size: r.Body.Size, FileName: r.Body.FileName,
		Once: registrar.IdempotencyKey(given(r.Params.IdempotencyKey))}
	if req.Legacy, err = evidence.ParseLegacy(each(r.Body.Digests, func(d wire.UploadRequestDigests) string { return string(d) })); err != nil {
		return nil, malformed("upload.digests", "digests", "sha1 and md5, each once, are what can be asked for")
	}
	req.Segments = each(r.Body.Segments, func(n int64) uint64 { return uint64(n) })
	if len(req.FileName) > 1024 {
		return nil, malformed("upload.file-name", "fileName", "more than 1024 bytes")
	}
	if r.Body.Parent != "" {
		parent, err := digest("parent", r.Body.Parent)
		if err != nil {
			return nil, err
		}
		req.Parent = &parent
	}
	u, err := h.use.BeginUpload(ctx, callerOf(ctx), req)
	if err != nil {
		return nil, fmt.Errorf("couldn't begin an upload: %w", err)
	}
	return wire.BeginUpload201JSONResponse(upload(u)), nil
}

func (h uploads) ListUploads(ctx context.Context, r wire.ListUploadsRequestObject) (wire.ListUploadsResponseObject, error) {
	list, next, err := h.use.Uploads(ctx, callerOf(ctx), page(r.Params.Cursor, r.Params.Limit))
	if err != nil {
		return nil, fmt.Errorf("couldn't list uploads: %w", err)
	}
	return wire.ListUploads200JSONResponse{Uploads: each(list, upload), Next: string(next)}, nil
}

func (h uploads) GetUpload(ctx context.Context, r wire.GetUploadRequestObject) (wire.GetUploadResponseObject, error) {
	id, err := digest("uploadId", r.UploadId)
	if err != nil {
		return nil, err
	}
	u, err := h.use.Upload(ctx, callerOf(ctx), id)
	if err != nil {
		return nil, fmt.Errorf("couldn't find an upload: %w", err)
	}
	return wire.GetUpload200JSONResponse(upload(u)), nil
}

func (h uploads) AbortUpload(ctx context.Context, r wire.AbortUploadRequestObject) (wire.AbortUploadResponseObject, error) {
	id, err := digest("uploadId", r.UploadId)
	if err != nil {
		return nil, err
	}
	if err := h.use.AbortUpload(ctx, callerOf(ctx), id); err != nil {
		return nil, fmt.Errorf("couldn't abort an upload: %w", err)
	}
	return wire.AbortUpload204Response{}, nil
}

// PutPart hands the body on unread; how it ends is judged from the body itself
// (see bodyFault), whatever the use case makes of it.
func (h uploads) PutPart(ctx context.Context, r wire.PutPartRequestObject) (wire.PutPartResponseObject, error) {
	id, err := digest("uploadId", r.UploadId)
	if err != nil {
		return nil, err
	}
	part := registrar.Part{Upload: id, Number: r.Part}
	if part.SHA256, part.Blocks, err = contentDigest(r.Params.ContentDigest); err != nil {
		return nil, err
	}
	length := exchangeOf(ctx).length
	switch {
	case length < 0:
		return nil, &edgeError{code: "length-required", detail: "a part needs a Content-Length"}
	case length == 0:
		return nil, malformed("upload.part-size", "", "the part is empty")
	}
	part.Size = length
	got, err := h.use.PutPart(ctx, callerOf(ctx), part, r.Body)
	if err != nil {
		return nil, fmt.Errorf("couldn't keep part %d: %w", r.Part, err)
	}
	return wire.PutPart200JSONResponse{Part: got.Number, Size: got.Size, Blocks: hexOf(got.Blocks), Next: got.Next}, nil
}

// contentDigest reads a Content-Digest (RFC 9530) of one or both of the digests
// that a part may announce, each in its one spelling: "sha-256=:base64:", and
// "custody-blocks=:base64:", the root over the leaves of the part's blocks.
func contentDigest(value string) (sum, blocks *evidence.Digest, err error) {
	for member := range strings.SplitSeq(value, ",") {
		name, text, _ := strings.Cut(strings.Trim(member, " "), "=")
		into := map[string]**evidence.Digest{"sha-256": &sum, "custody-blocks": &blocks}[name]
		var d evidence.Digest
		text, begun := strings.CutPrefix(text, ":")
		text, ended := strings.CutSuffix(text, ":")
		b, bad := base64.StdEncoding.Strict().DecodeString(text)
		// The comparison: decoding passes over line breaks.
		if into == nil || *into != nil || !begun || !ended || bad != nil || len(b) != len(d) || base64.StdEncoding.EncodeToString(b) != text {
			return nil, nil, malformed("request.content-digest", "Content-Digest", "sha-256=:base64: or custody-blocks=:base64: is needed, each at most once and nothing else")
		}
		copy(d[:], b)
		*into = &d
	}
	return sum, blocks, nil
}

func digestHeader(d evidence.Digest) string {
	return "sha-256=:" + base64.StdEncoding.EncodeToString(d[:]) + ":"
}

func (h uploads) FinishUpload(ctx context.Context, r wire.FinishUploadRequestObject) (wire.FinishUploadResponseObject, error) {
	id, err := digest("uploadId", r.UploadId)
	if err != nil {
		return nil, err
	}
	d, err := h.use.FinishUpload(ctx, callerOf(ctx), id, submission(r.Body))
	if err != nil {
		return nil, fmt.Errorf("couldn't finish an upload: %w", err)
	}
	answer := wire.Deposit{Deposited: receipt(d.Deposited), Received: receipt(d.Received)}
	if d.Created {
		return wire.FinishUpload201JSONResponse(answer), nil
	}
	return wire.FinishUpload200JSONResponse(answer), nil
}
