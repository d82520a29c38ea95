package registrar

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

// This file, contract_records.go and contract_errors.go state the use cases:
// what a caller hands in, what comes back, and which typed error says what.
// *Registrar satisfies every interface below; the edge (package api) holds one
// of them per resource.
//
// Rules that hold for every use case:
//
//   - Whatever a caller may not see answers *NotFound, exactly as if it did not
//     exist; *Forbidden is only for acts on what the caller may see.
//   - Bytes that were signed or hashed (envelopes, details, documents) go in
//     and come out exactly; nothing is ever re-encoded.
//   - A write returns without error only once it is durable. An error other
//     than *Unavailable means that nothing was written, except where a
//     use case names the refusal it records. After *Unavailable, or no answer,
//     the same request may be sent again and has one effect.
//   - Errors not in contract_errors.go are faults: the edge shows the caller an
//     opaque one and logs the rest.

// Right is what a key's certificate allows its person to do.
type Right string

// The rights of version 1 (SPEC, key.certified).
const (
	RightCertify     Right = "certify"
	RightInvestigate Right = "investigate"
	RightHold        Right = "hold"
	RightExamine     Right = "examine"
	RightApprove     Right = "approve"
	RightInspect     Right = "inspect"
)

// Purpose is the one act an invitation permits.
type Purpose string

// InviteOrganisation permits exactly one org.founded; InviteKey exactly one
// key.requested.
const (
	InviteOrganisation Purpose = "organisation"
	InviteKey          Purpose = "key"
)

// Standing is where a key stands at the newest checkpoint.
type Standing string

// A requested key may look up itself and its organisation, nothing else. A
// root key stands as StandingRoot from its org.founded on.
const (
	StandingRequested Standing = "requested"
	StandingCertified Standing = "certified"
	StandingRoot      Standing = "root"
	StandingRevoked   Standing = "revoked"
)

// Caller is who asks: the holder of a key, of an invitation (then only
// Invitation is set) or of an auditor's token (then only Auditor). The zero Caller is nobody and sees what is public.
type Caller struct {
	Key        evidence.Digest // SHA-256 of the key's SPKI
	Org        evidence.Digest // the organisation it belongs to
	Person     evidence.Digest // zero for a root key
	Root       bool
	Standing   Standing
	Rights     []Right
	Invitation *Invitation
	Auditor    evidence.Digest // SHA-256 of an auditor's token; then nothing else is set
}

// May reports whether the caller's certificate has the right. A root key has
// only RightCertify.
func (c Caller) May(r Right) bool {
	if c.Root {
		return r == RightCertify
	}
	return c.Standing == StandingCertified && slices.Contains(c.Rights, r)
}

// Nobody reports whether c is the zero Caller.
func (c Caller) Nobody() bool { return c.Key.IsZero() && c.Invitation == nil && c.Auditor.IsZero() }

// Invitation is a one-time permission (see Purpose). Organisation is set for
// InviteKey: the requested key must belong to it.
type Invitation struct {
	ID           evidence.Digest // SHA-256 of its token
	Purpose      Purpose
	Organisation evidence.Digest
	Expires      time.Time
}

// Assertor is a key that may ask for a token by a signed assertion.
type Assertor struct {
	Caller
	Public *ecdsa.PublicKey // P-256
}

// Assertion is a signed assertion the edge has checked but for its single use.
type Assertion struct {
	Key     evidence.Digest
	JTI     string    // at most 128 bytes
	Expires time.Time // the assertion's own exp: its jti is remembered until then, plus leeway
}

// Token is a bearer secret in clear, which exists only in this answer: the
// store keeps its SHA-256.
type Token struct {
	Secret  string // 256 bits, base64url without padding; invitations start "inv_", access tokens "tok_"
	Expires time.Time
}

// Entry is the use case of coming in.
type Entry interface {
	// Authenticate finds the key and its standing. Unknown or revoked:
	// *Unauthenticated. A requested key is found, with no rights.
	Authenticate(ctx context.Context, key evidence.Digest) (Assertor, error)
	// IssueToken spends the assertion's jti and stores a new access token, both
	// or neither. A jti seen before from that key: *Unauthenticated with reason
	// ReasonReplayed.
	IssueToken(ctx context.Context, a Assertion) (Token, error)
	// Bearer finds the caller of an access token, an invitation or an auditor's token. Unknown,
	// expired, spent, or the key meanwhile revoked: *Unauthenticated.
	Bearer(ctx context.Context, secret string) (Caller, error)
	// Invite makes a one-time token. The caller needs RightCertify, and InviteKey
	// is for its own organisation only: *Forbidden otherwise.
	Invite(ctx context.Context, c Caller, r InvitationRequest) (IssuedInvitation, error)
}

// InvitationRequest asks for an invitation. Organisation is set for InviteKey.
type InvitationRequest struct {
	Purpose      Purpose
	Organisation evidence.Digest
	Once         IdempotencyKey
}

// IssuedInvitation carries the secret, once.
type IssuedInvitation struct {
	Invitation
	Token string
}

// IdempotencyKey is the caller's own name for one request, scoped to its key:
// 1 to 128 printable ASCII bytes, or "" for none. The same key with the same
// request returns the first answer (for an invitation: *Conflict, since its
// secret is not kept); with another request, *Conflict CodeIdempotencyMismatch.
type IdempotencyKey string

// Submission is a signed event with everything it commits to.
type Submission struct {
	Envelope  []byte   // the exact JSON received; strict parsing is the registrar's
	Details   [][]byte // exact bytes of each detail (FORMAT, DETAIL)
	Documents [][]byte // exact bytes of each founding document the event introduces
}

// Events is the use case of the record itself.
type Events interface {
	// AppendEvent judges and appends a person's event, and answers with its
	// receipt. The same event id again returns the original receipt with
	// Created false, whoever asks that may see it. A caller may submit only
	// events signed by its own key; an invitation permits its one kind and is
	// spent with the append, in one transaction.
	// *Malformed, *Refused, *Stale, *Forbidden; artifact.deposited is refused
	// here (*Refused "artifact.not-uploaded"): it comes through FinishUpload.
	AppendEvent(ctx context.Context, c Caller, s Submission) (Appended, error)
	// Event finds an event by id or leaf hash, with its receipt against the newest
	// checkpoint: by leaf hash a chain is walked back along its prevs.
	Event(ctx context.Context, c Caller, id evidence.Digest) (Event, error)
	// Chain finds a chain's head. A derived chain (observations, access) that no
	// event has advanced yet: *NotFound.
	Chain(ctx context.Context, c Caller, id evidence.Digest) (Chain, error)
}

// Appended is the receipt and whether this call appended the event.
type Appended struct {
	Receipt
	Created bool
}

// Log is the public face of the log; it needs no caller.
type Log interface {
	LogDocument(ctx context.Context) (LogDocument, error)
	// Checkpoint returns the newest signed note that the quorum of witnesses has
	// cosigned; where none is configured, the newest. *NotFound: none yet.
	Checkpoint(ctx context.Context) ([]byte, error)
	// CheckpointOver returns a published signed note that includes leaf index:
	// cosigned by the quorum if the witnesses answer in time, else the newest. A
	// leaf that nobody published: the newest all the same.
	CheckpointOver(ctx context.Context, index uint64) ([]byte, error)
	// Inclusion proves leaf index in the tree of size leaves; index < size <= newest, else *Malformed "log.range".
	Inclusion(ctx context.Context, index, size uint64) (Inclusion, error)
	// Consistency proves tree size from a prefix of size to; from <= to <= newest, else *Malformed "log.range".
	Consistency(ctx context.Context, from, to uint64) ([]evidence.Digest, error)
	// Tile returns a Merkle tile or an entry bundle of the published tree by its
	// path below the log's prefix, tile/… (C2SP tlog-tiles); its bytes never
	// change. What is no such path, and what the tree has not: *NotFound. Entry
	// bundles are for members and auditors, *Forbidden for other callers,
	// unless the operator opened them to all.
	Tile(ctx context.Context, c Caller, path string) ([]byte, error)
	// Trust lists what organisations published: raw material for a policy.
	Trust(ctx context.Context) (Trust, error)
}

// Directory says who is who. Organisation documents are public among callers;
// a person's document and pending keys are for its own organisation.
type Directory interface {
	Organisations(ctx context.Context, c Caller, p Page) ([]Organisation, Next, error)
	Organisation(ctx context.Context, c Caller, id evidence.Digest) (Organisation, error) // with Keys
	Key(ctx context.Context, c Caller, id evidence.Digest) (Key, error)
}

// Matters shows case material to the entitled: members of the case's agency,
// present and past holders' organisations, recipients of a release, grantees.
type Matters interface {
	Cases(ctx context.Context, c Caller, p Page) ([]Case, Next, error)
	Case(ctx context.Context, c Caller, id evidence.Digest) (Case, error)
	// Items lists what the caller may see, of one case if ofCase isn't zero.
	Items(ctx context.Context, c Caller, ofCase evidence.Digest, p Page) ([]Item, Next, error)
	Item(ctx context.Context, c Caller, id evidence.Digest) (Item, error)
	// CaseDossier and ItemDossier answer a sealed zip in its one encoding.
	CaseDossier(ctx context.Context, c Caller, id evidence.Digest) (File, error)
	ItemDossier(ctx context.Context, c Caller, id evidence.Digest) (File, error)
}

// Page asks for at most Limit entries (1..200; the edge fills in 50) after Cursor.
type Page struct {
	Cursor Next
	Limit  int
}

// Next is an opaque cursor; "" is the start, and, in an answer, the end.
// One that cannot be read is *Malformed "page.cursor".
type Next string

// File is finished content: read it, then close it. Its digest is known
// beforehand, so a reader that fails can never be taken for a whole file.
type File struct {
	Name      string // safe ASCII file name
	MediaType string
	Size      int64 // bytes
	SHA256    evidence.Digest
	Content   io.ReadSeekCloser
}

// Uploads is the use case of a deposit. A session belongs to the key that
// began it; to any other caller it is *NotFound.
type Uploads interface {
	// BeginUpload needs RightInvestigate or RightExamine and a case the caller
	// may deposit into. Size 0: *Refused "artifact.empty". More than
	// the store can hold: *Full.
	BeginUpload(ctx context.Context, c Caller, r UploadRequest) (Upload, error)
	Upload(ctx context.Context, c Caller, id evidence.Digest) (Upload, error)
	Uploads(ctx context.Context, c Caller, p Page) ([]Upload, Next, error)
	// PutPart takes part n (from 1). It reads content to its end, at most
	// p.Size bytes, and returns once the bytes are durable and hashed. A part
	// ahead of the frontier waits a little for its predecessors, then
	// *OutOfWindow. The same part with the same bytes again: no effect, no
	// error; with others: *Conflict CodePartConflict. Bytes that don't
	// match p.SHA256 or p.Blocks: *DigestMismatch, nothing kept. A part that isn't of the
	// size the session prescribes: *Malformed "upload.part-size".
	PutPart(ctx context.Context, c Caller, p Part, content io.Reader) (PartReceipt, error)
	// FinishUpload compares the signed artifact.deposited with what was
	// received, completes the object under retention, then appends the deposit
	// and the service's artifact.received: the commit point. Idempotent by
	// event id. Parts missing: *Conflict CodeUploadIncomplete. A legacy digest
	// declared that the session wasn't begun with: *Refused
	// "deposit.not-computed". A declared value
	// that differs: *DigestMismatch, and deposit.refused is recorded, its id in
	// Recorded. A digest already deposited in a case of the caller's own:
	// *Conflict CodeArtifactExists with Existing set.
	FinishUpload(ctx context.Context, c Caller, id evidence.Digest, s Submission) (Deposit, error)
	// AbortUpload discards a session; again: *NotFound.
	AbortUpload(ctx context.Context, c Caller, id evidence.Digest) error
}

// Artifacts is the use case of retrieval.
type Artifacts interface {
	// OpenArtifact checks that request is the caller's own access.requested for
	// that artifact, resting on custody or an unexpired grant of bytes.
	// It reads nothing yet.
	OpenArtifact(ctx context.Context, c Caller, artifact, request evidence.Digest) (ArtifactReader, error)
	// Blocks answers the concatenated 32-byte leaf hashes of the 8 MiB blocks.
	Blocks(ctx context.Context, c Caller, artifact, request evidence.Digest) (File, error)
}

// ArtifactReader reads one artifact for one request of access.
type ArtifactReader interface {
	Size() int64 // bytes of the whole artifact
	// Segmented reports whether the artifact's id is a manifest's SHA-256 and
	// not that of its bytes.
	Segmented() bool
	// Range reads length bytes from offset (0 <= offset, offset+length <= Size).
	Range(ctx context.Context, offset, length int64) (Pieces, error)
	// Close ends the reading and lets the service record access.served: how
	// many bytes were handed to the network and, where it ended badly, why. The
	// ranges of one request are recorded together (see Settle).
	// It is called exactly once, also where nothing was read (sent 0, then
	// nothing is recorded), with a context that outlives the request.
	Close(ctx context.Context, sent int64, cause error) error
}

// ErrReaderGone is the cause of a reading that the reader, or the network to
// it, did not let go on.
var ErrReaderGone = errors.New("the reader is gone")

// Pieces are the bytes of a range, in order, a block or a part of one at a time.
type Pieces interface {
	// Next returns the next bytes, or io.EOF after the last. No byte comes out
	// of it before its 8 MiB block was checked against the recorded leaf hash; a
	// block that fails ends the read with *Damaged, never with io.EOF. The bytes
	// are the caller's to read until the call after the next one.
	Next() ([]byte, error)
	// Close ends the reading, wherever it is, and takes the bytes back.
	Close() error
}

// Reports is the use case of the custody report.
type Reports interface {
	// IssueReport gathers the dossier, verifies it as a stranger would, renders
	// the result and records report.issued.
	IssueReport(ctx context.Context, c Caller, r ReportRequest) (Report, error)
	// ReportFile opens report.pdf or report.json of an issued report.
	ReportFile(ctx context.Context, c Caller, id evidence.Digest, name string) (File, error)
}

// ReportRequest names a case and, where the report is on some of them only, items.
type ReportRequest struct {
	Case  evidence.Digest
	Items []evidence.Digest
	Once  IdempotencyKey
}

// Health says whether the service can do its work now; nil: it can.
type Health interface {
	Ready(ctx context.Context) error
}

// UseCases is all of them: what *Registrar satisfies.
type UseCases interface {
	Entry
	Events
	Log
	Directory
	Matters
	Uploads
	Artifacts
	Reports
	Health
}

// Detail is one detail in clear, for those entitled.
type Detail struct {
	Event  evidence.Digest // id of the event that carries it
	Field  string
	SHA256 evidence.Digest
	Bytes  []byte          // exact; nil where withheld from this caller
	Value  json.RawMessage // its "value" member, for reading; nil with Bytes
}
