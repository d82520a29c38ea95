package custody

import (
	"slices"

	"github.com/evidence-custody/custodyd/evidence"
)

// Fixed URIs and limits of version 1 (FORMAT, PAYLOAD and STATEMENT).
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://evidence-custody.github.io/custodyd/event/v1"

	MaxPayload = 256 << 10 // bytes of a payload
	MaxDepth   = 8         // nested objects and arrays
	MaxChains  = 256       // chains one event may advance
	MaxBasis   = 1024      // events one event may rely on
	MaxInteger = 1<<53 - 1 // largest integer every JSON reader keeps
)

// ID identifies a founding document, a key, an event or a chain.
type ID = evidence.Digest

// Class says whose key signed: a person's own, or the service's.
type Class string

// Signer classes. A report always tells the two apart.
const (
	ClassPerson  Class = "person"
	ClassService Class = "service"
)

// Statement is one event before sealing: an in-toto Statement v1 whose
// predicate is ours. Struct fields stand in the order of their JSON names, so
// that encoding/json writes RFC 8785 order directly; a test holds them to it.
type Statement struct {
	Type          string    `json:"_type"`
	Predicate     Predicate `json:"predicate"`
	PredicateType string    `json:"predicateType"`
	Subject       []Subject `json:"subject"`
}

// Subject names one artifact or founding document concerned, by digest only.
type Subject struct {
	Digest SubjectDigest `json:"digest"`
}

// SubjectDigest is an in-toto DigestSet with exactly one member.
type SubjectDigest struct {
	SHA256 ID `json:"sha256"`
}

// Predicate is what is said (FORMAT, PREDICATE): exactly these members.
type Predicate struct {
	Basis   []ID         `json:"basis"`   // leaf hashes relied on but not advanced; sorted, unique
	Body    Body         `json:"body"`    // everything rules depend on; its type is fixed by Kind
	Chains  []Link       `json:"chains"`  // every chain advanced; sorted by id, unique
	Details map[Field]ID `json:"details"` // personal and free text, by digest
	Kind    Kind         `json:"kind"`
	Log     *ID          `json:"log,omitempty"` // absent only in log.genesis
	Nonce   ID           `json:"nonce"`         // 32 random bytes
	Seen    Seen         `json:"seen"`
	Signer  Signer       `json:"signer"`
	Times   Times        `json:"times"`
}

// Link binds the event to the previous event of one chain.
type Link struct {
	ID   ID     `json:"id"`
	Prev *ID    `json:"prev,omitempty"` // leaf hash of the event that set seq-1; absent exactly at seq 0
	Seq  uint64 `json:"seq"`
}

// Seen is the published checkpoint that the signer had checked.
type Seen struct {
	Root evidence.Digest `json:"root"`
	Size uint64          `json:"size"` // leaves
}

// Signer names the key that verifies the envelope, and what certifies it: the
// leaf hash of its key.certified, or, for an organisation's root key, of its
// org.founded. Cert is absent only for the service, org.founded and
// key.requested.
type Signer struct {
	Cert  *ID   `json:"cert,omitempty"`
	Class Class `json:"class"`
	Key   ID    `json:"key"`
}

// Times are claims: when the act took place, and when it was signed.
type Times struct {
	Act    Act  `json:"act"`
	Signed Time `json:"signed"`
}

// Act is the claimed time of the act; To is absent for an instant.
type Act struct {
	From Time  `json:"from"`
	To   *Time `json:"to,omitempty"`
}

// Party is a person in an organisation, by founding documents.
type Party struct {
	Org    ID `json:"org"`
	Person ID `json:"person"`
}

// IsZero reports whether p names nobody.
func (p Party) IsZero() bool { return p == Party{} }

// Recipient is an organisation, optionally narrowed to one person of it.
type Recipient struct {
	Org    ID  `json:"org"`
	Person *ID `json:"person,omitempty"`
}

// Admits reports whether p may act as the recipient.
func (r Recipient) Admits(p Party) bool {
	return r.Org == p.Org && (r.Person == nil || *r.Person == p.Person)
}

// Subjects returns ids as sorted, unique subjects.
func Subjects(ids ...ID) []Subject {
	ids = SortedIDs(ids...)
	out := make([]Subject, len(ids))
	for i, id := range ids {
		out[i] = Subject{SubjectDigest{id}}
	}
	return out
}

// SubjectsOf returns the subjects that a statement of this body must have.
func SubjectsOf(b Body) []Subject { return Subjects(b.subjects()...) }

// SortedIDs returns the distinct ids in ascending order.
func SortedIDs(ids ...ID) []ID {
	out := slices.Clone(ids)
	slices.SortFunc(out, ID.Compare)
	out = slices.Compact(out)
	if out == nil {
		out = []ID{} // an absent list is written [], never null
	}
	return out
}

// Observations is the chain on which the service's observations of an item or
// a case run beside its own chain (FORMAT, OBSERVE).
func Observations(of ID) ID { return evidence.Sum([]byte("observations:" + of.String())) }

// AccessChain is the chain of one reader's key on one item: requests and
// verifications. Readers so never make each other's or the custodian's links
// stale.
func AccessChain(item, key ID) ID {
	return evidence.Sum([]byte("access:" + item.String() + ":" + key.String()))
}
