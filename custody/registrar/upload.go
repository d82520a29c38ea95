package registrar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// window is how many parts from the frontier on may be under way at once: as
// many as keep network, processors and disk busy, and no more bytes than the
// service has memory for; of parts that are spooled, two.
func window(partSize int64) int {
	return int(min(8, max(2, (64<<20)/partSize)))
}

// maxOpenUploads bounds the sessions that one key may have open.
const maxOpenUploads = 256

// partPatience is how long a part ahead of the frontier waits for its
// predecessors before it is sent back.
const partPatience = 20 * time.Second

// BeginUpload implements Uploads.
func (r *Registrar) BeginUpload(ctx context.Context, c Caller, req UploadRequest) (Upload, error) {
	u, _, err := once(ctx, r, c, req.Once, []any{"upload", req}, func() (Upload, error) { return r.beginUpload(ctx, c, req) })
	return u, err
}

func (r *Registrar) beginUpload(ctx context.Context, c Caller, req UploadRequest) (Upload, error) {
	if !c.May(RightInvestigate) && !c.May(RightExamine) {
		return Upload{}, &Forbidden{Rule: "signer.right", Message: "a deposit needs the right investigate or examine"}
	}
	if req.Size == 0 {
		return Upload{}, &Refused{Rule: "artifact.empty", Field: "size", Message: "an artifact has at least one byte"}
	}
	if req.Size < 0 || (r.o.MaxArtifact > 0 && uint64(req.Size) > r.o.MaxArtifact) {
		return Upload{}, &TooLarge{Limit: int64(r.o.MaxArtifact), Message: "the artifact is larger than this service takes"}
	}
	if err := segmentsFit(req); err != nil {
		return Upload{}, err
	}
	if req.FileName != "" {
		if err := fileName("upload.file-name", "fileName", req.FileName); err != nil {
			return Upload{}, err
		}
	}
	s, err := r.sightOf(ctx, c, req.Case)
	if err != nil {
		return Upload{}, err
	}
	if !s.any() {
		return Upload{}, &NotFound{What: "case"}
	}
	if req.Parent != nil {
		ch, _, err := r.itemFor(ctx, c, *req.Parent)
		if err != nil {
			return Upload{}, err
		}
		if ch.State.Item.Case != req.Case {
			return Upload{}, &Refused{Rule: "item.other-case", Field: "parent", Message: "the parent item belongs to another case"}
		}
	}
	open, err := r.openUploads(ctx, c)
	if err != nil {
		return Upload{}, err
	}
	if len(open) >= maxOpenUploads {
		return Upload{}, &Conflict{Code: CodeConflict, Message: fmt.Sprintf("%d uploads are open already: finish or abort some", len(open))}
	}
	o, err := r.vault.Begin(ctx, uint64(req.Size))
	if err != nil {
		return Upload{}, vaultFault(err)
	}
	id, err := r.randomID()
	if err != nil {
		return Upload{}, err
	}
	h := evidence.NewHasher(req.Legacy)
	if len(req.Segments) > 0 {
		h = evidence.NewSegmentedHasher(req.Segments)
	}
	state, err := h.MarshalBinary()
	if err != nil {
		return Upload{}, err
	}
	now := r.now()
	u := docket.Upload{ID: id, S3Upload: o.Upload, Bucket: r.vault.Bucket(), ObjectKey: o.Key, Owner: c.Key, Case: req.Case, Parent: req.Parent,
		FileName: req.FileName, Size: req.Size, PartSize: int64(o.PartSize), HashState: state, Status: docket.UploadOpen, Encoding: o.Encoding, DataKey: o.DataKey,
		Expires: now.Add(r.o.UploadLife), Created: now}
	if err := r.ledger.BeginUpload(ctx, u); err != nil {
		// The store keeps an empty multipart upload that nobody knows of; it
		// holds no bytes, and is given back here as far as possible.
		_ = r.vault.Abort(context.WithoutCancel(ctx), o)
		return Upload{}, fault("ledger", err)
	}
	return uploadView(u)
}

func vaultFault(err error) error {
	if errors.Is(err, ErrVaultFull) {
		return &Full{Message: "the evidence store is full; nothing acknowledged is lost"}
	}
	return &Unavailable{What: "vault", After: retryAfter, Cause: err}
}

// ErrVaultFull is what a Vault's errors wrap when there is no room.
var ErrVaultFull = errors.New("the store is full")

func partCount(u docket.Upload) int { return int((u.Size + u.PartSize - 1) / u.PartSize) }

func partLen(u docket.Upload, n int) int64 {
	return min(u.PartSize, u.Size-int64(n-1)*u.PartSize)
}

// hasherOf goes on hashing where the session's last part ended.
func hasherOf(u docket.Upload) (*evidence.Hasher, error) {
	h := evidence.NewHasher()
	if err := h.UnmarshalBinary(u.HashState); err != nil {
		return nil, fmt.Errorf("couldn't read the digests of upload %s: %w", u.ID.Short(), err)
	}
	return h, nil
}

func uploadView(u docket.Upload) (Upload, error) {
	h, err := hasherOf(u)
	if err != nil {
		return Upload{}, err
	}
	out := Upload{Legacy: h.Legacy(), Segments: h.Segments(), ID: u.ID, Case: u.Case, Parent: u.Parent, FileName: u.FileName, Size: u.Size, PartSize: u.PartSize,
		Parts: partCount(u), Next: u.Frontier + 1, Window: window(u.PartSize), Expires: u.Expires}
	for n := 1; n <= u.Frontier; n++ {
		if !slices.Contains(u.Lost, n) {
			out.Received = append(out.Received, n)
		}
	}
	if len(u.Lost) > 0 {
		out.Next = slices.Min(u.Lost)
	}
	return out, nil
}

// session finds the caller's own open session.
func (r *Registrar) session(ctx context.Context, c Caller, id custody.ID) (docket.Upload, error) {
	u, err := r.ledger.Upload(ctx, id)
	if err != nil {
		return docket.Upload{}, found("upload", err)
	}
	if u.Owner != c.Key || c.Key.IsZero() {
		return docket.Upload{}, &NotFound{What: "upload"}
	}
	return u, nil
}

func (r *Registrar) openSession(ctx context.Context, c Caller, id custody.ID) (docket.Upload, error) {
	u, err := r.session(ctx, c, id)
	if err != nil {
		return u, err
	}
	if u.Status == docket.UploadFinished || u.Status == docket.UploadAborted || !r.now().Before(u.Expires) {
		return u, &Conflict{Code: CodeUploadClosed, Message: "the upload is finished, aborted or expired"}
	}
	return u, nil
}

// Upload implements Uploads.
func (r *Registrar) Upload(ctx context.Context, c Caller, id evidence.Digest) (Upload, error) {
	u, err := r.session(ctx, c, id)
	if err != nil {
		return Upload{}, err
	}
	if u.Status == docket.UploadAborted || u.Status == docket.UploadOpen && !r.now().Before(u.Expires) {
		return Upload{}, &NotFound{What: "upload"}
	}
	return uploadView(u)
}

// Uploads implements Uploads: the caller's open sessions, oldest first.
func (r *Registrar) Uploads(ctx context.Context, c Caller, p Page) ([]Upload, Next, error) {
	open, err := r.openUploads(ctx, c)
	if err != nil {
		return nil, "", err
	}
	some, next, err := paged(open, func(u docket.Upload) uint64 { return uint64(u.Created.UnixMicro()) }, p)
	var out []Upload
	for _, u := range some {
		view, err := uploadView(u)
		if err != nil {
			return nil, "", err
		}
		out = append(out, view)
	}
	return out, next, err
}

// openUploads lists the caller's own sessions that can be gone on with.
func (r *Registrar) openUploads(ctx context.Context, c Caller) ([]docket.Upload, error) {
	all, err := r.ledger.Uploads(ctx, c.Key)
	if err != nil {
		return nil, fault("ledger", err)
	}
	open := all[:0]
	for _, u := range all {
		if u.Status == docket.UploadOpen || u.Status == docket.UploadCompleting {
			open = append(open, u)
		}
	}
	return open, nil
}

// AbortUpload implements Uploads.
func (r *Registrar) AbortUpload(ctx context.Context, c Caller, id evidence.Digest) error {
	u, err := r.session(ctx, c, id)
	switch {
	case err != nil:
		return err
	case u.Status == docket.UploadAborted:
		return &NotFound{What: "upload"}
	case u.Status == docket.UploadFinished:
		return &Conflict{Code: CodeUploadClosed, Message: "the deposit is finished"}
	}
	return r.abort(ctx, u)
}

// abort marks first: a crash behind the mark leaves parts that the store's own
// expiry removes, never a session whose parts are gone.
func (r *Registrar) abort(ctx context.Context, u docket.Upload) error {
	if err := r.ledger.SetUpload(ctx, u.ID, docket.UploadAborted, nil, ""); err != nil {
		return fault("ledger", err)
	}
	if err := r.vault.Abort(ctx, objectOf(u)); err != nil {
		r.log.WarnContext(ctx, "couldn't discard the parts of an aborted upload", "upload", u.ID.Short(), "error", err)
	}
	return nil
}

// completingGrace is how long after its end a session may still be completing:
// a large object takes its time, and this or another replica may be at it.
const completingGrace = time.Hour

// ExpireUploads aborts sessions that nobody went on with, and says how many.
// Replicas may do so at once.
func (r *Registrar) ExpireUploads(ctx context.Context) (int, error) {
	now := r.now()
	old, err := r.ledger.ExpiredUploads(ctx, now)
	if err != nil {
		return 0, fault("ledger", err)
	}
	n := 0
	for _, u := range old {
		if u.Status == docket.UploadCompleting && now.Before(u.Expires.Add(completingGrace)) {
			continue
		}
		switch err := r.abort(ctx, u); {
		case errors.Is(err, docket.ErrClosed): // another replica was first
		case err != nil:
			return n, err
		default:
			n++
		}
	}
	return n, nil
}

func objectOf(u docket.Upload) Object {
	return Object{Key: u.ObjectKey, Upload: u.S3Upload, Size: uint64(u.Size), PartSize: uint64(u.PartSize), Encoding: u.Encoding}
}
