package docket

import (
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// Artifact is what is stored under an item of class digital.
type Artifact struct {
	Item      custody.ID
	Case      custody.ID
	SHA256    evidence.Digest
	Size      uint64 // bytes
	BlockRoot evidence.Digest
	SHA1      []byte // 20 bytes; nil where it wasn't asked for
	MD5       []byte // 16 bytes; nil where it wasn't asked for
	Bucket    string
	Key       string // object key, never used twice
	Version   string // object version
	Encoding  custody.Encoding
	Retention custody.RetentionMode
	Until     time.Time // retained at least until
	Leaves    []byte    // concatenated 32-byte leaf hashes of its 8 MiB blocks
	Stored    time.Time
}

// UploadStatus says how far a deposit is.
type UploadStatus string

// Statuses. Completing: the submission is verified and stored, the object is
// being completed or was; a restart goes on from there.
const (
	UploadOpen       UploadStatus = "open"
	UploadCompleting UploadStatus = "completing"
	UploadFinished   UploadStatus = "finished"
	UploadAborted    UploadStatus = "aborted"
)

// Upload is a deposit in progress.
type Upload struct {
	ID        custody.ID // random
	S3Upload  string     // the store's multipart upload id
	Bucket    string
	ObjectKey string
	Owner     custody.ID // key that began it
	Case      custody.ID
	Parent    *custody.ID
	FileName  string
	Size      int64  // bytes
	PartSize  int64  // bytes of every part but the last
	Frontier  int    // parts 1..Frontier are durable and hashed, in this order
	Lost      []int  // those of them that the store turned out not to have
	HashState []byte // of the hashing pipeline after Frontier parts
	Status    UploadStatus
	Finish    []byte // what UploadCompleting works on; the caller's encoding
	Version   string // of the completed object, once known
	Expires   time.Time
	Created   time.Time

	Encoding custody.Encoding // of the object; fixed when the session begins
	// DataKey is what BeginUpload keeps with a session of encoding dare-blocks;
	// afterwards it is found by the object's key.
	DataKey *DataKey
}

// UploadPart is one durable part.
type UploadPart struct {
	N      int // from 1
	ETag   string
	CRC64  []byte // 8 bytes, or none
	Size   int64
	Leaves []byte // concatenated leaf hashes of the blocks that this part holds; they identify its bytes
}

// Token is a stored access token.
type Token struct {
	Hash    evidence.Digest // SHA-256 of the secret
	Key     custody.ID
	Expires time.Time
}

// InvitationPurpose is the one act an invitation permits.
type InvitationPurpose string

// Purposes.
const (
	InviteOrganisation InvitationPurpose = "organisation"
	InviteKey          InvitationPurpose = "key"
)

// Invitation is a one-time permission.
type Invitation struct {
	Hash    evidence.Digest // SHA-256 of the secret
	Purpose InvitationPurpose
	Org     *custody.ID // InviteKey: the organisation
	Issuer  *custody.ID // key that issued it; nil for the operator's first
	Expires time.Time
	UsedAt  *time.Time
	UsedBy  *custody.ID // event id
}

// Auditor is the token of somebody outside who may read the log's entries.
type Auditor struct {
	Hash    evidence.Digest // SHA-256 of the secret
	Name    string          // the operator's note of who it is; 1..128 characters
	Issued  time.Time
	Expires time.Time
	Revoked *time.Time
}

// BundleLevel stands for entry bundles where levels of tiles are counted.
const BundleLevel = -1

// Report is an issued report with its files; ID is filled in by the ledger
// from the event it is an effect of.
type Report struct {
	ID    custody.ID
	Case  custody.ID
	For   custody.Party
	Made  time.Time
	Files []ReportFile
}

// ReportFile is one file of a report.
type ReportFile struct {
	Name   string
	SHA256 evidence.Digest
	Bytes  []byte // nil in listings
}

// Request is an idempotent request's record.
type Request struct {
	Key     custody.ID // the caller's key
	Name    string     // Idempotency-Key
	Digest  evidence.Digest
	Answer  []byte // nil while in flight
	Expires time.Time
}
