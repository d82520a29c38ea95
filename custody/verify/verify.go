// Package verify is the offline verifier: dossiers and a trust policy in,
// findings out. It is what a laboratory or a court's expert runs, what the
// service runs before it renders a report, and what a client runs before it
// signs. It uses no clock, network, database or program; laboratories can
// import it alone.
//
// Bad evidence is a finding, never an error: an error means that verification
// could not be carried out at all.
package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/standing"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// File is an artifact's file, given to check its bytes.
type File struct {
	Name   string // for findings
	Reader io.Reader

	// Segments of an image in several files, which Reader reads one after the
	// other; none of one file.
	Segments []FileSegment
}

// FileSegment is one file of a segmented image.
type FileSegment struct {
	Name string // as the manifest has it
	Size uint64 // bytes
}

// Dossiers verifies one or more dossiers of the same record under a policy.
// Without a policy (nil) nobody is identified and the verdict is at best Open.
// Several dossiers are also compared with one another for forks. Files are
// matched by content with the artifacts on record.
func Dossiers(ctx context.Context, policy *Policy, dossiers []*dossier.Dossier, files ...File) (*Result, error) {
	if err := checkGiven(policy, len(dossiers)); err != nil {
		return nil, err
	}
	var readers []*reader
	for i, d := range dossiers {
		if d == nil {
			return nil, fmt.Errorf("couldn't verify dossier %d: there is none", i+1)
		}
		readers = append(readers, &reader{ctx: ctx, policy: policy, d: d, position: i})
	}
	return verifyAll(ctx, readers, files)
}

func checkGiven(policy *Policy, dossiers int) error {
	if dossiers == 0 {
		return errors.New("couldn't verify: no dossier given")
	}
	if policy != nil {
		return policy.check()
	}
	return nil
}

// verifyAll verifies each dossier, all beside one another, and the files.
func verifyAll(ctx context.Context, readers []*reader, files []File) (*Result, error) {
	res := &Result{}
	var dossiers []*dossier.Dossier
	for i, r := range readers {
		reading, err := r.read()
		if err != nil {
			return nil, fmt.Errorf("couldn't verify dossier %d: %w", i+1, err)
		}
		dossiers = append(dossiers, r.d)
		res.Findings = append(res.Findings, r.findings...)
		res.Readings = append(res.Readings, reading)
	}
	res.Findings = append(res.Findings, compare(dossiers, res.Readings)...)
	found, err := checkFiles(ctx, dossiers, res.Readings, files)
	if err != nil {
		return nil, err
	}
	res.Findings = append(res.Findings, found...)
	order(res.Findings)
	res.Verdict = judge(res.Findings)
	return res, nil
}

// Read decodes a dossier and turns a malformed one into its finding: the
// result is then final and the dossier nil.
func Read(r io.ReaderAt, size int64, lim dossier.Limits) (*dossier.Dossier, *Result, error) {
	d, err := dossier.Decode(r, size, lim)
	bad, err := asMalformed(err)
	switch {
	case err != nil:
		return nil, nil, err
	case bad != nil:
		return nil, &Result{Verdict: NotWhole, Findings: []Finding{*bad}}, nil
	}
	return d, nil, nil
}

// reader verifies one dossier.
type reader struct {
	ctx      context.Context
	policy   *Policy
	d        *dossier.Dossier
	position int
	findings []Finding

	log         custody.LogDocument
	logID       custody.ID
	verifiers   note.Verifiers // of the log's checkpoints
	authorities []tlog.Authority
	head        tlog.Checkpoint
	opened      []openedEvent
	lookedAt    tlog.Checkpoint // what events were looked at under while they were read
	timed       bool            // at least one timestamp held
	// documents are the founding documents that hash to their id; the dossier
	// itself is the caller's and stays as it is.
	documents map[custody.ID][]byte
	withheld  map[custody.ID]bool // founding documents named and not disclosed
	genesis   bool                // index 0 founds this log
	world     *world
	images    map[custody.ID]imageSaid
	heard     int // findings before the replay
	out       *Reading
}

// openedEvent is one event after its own checks, before replay.
type openedEvent struct {
	entry    ruling.Entry // its statement is there wherever the payload is one, also where the event does not hold
	source   *dossier.Event
	invalid  error // why the payload is no statement
	outside  error // why it is not shown to be in the log
	details  []disclosure
	findings []Finding
	ok       bool
	stamped  time.Time // by when timestamps of the signature show that it existed; zero where none does
}

// find records a finding; severity follows from its name.
func (r *reader) find(n Name, f Finding, format string, args ...any) {
	f.Name, f.Severity, f.Dossier, f.Detail = n, severities[n], r.position, fmt.Sprintf(format, args...)
	r.findings = append(r.findings, f)
}

func at(index uint64) Finding { return Finding{Event: &index} }

func about(id custody.ID) Finding { return Finding{Subject: &id} }

func (r *reader) read() (*Reading, error) {
	r.logID, r.authorities = evidence.Sum(r.d.Log), r.policy.authorities()
	r.out = &Reading{LogID: r.logID, Shown: len(r.d.Events), Case: r.d.Scope.Case, Items: map[custody.ID]*ItemReading{}, Orgs: map[custody.ID]*OrgReading{},
		Keys: map[custody.ID]*standing.Key{}, Documents: map[custody.ID]*custody.Founding{}, Manifests: map[custody.ID]evidence.Manifest{}, Heads: map[custody.ID]Head{}, Proofs: map[uint64][]evidence.Digest{}, roots: map[uint64]evidence.Digest{}}
	if r.policy == nil {
		r.find(NoPolicy, Finding{}, "no trust policy was given: at best the dossier is self-consistent, its signers unidentified")
	}
	// Decode lets no such dossier pass; one that was made in memory can have it,
	// and the replay takes the order for granted.
	if !slices.IsSortedFunc(r.d.Events, func(a, b dossier.Event) int { return cmp.Or(cmp.Compare(a.Index, b.Index), -1) }) {
		r.find(DossierMalformed, Finding{Rule: dossier.RuleFile}, "the events do not ascend by log index")
		return r.out, nil
	}
	if !r.readLog() {
		return r.out, nil
	}
	r.out.Replayed = true
	r.checkDocuments()
	if err := r.hear(); err != nil {
		return nil, err
	}
	r.checkSeen()
	r.checkScope()
	r.checkContent()
	r.checkTrust()
	r.checkStatus()
	r.checkTime()
	r.confirmations()
	r.limits()
	return r.out, nil
}

// readLog reads the log document and opens the checkpoint by its keys. False
// means that nothing further can be said.
func (r *reader) readLog() bool {
	doc, err := custody.ParseLogDocument(r.d.Log)
	if err != nil {
		r.find(LogDocument, Finding{}, "the log document cannot be read: %v", err)
		return false
	}
	r.log, r.out.Log = doc, doc
	if r.policy != nil && !r.policy.trustsLog(r.logID) {
		r.find(LogUnpinned, about(r.logID), "the policy does not name log %s (%s)", r.logID, doc.Origin)
	}
	if r.verifiers, err = tlog.LogVerifiers(doc); err != nil {
		r.find(LogDocument, Finding{}, "the log's keys cannot be read: %v", err)
		return false
	}
	cp, err := tlog.OpenCheckpoint(r.d.Checkpoint, doc.Origin, r.verifiers)
	if err != nil {
		r.find(CheckpointInvalid, Finding{}, "the checkpoint is not one that this log signed: %v", err)
		return false
	}
	r.head, r.out.Checkpoint, r.out.Note = cp, cp, r.d.Checkpoint
	r.checkQuorum()
	return true
}

// showsGenesis: index 0 founds this log, by this log document and no other.
func (r *reader) showsGenesis() bool {
	if len(r.opened) == 0 || !r.opened[0].ok || r.opened[0].entry.Index != 0 {
		return false
	}
	b, ok := r.opened[0].entry.Statement.Predicate.Body.(*custody.Genesis)
	return ok && b.Document == r.logID
}

// look reads what an event's payload says, and what follows from its bytes: all
// for which the payload is needed.
func (o *openedEvent) look(s dossier.Shown, inclusions *tlog.Inclusions) {
	e := s.Event
	o.source = e
	st, err := custody.Decode(e.Envelope.Payload)
	o.invalid = err
	leaf := tlog.LeafHash(s.Leaf)
	o.entry = ruling.Entry{Index: e.Index, Leaf: leaf, EventID: s.ID, Statement: st}
	o.outside = inclusions.Verify(leaf, e.Index, e.Proof)
	o.ok = st != nil // till the contrary is shown
}

// open checks one event, which was looked at, without reference to any other.
func (r *reader) open(o *openedEvent) {
	e, st := o.source, o.entry.Statement
	refuse := func(n Name, rule, format string, args ...any) {
		index := e.Index
		o.findings = append(o.findings, Finding{Name: n, Severity: severities[n], Rule: rule, Dossier: r.position, Event: &index, Detail: fmt.Sprintf(format, args...)})
	}
	if err := e.Key.VerifyEventID(o.entry.EventID, e.Envelope.Signature); err != nil {
		refuse(SignatureInvalid, "", "the signature does not hold: %v", err)
		return
	}
	var refusal *custody.Refusal
	switch {
	case errors.As(o.invalid, &refusal):
		refuse(StatementInvalid, refusal.Rule, "%v", o.invalid)
	case o.invalid != nil:
		refuse(StatementInvalid, "", "%v", o.invalid)
	case st.Predicate.Signer.Key != e.Key.ID():
		refuse(SignerKeyOther, "", "the envelope verifies by key %s, but the statement names key %s", e.Key.ID().Short(), st.Predicate.Signer.Key.Short())
	case o.outside != nil:
		refuse(InclusionInvalid, "", "the event is not shown to be in the log: %v", o.outside)
	default:
		o.ok = true
		if len(e.Timestamps) > 0 {
			o.stamped = r.stampedSignature(e.Timestamps, e.Envelope.Signature, refuse)
		}
	}
}
