package report

import "github.com/evidence-custody/custodyd/evidence"

// Party is who stands behind something: an organisation, and a person of it if
// one is known. Both are numbers in this report; 0 is none.
type Party struct {
	Organisation int `json:"organisation,omitempty"`
	Person       int `json:"person,omitempty"`
}

// Organisation is a body with a root key of its own.
type Organisation struct {
	Number int `json:"number"`
	// ID is the SHA-256 of its founding document.
	ID   evidence.Digest `json:"id"`
	Name Text            `json:"name,omitzero"`
	// NamedBy is who gives the name: "policy" (the reader's own trust policy)
	// or "own document" (the organisation calls itself so; nobody vouches).
	NamedBy string `json:"namedBy,omitempty"`
	// Class is what it says it is: agency, laboratory, court and so on.
	Class string `json:"class,omitempty"`
}

// Person is someone who handled evidence or acted on the record.
type Person struct {
	Number int `json:"number"`
	// ID is the SHA-256 of the person's founding document.
	ID evidence.Digest `json:"id,omitzero"`
	// Names are the name as given, once for each script or language.
	Names        []Text `json:"names"`
	Organisation int    `json:"organisation,omitempty"`
	Rank         Text   `json:"rank,omitzero"`
	Role         Text   `json:"role,omitzero"`
	// Badge is the belt, badge or service number.
	Badge  Text  `json:"badge,omitzero"`
	Keys   []Key `json:"keys"`
	Active Span  `json:"active,omitzero"`
}

// Key is a signing key of a person and how far it could be trusted.
type Key struct {
	// ID is the SHA-256 of the key's SPKI, the key's fingerprint.
	ID     evidence.Digest `json:"id"`
	Rights []string        `json:"rights"`
	// CertifiedBy is the act that certified it, RevokedBy the one that revoked.
	CertifiedBy int `json:"certifiedBy,omitempty"`
	RevokedBy   int `json:"revokedBy,omitempty"`
	// Status is "valid", "revoked", "contested" or "not-checked", at the log
	// head of this report.
	Status string `json:"status"`
}

// The statuses of a key.
const (
	KeyValid      = "valid"
	KeyRevoked    = "revoked"
	KeyContested  = "contested"
	KeyNotChecked = "not-checked"
)

// Item is a thing under control; with an exhibit number, an exhibit.
type Item struct {
	Number int `json:"number"`
	// ID is the SHA-256 of the item's founding document.
	ID          evidence.Digest `json:"id"`
	Exhibit     Text            `json:"exhibit,omitzero"`
	Description Text            `json:"description,omitzero"`
	// Marks are make, model, serial numbers, IMEI and the like.
	Marks []Fact `json:"marks"`
	// Class is "digital" for a deposited image, else the kind of thing.
	Class  string `json:"class"`
	Parent int    `json:"parent,omitempty"`
	// Seals are the seal numbers at registration.
	Seals     []string `json:"seals"`
	SeizedBy  Party    `json:"seizedBy,omitzero"`
	SeizedAt  Instant  `json:"seizedAt,omitzero"`
	Place     Text     `json:"place,omitzero"`
	Witnesses []int    `json:"witnesses"`
	// Artifacts are the stored objects that belong to the item.
	Artifacts []int `json:"artifacts"`
	// Derived are the items registered with this one as their parent.
	Derived []int `json:"derived"`
}

// Fact is one named value, such as an acquisition fact.
type Fact struct {
	Name  string `json:"name"`
	Value Text   `json:"value"`
}

// Artifact is a stored digital object and everything measured on it.
type Artifact struct {
	Number   int    `json:"number"`
	Item     int    `json:"item"`
	FileName Text   `json:"fileName,omitzero"`
	Format   string `json:"format,omitempty"`
	Role     string `json:"role,omitempty"`
	// SHA256 is of the file, or of the manifest of a segmented image: then Of says
	// so, and Segments are its files.
	SHA256   evidence.Digest `json:"sha256"`
	Of       DigestOf        `json:"sha256Of"`
	Segments []Segment       `json:"segments,omitempty"`
	// Size is in bytes.
	Size      uint64          `json:"size"`
	BlockRoot evidence.Digest `json:"blockRoot,omitzero"`
	// Acquisition are the facts of acquisition as declared by the depositor.
	Acquisition  []Fact        `json:"acquisition"`
	Measurements []Measurement `json:"measurements"`
	// Logs are what the programs that made the image wrote about it: their
	// word, beside what was received.
	Logs []ImagerLog `json:"logs,omitempty"`
	// Bytes says whether the verifier behind this report read the artifact's
	// bytes itself and found them to match. NotChecked is the usual case.
	Bytes Outcome `json:"bytes"`
	// Media is what the service found in the image; nil where the artifact is none
	// that it decodes.
	Media *Media `json:"media,omitempty"`
	// Copy is how the service's own copy was last found.
	Copy Copy `json:"copy"`
	// Whole is the newest word on record that the bytes are those deposited.
	Whole FoundWhole `json:"whole,omitzero"`
}

// DigestOf says what an artifact's SHA-256 is of.
type DigestOf string

// What it is of.
const (
	OfFile     DigestOf = "file"
	OfManifest DigestOf = "manifest" // of segments, in sha256sum's format
)

// Segment is one file of a segmented image, in the order in which their bytes
// are the image's.
type Segment struct {
	Name Text   `json:"name"`
	Size uint64 `json:"size"` // bytes
	// SHA256 is absent where the manifest is withheld.
	SHA256 evidence.Digest `json:"sha256,omitzero"`
}

// Manifest returns what the segments make it, nil where it is withheld or the
// artifact is one file.
func (a Artifact) Manifest() evidence.Manifest {
	var m evidence.Manifest
	for _, s := range a.Segments {
		if s.Name.State != Given {
			return nil
		}
		m = append(m, evidence.ManifestEntry{Name: s.Name.Value, SHA256: s.SHA256})
	}
	return m
}

// DigestName calls the artifact's SHA-256 by what it is of.
func (a Artifact) DigestName() string {
	if a.Of == OfManifest {
		return "SHA-256 of the manifest"
	}
	return "SHA-256"
}

// Copy is what the service says of its copy of an artifact.
type Copy struct {
	// Last is the outcome of the last reading back: NotChecked where there was
	// none or it could not be made.
	Last  Outcome `json:"last"`
	At    Instant `json:"at,omitzero"`
	Act   int     `json:"act,omitempty"` // 0: never read back
	Words string  `json:"words"`
	// Failures are all acts that say that it was not as deposited.
	Failures []int `json:"failures"`
}

// FoundWhole says who last found the bytes to be those deposited; the service
// where By is nobody.
type FoundWhole struct {
	By  Party   `json:"by,omitzero"`
	At  Instant `json:"at"`
	Act int     `json:"act"`
	How string  `json:"how"`
}

// ImagerLog is the log of an imaging program about an image. Nothing in the
// report rests on it.
type ImagerLog struct {
	// Artifact is the log itself, an artifact of this report.
	Artifact int `json:"artifact"`
	// Read: Pass, it was read; Fail, its form is not known; NotChecked, its bytes
	// were not at hand, or whoever asked for the report may not read them.
	Read Outcome `json:"read"`
	// Facts are what the log says, labelled as in a custody record.
	Facts []Fact `json:"facts,omitempty"`
	// Beside is what may be said of it beside what was received.
	Beside []LogStatement `json:"beside,omitempty"`
}

// LogStatement is one statement of a comparison: match, mismatch, not compared,
// damage, read again, or remark.
type LogStatement struct {
	Kind  string `json:"kind"`
	Words string `json:"words"`
}

// MeasurementKind says who arrived at a digest and how.
type MeasurementKind string

// The kinds, from the weakest to the strongest word on the bytes.
const (
	// Declared: written in the deposit by the depositor.
	Declared MeasurementKind = "declared"
	// MeasuredByService: computed by the service while receiving the bytes.
	MeasuredByService MeasurementKind = "measured-by-service"
	// RecomputedByReader: computed by the person who retrieved the bytes.
	RecomputedByReader MeasurementKind = "recomputed-by-reader"
	// RecomputedForReport: computed by the verifier that made this report.
	RecomputedForReport MeasurementKind = "recomputed-for-report"
)

// Measurement is one statement about an artifact's digests.
type Measurement struct {
	Kind MeasurementKind `json:"kind"`
	By   Party           `json:"by,omitzero"`
	At   Instant         `json:"at,omitzero"`
	Act  int             `json:"act,omitempty"`
	// Digests in hex; empty: not stated.
	SHA256 string `json:"sha256,omitempty"`
	SHA1   string `json:"sha1,omitempty"`
	MD5    string `json:"md5,omitempty"`
	// Agrees compares the SHA-256 with the artifact's; NotChecked when the
	// measurement has none.
	Agrees Outcome `json:"agrees"`
	Method string  `json:"method,omitempty"`
}

// PeriodState is where an item stood during a period.
type PeriodState string

// The states of a period.
const (
	Held         PeriodState = "held"
	InTransit    PeriodState = "in-transit"
	NoCustodian  PeriodState = "no-custodian"
	EndOfCustody PeriodState = "ended"
)

// Period is one stretch of an item's custody.
type Period struct {
	Item  int         `json:"item"`
	State PeriodState `json:"state"`
	// Holder is accountable: while held the custodian, in transit the releaser.
	Holder Party `json:"holder,omitzero"`
	// To is, in transit, whom it was released to.
	To   Party `json:"to,omitzero"`
	Span Span  `json:"span"`
	// Gap marks a period that is listed among the gaps.
	Gap bool `json:"gap"`
	// FromAct and ToAct are the acts that began and ended it.
	FromAct int `json:"fromAct,omitempty"`
	ToAct   int `json:"toAct,omitempty"`
}

// Act is one event of the record.
type Act struct {
	// No is its number in this report, Index its place in the log.
	No    int    `json:"no"`
	Index uint64 `json:"index"`
	Kind  string `json:"kind"`
	// Words are the kind in plain words.
	Words string `json:"words"`
	// Chains are the places that the act takes on its chains.
	Chains []Place `json:"chains"`
	Items  []int   `json:"items"`
	// Claimed is the time of the act and Signed that of signing, both as the
	// signer claims them.
	Claimed Span    `json:"claimed,omitzero"`
	Signed  Instant `json:"signed,omitzero"`
	// NotBefore and NotAfter bound the time by timestamps of others; absent:
	// no trusted time.
	NotBefore Instant `json:"notBefore,omitzero"`
	NotAfter  Instant `json:"notAfter,omitzero"`

	From    Party `json:"from,omitzero"`
	To      Party `json:"to,omitzero"`
	Place   Text  `json:"place,omitzero"`
	Purpose Text  `json:"purpose,omitzero"`
	// Condition is the condition of the items, as the signer describes it.
	Condition Text `json:"condition,omitzero"`
	// Notes are further facts: register numbers, authority, reason.
	Notes       []Fact   `json:"notes"`
	SealsBefore []string `json:"sealsBefore"`
	SealsAfter  []string `json:"sealsAfter"`

	// Class is "person" for a person's own signature, "service" for what the
	// service observed.
	Class  string `json:"class"`
	Signer Party  `json:"signer,omitzero"`
	// Key is the fingerprint of the key that signed.
	Key evidence.Digest `json:"key"`
	// Event is the event's id.
	Event evidence.Digest `json:"event"`
	// Contested: signed by a key in the time its revocation disputes.
	Contested bool `json:"contested,omitempty"`
	// CorrectedBy are the acts that correct it.
	CorrectedBy []int `json:"correctedBy"`
}

// Place is an act's place on one chain that it advances.
type Place struct {
	// Type is what the chain is about: case, item, key and so on.
	Type  string          `json:"type"`
	Chain evidence.Digest `json:"chain"`
	Seq   uint64          `json:"seq"`
}

// The signer classes.
const (
	ClassPerson  = "person"
	ClassService = "service"
)

// Access is one reading of bytes: asked for, served, checked.
type Access struct {
	Item     int   `json:"item"`
	Artifact int   `json:"artifact,omitempty"`
	Reader   Party `json:"reader"`
	Purpose  Text  `json:"purpose,omitzero"`
	// Grant, Requested, Served and Verified are the acts; 0: no such act.
	Grant     int `json:"grant,omitempty"`
	Requested int `json:"requested,omitempty"`
	Served    int `json:"served,omitempty"`
	Verified  int `json:"verified,omitempty"`
	// RequestedAt, ServedAt and VerifiedAt are as claimed by their signers.
	RequestedAt Instant `json:"requestedAt,omitzero"`
	ServedAt    Instant `json:"servedAt,omitzero"`
	VerifiedAt  Instant `json:"verifiedAt,omitzero"`
	// Bytes is how many bytes the service says it sent.
	Bytes uint64 `json:"bytes"`
	// Served outcome in the service's words: "complete", "aborted".
	Outcome string `json:"outcome,omitempty"`
	// Result is what the reader signed about the bytes received.
	Result Outcome `json:"result"`
}

// Opinion is a laboratory's signed conclusion.
type Opinion struct {
	Act   int   `json:"act"`
	By    Party `json:"by"`
	Items []int `json:"items"`
	// Capacity is "in-house" or "section-40".
	Capacity string  `json:"capacity"`
	At       Instant `json:"at,omitzero"`
	// Document is the SHA-256 of the opinion's own file, if it has one.
	Document evidence.Digest `json:"document,omitzero"`
	Summary  Text            `json:"summary,omitzero"`
}

// The capacities of an opinion.
const (
	CapacityInHouse   = "in-house"
	CapacitySection40 = "section-40"
)

// Correction is a later act's correction of an earlier one. Both are shown.
type Correction struct {
	// Act is the correction, Corrects the act it corrects.
	Act      int              `json:"act"`
	Corrects int              `json:"corrects"`
	By       Party            `json:"by"`
	At       Instant          `json:"at,omitzero"`
	Reason   Text             `json:"reason,omitzero"`
	Fields   []CorrectedField `json:"fields"`
}

// CorrectedField is one field's original and corrected words.
type CorrectedField struct {
	Field     string `json:"field"`
	Original  Text   `json:"original,omitzero"`
	Corrected Text   `json:"corrected,omitzero"`
}
