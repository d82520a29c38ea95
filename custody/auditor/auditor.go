package auditor

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// Log is the log that is audited, as the auditor knows it from elsewhere than
// from whoever serves it.
type Log struct {
	ID     evidence.Digest // SHA-256 of the log document, or the whole C2SP key id of a bare key
	Origin string
	Keys   note.Verifiers
	Test   bool // its document says that its records are not evidence
}

// LogByDocument reads a log document that the caller has pinned by its SHA-256.
func LogByDocument(document []byte) (Log, error) {
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		return Log{}, fmt.Errorf("couldn't read the log document: %w", err)
	}
	keys, err := tlog.LogVerifiers(doc)
	if err != nil {
		return Log{}, err
	}
	return Log{ID: evidence.Sum(document), Origin: doc.Origin, Keys: keys, Test: doc.Mode == custody.ModeTest}, nil
}

// LogByKey takes a note verifier key, ORIGIN+HASH+KEY, of Ed25519.
func LogByKey(vkey string) (Log, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return Log{}, fmt.Errorf("couldn't read the log's key: %w", err)
	}
	if !custody.ValidOrigin(v.Name()) {
		return Log{}, fmt.Errorf("couldn't use the log's key: %.80q is not a bare lower-case host name", v.Name())
	}
	_, key64, _ := strings.Cut(strings.TrimPrefix(vkey, v.Name()+"+"), "+")
	raw, err := base64.StdEncoding.DecodeString(key64)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return Log{}, errors.New("couldn't read the log's key: not Ed25519")
	}
	return Log{ID: tlog.LogID(v.Name(), raw[1:]), Origin: v.Name(), Keys: note.VerifierList(v)}, nil
}

// Elsewhere is a head that reached the auditor by another way than this log's
// read API: a dossier's checkpoint, a receipt's, another auditor's.
type Elsewhere struct {
	Name string // file, for people
	Note []byte // signed note
}

// Auditor follows one live log. Its zero value needs Log, Source and State.
type Auditor struct {
	Log    Log
	Source *Source
	// Policy's witnesses and quorum are what a head must have; nil asks for none.
	Policy *verify.Policy
	// State is the file that keeps, between runs, the head that everything
	// later is held against. Forks are kept beside it.
	State string
	// Keys are those whose uses are reported, by SHA-256 of their SPKI.
	Keys []evidence.Digest
	// Full re-hashes the log from its first entry, and checks every signature.
	Full bool
	// Compare are heads that the log must be consistent with.
	Compare []Elsewhere
	// Progress is told now and then how many of the entries are done; may be nil.
	Progress func(done, total uint64)
	Clock    func() time.Time
	// Patience is how long a log that shows an older head than before is given
	// to come back: caches may be some seconds behind.
	Patience time.Duration

	done *tlog.Frontier // what this process has re-hashed to the end
}

// Run reads the log once and says what it found. The state moves on only after
// all of it was checked. The error is for what kept the auditor from working
// (its own files, an end of ctx); a log that is not there is a finding.
func (a *Auditor) Run(ctx context.Context) (*Audit, error) {
	path, err := filepath.Abs(a.State)
	if err != nil {
		return nil, fmt.Errorf("couldn't find the auditor's state: %w", err)
	}
	unlock, err := lockState(path)
	if err != nil {
		return nil, err
	}
	defer unlock()
	state, err := loadState(path, a.Log)
	if err != nil {
		return nil, err
	}
	r := &run{Auditor: a, ctx: ctx, path: path, state: state, out: &Audit{At: a.Clock().UTC().Format(time.RFC3339), Log: a.Log.ID, Origin: a.Log.Origin,
		Witnesses: []string{}, Compared: []Compared{}, Keys: []evidence.Digest{}, Uses: []Use{}, Findings: []Finding{}}}
	r.out.Keys = append(r.out.Keys, a.Keys...)
	err = r.audit()
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("couldn't finish the audit: %w", ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	r.out.Verdict = r.out.judge()
	r.out.Exit = r.out.Verdict.ExitCode()
	return r.out, nil
}

// run is one audit.
type run struct {
	*Auditor
	ctx   context.Context
	path  string // of the state
	state auditState
	out   *Audit
	tree  *liveTree // at the head that the log shows now
}

func (r *run) audit() error {
	if r.state.Refused != "" {
		r.out.Evidence = r.state.Refused
		r.find(LogFork, nil, "this log has signed two histories, and is refused for ever: the proof is in %s", r.state.Refused)
		return nil
	}
	last, err := r.lastHead()
	if err != nil {
		return err
	}
	live, ok := r.liveHead(last)
	if !ok {
		return nil
	}
	r.out.Head = &Head{live.Size, live.Root, string(live.note)}
	if r.tree, err = newLiveTree(r.ctx, r.Source, live); err != nil {
		r.failed(err)
		return nil
	}
	r.checkQuorum(live)
	if last != nil {
		r.out.Since = &Head{last.Size, last.Root, string(last.note)}
		if err := r.continues(*last, live); err != nil {
			return err
		}
	} else {
		r.find(FirstSight, nil, "nothing was known of this log before: this head is what everything later is held against; compare it with one from elsewhere (--compare)")
	}
	for _, e := range r.Compare {
		if err := r.compare(e, live); err != nil {
			return err
		}
	}
	if r.Log.Test {
		r.find(TestLog, nil, "the log is of mode test: its records are not evidence")
	}
	// A log that is not what it says, or not there, has nothing else to be asked.
	if r.out.has(verify.Bad) || r.out.has(verify.Unchecked, QuorumUnmet, CompareInvalid) {
		return nil
	}
	if err := r.scan(live); err != nil {
		return err
	}
	if r.ctx.Err() != nil || r.out.has(verify.Bad) || r.out.has(verify.Unchecked, UsesOmitted) {
		return nil // nothing moves on before everything was checked
	}
	r.state.Head = string(live.note)
	return r.state.save(r.path)
}

// lastHead is the head that was checked last. The file is the auditor's own,
// but what is in it is a signed note, and is opened as one.
func (r *run) lastHead() (*head, error) {
	if r.state.Head == "" {
		return nil, nil
	}
	cp, err := tlog.OpenCheckpoint([]byte(r.state.Head), r.Log.Origin, r.Log.Keys)
	if err != nil {
		return nil, fmt.Errorf("couldn't use the head in %s: %w: %w", r.path, ErrState, err)
	}
	return &head{cp, []byte(r.state.Head)}, nil
}

// liveHead fetches and opens the log's head. One that is older than what was
// seen may come from a cache: it is asked for again until patience ends.
func (r *run) liveHead(last *head) (head, bool) {
	const tries = 4
	for try := 0; ; try++ {
		b, err := r.Source.Checkpoint(r.ctx)
		if err != nil {
			r.failed(err)
			return head{}, false
		}
		cp, err := tlog.OpenCheckpoint(b, r.Log.Origin, r.Log.Keys)
		if err != nil {
			r.find(CheckpointInvalid, nil, "what the log shows as its head is not a checkpoint that it signed: %v", err)
			return head{}, false
		}
		if last == nil || cp.Size >= last.Size || try == tries-1 {
			return head{cp, b}, true
		}
		select {
		case <-time.After(r.Patience / (tries - 1)):
		case <-r.ctx.Done():
		}
	}
}

// checkQuorum holds the head to the policy's witnesses.
func (r *run) checkQuorum(live head) {
	if r.Policy == nil || *r.Policy.Quorum == 0 {
		r.find(Unwitnessed, nil, "no witness was asked for: that others are shown the same log is not checked")
		return
	}
	var witnesses []note.Verifier
	for _, w := range r.Policy.Witnesses {
		v, err := tlog.NewWitnessVerifier(w.Key)
		if err != nil {
			r.find(QuorumUnmet, nil, "%v", err)
			return
		}
		witnesses = append(witnesses, v)
		// The count is of different keys: a witness listed twice counts once.
		if tlog.CountWitnesses(live.note, witnesses) > len(r.out.Witnesses) {
			r.out.Witnesses = append(r.out.Witnesses, v.Name())
		}
	}
	if n := len(r.out.Witnesses); n < *r.Policy.Quorum {
		r.find(QuorumUnmet, nil, "%d of %d witnesses cosigned the head; the policy asks for %d", n, len(witnesses), *r.Policy.Quorum)
	}
}

// continues holds the live head against the one that was checked last.
func (r *run) continues(last, live head) error {
	fork, err := r.relate(last, live)
	switch {
	case fork != nil:
		return r.refuse(fork, "the head of %d leaves does not continue the head of %d leaves that it showed before", live.Size, last.Size)
	case err != nil && live.Size >= last.Size:
		r.failed(err)
	}
	if live.Size < last.Size {
		// Both notes are the log's own, and the smaller is the one shown later.
		r.find(LogShrunk, nil, "the log showed %d leaves before and shows %d now: it was put back, or an old head is played to us", last.Size, live.Size)
		return r.keep("shrunk", last, live)
	}
	return nil
}

// compare holds the live log against a head that came another way.
func (r *run) compare(e Elsewhere, live head) error {
	cp, err := tlog.OpenCheckpoint(e.Note, r.Log.Origin, r.Log.Keys)
	if err != nil {
		r.find(CompareInvalid, nil, "%s holds no head that this log signed: %v", e.Name, err)
		return nil
	}
	other := head{cp, e.Note}
	fork, err := r.relate(other, live)
	switch {
	case fork != nil:
		return r.refuse(fork, "the head of %d leaves in %s and the head of %d leaves that the log shows are of two histories", other.Size, e.Name, live.Size)
	case other.Size > live.Size:
		r.find(LogShrunk, nil, "%s holds a head of %d leaves, and the log shows %d: it was put back, or an old head is played to us", e.Name, other.Size, live.Size)
		return r.keep("shrunk", other, live)
	case err != nil:
		r.failed(err)
		return nil
	}
	r.out.Compared = append(r.out.Compared, Compared{e.Name, other.Size, other.Root})
	return nil
}

// relate computes from the live tiles; where the live head is the smaller one,
// the log may no longer have those of the larger.
func (r *run) relate(a, live head) (*Fork, error) {
	return relate(r.Log, a, live, func(h head) (tlog.Reader, error) {
		if h.Size == live.Size {
			return r.tree, nil
		}
		return newLiveTree(r.ctx, r.Source, h)
	})
}

// failed turns what kept a check from its end into its finding.
func (r *run) failed(err error) {
	switch {
	case errors.Is(err, ErrMalformed):
		r.find(ContentMalformed, nil, "%v", err)
	case errors.Is(err, tlog.ErrTile):
		r.find(ContentMismatch, nil, "%v", err)
	default:
		r.find(NotRead, nil, "%v", err)
	}
}

func (r *run) find(n Name, index *uint64, format string, args ...any) {
	r.out.Findings = append(r.out.Findings, Finding{Name: n, Severity: severities[n], Index: index, Detail: fmt.Sprintf(format, args...)})
	slices.SortStableFunc(r.out.Findings, func(a, b Finding) int { return weight(a.Severity) - weight(b.Severity) })
}
