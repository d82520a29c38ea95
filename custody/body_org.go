package custody

// Genesis opens the log (index 0). Its log document is public.
type Genesis struct {
	Document ID `json:"document"`
}

func (*Genesis) Kind() Kind       { return KindGenesis }
func (b *Genesis) check() error   { return nonZero("document", b.Document) }
func (b *Genesis) subjects() []ID { return []ID{b.Document} }
func (b *Genesis) chains(ID) []Advance {
	return []Advance{{ID: b.Document, Type: ChainLog, Founds: true}}
}

// Founded announces an organisation by its public document. It gives nobody
// any standing: trust is the verifier's policy, outside the log.
type Founded struct {
	Org ID `json:"org"`
}

func (*Founded) Kind() Kind            { return KindFounded }
func (b *Founded) check() error        { return nonZero("org", b.Org) }
func (b *Founded) subjects() []ID      { return []ID{b.Org} }
func (b *Founded) chains(ID) []Advance { return []Advance{{ID: b.Org, Type: ChainOrg, Founds: true}} }

// KeyRequested is signed by the new key itself: proof of possession.
type KeyRequested struct {
	Key    ID `json:"key"`    // SHA-256 of the SPKI DER
	Org    ID `json:"org"`    // organisation asked to certify it
	Person ID `json:"person"` // person document; may be withheld
}

func (*KeyRequested) Kind() Kind       { return KindRequested }
func (b *KeyRequested) check() error   { return nonZero("key", b.Key, b.Org, b.Person) }
func (b *KeyRequested) subjects() []ID { return []ID{b.Key, b.Org, b.Person} }
func (b *KeyRequested) chains(ID) []Advance {
	return []Advance{{ID: b.Key, Type: ChainKey, Founds: true}, {ID: b.Org, Type: ChainOrg}}
}

// KeyCertified lets a key act for its person in its organisation.
type KeyCertified struct {
	Key    ID      `json:"key"`
	Org    ID      `json:"org"`
	Person ID      `json:"person"`
	Rights []Right `json:"rights"` // sorted, unique, at least one
}

func (*KeyCertified) Kind() Kind { return KindCertified }
func (b *KeyCertified) check() error {
	if err := nonZero("key", b.Key, b.Org, b.Person); err != nil {
		return err
	}
	if len(b.Rights) == 0 {
		return Refuse("body.count", "predicate.body.rights", "a certificate gives at least one right")
	}
	for i, r := range b.Rights {
		if err := oneOf("rights", r, rights...); err != nil {
			return err
		}
		if i > 0 && b.Rights[i-1] >= r {
			return Refuse("body.order", "predicate.body.rights", "must be sorted and unique")
		}
	}
	return nil
}
func (b *KeyCertified) subjects() []ID { return []ID{b.Key, b.Org, b.Person} }
func (b *KeyCertified) chains(ID) []Advance {
	return []Advance{{ID: b.Key, Type: ChainKey}, {ID: b.Org, Type: ChainOrg}}
}

// RevocationReason says why a key ends.
type RevocationReason string

// Revocation reasons.
const (
	ReasonSuperseded  RevocationReason = "superseded"
	ReasonLost        RevocationReason = "lost"
	ReasonCompromised RevocationReason = "compromised"
	ReasonLeft        RevocationReason = "left" // the person left the organisation or role
)

// KeyRevoked ends a key. Events at or after its index are invalid; those from
// CompromisedSince, or else from the revocation's seen.size, up to its index
// are contested.
type KeyRevoked struct {
	CompromisedSince *uint64          `json:"compromisedSince,omitempty"` // log index
	Key              ID               `json:"key"`
	Org              ID               `json:"org"`
	Reason           RevocationReason `json:"reason"`
}

func (*KeyRevoked) Kind() Kind { return KindRevoked }
func (b *KeyRevoked) check() error {
	return first(nonZero("key", b.Key, b.Org),
		oneOf("reason", b.Reason, ReasonSuperseded, ReasonLost, ReasonCompromised, ReasonLeft))
}
func (b *KeyRevoked) subjects() []ID { return []ID{b.Key, b.Org} }
func (b *KeyRevoked) chains(ID) []Advance {
	return []Advance{{ID: b.Key, Type: ChainKey}, {ID: b.Org, Type: ChainOrg}}
}

// MaxStatus bounds the keys of one org.status: its list fits a payload.
const MaxStatus = 2048

// OrgStatus is an organisation's own list of all its keys revoked so far, like
// a certificate revocation list. A key that it does not list was good up to
// the status's seen.size; of later times it says nothing.
type OrgStatus struct {
	Org     ID   `json:"org"`
	Revoked []ID `json:"revoked"` // sorted, unique; [] for none
}

func (*OrgStatus) Kind() Kind { return KindStatus }
func (b *OrgStatus) check() error {
	return first(nonZero("org", b.Org), idList("revoked", b.Revoked, 0, MaxStatus), nonZero("revoked", b.Revoked...))
}
func (b *OrgStatus) subjects() []ID      { return []ID{b.Org} }
func (b *OrgStatus) chains(ID) []Advance { return []Advance{{ID: b.Org, Type: ChainOrg}} }
