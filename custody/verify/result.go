package verify

import (
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/standing"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Result is what verification found over all dossiers given.
type Result struct {
	Verdict  Verdict    `json:"verdict"`
	Findings []Finding  `json:"findings"`
	Readings []*Reading `json:"-"` // what each dossier says, after replay
}

// Has reports whether a finding of that name is among the findings.
func (r *Result) Has(n Name) bool {
	for _, f := range r.Findings {
		if f.Name == n {
			return true
		}
	}
	return false
}

// Reading is what one dossier says once it has been replayed: the source of
// every report. It holds only events whose signature and inclusion held and
// which the rules admitted; whatever did not hold is among the findings.
type Reading struct {
	Log        custody.LogDocument
	LogID      custody.ID
	Checkpoint tlog.Checkpoint
	Note       []byte   // the signed checkpoint, exactly; nil where it did not hold
	Stamps     []Stamp  // checked timestamps of heads of the log, ascending size
	Quorum     int      // witnesses that the policy asks for
	Witnesses  []string // names of the policy's witnesses whose cosignature held
	Shown      int      // events in the dossier, admitted or not
	Replayed   bool     // the events were looked at; false where log or checkpoint did not hold
	Case       custody.ID
	CaseState  *custody.Case
	Events     []*Event                         // ascending log index
	Items      map[custody.ID]*ItemReading      // the items in scope
	Orgs       map[custody.ID]*OrgReading       // every organisation that signed or is named
	Keys       map[custody.ID]*standing.Key     // every key of which the dossier has the chain
	Documents  map[custody.ID]*custody.Founding // disclosed case, item, person and grant documents
	Manifests  map[custody.ID]evidence.Manifest // disclosed manifests of segmented images, by artifact SHA-256
	Heads      map[custody.ID]Head              // of every chain in scope
	Proofs     map[uint64][]evidence.Digest     // inclusion proof by log index

	roots map[uint64]evidence.Digest // of the log at sizes that are proven
}

// Event is one admitted event.
type Event struct {
	Index     uint64
	ID        custody.ID // event id
	Leaf      custody.ID
	Statement *custody.Statement
	Signer    custody.Party // zero for the service and for root keys
	Org       custody.ID    // signer's organisation; zero for the service
	Contested bool
	Window    Window                   // what checked timestamps show
	Details   map[custody.Field]string // disclosed
	Withheld  []custody.Field
	Corrected []*Event // corrections of this event, oldest first

	source *openedEvent
}

// Kind returns the event's kind.
func (e *Event) Kind() custody.Kind { return e.Statement.Predicate.Kind }

// Body returns the event's body.
func (e *Event) Body() custody.Body { return e.Statement.Predicate.Body }

// ItemReading is one item in scope.
type ItemReading struct {
	ID       custody.ID
	State    custody.Item // at the end of the dossier
	Received *custody.Received
	Bytes    BytesCheck
	// Confirmed is the newest custody.confirmed of the item; nil for none.
	Confirmed *Confirmation
}

// BytesCheck says whether an artifact's bytes were checked in this run.
type BytesCheck string

// Byte checks. Without the file, bytes are not checked, whatever the record says.
const (
	NotChecked BytesCheck = "not checked"
	Match      BytesCheck = "match"
	Mismatch   BytesCheck = "mismatch"
)

// OrgReading is one organisation as the dossier and the policy know it.
type OrgReading struct {
	ID         custody.ID
	Document   *custody.OrgDocument // nil where the dossier lacks it
	Name       string               // the policy's name, else the document's
	Identified bool                 // the policy names it
	Status     *Status              // its newest org.status that the dossier shows; nil for none
}

// Status is an organisation's own list of its revoked keys, as of the
// checkpoint that its signer saw: of later times it says nothing.
type Status struct {
	Event   *Event
	Size    uint64 // leaves of that checkpoint
	Revoked int    // keys listed
}

// Head is the last event of a chain that the dossier shows.
type Head struct {
	Type  custody.ChainType
	Seq   uint64
	Leaf  custody.ID
	Index uint64
}
