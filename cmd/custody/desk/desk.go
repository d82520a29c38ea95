package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// Refusals of a desk: what it will not do, whatever the service says.
var (
	ErrNoPolicy     = errors.New("no trust policy: nobody in a dossier can be identified, so nothing is signed (custody policy make, compare, custody policy add)")
	ErrOtherLog     = errors.New("the service keeps another log than the one this key belongs to")
	ErrNotCertified = errors.New("the key is not certified yet (custody key enroll)")
	ErrPending      = errors.New("signed and stored, but not known to be recorded; it is sent again at the next start (custody outbox)")
	ErrReceipt      = errors.New("the receipt does not show that the event is in the log")
	ErrEvidence     = errors.New("the dossier does not verify")
	ErrFork         = errors.New("the service shows two different histories of one chain")
	ErrNotChecked   = errors.New("the dossier could not be checked")
)

// Desk is one person's place of work. All fields but those said to be optional
// are required. A Desk is not safe for concurrent use but for Deposit: bytes of
// several files may travel at once, while what is verified and signed for them
// is one act after another.
type Desk struct {
	Service Service
	Key     *keyring.Key
	Ring    *keyring.Ring // optional: remembers certificates and ids beside the key
	Outbox  *keyring.Outbox
	Seen    *keyring.SeenStore
	Policy  *verify.Policy // without one only founding, enrolling and opening a case are possible
	Server  string         // for the outbox: where an event belongs
	Clock   func() time.Time
	Rand    io.Reader
	Pause   time.Duration // optional: before a part is sent again over a failing network; doubles
	State   string        // optional: directory in which interrupted deposits are remembered

	acting  sync.Mutex         // held from before a dossier is verified until its act is recorded
	stood   map[ground]footing // what deposits stand on, verified a moment ago
	log     *logIdentity
	finding sync.Mutex // guards log
}

// logIdentity is the log as its document says; checkpoints are held to it.
type logIdentity struct {
	id        evidence.Digest
	document  custody.LogDocument
	verifiers note.Verifiers
}

// Identity returns who the desk acts for.
func (d *Desk) Identity() custody.Party {
	return custody.Party{Org: d.Key.Organisation, Person: d.Key.Person}
}

// LogID returns the log's id, after checking that it is the log this key
// belongs to. The first contact fixes it.
func (d *Desk) LogID(ctx context.Context) (evidence.Digest, error) {
	l, err := d.identifyLog(ctx)
	if err != nil {
		return evidence.Digest{}, err
	}
	return l.id, nil
}

func (d *Desk) identifyLog(ctx context.Context) (*logIdentity, error) {
	d.finding.Lock()
	defer d.finding.Unlock()
	if d.log != nil {
		return d.log, nil
	}
	b, err := d.Service.LogDocument(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't get the log's document: %w", err)
	}
	l, err := readLog(b)
	if err != nil {
		return nil, err
	}
	if known := d.Key.Log; !known.IsZero() && known != l.id {
		return nil, fmt.Errorf("%w: log %s, not %s", ErrOtherLog, l.id.Short(), known.Short())
	}
	d.log = l
	return l, nil
}

func readLog(b []byte) (*logIdentity, error) {
	doc, err := custody.ParseLogDocument(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the log's document: %w", err)
	}
	verifiers, err := tlog.LogVerifiers(doc)
	if err != nil {
		return nil, fmt.Errorf("couldn't use the log's keys: %w", err)
	}
	return &logIdentity{id: evidence.Sum(b), document: doc, verifiers: verifiers}, nil
}

// openCheckpoint reads a checkpoint that the log signed.
func (d *Desk) openCheckpoint(ctx context.Context, signed []byte) (tlog.Checkpoint, error) {
	l, err := d.identifyLog(ctx)
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	cp, err := tlog.OpenCheckpoint(signed, l.document.Origin, l.verifiers)
	if err != nil {
		return tlog.Checkpoint{}, fmt.Errorf("couldn't accept checkpoint: %w", err)
	}
	return cp, nil
}

// advance checks that a head that the log signed and all heads seen before are
// of one history. It returns the newest of them.
func (d *Desk) advance(ctx context.Context, head keyring.Head) (keyring.Head, error) {
	l, err := d.identifyLog(ctx)
	if err != nil {
		return keyring.Head{}, err
	}
	newest, err := d.Seen.Advance(l.id, head, d.consistency(ctx))
	var split *keyring.SplitViewError
	if errors.As(err, &split) {
		return d.recovered(ctx, l, split, head)
	}
	return newest, err
}

func (d *Desk) consistency(ctx context.Context) keyring.Consistency {
	return func(from, to uint64) ([]evidence.Digest, error) {
		proof, err := d.Service.Consistency(ctx, from, to)
		var no *Answer
		if errors.As(err, &no) && no.Rule == ruleRange {
			// Both heads are signed by the log, and it denies the larger.
			return nil, fmt.Errorf("%w (%w)", keyring.ErrShorter, err)
		}
		return proof, err
	}
}

// look fetches a checkpoint that includes the leaf index and checks it: what a
// statement then says to have seen.
func (d *Desk) look(ctx context.Context, index uint64) (custody.Seen, error) {
	signed, err := d.Service.Checkpoint(ctx, index)
	if err != nil {
		return custody.Seen{}, fmt.Errorf("couldn't get checkpoint: %w", err)
	}
	cp, err := d.openCheckpoint(ctx, signed)
	if err != nil {
		return custody.Seen{}, err
	}
	head, err := d.advance(ctx, keyring.Head{Size: cp.Size, Root: cp.Root, Note: string(signed)})
	if err != nil {
		return custody.Seen{}, err
	}
	return custody.Seen{Size: head.Size, Root: head.Root}, nil
}

// lookPast is look until the checkpoint includes the leaf index. One is published
// just after the event that it includes, so it may take a moment.
func (d *Desk) lookPast(ctx context.Context, index uint64) (custody.Seen, error) {
	for try := 1; ; try++ {
		seen, err := d.look(ctx, index)
		if err != nil || seen.Size > index {
			return seen, err
		}
		if try == 50 {
			return seen, fmt.Errorf("couldn't see a checkpoint that includes leaf %d: the newest has %d leaves", index, seen.Size)
		}
		timer := time.NewTimer(100 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return seen, ctx.Err()
		case <-timer.C:
		}
	}
}

// Checkpoint fetches, checks and returns the log's newest checkpoint.
func (d *Desk) Checkpoint(ctx context.Context) (keyring.Head, error) {
	if _, err := d.look(ctx, 0); err != nil {
		return keyring.Head{}, err
	}
	head, _, err := d.Seen.Last(d.log.id)
	return head, err
}

// remember changes what is known about the key, here and on disk.
func (d *Desk) remember(change func(*keyring.Meta)) error {
	change(&d.Key.Meta)
	if d.Ring == nil {
		return nil
	}
	_, err := d.Ring.Update(d.Key.Name, change)
	return err
}

func (d *Desk) salt() (custody.Salt, error) {
	var s custody.Salt
	if _, err := io.ReadFull(d.Rand, s[:]); err != nil {
		return s, fmt.Errorf("couldn't draw salt: %w", err)
	}
	return s, nil
}
