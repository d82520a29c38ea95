package custody

// Encoding says how the store keeps an artifact's bytes.
type Encoding string

// Encodings: the bytes themselves, or each 8 MiB block as a DARE 2.0 stream
// under a key that follows from the object's, the block's place and its leaf
// (SPEC, Encryption at rest).
const (
	EncodingPlain Encoding = "plain"
	EncodingDARE  Encoding = "dare-blocks"
)

// RetentionMode is the store's Object Lock mode.
type RetentionMode string

// Retention modes.
const (
	RetentionCompliance RetentionMode = "COMPLIANCE"
	RetentionGovernance RetentionMode = "GOVERNANCE"
)

// Retention is the lock under which the object was completed.
type Retention struct {
	Mode  RetentionMode `json:"mode"`
	Until Time          `json:"until"`
}

// Received is the service's own observation of a deposit: the digests that it
// computed over the bytes it stored.
type Received struct {
	Artifact  Artifact  `json:"artifact"`
	Encoding  Encoding  `json:"encoding"`
	Item      ID        `json:"item"`
	MD5       string    `json:"md5,omitempty"` // hex; absent where the depositor didn't ask for it
	Retention Retention `json:"retention"`
	SHA1      string    `json:"sha1,omitempty"` // hex; absent where the depositor didn't ask for it
}

func (*Received) Kind() Kind { return KindReceived }
func (b *Received) check() error {
	return first(b.Artifact.check("artifact"), oneOf("encoding", b.Encoding, EncodingPlain, EncodingDARE), nonZero("item", b.Item),
		legacyText("", b.MD5, b.SHA1),
		oneOf("retention.mode", b.Retention.Mode, RetentionCompliance, RetentionGovernance))
}
func (b *Received) subjects() []ID { return []ID{b.Artifact.SHA256, b.Item} }
func (b *Received) chains(ID) []Advance {
	return []Advance{{ID: Observations(b.Item), Type: ChainObservations, MayFound: true}}
}

// RefusalReason says why a deposit was refused.
type RefusalReason string

// RefuseMismatch: what was declared is not what was received.
const RefuseMismatch RefusalReason = "digest-mismatch"

// Measured are digests of a refused deposit; those not declared are absent.
type Measured struct {
	BlockRoot *ID    `json:"blockRoot,omitempty"`
	MD5       string `json:"md5,omitempty"`
	SHA1      string `json:"sha1,omitempty"`
	SHA256    ID     `json:"sha256"`
	Size      uint64 `json:"size"`
}

func (m Measured) check(field string) error {
	return Declared{MD5: m.MD5, SHA1: m.SHA1}.check(field)
}

// DepositRefused records both hashes of a deposit that did not match.
type DepositRefused struct {
	About    ID            `json:"about"` // the parent item, or the case where there is none
	Case     ID            `json:"case"`
	Declared Measured      `json:"declared"`
	Reason   RefusalReason `json:"reason"`
	Received Measured      `json:"received"`
}

func (*DepositRefused) Kind() Kind { return KindRefused }
func (b *DepositRefused) check() error {
	return first(nonZero("about", b.About, b.Case), b.Declared.check("declared"), b.Received.check("received"), oneOf("reason", b.Reason, RefuseMismatch))
}
func (b *DepositRefused) subjects() []ID { return []ID{b.About, b.Case} }
func (b *DepositRefused) chains(ID) []Advance {
	return []Advance{{ID: Observations(b.About), Type: ChainObservations, MayFound: true}}
}

// Outcome says how serving ended.
type Outcome string

// Outcomes.
const (
	OutcomeWhole  Outcome = "whole"  // every byte asked for was sent
	OutcomePart   Outcome = "part"   // the reader or the network stopped
	OutcomeFailed Outcome = "failed" // the store or its bytes failed; the transfer was aborted
)

// Served is the service's observation of a read.
type Served struct {
	Artifact ID      `json:"artifact"`
	Bytes    uint64  `json:"bytes"` // bytes sent
	Item     ID      `json:"item"`
	Outcome  Outcome `json:"outcome"`
	Request  ID      `json:"request"` // leaf hash of the access.requested; also in basis
}

func (*Served) Kind() Kind { return KindServed }
func (b *Served) check() error {
	return first(nonZero("item", b.Artifact, b.Item, b.Request), oneOf("outcome", b.Outcome, OutcomeWhole, OutcomePart, OutcomeFailed))
}
func (b *Served) subjects() []ID { return []ID{b.Artifact, b.Item} }
func (b *Served) chains(ID) []Advance {
	return []Advance{{ID: Observations(b.Item), Type: ChainObservations, MayFound: true}}
}

// ReportFiles are the digests of a report's files.
type ReportFiles struct {
	JSON ID `json:"json"`
	PDF  ID `json:"pdf"`
}

// ReportIssued records a custody report: over which checkpoint of the log,
// for whom, and the digests of its files.
type ReportIssued struct {
	Case  ID          `json:"case"`
	Files ReportFiles `json:"files"`
	For   Party       `json:"for"`
	Items []ID        `json:"items"` // [] for the whole case
	Over  Seen        `json:"over"`  // checkpoint the report was made from
}

func (*ReportIssued) Kind() Kind { return KindReport }
func (b *ReportIssued) check() error {
	return first(nonZero("case", b.Case, b.Files.JSON, b.Files.PDF, b.For.Org, b.For.Person), idList("items", b.Items, 0, MaxChains))
}
func (b *ReportIssued) subjects() []ID { return []ID{b.Case, b.Files.JSON, b.Files.PDF} }
func (b *ReportIssued) chains(ID) []Advance {
	return []Advance{{ID: Observations(b.Case), Type: ChainObservations, MayFound: true}}
}
