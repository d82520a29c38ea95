package custody

// LogTime records evidence of time about a published checkpoint of this log:
// an RFC 3161 token over the checkpoint's three-line body. Whoever has seen a
// checkpoint that includes this event signed after Time, as far as the token's
// authority is trusted.
type LogTime struct {
	Digest ID     `json:"digest"` // SHA-256 of the token's file, DER
	Log    ID     `json:"log"`    // this log
	Root   ID     `json:"root"`   // of the checkpoint
	Size   uint64 `json:"size"`   // leaves of the checkpoint, at least 1
	Time   Time   `json:"time"`   // as the token states it, in whole seconds
}

func (*LogTime) Kind() Kind { return KindTime }
func (b *LogTime) check() error {
	if b.Size == 0 {
		return Refuse("time.empty", "predicate.body.size", "there is no checkpoint of the empty tree to timestamp")
	}
	return nonZero("digest", b.Digest, b.Log, b.Root)
}
func (b *LogTime) subjects() []ID { return []ID{b.Digest, b.Log} }
func (b *LogTime) chains(ID) []Advance {
	return []Advance{{ID: Observations(b.Log), Type: ChainObservations, MayFound: true}}
}
func (b *LogTime) log() ID { return b.Log }

// Checkpoint is the head that was timestamped.
func (b *LogTime) Checkpoint() Seen { return Seen{Root: b.Root, Size: b.Size} }

// RecoveryCause says why a log lost events.
type RecoveryCause string

// Recovery causes.
const (
	RecoveryBackup  RecoveryCause = "backup-restored"
	RecoveryStorage RecoveryCause = "storage-lost"
	RecoveryOther   RecoveryCause = "other"
)

// SignedHead is a head that the log had signed before it lost events. Its root
// may be unknown.
type SignedHead struct {
	Root *ID    `json:"root,omitempty"`
	Size uint64 `json:"size"` // leaves
}

// LogRecovered is the log's own confession that it lost events after its
// present end: a head that it signed is no longer shown by what it holds. It
// is the first event after the loss and stands on the log's chain, so that
// every dossier shows it.
type LogRecovered struct {
	Cause  RecoveryCause `json:"cause"`
	Log    ID            `json:"log"`    // this log
	Signed SignedHead    `json:"signed"` // the largest head known to have been signed
}

func (*LogRecovered) Kind() Kind { return KindRecovered }
func (b *LogRecovered) check() error {
	if b.Signed.Root != nil {
		if err := nonZero("signed", *b.Signed.Root); err != nil {
			return err
		}
	}
	return first(oneOf("cause", b.Cause, RecoveryBackup, RecoveryStorage, RecoveryOther), nonZero("log", b.Log))
}
func (b *LogRecovered) subjects() []ID      { return []ID{b.Log} }
func (b *LogRecovered) chains(ID) []Advance { return []Advance{{ID: b.Log, Type: ChainLog}} }
func (b *LogRecovered) log() ID             { return b.Log }
