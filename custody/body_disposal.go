package custody

// DisposalAuthority says by what an item may be disposed of.
type DisposalAuthority string

// Authorities for a disposal.
const (
	DisposeCourtOrder DisposalAuthority = "court-order" // order of a court
	DisposeLaw        DisposalAuthority = "law"         // a rule that ends retention
	DisposeSuperior   DisposalAuthority = "superior"    // order of an authority competent for it
)

// DisposalMethod says what happened to the item.
type DisposalMethod string

// Methods of disposal.
const (
	DisposeDestroyed    DisposalMethod = "destroyed"     // the physical item
	DisposeKeyDestroyed DisposalMethod = "key-destroyed" // stored bytes: what they are encrypted under
	DisposeReturned     DisposalMethod = "returned"      // the physical item, to who is entitled to it
)

// Disposed ends the custody of one item for good. It needs another person's
// act.approved, as an assumption does. It advances the case, too: an act that a
// fact of the case can forbid. Of stored bytes it is an order to the service;
// what the service did shows from artifact.erased alone.
type Disposed struct {
	Authority DisposalAuthority `json:"authority"`
	Case      ID                `json:"case"`
	Item      ID                `json:"item"`
	Method    DisposalMethod    `json:"method"`
}

func (*Disposed) Kind() Kind { return KindDisposed }
func (b *Disposed) check() error {
	return first(oneOf("authority", b.Authority, DisposeCourtOrder, DisposeLaw, DisposeSuperior), nonZero("case", b.Case), nonZero("item", b.Item),
		oneOf("method", b.Method, DisposeDestroyed, DisposeKeyDestroyed, DisposeReturned))
}
func (b *Disposed) subjects() []ID { return []ID{b.Case, b.Item} }
func (b *Disposed) chains(ID) []Advance {
	return []Advance{{ID: b.Case, Type: ChainCase}, {ID: b.Item, Type: ChainItem}}
}

// Erased is the service's statement that it destroyed every wrapped copy that
// it knew of the key under which an artifact is stored. It says nothing of
// copies that were handed out, of backups, or of what others kept; and the
// ciphertext stays in the store until its lock ends.
type Erased struct {
	Artifact  ID        `json:"artifact"` // SHA-256 on record
	Disposal  ID        `json:"disposal"` // leaf hash of the item.disposed; also in basis
	Item      ID        `json:"item"`
	Retention Retention `json:"retention"` // of the ciphertext
}

func (*Erased) Kind() Kind { return KindErased }
func (b *Erased) check() error {
	return first(nonZero("artifact", b.Artifact), nonZero("disposal", b.Disposal), nonZero("item", b.Item),
		oneOf("retention.mode", b.Retention.Mode, RetentionCompliance, RetentionGovernance))
}
func (b *Erased) subjects() []ID { return []ID{b.Artifact, b.Item} }
func (b *Erased) chains(ID) []Advance {
	return []Advance{{ID: Observations(b.Item), Type: ChainObservations, MayFound: true}}
}
