package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/evidence-custody/custodyd/cmd/custodyd/keysafe"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

// Progress is told how far a long work is: done of all, in its own units.
type Progress func(done, all uint64)

// CheckResult is what a whole check found.
type CheckResult struct {
	Log       string    `json:"log"`       // id; "" for a database without a log
	Events    uint64    `json:"events"`    // read and judged again from their bytes
	Signed    uint64    `json:"signed"`    // size of the newest checkpoint kept beside the keys; 0 for none
	Artifacts uint64    `json:"artifacts"` // looked at in the store
	Bytes     uint64    `json:"bytes"`     // read and hashed again
	Erased    uint64    `json:"erased"`    // artifacts of disposed items, whose key was destroyed: nothing to read
	Tiles     uint64    `json:"tiles"`     // of the log in the store, bundles included: read and compared
	Problems  []Problem `json:"problems"`
}

// Problem is something that is not as the record says.
type Problem struct {
	About string `json:"about"` // "record", "checkpoint", an item's id, or a tile's name in the store
	What  string `json:"what"`
}

// Whole reports whether nothing was found.
func (r *CheckResult) Whole() bool { return len(r.Problems) == 0 }

func (r *CheckResult) problem(about, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{about, fmt.Sprintf(format, args...)})
}

// Check reads the whole record again, holds it to the newest checkpoint kept
// beside the keys, and looks at every artifact's object in the store: its
// size, its version and its lock; with bytes, it reads them all and hashes them
// again, and the log's tiles there too. It signs and writes nothing, and needs no key of the log's;
// what is encrypted, it opens. An error means that it
// could not check.
func Check(ctx context.Context, o Options, bytes bool, progress Progress) (result *CheckResult, err error) {
	s, l, shelf, err := inspect(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.leave(ctx)) }()
	result = &CheckResult{Problems: []Problem{}}
	if result.Events, err = l.Size(ctx); err != nil {
		return nil, err
	}
	document, id := l.LogDocument()
	if document != nil {
		result.Log = id.String()
	}
	var altered *docket.Altered
	if err := l.Check(ctx); errors.As(err, &altered) {
		result.problem("record", "%s", altered.What)
	} else if err != nil {
		return nil, err
	}
	if err := s.checkMark(ctx, l, document, result); err != nil {
		return nil, err
	}
	lost, err := l.Unkept(ctx)
	if err != nil {
		return nil, err
	}
	for _, item := range lost {
		result.problem(item.String(), "its bytes were received, and the database no longer says where they lie")
	}
	times, err := l.UnkeptTimes(ctx)
	if err != nil {
		return nil, err
	}
	for _, index := range times {
		result.problem(fmt.Sprintf("event %d", index), "the timestamp that it commits to is no longer in the database")
	}
	if bytes && result.Whole() { // where the record itself is altered, there is nothing to compare with
		if err := checkShelf(ctx, l, id, shelf, result); err != nil {
			return nil, err
		}
	}
	err = everyArtifact(ctx, l, func(a docket.Artifact, done, all uint64) error {
		progress(done, all)
		result.Artifacts++
		if err := checkObject(ctx, l, shelf, a, bytes, result); err != nil {
			return fmt.Errorf("couldn't check the object of item %s: %w", a.Item.Short(), err)
		}
		return nil
	})
	return result, err
}

// checkMark holds the record to what is known to have been signed.
func (s *Service) checkMark(ctx context.Context, l *ledger.Ledger, document []byte, result *CheckResult) error {
	mark, err := keysafe.OpenMark(s.o.Log, s.place().Dir, s.data)
	if err != nil {
		result.problem("checkpoint", "%v", err)
		return nil
	}
	note := mark.Signed()
	if note == nil {
		return nil
	}
	if document == nil {
		result.problem("checkpoint", "a log was signed with the keys, and the database holds none")
		return nil
	}
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		return err
	}
	keys, err := tlog.LogVerifiers(doc)
	if err != nil {
		return err
	}
	cp, err := tlog.OpenCheckpoint(note, doc.Origin, keys)
	if err != nil {
		result.problem("checkpoint", "the newest checkpoint kept beside the keys is not one of this log")
		return nil
	}
	result.Signed = cp.Size
	if cp.Size > result.Events {
		result.problem("checkpoint", "a checkpoint of %d events was signed, the database holds %d: it is an old copy", cp.Size, result.Events)
		return nil
	}
	// Check has made sure that the tree is that of the events.
	if root, err := l.RootAt(ctx, cp.Size); err != nil {
		return err
	} else if root != cp.Root {
		result.problem("checkpoint", "the first %d events are not those of the checkpoint signed: the database went on from an old copy", cp.Size)
	}
	return nil
}

// checkObject compares an object with its row. What the store says no to is a
// problem; a store that doesn't answer is an error.
func checkObject(ctx context.Context, l *ledger.Ledger, sh shelf, a docket.Artifact, bytes bool, result *CheckResult) error {
	about := a.Item.String()
	if a.Bucket != sh.bucket {
		result.problem(about, "its object is in bucket %s, which is not the one configured", a.Bucket)
		return nil
	}
	o, err := sh.store.Stat(ctx, a.Key, a.Version)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		result.problem(about, "its object %s, version %s, is not in the store", a.Key, a.Version)
		return nil
	case err != nil:
		return err
	case o.Size != kept(a):
		result.problem(about, "its object has %d bytes, and must have %d", o.Size, kept(a))
		return nil
	}
	if o.Mode == "" || o.RetainUntil.Before(a.Until) {
		result.problem(about, "its object is locked %q until %s, recorded is %s until %s", o.Mode, o.RetainUntil, a.Retention, a.Until)
	}
	if a.Encoding == custody.EncodingDARE {
		return checkSealed(ctx, l, sh, a, bytes, result)
	}
	if !bytes {
		return nil
	}
	return rehash(ctx, sh, a, result)
}

// kept is how many bytes an artifact's object has.
func kept(a docket.Artifact) uint64 {
	if a.Encoding == custody.EncodingDARE {
		return strongbox.Sealed(a.Size)
	}
	return a.Size
}

// checkSealed unwraps the data key of an encrypted object and, with bytes, opens
// it block by block.
func checkSealed(ctx context.Context, l *ledger.Ledger, sh shelf, a docket.Artifact, bytes bool, result *CheckResult) error {
	about := a.Item.String()
	_, err := sh.keys.DataKey(ctx, a.Key)
	disposed, asked := wasDisposed(ctx, l, a.Item)
	switch {
	case asked != nil:
		return asked
	case disposed && errors.Is(err, fixity.ErrNoKey):
		result.Erased++
		return nil
	case disposed:
		result.problem(about, "it was disposed of, and its data key is still there: the next start of the service destroys it")
		return nil
	case errors.Is(err, fixity.ErrNoKey):
		result.problem(about, "it is encrypted, and its data key is gone")
		return nil
	case errors.Is(err, strongbox.ErrWrapped), errors.Is(err, keysafe.ErrNoWrapping), errors.Is(err, docket.ErrNotFound):
		result.problem(about, "it is encrypted, and can't be opened: %v", err)
		return nil
	case err != nil || !bytes:
		return err
	}
	whole, err := l.Artifact(ctx, a.Item) // with its leaves
	if err != nil {
		return err
	}
	copy, err := fixity.Open(sh, whole, nil)
	if err != nil {
		result.problem(about, "%v", err)
		return nil
	}
	h, memory := sha256.New(), fixity.Buffer()
	defer fixity.Return(memory)
	for i := range copy.Count() {
		block, err := copy.Block(ctx, i, memory[:])
		var rot *fixity.Rot
		if errors.As(err, &rot) {
			result.problem(about, "%v", rot)
			return nil
		}
		if err != nil {
			return err
		}
		h.Write(block)
		result.Bytes += uint64(len(block))
	}
	if sum := evidence.Digest(h.Sum(nil)); sum != a.SHA256 {
		result.problem(about, "its bytes have SHA-256 %s, deposited was %s", sum, a.SHA256)
	}
	return nil
}

func wasDisposed(ctx context.Context, l *ledger.Ledger, item custody.ID) (bool, error) {
	c, err := l.Chain(ctx, item)
	if err != nil {
		return false, err
	}
	return c.State.Item != nil && c.State.Item.Phase == custody.PhaseDisposed, nil
}

// rehash reads an object whole.
func rehash(ctx context.Context, sh shelf, a docket.Artifact, result *CheckResult) error {
	body, err := sh.store.ReadRange(ctx, a.Key, a.Version, 0, a.Size)
	if err != nil {
		return err
	}
	defer body.Close()
	h := sha256.New()
	n, err := io.Copy(h, body)
	result.Bytes += uint64(n)
	if err != nil {
		return err
	}
	if sum := evidence.Digest(h.Sum(nil)); sum != a.SHA256 {
		result.problem(a.Item.String(), "its bytes have SHA-256 %s, deposited was %s", hex.EncodeToString(sum[:]), a.SHA256)
	}
	return nil
}
