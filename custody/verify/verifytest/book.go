package verifytest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"maps"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// Book is a log whose keeper asks no judge: it holds a story's events and
// whatever a test puts beside them, and signs any head.
type Book struct {
	Origin      string
	Log         []byte // log document
	Sealed      []rulingtest.Sealed
	Documents   map[custody.ID][]byte
	Details     map[custody.ID][]byte
	Blocks      map[custody.ID][]byte
	Attachments map[string][]byte
	Witnesses   []note.Signer      // cosign every checkpoint
	Clock       *tsatest.Authority // stamps every checkpoint at Now; nil for none
	Now         time.Time

	t testing.TB
}

// Open takes a story's log over.
func Open(t testing.TB, s *rulingtest.Story) *Book {
	t.Helper()
	doc, id := s.Log()
	b := &Book{Origin: doc.Origin, Log: s.Documents[id], Sealed: slices.Clone(s.Sealed), Documents: maps.Clone(s.Documents),
		Details: maps.Clone(s.Details), Blocks: map[custody.ID][]byte{}, Attachments: map[string][]byte{}, t: t}
	return b
}

// Apart returns a copy that goes its own way.
func (b *Book) Apart() *Book {
	c := *b
	c.Sealed, c.Documents, c.Details = slices.Clone(b.Sealed), maps.Clone(b.Documents), maps.Clone(b.Details)
	c.Blocks, c.Attachments = maps.Clone(b.Blocks), maps.Clone(b.Attachments)
	return &c
}

func (b *Book) need(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("couldn't make the dossier: %v", err)
	}
}

// Draft appends, unjudged, what the key signs of the story's next statement
// after change. Further drafts of one story name the same place.
func (b *Book) Draft(s *rulingtest.Story, by *rulingtest.Key, body custody.Body, change func(*custody.Statement), basis ...custody.ID) custody.ID {
	b.t.Helper()
	st := s.Draft(by, body, basis...)
	if change != nil {
		change(st)
	}
	payload, err := custody.Encode(st)
	b.need(err)
	sealed, err := by.Seal(payload)
	b.need(err)
	b.Sealed = append(b.Sealed, sealed)
	return tlog.LeafHash(tlog.Leaf(sealed.Envelope, sealed.Key))
}

// Tree returns the log as it stands.
func (b *Book) Tree() *tlog.Tree {
	tree := &tlog.Tree{}
	for _, s := range b.Sealed {
		tree.Append(tlog.LeafHash(tlog.Leaf(s.Envelope, s.Key)))
	}
	return tree
}

// Sign returns the checkpoint over the tree.
func (b *Book) Sign(tree *tlog.Tree) []byte {
	b.t.Helper()
	root, err := tree.Root(tree.Size())
	b.need(err)
	return b.Certify(tlog.Checkpoint{Origin: b.Origin, Size: tree.Size(), Root: root})
}

// Certify signs any head, with all witnesses.
func (b *Book) Certify(c tlog.Checkpoint) []byte {
	b.t.Helper()
	seed := sha256.Sum256([]byte("log key " + b.Origin))
	signer, err := tlog.NewLogSigner(b.Origin, ed25519.NewKeyFromSeed(seed[:]))
	b.need(err)
	msg, err := tlog.SignCheckpoint(c, append([]note.Signer{signer}, b.Witnesses...)...)
	b.need(err)
	return msg
}

// Dossier returns the dossier of a case and of those items of it: their chains
// whole, and everything they stand on, as the service gathers it.
func (b *Book) Dossier(caseID custody.ID, items ...custody.ID) *dossier.Dossier {
	b.t.Helper()
	tree := b.Tree()
	d := &dossier.Dossier{Log: b.Log, Checkpoint: b.Sign(tree), Scope: dossier.Scope{Case: caseID, Items: custody.SortedIDs(items...)},
		Consistency: map[uint64][]evidence.Digest{}, Documents: map[custody.ID][]byte{}, Details: map[custody.ID][]byte{},
		Blocks: map[custody.ID][]byte{}, Attachments: maps.Clone(b.Attachments)}
	if b.Clock != nil {
		stamp := b.Clock.Stamp(b.t, Body(d.Checkpoint), b.Now)
		d.Times = map[custody.ID][]byte{evidence.Sum(stamp): stamp}
	}
	g := newGathering(b, d.Scope)
	for i, s := range b.Sealed {
		if !g.taken[i] {
			continue
		}
		proof, err := tlog.ProveInclusion(tree.Size(), uint64(i), tree)
		b.need(err)
		d.Events = append(d.Events, dossier.Event{Index: uint64(i), Envelope: s.Envelope, Key: s.Key, Proof: proof})
		st := g.statements[i]
		if st == nil {
			continue
		}
		b.disclose(d, st)
		for _, seen := range custody.HeadsOf(&st.Predicate) {
			if size := seen.Size; size > 0 && size < tree.Size() {
				d.Consistency[size], err = tlog.ProveConsistency(size, tree.Size(), tree)
				b.need(err)
			}
		}
	}
	return d
}

// Body is the signed text of a note: what timestamps of a checkpoint are of.
func Body(note []byte) []byte {
	body, _, _ := bytes.Cut(note, []byte("\n\n"))
	return append(bytes.Clone(body), '\n')
}

// disclose adds all that the event commits to and the book has.
func (b *Book) disclose(d *dossier.Dossier, st *custody.Statement) {
	for _, id := range st.Predicate.Details {
		if raw, ok := b.Details[id]; ok {
			d.Details[id] = raw
		}
	}
	for _, s := range st.Subject {
		b.document(d, s.Digest.SHA256)
	}
	if dep, ok := st.Predicate.Body.(*custody.Deposited); ok {
		if raw, ok := b.Blocks[dep.Artifact.SHA256]; ok {
			d.Blocks[dep.Artifact.SHA256] = raw
		}
	}
}

func (b *Book) document(d *dossier.Dossier, id custody.ID) {
	raw, ok := b.Documents[id]
	if !ok || d.Documents[id] != nil || id == evidence.Sum(b.Log) {
		return
	}
	d.Documents[id] = raw
	if doc, err := custody.ParseOrgDocument(raw); err == nil {
		for _, owner := range doc.ControlledBy {
			b.document(d, owner)
		}
	}
}

// Keep stores content as the artifact of a deposit to come, with its tree.
func (b *Book) Keep(content []byte) {
	var leaves []evidence.Digest
	for off := 0; off < len(content); off += evidence.BlockSize {
		leaves = append(leaves, evidence.BlockLeaf(content[off:min(off+evidence.BlockSize, len(content))]))
	}
	b.Blocks[evidence.Sum(content)] = evidence.JoinLeaves(leaves)
}

// Artifact is what those bytes are on record.
func Artifact(content []byte) custody.Artifact {
	var leaves []evidence.Digest
	for off := 0; off < len(content); off += evidence.BlockSize {
		leaves = append(leaves, evidence.BlockLeaf(content[off:min(off+evidence.BlockSize, len(content))]))
	}
	return custody.Artifact{SHA256: evidence.Sum(content), Size: uint64(len(content)), BlockRoot: evidence.BlockRoot(leaves)}
}

// Trust returns a policy that names the log and those organisations and asks
// for no witness.
func (b *Book) Trust(orgs ...*rulingtest.Org) *verify.Policy {
	quorum := 0
	p := &verify.Policy{Format: verify.PolicyFormat, Quorum: &quorum, Logs: []verify.PolicyLog{{ID: evidence.Sum(b.Log), Origin: b.Origin}}}
	for _, o := range orgs {
		name := "organisation " + o.ID.Short()
		if doc, err := custody.ParseOrgDocument(b.Documents[o.ID]); err == nil {
			name = doc.Name
		}
		p.Organisations = append(p.Organisations, verify.PolicyOrg{ID: o.ID, Name: name})
	}
	return p
}
