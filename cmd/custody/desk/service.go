package desk

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

// Service is what a desk needs of the service. Every method may fail with
// *Answer where the service said no; any other error means that it is unknown
// what the service did. [Remote] is the one over HTTP.
type Service interface {
	Record
	Directory
	Matters
	Uploads
	Artifacts
	Reports
}

// Record is the log and the events in it.
type Record interface {
	LogDocument(ctx context.Context) ([]byte, error)
	// Checkpoint is a signed note that includes leaf index: cosigned if the
	// service's witnesses answer in time, else the newest published.
	Checkpoint(ctx context.Context, index uint64) ([]byte, error)
	Consistency(ctx context.Context, from, to uint64) ([]evidence.Digest, error)
	Append(ctx context.Context, s Submission) (Receipt, error)
	Event(ctx context.Context, id evidence.Digest) (Event, error)
	// Chain finds where a chain stands; ok is false where no event has
	// advanced it, or the caller may not know.
	Chain(ctx context.Context, id evidence.Digest) (head Head, ok bool, err error)
}

// Directory is who is who.
type Directory interface {
	Published(ctx context.Context) (Published, error)
	Organisation(ctx context.Context, id evidence.Digest) (Organisation, error)
	PersonKey(ctx context.Context, id evidence.Digest) (PersonKey, error)
	Invite(ctx context.Context, purpose string, organisation evidence.Digest) (Invitation, error)
}

// Matters is case material that the caller may see.
type Matters interface {
	Cases(ctx context.Context) ([]Case, error)
	Case(ctx context.Context, id evidence.Digest) (Case, error)
	Items(ctx context.Context, ofCase evidence.Digest) ([]Item, error)
	Item(ctx context.Context, id evidence.Digest) (Item, error)
	CaseDossier(ctx context.Context, id evidence.Digest) ([]byte, error)
	ItemDossier(ctx context.Context, id evidence.Digest) ([]byte, error)
}

// Uploads is depositing, part by part.
type Uploads interface {
	BeginUpload(ctx context.Context, r UploadRequest) (Upload, error)
	Upload(ctx context.Context, id string) (Upload, error)
	// Uploads are the sessions that the caller's key began and that are open.
	Uploads(ctx context.Context) ([]Upload, error)
	PutPart(ctx context.Context, upload string, number int, content *parcel.Parcel) error
	FinishUpload(ctx context.Context, upload string, s Submission) (deposited, received Receipt, err error)
	AbortUpload(ctx context.Context, upload string) error
}

// Artifacts is reading bytes for one signed request of access.
type Artifacts interface {
	// Content reads length bytes from offset; the reader fails, and never ends
	// clean, where the transfer did.
	Content(ctx context.Context, artifact, request evidence.Digest, offset, length int64) (io.ReadCloser, error)
	// Blocks returns the concatenated leaf hashes of the 8 MiB blocks.
	Blocks(ctx context.Context, artifact, request evidence.Digest) ([]byte, error)
}

// Reports is the custody report.
type Reports interface {
	IssueReport(ctx context.Context, ofCase evidence.Digest, items []evidence.Digest) (Report, error)
	ReportFile(ctx context.Context, report evidence.Digest, name string) ([]byte, error)
}

// Submission is a signed event with everything it commits to.
type Submission struct {
	Envelope  []byte
	Details   [][]byte
	Documents [][]byte
}

// Receipt is the service's claim that an event is in the log. It counts only
// once the desk has checked it.
type Receipt struct {
	EventID    evidence.Digest   `json:"eventId"`
	Index      uint64            `json:"index"`
	LeafHash   evidence.Digest   `json:"leafHash"`
	Inclusion  []evidence.Digest `json:"inclusion"`
	Checkpoint string            `json:"checkpoint"`
	Witnessed  *bool             `json:"witnessed,omitempty"` // the service's word; nil where it has no quorum
}

// Event is an event as the service shows it.
type Event struct {
	Receipt   Receipt
	Envelope  []byte
	PublicKey []byte // SPKI DER
	Details   [][]byte
	Documents [][]byte
}

// Head is where a chain stands.
type Head struct {
	Seq   uint64
	Leaf  evidence.Digest
	Index uint64
}

// Published is what the log and its organisations published: the raw material
// of a trust policy, to be compared over another channel.
type Published struct {
	Log           []byte
	Organisations [][]byte
	Witnesses     []string // verifier keys of those whom the operator asks to cosign
	Quorum        int      // how many of them the operator wants
}

// Organisation is an organisation and its keys.
type Organisation struct {
	ID        evidence.Digest
	Document  []byte
	FoundLeaf evidence.Digest
	Keys      []PersonKey
}

// PersonKey is a key as the log has it. Leaves are zero where there is none.
type PersonKey struct {
	ID             evidence.Digest   `json:"id"`
	Organisation   evidence.Digest   `json:"organisation"`
	Person         evidence.Digest   `json:"person,omitzero"`
	PersonDocument []byte            `json:"-"`
	Standing       string            `json:"standing"`
	Rights         []custody.Right   `json:"rights,omitempty"`
	RequestedLeaf  evidence.Digest   `json:"requestedLeaf,omitzero"`
	CertLeaf       evidence.Digest   `json:"certLeaf,omitzero"`
	Names          map[string]string `json:"names,omitempty"`
}

// Invitation is a one-time token that permits one founding or one request.
type Invitation struct {
	Token   string    `json:"token"`
	Purpose string    `json:"purpose"`
	Expires time.Time `json:"expires"`
}

// Case as the service lists it.
type Case struct {
	ID       evidence.Digest
	Document []byte
	Agency   evidence.Digest
	Items    int
}

// Item as the service lists it: for the eye, never for signing.
type Item struct {
	ID       evidence.Digest
	Case     evidence.Digest
	Parent   *evidence.Digest
	Class    string
	State    string
	Document []byte
	Holder   custody.Party  // in transit: the releaser
	To       *custody.Party // in transit: the recipient
	Artifact *custody.Artifact
	Fixity   *Fixity // of class digital only
	Media    *Found  // of an image that the service decodes
	Segments int     // how many files the artifact is; 0 of one
	Grants   []GrantSummary
	Events   []EventLine // only where one item was asked for
}

// Fixity is how the service says that it last found its copy of an artifact; the
// event is in the item's dossier.
type Fixity struct {
	State   string          `json:"state"` // unread, passed, failed, unchecked or erased
	Checked *time.Time      `json:"checked,omitempty"`
	Event   evidence.Digest `json:"event,omitzero"`
	Reason  string          `json:"reason,omitempty"`
	Blocks  []uint64        `json:"badBlocks,omitempty"` // of 8 MiB, from 0; the first of them
	Bad     uint64          `json:"bad,omitempty"`       // bad blocks
	Looked  uint64          `json:"looked,omitempty"`    // of so many
	Whole   time.Time       `json:"whole"`               // when it was last found as deposited: read back, or received
	Due     *time.Time      `json:"due,omitempty"`       // when it is read back next
}

// Found is what the service says that it found in an image when it decoded it;
// the event is in the item's dossier. Hashes are of the medium's data.
type Found struct {
	State      string          `json:"state"` // waiting, whole, damaged or unreadable
	Event      evidence.Digest `json:"event,omitzero"`
	Reason     string          `json:"reason,omitempty"`
	Size       uint64          `json:"size,omitempty"` // of the medium, bytes
	Segments   uint64          `json:"segments,omitempty"`
	SHA256     string          `json:"sha256,omitempty"`
	SHA1       string          `json:"sha1,omitempty"`
	MD5        string          `json:"md5,omitempty"`
	StoredSHA1 string          `json:"storedSHA1,omitempty"` // by the imager, in the file
	StoredMD5  string          `json:"storedMD5,omitempty"`
	ChunkSize  uint64          `json:"chunkSize,omitempty"` // bytes
	Damaged    uint64          `json:"damaged,omitempty"`   // chunks
	Chunks     []uint64        `json:"damagedChunks,omitempty"`
	Flaws      []string        `json:"flaws,omitempty"`
}

// EventLine is a line of an item's chronology.
type EventLine struct {
	ID       evidence.Digest `json:"event"`
	Index    uint64          `json:"index"`
	Kind     string          `json:"kind"`
	Signer   custody.Party   `json:"signer,omitzero"` // zero for the service
	Appended time.Time       `json:"appended"`
}

// GrantSummary is a grant that concerns the caller.
type GrantSummary struct {
	ID      evidence.Digest `json:"grant"`
	Leaf    evidence.Digest `json:"leafHash"`
	Scope   string          `json:"scope"`
	Expires *time.Time      `json:"expires,omitempty"`
}

// UploadRequest begins a deposit.
type UploadRequest struct {
	Case     evidence.Digest
	Parent   *evidence.Digest
	Size     int64
	FileName string
	Legacy   evidence.Legacy // digests to compute beside SHA-256 and the block tree
	Segments []uint64        // bytes of each segment of a segmented image; none of one file
}

// Upload is a deposit in progress.
type Upload struct {
	ID       string
	Legacy   evidence.Legacy
	Segments []uint64
	Size     int64
	PartSize int64
	Parts    int
	Received []int
	Window   int // parts that may be under way at once
	FileName string
	Expires  time.Time
}

// Report is an issued report.
type Report struct {
	ID      evidence.Digest
	Receipt Receipt
	Files   map[string]ReportFile
}

// ReportFile is one file of a report.
type ReportFile struct {
	SHA256 evidence.Digest
	Size   int64
}

// Answer is a service's no.
type Answer struct {
	Status      int    // HTTP status
	Code        string // stable code of the problem, e.g. "stale-chain"
	Rule        string // e.g. "custody.not-holder"
	Field       string
	Detail      string
	Existing    evidence.Digest // code "artifact-exists"
	Recorded    evidence.Digest // code "digest-mismatch": the deposit.refused
	Differences []Difference
}

// Difference is one value that was declared otherwise than received.
type Difference struct {
	Name     string `json:"name"`
	Declared string `json:"declared"`
	Received string `json:"received"`
}

func (a *Answer) Error() string {
	s := a.Code
	if a.Rule != "" {
		s += ", rule " + a.Rule
	}
	if a.Field != "" {
		s += " (" + a.Field + ")"
	}
	s = fmt.Sprintf("the service answered %d %s: %s", a.Status, s, a.Detail)
	for _, d := range a.Differences {
		if strings.Contains(a.Detail, d.Declared) && strings.Contains(a.Detail, d.Received) {
			continue // said already
		}
		s += fmt.Sprintf("; %s declared %s, received %s", d.Name, d.Declared, d.Received)
	}
	if !a.Recorded.IsZero() {
		s += "; the refusal is recorded as event " + a.Recorded.String()
	}
	return s
}

// Codes of answers that the desk acts on.
const (
	CodeStale    = "stale-chain"
	CodeMismatch = "digest-mismatch"

	// ruleRange: a size or index that the log says it never had.
	ruleRange = "log.range"
)

// final reports whether sending the same event again cannot help. finishing
// says that the event finishes an upload.
func (a *Answer) final(finishing bool) bool {
	switch a.Status {
	case 400, 413, 422:
		return true
	case 403:
		// An invitation was presented that permits another act: not this
		// event's fault.
		return !strings.HasPrefix(a.Rule, "invite.")
	case 404:
		return finishing // the session is gone, and the deposit was not recorded
	case 409:
		return a.Code != "request-in-flight" && (finishing || a.Code == CodeStale)
	}
	return false
}
