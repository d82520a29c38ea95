package registrar

import (
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

// Receipt shows that an event is in the log: its leaf's inclusion in a signed
// checkpoint.
type Receipt struct {
	EventID    evidence.Digest
	Index      uint64 // of the leaf
	LeafHash   evidence.Digest
	Inclusion  []evidence.Digest // RFC 6962 audit path in the tree of the checkpoint's size
	Checkpoint []byte            // signed note; its size is > Index
	Timestamps [][]byte          // RFC 3161, of the event's signature, by independent authorities; they come after the event, if at all
	Witnessed  *bool             // the quorum of witnesses cosigned Checkpoint; nil where none is configured
}

// Party is a person in an organisation; Person is zero where only the
// organisation is meant.
type Party struct {
	Org    evidence.Digest
	Person evidence.Digest
}

// Event is one entry of the record as its reader may see it.
type Event struct {
	Receipt
	Kind      string
	Class     string // "person" or "service"
	Key       evidence.Digest
	Signer    Party  // zero for the service
	PublicKey []byte // SPKI DER of Key
	Envelope  []byte // exact bytes
	Details   []Detail
	Documents []Document
	Appended  time.Time // the service's clock: a claim of the service
}

// Document is a founding document; Bytes is nil where withheld.
type Document struct {
	ID    evidence.Digest
	Bytes []byte
}

// Chain is where a chain stands.
type Chain struct {
	Head
	Type  string // "log", "org", "key", "case", "item", "grant", "observations", "access"
	Index uint64 // of the event that set Seq
	State string // the state machine's word: "open", "held", "in-transit", "disposed", "certified", …; "" where a type has none
}

// LogDocument is the founding document of the log.
type LogDocument struct {
	ID       evidence.Digest // SHA-256 of Document
	Document []byte          // exact canonical JSON
	Origin   string

	// Whom the operator asks to cosign: verifier keys, to be compared with what
	// the witnesses themselves say. Quorum of them make a checkpoint witnessed.
	Witnesses []string
	Quorum    int
}

// Inclusion is a proof together with the leaf it is for.
type Inclusion struct {
	LeafHash evidence.Digest
	Path     []evidence.Digest
}

// Trust is what organisations published.
type Trust struct {
	Log           LogDocument
	Organisations []PublishedOrganisation
}

// PublishedOrganisation: the name and class are read from the document.
type PublishedOrganisation struct {
	ID       evidence.Digest
	Document []byte
	Name     string
	Class    string
}

// Organisation as the log has it.
type Organisation struct {
	PublishedOrganisation
	Founded   uint64          // index of org.founded
	FoundLeaf evidence.Digest // leaf hash of org.founded: a root key's cert
	Head      Head            // of its chain
	Keys      []Key           // only from Directory.Organisation
}

// Key as the log has it.
type Key struct {
	ID             evidence.Digest
	SPKI           []byte // DER
	Org            evidence.Digest
	Person         evidence.Digest // zero for a root key
	PersonDocument []byte          // exact; nil unless the caller's organisation is Org
	Standing       Standing
	Rights         []Right
	Head           Head             // of the key's chain; zero for a root key
	RequestedLeaf  *evidence.Digest // leaf hash of key.requested: basis of key.certified
	CertLeaf       *evidence.Digest // leaf hash of key.certified (root key: org.founded): the signer's cert
	RevokedIndex   *uint64
}

// Case as the record has it.
type Case struct {
	ID       evidence.Digest
	Document []byte // exact; nil where withheld
	Agency   evidence.Digest
	Opened   Event // case.opened
	Head     Head
	Details  []Detail // of case.opened, corrections applied
	Items    int      // that the caller may see
}

// ArtifactSummary is what identifies bytes.
type ArtifactSummary struct {
	SHA256    evidence.Digest // of a segmented image, of its manifest
	Size      int64           // bytes
	BlockRoot evidence.Digest
	Segments  int // how many files it is; 0 of one
	Format    string
	Received  bool // artifact.received is recorded
}

// CopyState is how a stored copy was last found.
type CopyState string

// States of a stored copy.
const (
	CopyUnread    CopyState = "unread"    // not read back since its deposit
	CopyPassed    CopyState = "passed"    // every block is what was deposited
	CopyFailed    CopyState = "failed"    // it is not what was deposited
	CopyUnchecked CopyState = "unchecked" // it could not be read, which says nothing about the bytes
	CopyErased    CopyState = "erased"    // its item was disposed of, and its key destroyed
)

// Fixity is how the stored copy of an item's artifact was last found, as the
// newest event says.
type Fixity struct {
	State   CopyState
	Event   evidence.Digest // its id; artifact.erased's for CopyErased; zero for CopyUnread
	Checked time.Time       // its time; zero for CopyUnread
	Reason  string          // of CopyFailed and CopyUnchecked (custody.FixityReason, custody.UncheckedReason)
	Blocks  []uint64        // of CopyFailed: the bad blocks of 8 MiB, ascending, at most custody.MaxBadBlocks
	Bad     uint64          // of CopyFailed: how many blocks are bad
	Looked  uint64          // of CopyFailed: of how many that were looked at
	Whole   time.Time       // when it was last found as deposited: read back, or received
	Due     *time.Time      // when it is to be read back next; nil: not by itself, and nobody asked
}

// Grant of access to an item, as far as it concerns the caller.
type Grant struct {
	ID      evidence.Digest
	Leaf    evidence.Digest // leaf hash of access.granted: basis of access.requested
	To      Party
	Scope   string // "bytes" or "record"
	Expires *time.Time
}

// Transit is a release not answered yet.
type Transit struct {
	From     Party
	To       Party
	Released evidence.Digest // leaf hash of custody.released: basis of the answer
}

// Item is an exhibit or a deposited image.
type Item struct {
	ID          evidence.Digest
	Case        evidence.Digest
	Class       string
	Parent      *evidence.Digest
	Document    []byte          // exact; nil where withheld
	Founding    evidence.Digest // event id of item.registered or artifact.deposited
	State       string          // "held", "in-transit" or "disposed"
	Holder      Party           // in transit: the releaser, who stays answerable
	Transit     *Transit
	CustodyLeaf evidence.Digest // leaf hash of the event that gave Holder custody: basis of a grant
	Head        Head
	Artifact    *ArtifactSummary // class digital only
	Fixity      *Fixity          // class digital only
	Media       *Media           // of an image that the service decodes; else nil
	Grants      []Grant
	Details     []Detail // of the founding event, corrections applied
	Events      []EventSummary
}

// EventSummary is a line of an item's chronology; only Matters.Item fills it.
type EventSummary struct {
	ID       evidence.Digest
	Index    uint64
	Kind     string
	LeafHash evidence.Digest
	Signer   Party
	Appended time.Time
}

// UploadRequest begins a deposit.
type UploadRequest struct {
	Case     evidence.Digest
	Parent   *evidence.Digest // the exhibit imaged
	Size     int64            // bytes, > 0
	FileName string           // a remark for the person's own listing; "" or what evidence.CheckFileName takes; never used as a path
	Legacy   evidence.Legacy  // digests to be computed beside SHA-256 and the block tree
	Segments []uint64         // bytes of each segment of a segmented image, in order; none of one file
	Once     IdempotencyKey
}

// Upload is a deposit in progress.
type Upload struct {
	ID       evidence.Digest // random
	Case     evidence.Digest
	Parent   *evidence.Digest
	FileName string
	Legacy   evidence.Legacy // digests computed beside SHA-256 and the block tree
	Segments []uint64        // as they were announced
	Size     int64           // bytes
	PartSize int64           // bytes of every part but the last
	Parts    int             // how many parts Size makes
	Received []int           // numbers of the parts that are durable, ascending
	Next     int             // lowest part missing; Parts+1 when all are there
	Window   int             // how many parts from Next on may be sent at once
	Expires  time.Time
}

// Part announces one part's bytes, by one of the digests at least. Every one
// that is given is compared with what arrives.
type Part struct {
	Upload evidence.Digest
	Number int // from 1
	Size   int64
	SHA256 *evidence.Digest
	Blocks *evidence.Digest // root over the leaves of the part's blocks (evidence.BlockRoot)
}

// PartReceipt acknowledges a durable part.
type PartReceipt struct {
	Number int
	Size   int64
	Blocks evidence.Digest // root over the leaves of the part's blocks
	Next   int             // lowest part missing
}

// Deposit is the answer of FinishUpload.
type Deposit struct {
	Deposited Receipt // artifact.deposited
	Received  Receipt // artifact.received
	Created   bool    // false: the original answer, again
}

// Report is an issued report.
type Report struct {
	ID      evidence.Digest // event id of report.issued
	Receipt Receipt
	Files   []ReportFile
}

// ReportFile is one file of a report, without its content.
type ReportFile struct {
	Name   string
	SHA256 evidence.Digest
	Size   int64 // bytes
}
