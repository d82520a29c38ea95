package custody

import "github.com/evidence-custody/custodyd/evidence"

// CaseOpened founds a case. Its agency is the signer's organisation.
type CaseOpened struct {
	Case ID `json:"case"`
}

func (*CaseOpened) Kind() Kind       { return KindCaseOpened }
func (b *CaseOpened) check() error   { return nonZero("case", b.Case) }
func (b *CaseOpened) subjects() []ID { return []ID{b.Case} }
func (b *CaseOpened) chains(ID) []Advance {
	return []Advance{{ID: b.Case, Type: ChainCase, Founds: true}}
}

// ItemClass says what sort of thing an item is.
type ItemClass string

// Item classes. A deposited image is of class digital and is never registered.
const (
	ItemDevice   ItemClass = "device"
	ItemMedium   ItemClass = "medium"
	ItemDocument ItemClass = "document"
	ItemOther    ItemClass = "other"
	ItemDigital  ItemClass = "digital"
)

// ItemRegistered takes a seized thing under control. The time and place of
// the seizure are times.act and the detail place; the signer becomes holder.
type ItemRegistered struct {
	Case      ID           `json:"case"`
	Class     ItemClass    `json:"class"`
	Item      ID           `json:"item"`
	Parent    *ID          `json:"parent,omitempty"` // item it was found in or taken from
	Seals     []SealNumber `json:"seals"`            // sorted; [] for an unsealed thing
	SeizedBy  Party        `json:"seizedBy"`
	Witnesses []ID         `json:"witnesses"` // person documents of at least two witnesses
}

func (*ItemRegistered) Kind() Kind { return KindRegistered }
func (b *ItemRegistered) check() error {
	if b.Parent != nil && (*b.Parent == b.Item || b.Parent.IsZero()) {
		return Refuse("body.id", "predicate.body.parent", "an item is not its own parent")
	}
	return first(nonZero("item", b.Case, b.Item, b.SeizedBy.Org, b.SeizedBy.Person),
		oneOf("class", b.Class, ItemDevice, ItemMedium, ItemDocument, ItemOther),
		sealList("seals", b.Seals), idList("witnesses", b.Witnesses, 2, 16), nonZero("witnesses", b.Witnesses...))
}
func (b *ItemRegistered) subjects() []ID {
	return append([]ID{b.Case, b.Item, b.SeizedBy.Person}, b.Witnesses...)
}
func (b *ItemRegistered) chains(ID) []Advance {
	return []Advance{{ID: b.Case, Type: ChainCase}, {ID: b.Item, Type: ChainItem, Founds: true}}
}

// Artifact identifies stored bytes.
type Artifact struct {
	BlockRoot ID     `json:"blockRoot"` // RFC 6962 root of the 8 MiB blocks
	SHA256    ID     `json:"sha256"`    // of all bytes; of the manifest of a segmented image
	Size      uint64 `json:"size"`      // bytes, at least 1
}

func (a Artifact) check(field string) error {
	if a.Size == 0 || a.Size > MaxInteger {
		return Refuse("artifact.empty", "predicate.body."+field+".size", "an artifact has at least one byte")
	}
	return nonZero(field, a.BlockRoot, a.SHA256)
}

// Declared are hashes that the acquisition's own log or tool states of the
// file, compared with what the service computes. Absent means not declared.
type Declared struct {
	MD5    string `json:"md5,omitempty"`  // 32 hex digits
	SHA1   string `json:"sha1,omitempty"` // 40 hex digits
	SHA256 *ID    `json:"sha256,omitempty"`
}

func (d Declared) check(field string) error { return legacyText(field+".", d.MD5, d.SHA1) }

// legacyText checks digests that may be absent.
func legacyText(prefix, md5, sha1 string) error {
	if md5 != "" {
		if err := hexText(prefix+"md5", md5, 16); err != nil {
			return err
		}
	}
	if sha1 != "" {
		return hexText(prefix+"sha1", sha1, 20)
	}
	return nil
}

// ImageFormat is the container format of a deposited file.
type ImageFormat string

// Formats.
const (
	FormatRaw   ImageFormat = "raw"
	FormatEWF   ImageFormat = "ewf-e01"
	FormatOther ImageFormat = "other" // logs, photographs, documents
)

// Role says what a deposited artifact is for.
type Role string

// Roles.
const (
	RoleMaster      Role = "master"
	RoleWorkingCopy Role = "working-copy"
	RoleDerivative  Role = "derivative"
	// RoleLog is the log of the program that made the parent, an image.
	RoleLog Role = "acquisition-log"
)

// Deposited is the depositor's statement that these bytes are the artifact.
// It founds an item of class digital, of which the signer becomes holder.
type Deposited struct {
	Artifact Artifact    `json:"artifact"`
	Case     ID          `json:"case"`
	Declared Declared    `json:"declared"`
	Format   ImageFormat `json:"format"`
	Item     ID          `json:"item"`
	Parent   *ID         `json:"parent,omitempty"` // item it was acquired or derived from
	Role     Role        `json:"role"`
	Segments []uint64    `json:"segments,omitempty"` // bytes of each segment, in order; absent for one file
}

func (*Deposited) Kind() Kind { return KindDeposited }
func (b *Deposited) check() error {
	if b.Parent != nil && (*b.Parent == b.Item || b.Parent.IsZero()) {
		return Refuse("body.id", "predicate.body.parent", "an item is not its own parent")
	}
	if b.Declared.SHA256 != nil && *b.Declared.SHA256 != b.Artifact.SHA256 {
		return Refuse("artifact.declared", "predicate.body.declared.sha256", "the declared SHA-256 is not the artifact's")
	}
	if b.Segments != nil {
		if err := evidence.CheckSegments(b.Segments, b.Artifact.Size); err != nil {
			return Refuse("artifact.segments", "predicate.body.segments", "%v", err)
		}
		if b.Declared != (Declared{}) {
			return Refuse("artifact.segments", "predicate.body.declared", "a hash declared of one file, for an image of several")
		}
	}
	return first(b.Artifact.check("artifact"), nonZero("item", b.Case, b.Item), b.Declared.check("declared"),
		oneOf("format", b.Format, FormatRaw, FormatEWF, FormatOther),
		oneOf("role", b.Role, RoleLog, RoleDerivative, RoleMaster, RoleWorkingCopy))
}
func (b *Deposited) subjects() []ID { return []ID{b.Artifact.SHA256, b.Case, b.Item} }
func (b *Deposited) chains(ID) []Advance {
	return []Advance{{ID: b.Case, Type: ChainCase}, {ID: b.Item, Type: ChainItem, Founds: true}}
}

// Opinion is a laboratory's signed conclusion; its words are the detail
// opinion. Capacity is what the rules find, never what the signer would like.
type Opinion struct {
	Capacity Capacity `json:"capacity"`
	Case     ID       `json:"case"`
	Items    []ID     `json:"items"` // items examined, sorted
}

// Capacity labels an opinion (PECA s.29(7) and s.40, configured reading).
type Capacity string

// Capacities.
const (
	InHouse   Capacity = "in-house"   // by the case's agency or an organisation it controls
	Section40 Capacity = "section-40" // by a laboratory independent of the agency
)

func (*Opinion) Kind() Kind { return KindOpinion }
func (b *Opinion) check() error {
	return first(oneOf("capacity", b.Capacity, InHouse, Section40), nonZero("case", b.Case), idList("items", b.Items, 1, MaxChains))
}
func (b *Opinion) subjects() []ID      { return append([]ID{b.Case}, b.Items...) }
func (b *Opinion) chains(ID) []Advance { return []Advance{{ID: b.Case, Type: ChainCase}} }

// Correction replaces details of an earlier event, never its state, digests,
// recipient or chains; both are shown (FORMAT, CORRECT). The event's own
// details are the new words.
type Correction struct {
	Case     ID `json:"case"`
	Corrects ID `json:"corrects"` // leaf hash; also in basis
}

func (*Correction) Kind() Kind            { return KindCorrected }
func (b *Correction) check() error        { return nonZero("corrects", b.Case, b.Corrects) }
func (b *Correction) subjects() []ID      { return []ID{b.Case} }
func (b *Correction) chains(ID) []Advance { return []Advance{{ID: b.Case, Type: ChainCase}} }
