package custody

import "slices"

// ImageOutcome says how the service's decoding of an image ended.
type ImageOutcome string

// Outcomes. Whole and damaged are findings; of an unreadable image nothing was
// checked.
const (
	ImageWhole      ImageOutcome = "whole"      // every chunk was decoded, and no hash stored in the image differs
	ImageDamaged    ImageOutcome = "damaged"    // a chunk couldn't be decoded, or a hash stored in the image differs
	ImageUnreadable ImageOutcome = "unreadable" // it couldn't be decoded at all
)

// UnreadableReason says why an image couldn't be decoded. All of them speak of
// the bytes deposited, none of the store.
type UnreadableReason string

// Reasons: evidence/ewf's rules.
const (
	UnreadableAfterDone UnreadableReason = "after-done" // a segment follows the one that says it is the last
	UnreadableEncrypted UnreadableReason = "encrypted"  // FTK Imager's encrypted container
	UnreadableForeign   UnreadableReason = "foreign"    // a segment of another set
	UnreadableGeometry  UnreadableReason = "geometry"   // it doesn't say what the medium is, or says what can't be
	UnreadableLimit     UnreadableReason = "limit"      // beyond the limits of what is decoded
	UnreadableLogical   UnreadableReason = "logical"    // a logical evidence file: it holds files, no medium
	UnreadableMissing   UnreadableReason = "missing"    // a segment is missing
	UnreadableNotEWF    UnreadableReason = "not-ewf"    // deposited as an E01, and none
	UnreadableOrder     UnreadableReason = "order"      // not the segment that stands here in the set
	UnreadableSection   UnreadableReason = "section"    // a section's descriptor that can't be
	UnreadableTables    UnreadableReason = "tables"     // too many tables of chunks are lost
	UnreadableTruncated UnreadableReason = "truncated"  // it ends too early
	UnreadableVersion2  UnreadableReason = "ewf2"       // version 2 of the format (Ex01), which isn't decoded
)

var unreadableReasons = []UnreadableReason{UnreadableAfterDone, UnreadableEncrypted, UnreadableForeign, UnreadableGeometry, UnreadableLimit,
	UnreadableLogical, UnreadableMissing, UnreadableNotEWF, UnreadableOrder, UnreadableSection, UnreadableTables, UnreadableTruncated, UnreadableVersion2}

// EWFDialect is which dialect of the Expert Witness format an image is written in.
type EWFDialect string

// Dialects. E01 is EnCase's, linen's, FTK Imager's and ewfacquire's.
const (
	DialectE01      EWFDialect = "e01"
	DialectEWFX     EWFDialect = "ewf-x"
	DialectOriginal EWFDialect = "ewf" // ASR Data's specification of 2002
	DialectSMART    EWFDialect = "smart"
)

// ImageFlaw is something wrong in an image's structure that didn't stop it from
// being decoded.
type ImageFlaw string

// Flaws: evidence/ewf's.
const (
	FlawCount         ImageFlaw = "count"          // more or fewer chunks than the image says
	FlawDescriptor    ImageFlaw = "descriptor"     // a section's descriptor fails its checksum
	FlawErrors        ImageFlaw = "errors"         // the list of sectors not read fails its checksum, or is of more than there are
	FlawHash          ImageFlaw = "hash"           // stored hashes fail their checksum or contradict each other
	FlawHeader        ImageFlaw = "header"         // a text section can't be decoded
	FlawHeaderDiffers ImageFlaw = "header-differs" // two copies of a text section differ
	FlawIncomplete    ImageFlaw = "incomplete"     // the imager marked the set as incomplete
	FlawSection       ImageFlaw = "section"        // a section of a kind that isn't known, or cut short
	FlawTable         ImageFlaw = "table"          // a table of chunks fails its checksum
	FlawTableDiffers  ImageFlaw = "table-differs"  // the two copies of a table disagree
	FlawTableLost     ImageFlaw = "table-lost"     // no copy of a table can be used
	FlawTableOrder    ImageFlaw = "table-order"    // offsets in a table go backwards
	FlawTrailing      ImageFlaw = "trailing"       // bytes after the last section
	FlawVolume        ImageFlaw = "volume"         // what says what the medium is fails its checksum
	FlawVolumeDiffers ImageFlaw = "volume-differs" // two descriptions of the medium disagree
)

var imageFlaws = []ImageFlaw{FlawCount, FlawDescriptor, FlawErrors, FlawHash, FlawHeader, FlawHeaderDiffers, FlawIncomplete, FlawSection,
	FlawTable, FlawTableDiffers, FlawTableLost, FlawTableOrder, FlawTrailing, FlawVolume, FlawVolumeDiffers}

// MaxDamagedChunks is how many damaged chunks an event names.
const MaxDamagedChunks = 100

// DamagedChunks are the chunks of the medium that couldn't be decoded. Chunk n
// holds the medium's bytes from n times the chunk size on.
type DamagedChunks struct {
	Count uint64   `json:"count"`
	First []uint64 `json:"first"` // their numbers, from 0, ascending: the first MaxDamagedChunks
}

// MediaHashes are hashes over the medium's data, in hex; absent where the imager
// stored none.
type MediaHashes struct {
	MD5  string `json:"md5,omitempty"`
	SHA1 string `json:"sha1,omitempty"`
}

// UnreadSectors are what the imager says that it couldn't read of the medium,
// and filled with zeros.
type UnreadSectors struct {
	Ranges  uint64 `json:"ranges"`
	Sectors uint64 `json:"sectors"`
}

// ImageFound is what was found in an image. Its hashes are of the medium's data
// as decoded, never of the file; they are absent where a chunk is damaged, since
// then nobody has the medium's data.
type ImageFound struct {
	ChunkSize  uint64        `json:"chunkSize"` // bytes of the medium in a chunk; the last may have fewer
	Chunks     uint64        `json:"chunks"`
	Compressed uint64        `json:"compressed"` // chunks that are stored compressed
	Damaged    DamagedChunks `json:"damaged"`
	Dialect    EWFDialect    `json:"dialect"`
	Flaws      []ImageFlaw   `json:"flaws"` // sorted, unique
	MD5        string        `json:"md5,omitempty"`
	SectorSize uint64        `json:"sectorSize"` // bytes
	Segments   uint64        `json:"segments"`   // files
	SHA1       string        `json:"sha1,omitempty"`
	SHA256     *ID           `json:"sha256,omitempty"`
	Size       uint64        `json:"size"` // of the medium, bytes
	Stored     MediaHashes   `json:"stored"`
	Unread     UnreadSectors `json:"unread"`
}

// Differs reports whether a hash that the imager stored is not that of the
// medium's data. Where chunks are damaged nothing can be compared.
func (f *ImageFound) Differs() bool {
	return f.Damaged.Count == 0 && (f.Stored.MD5 != "" && f.Stored.MD5 != f.MD5 || f.Stored.SHA1 != "" && f.Stored.SHA1 != f.SHA1)
}

// Chunk returns where on the medium chunk n is: the offset of its first byte,
// and its length in bytes.
func (f *ImageFound) Chunk(n uint64) (offset, length uint64) {
	offset = n * f.ChunkSize
	return offset, min(f.ChunkSize, f.Size-offset)
}

// check holds what was found against itself.
func (f *ImageFound) check() error {
	if err := first(oneOf("found.dialect", f.Dialect, DialectE01, DialectOriginal, DialectEWFX, DialectSMART),
		legacyText("found.", f.MD5, f.SHA1), legacyText("found.stored.", f.Stored.MD5, f.Stored.SHA1)); err != nil {
		return err
	}
	for i, w := range f.Flaws {
		if err := oneOf("found.flaws", w, imageFlaws...); err != nil {
			return err
		}
		if i > 0 && w <= f.Flaws[i-1] {
			return Refuse("body.order", "predicate.body.found.flaws", "must be sorted and unique")
		}
	}
	for i := 1; i < len(f.Damaged.First); i++ {
		if f.Damaged.First[i] <= f.Damaged.First[i-1] {
			return Refuse("body.order", "predicate.body.found.damaged.first", "must be ascending")
		}
	}
	if f.SHA256 != nil && f.SHA256.IsZero() {
		return nonZero("found.sha256", *f.SHA256)
	}
	refuse := func(what, format string, args ...any) error {
		return Refuse("image.found", "predicate.body.found."+what, format, args...)
	}
	hashed := f.MD5 != "" && f.SHA1 != "" && f.SHA256 != nil
	switch listed := uint64(len(f.Damaged.First)); {
	case f.SectorSize == 0 || f.ChunkSize == 0 || f.Size == 0 || f.ChunkSize%f.SectorSize != 0 || f.Size%f.SectorSize != 0:
		return refuse("size", "a medium of %d bytes in chunks of %d and sectors of %d", f.Size, f.ChunkSize, f.SectorSize)
	case f.Chunks != (f.Size-1)/f.ChunkSize+1:
		return refuse("chunks", "%d chunks of %d bytes for a medium of %d", f.Chunks, f.ChunkSize, f.Size)
	case f.Segments == 0:
		return refuse("segments", "an image has at least one file")
	case f.Compressed > f.Chunks || f.Damaged.Count > f.Chunks:
		return refuse("damaged.count", "more chunks than there are")
	case listed != min(f.Damaged.Count, MaxDamagedChunks):
		return refuse("damaged.first", "%d of %d damaged chunks are listed; the first %d are required", listed, f.Damaged.Count, MaxDamagedChunks)
	case listed > 0 && f.Damaged.First[listed-1] >= f.Chunks:
		return refuse("damaged.first", "chunk %d of %d", f.Damaged.First[listed-1], f.Chunks)
	case f.Damaged.Count == 0 && !hashed:
		return refuse("sha256", "all hashes of a medium are there where all of it was decoded")
	case f.Damaged.Count > 0 && (f.MD5 != "" || f.SHA1 != "" || f.SHA256 != nil):
		return refuse("sha256", "there is no hash of a medium of which a chunk couldn't be decoded")
	case f.Unread.Sectors > f.Size/f.SectorSize || f.Unread.Ranges > f.Unread.Sectors || f.Unread.Ranges == 0 && f.Unread.Sectors != 0:
		return refuse("unread", "%d sectors in %d ranges, of a medium of %d", f.Unread.Sectors, f.Unread.Ranges, f.Size/f.SectorSize)
	}
	return nil
}

// ImageRead is the service's observation of what is in an image deposited in the
// Expert Witness format, as it decoded it from its own copy, every block of which
// it held to the depositor's block tree while it read. times.act is from the
// first byte read to the last. Its details are what the imager wrote into the
// image: the imager's word, repeated.
type ImageRead struct {
	Artifact ID               `json:"artifact"`
	Found    *ImageFound      `json:"found,omitempty"` // absent exactly where it is unreadable
	Item     ID               `json:"item"`
	Outcome  ImageOutcome     `json:"outcome"`
	Reason   UnreadableReason `json:"reason,omitempty"` // exactly where it is unreadable
}

func (*ImageRead) Kind() Kind { return KindImageRead }
func (b *ImageRead) check() error {
	if err := first(nonZero("item", b.Artifact, b.Item), oneOf("outcome", b.Outcome, ImageDamaged, ImageUnreadable, ImageWhole)); err != nil {
		return err
	}
	if b.Reason != "" {
		if err := oneOf("reason", b.Reason, unreadableReasons...); err != nil {
			return err
		}
	}
	if b.Found != nil {
		if err := b.Found.check(); err != nil {
			return err
		}
	}
	if b.Outcome != outcomeOf(b.Found) || (b.Found == nil) != (b.Reason != "") {
		return Refuse("image.found", "predicate.body.outcome", "what was found is not of an image that is %s", b.Outcome)
	}
	return nil
}
func (b *ImageRead) subjects() []ID { return []ID{b.Artifact, b.Item} }
func (b *ImageRead) chains(ID) []Advance {
	return []Advance{{ID: Observations(b.Item), Type: ChainObservations, MayFound: true}}
}

func outcomeOf(f *ImageFound) ImageOutcome {
	switch {
	case f == nil:
		return ImageUnreadable
	case f.Damaged.Count > 0 || f.Differs():
		return ImageDamaged
	}
	return ImageWhole
}

// ImageDecoded is the event's body of an image in which this was found.
func ImageDecoded(item, artifact ID, f *ImageFound) *ImageRead {
	return &ImageRead{Artifact: artifact, Found: f, Item: item, Outcome: outcomeOf(f)}
}

// ReasonOf is the word for one of evidence/ewf's rules; false where it is none.
func ReasonOf(rule string) (UnreadableReason, bool) {
	r := UnreadableReason(rule)
	return r, slices.Contains(unreadableReasons, r)
}

// FlawsOf are the words for evidence/ewf's flaws, sorted and unique.
func FlawsOf(kinds []string) []ImageFlaw {
	out := []ImageFlaw{}
	for _, k := range kinds {
		if w := ImageFlaw(k); slices.Contains(imageFlaws, w) && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return out
}
