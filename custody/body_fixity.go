package custody

// FixityReason says how the service's copy differs from what was deposited.
type FixityReason string

// Ways in which a copy differs. The gravest of several is named.
const (
	FixityMissing  FixityReason = "missing"         // the store has no such object
	FixityShort    FixityReason = "short"           // it ends before the artifact does
	FixityMismatch FixityReason = "digest-mismatch" // blocks have other bytes
	FixityLong     FixityReason = "long"            // more bytes follow the artifact's
)

// UncheckedReason says why a copy couldn't be checked. It says nothing about
// the bytes.
type UncheckedReason string

// Reasons.
const (
	UncheckedUnavailable UncheckedReason = "unavailable" // the store didn't answer, or not with what was asked for
	UncheckedLeaves      UncheckedReason = "leaves"      // the service's block tree doesn't lead to the signed root
	UncheckedKey         UncheckedReason = "key"         // the key that decrypts the copy isn't at hand
	UncheckedErased      UncheckedReason = "erased"      // it was destroyed: the item was disposed of
)

// FixityPassed is the service's observation that every block of its copy, read
// back from the store, is what was deposited. times.act is from the reading of
// the first to that of the last.
type FixityPassed struct {
	Artifact ID     `json:"artifact"`
	Bytes    uint64 `json:"bytes"` // read and compared: all of the artifact
	Item     ID     `json:"item"`
}

func (*FixityPassed) Kind() Kind       { return KindFixityPassed }
func (b *FixityPassed) check() error   { return nonZero("item", b.Artifact, b.Item) }
func (b *FixityPassed) subjects() []ID { return []ID{b.Artifact, b.Item} }
func (b *FixityPassed) chains(ID) []Advance {
	return []Advance{{ID: Observations(b.Item), Type: ChainObservations, MayFound: true}}
}

// MaxBadBlocks is how many bad blocks an event names.
const MaxBadBlocks = 256

// FixityFailed is the service's statement that its copy is not what was
// deposited. The record stands; the copy must come from elsewhere.
type FixityFailed struct {
	Artifact ID           `json:"artifact"`
	Blocks   []uint64     `json:"blocks"`  // the first of the bad blocks, from 0; none for a missing object
	Checked  uint64       `json:"checked"` // blocks that were looked at
	Count    uint64       `json:"count"`   // bad ones among them
	Item     ID           `json:"item"`
	Reason   FixityReason `json:"reason"`
}

func (*FixityFailed) Kind() Kind { return KindFixityFailed }
func (b *FixityFailed) check() error {
	if err := first(nonZero("item", b.Artifact, b.Item), oneOf("reason", b.Reason, FixityMismatch, FixityLong, FixityMissing, FixityShort)); err != nil {
		return err
	}
	switch listed := uint64(len(b.Blocks)); {
	case b.Count > b.Checked:
		return Refuse("body.count", "predicate.body.count", "%d bad blocks of %d that were looked at", b.Count, b.Checked)
	case b.Count == 0 && b.Reason != FixityLong:
		return Refuse("body.count", "predicate.body.count", "%s without a bad block", b.Reason)
	case b.Reason == FixityMissing && (listed != 0 || b.Count != b.Checked):
		return Refuse("body.count", "predicate.body.blocks", "of a missing object every block is bad, and none is listed")
	case b.Reason != FixityMissing && listed != min(b.Count, MaxBadBlocks):
		return Refuse("body.count", "predicate.body.blocks", "%d of %d bad blocks are listed; the first %d are required", listed, b.Count, MaxBadBlocks)
	}
	for i := 1; i < len(b.Blocks); i++ {
		if b.Blocks[i] <= b.Blocks[i-1] {
			return Refuse("body.order", "predicate.body.blocks", "must be ascending")
		}
	}
	return nil
}
func (b *FixityFailed) subjects() []ID { return []ID{b.Artifact, b.Item} }
func (b *FixityFailed) chains(ID) []Advance {
	return []Advance{{ID: Observations(b.Item), Type: ChainObservations, MayFound: true}}
}

// FixityUnchecked says that the service's copy could not be checked, which says
// nothing about the bytes.
type FixityUnchecked struct {
	Artifact ID              `json:"artifact"`
	Item     ID              `json:"item"`
	Reason   UncheckedReason `json:"reason"`
}

func (*FixityUnchecked) Kind() Kind { return KindFixityUnchecked }
func (b *FixityUnchecked) check() error {
	return first(nonZero("item", b.Artifact, b.Item), oneOf("reason", b.Reason, UncheckedErased, UncheckedKey, UncheckedLeaves, UncheckedUnavailable))
}
func (b *FixityUnchecked) subjects() []ID { return []ID{b.Artifact, b.Item} }
func (b *FixityUnchecked) chains(ID) []Advance {
	return []Advance{{ID: Observations(b.Item), Type: ChainObservations, MayFound: true}}
}
