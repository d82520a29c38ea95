package custody

// Scope says what a grant opens.
type Scope string

// Scopes.
const (
	ScopeBytes  Scope = "bytes"  // the items' artifacts and their records
	ScopeRecord Scope = "record" // the case's record and reports, no artifact
)

// Granted lets an organisation, or one person of it, read. It moves no
// custody: giving bytes to a laboratory is a grant and a copy.
type Granted struct {
	Case    ID        `json:"case"`
	Expires *Time     `json:"expires,omitempty"`
	Grant   ID        `json:"grant"` // grant document
	Items   []ID      `json:"items"` // sorted; [] for scope record
	Scope   Scope     `json:"scope"`
	To      Recipient `json:"to"`
}

func (*Granted) Kind() Kind { return KindGranted }
func (b *Granted) check() error {
	least, most := 1, MaxChains
	if b.Scope == ScopeRecord {
		least, most = 0, 0
	}
	return first(oneOf("scope", b.Scope, ScopeBytes, ScopeRecord), nonZero("grant", b.Case, b.Grant),
		idList("items", b.Items, least, most), checkRecipient(b.To))
}
func (b *Granted) subjects() []ID { return append([]ID{b.Case, b.Grant}, b.Items...) }
func (b *Granted) chains(ID) []Advance {
	return []Advance{{ID: b.Case, Type: ChainCase}, {ID: b.Grant, Type: ChainGrant, Founds: true}}
}

// AccessRequested opens a read: nothing is served without one.
type AccessRequested struct {
	Artifact ID      `json:"artifact"`        // SHA-256 of the bytes asked for
	Grant    *ID     `json:"grant,omitempty"` // absent where the reader's organisation holds the item
	Item     ID      `json:"item"`
	Purpose  Purpose `json:"purpose"`
}

func (*AccessRequested) Kind() Kind { return KindAccess }
func (b *AccessRequested) check() error {
	return first(nonZero("item", b.Artifact, b.Item), oneOf("purpose", b.Purpose, purposes...))
}
func (b *AccessRequested) subjects() []ID { return []ID{b.Artifact, b.Item} }
func (b *AccessRequested) chains(key ID) []Advance {
	return []Advance{{ID: AccessChain(b.Item, key), Type: ChainAccess, MayFound: true}}
}

// VerificationResult is what a recomputation found.
type VerificationResult string

// Verification results.
const (
	ResultMatch    VerificationResult = "match"
	ResultMismatch VerificationResult = "mismatch"
)

// Verification records what a reader recomputed over the bytes received.
type Verification struct {
	Artifact ID                 `json:"artifact"` // SHA-256 on record
	Computed Artifact           `json:"computed"` // over the bytes received
	Item     ID                 `json:"item"`
	Result   VerificationResult `json:"result"`
}

func (*Verification) Kind() Kind { return KindVerified }
func (b *Verification) check() error {
	return first(nonZero("item", b.Artifact, b.Item), b.Computed.check("computed"), oneOf("result", b.Result, ResultMatch, ResultMismatch))
}
func (b *Verification) subjects() []ID { return []ID{b.Artifact, b.Item} }
func (b *Verification) chains(key ID) []Advance {
	return []Advance{{ID: AccessChain(b.Item, key), Type: ChainAccess}}
}
