package registrar

import (
	"context"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

// Ledger is what the use cases need of the audit chain. *ledger.Ledger
// satisfies it; package docket holds its words and errors.
type Ledger interface {
	Record
	// Append judges and appends a group, all or nothing, and returns one
	// receipt for each submission. The same event again: its original receipt.
	Append(ctx context.Context, group ...docket.Submission) ([]docket.Receipt, error)
	// Deposit appends a deposit together with the service's observation of it,
	// which relies on it: both or neither.
	Deposit(ctx context.Context, s docket.Submission, received docket.Act) ([]docket.Receipt, error)
	// Observe seals and appends what the service saw, with these effects.
	Observe(ctx context.Context, act docket.Act, effects docket.Effects) (docket.Receipt, error)
	// WitnessedReceipts returns the receipts under a checkpoint that the quorum
	// of witnesses has cosigned, waiting for it no longer than is configured.
	// Those for which there is none stay as they are.
	WitnessedReceipts(ctx context.Context, wait bool, receipts ...docket.Receipt) ([]docket.Receipt, error)
	// Cosigned returns the newest checkpoint that the quorum of witnesses has
	// cosigned; where none is configured, the newest. docket.ErrNotFound: none.
	Cosigned(ctx context.Context) (docket.Checkpoint, error)
	// Receipt returns the receipt of an event in the log.
	Receipt(ctx context.Context, event custody.ID) (docket.Receipt, error)

	Key(ctx context.Context, id custody.ID) (*docket.Key, error)
	Organisations(ctx context.Context, p docket.Page) ([]*docket.Chain, error)
	Involvements(ctx context.Context, org custody.ID) ([]docket.Involvement, error)
	Ready(ctx context.Context) error

	SaveToken(ctx context.Context, t docket.Token, jti string, remember time.Time) error
	Token(ctx context.Context, hash evidence.Digest) (docket.Token, error)
	SaveInvitation(ctx context.Context, i docket.Invitation) error
	Invitation(ctx context.Context, hash evidence.Digest) (docket.Invitation, error)
	Auditor(ctx context.Context, hash evidence.Digest) (docket.Auditor, error)

	// BeginRequest records an idempotent request as in flight; where the caller
	// used the name before, it returns that record and started false.
	BeginRequest(ctx context.Context, req docket.Request) (kept docket.Request, started bool, err error)
	// EndRequest keeps the answer; nil forgets the request.
	EndRequest(ctx context.Context, key custody.ID, name string, answer []byte) error

	BeginUpload(ctx context.Context, u docket.Upload) error
	Upload(ctx context.Context, id custody.ID) (docket.Upload, error)
	Uploads(ctx context.Context, owner custody.ID) ([]docket.Upload, error)
	UploadParts(ctx context.Context, id custody.ID) ([]docket.UploadPart, error)
	// AddPart stores part Frontier+1 with the hash state after it, in one
	// transaction; ErrClosed where the session is not open any more.
	AddPart(ctx context.Context, id custody.ID, p docket.UploadPart, hashState []byte, expires time.Time) error
	// LoseParts opens a session again of which the store turned out to lack
	// parts; RestorePart notes that it has one of them, with the same bytes.
	// ErrClosed where the session, or the part, is not of the kind.
	LoseParts(ctx context.Context, id custody.ID, lost []int) error
	RestorePart(ctx context.Context, id custody.ID, p docket.UploadPart) error
	// CompleteUpload remembers the completed object's version.
	SetUpload(ctx context.Context, id custody.ID, status docket.UploadStatus, finish []byte, version string) error
	ExpiredUploads(ctx context.Context, at time.Time) ([]docket.Upload, error)

	Artifact(ctx context.Context, item custody.ID) (docket.Artifact, error)
	// Undestroyed lists artifacts whose item was disposed of and whose data key
	// is still there.
	Undestroyed(ctx context.Context) ([]docket.Artifact, error)
	// Fixity tells how the copy of an item's artifact was last found.
	Fixity(ctx context.Context, item custody.ID) (docket.Fixity, error)
	// Image tells how it stands with the media data of an item's artifact.
	Image(ctx context.Context, item custody.ID) (docket.Image, error)
	ArtifactsBySHA256(ctx context.Context, sum evidence.Digest) ([]docket.Artifact, error)
	Report(ctx context.Context, id custody.ID) (docket.Report, error)
	ReportFile(ctx context.Context, id custody.ID, name string) (docket.ReportFile, error)
}

// Record is reading the chain, as gathering a dossier needs it.
type Record interface {
	LogDocument() ([]byte, custody.ID)
	Checkpoint(ctx context.Context) (docket.Checkpoint, error)
	// Witnessed returns the newest checkpoint that the quorum of witnesses
	// cosigned if it has at least size leaves, waiting a while for one; else the
	// newest published, with the cosignatures that there are, and quorum false.
	Witnessed(ctx context.Context, size uint64) (cp docket.Checkpoint, quorum bool, err error)
	Inclusion(ctx context.Context, index, size uint64) ([]evidence.Digest, error)
	Consistency(ctx context.Context, from, to uint64) ([]evidence.Digest, error)
	Event(ctx context.Context, id custody.ID) (*docket.Event, error)
	EventByLeaf(ctx context.Context, leaf custody.ID) (*docket.Event, error)
	EventAt(ctx context.Context, index uint64) (*docket.Event, error)
	Chain(ctx context.Context, id custody.ID) (*docket.Chain, error)
	// CaseChains returns every chain that belongs to the case: its own, its
	// items', grants', and the observation and access chains about them.
	CaseChains(ctx context.Context, id custody.ID) ([]*docket.Chain, error)
	ChainEvents(ctx context.Context, chains ...custody.ID) ([]*docket.Event, error)
	OrgKeys(ctx context.Context, org custody.ID) ([]*docket.Key, error)
	Blobs(ctx context.Context, ids ...evidence.Digest) (map[evidence.Digest][]byte, error)

	// EventTimestamps returns the timestamps of the signatures of the events of
	// these log indexes, by index; one for each authority, or none.
	EventTimestamps(ctx context.Context, indexes ...uint64) (map[uint64][]docket.Timestamp, error)
	// FirstStamped returns, for each authority, the first checkpoint that
	// includes the event of this log index and that it stamped: not after.
	FirstStamped(ctx context.Context, index uint64) ([]docket.Stamped, error)
	// LogTimes returns, for each authority, the newest log.time event of an
	// index below n, with the stamped checkpoint it commits to: not before.
	LogTimes(ctx context.Context, n uint64) ([]docket.LogTime, error)
}

// Gallery serves the published tree. *gallery.Gallery satisfies it.
type Gallery interface {
	// Tile returns a tile or bundle that was checked against the signed root;
	// docket.ErrNotFound for one that the published tree has not.
	Tile(ctx context.Context, t tlog.Tile) ([]byte, error)
}

// Vault is what the use cases need of the object store. It acknowledges only
// what is durable.
type Vault interface {
	// Begin starts an object of size bytes under retention, with a key of its
	// own. Where it will be encrypted, the answer says so and has its data key,
	// wrapped, which the caller keeps with the object's name before any part is put.
	Begin(ctx context.Context, size uint64) (Object, error)
	// PutPart stores part n (from 1), checked by the store. Again with the same
	// bytes: no effect. It is called once all bytes have arrived and are those
	// announced, so the leaf hash of every block is at hand: a vault that keeps
	// blocks under keys of their own derives them from p.Leaves, block by block
	// (p.Block), whether the part lies in memory or is spooled. It holds p for
	// as long as it reads it (p.Open does).
	PutPart(ctx context.Context, o Object, n int, p *parcel.Parcel) (StoredPart, error)
	// Complete makes the parts one object. Again after an unknown outcome: the
	// same object.
	Complete(ctx context.Context, o Object, parts []StoredPart) (StoredObject, error)
	// Lacking asks the store which of the parts it does not have as they were
	// acknowledged, in ascending order. docket.ErrNotFound: it has nothing of the
	// object any more.
	Lacking(ctx context.Context, o Object, parts []StoredPart) ([]int, error)
	// Abort discards an object that was not completed.
	Abort(ctx context.Context, o Object) error
	// What fixity.Copy reads blocks through; nothing else does.
	fixity.Store
	// Locked returns the lock under which a version is kept, as the store says.
	Locked(ctx context.Context, key, version string) (custody.RetentionMode, time.Time, error)
	// Ready reports whether the store answers.
	Ready(ctx context.Context) error
}

// Object is an object being written.
type Object struct {
	Key      string
	Upload   string // the store's multipart upload id
	Size     uint64 // of the artifact, as are part sizes, however the store keeps it
	PartSize uint64
	Encoding custody.Encoding
	DataKey  *docket.DataKey // of a new object of encoding dare-blocks
}

// StoredPart is a part that the store holds.
type StoredPart struct {
	Number int
	Size   uint64
	ETag   string
	CRC64  []byte // 8 bytes
}

// StoredObject is a completed object.
type StoredObject struct {
	Version     string
	Mode        custody.RetentionMode
	RetainUntil time.Time
}
