package desk

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// fakeService is the service in memory: the real judge over a real log, with
// hooks by which it can be made to fail or to lie.
type fakeService struct {
	story   *rulingtest.Story
	origin  string
	keys    map[custody.ID]seal.PublicKey
	details map[custody.ID][]byte
	uploads map[string]*fakeUpload
	stored  map[custody.ID][]byte

	// Hooks; nil does nothing.
	beforeAppend func() error                              // an error loses the request
	afterAppend  func() error                              // an error loses the answer
	receipt      func(*Receipt)                            // changes a receipt
	dossier      func([]byte) []byte                       // changes a dossier
	part         func(n int) error                         // an error loses a part
	event        func(rulingtest.Sealed) rulingtest.Sealed // changes an event
	chain        func(Head) Head                           // changes a head
	report       func(*custody.ReportIssued)               // changes what a report is of
	reported     int                                       // answers with the report recorded there, and issues none
	reader       custody.Party                             // who asks for reports
	reading      sync.Mutex
	content      func(offset int64, r io.Reader) (io.Reader, error)
	offsets      []int64 // of every read of content
	parts        []int   // every part that arrived
}

type fakeUpload struct {
	Upload
	request UploadRequest
	parts   map[int][]byte
}

const partSize = evidence.BlockSize

func newFake(t *testing.T) *fakeService { return newFakeOn(t, "log.example.org") }

func newFakeOn(t *testing.T, origin string) *fakeService {
	t.Helper()
	return &fakeService{story: rulingtest.NewStoryOn(t, origin), origin: origin, keys: map[custody.ID]seal.PublicKey{},
		details: map[custody.ID][]byte{}, uploads: map[string]*fakeUpload{}, stored: map[custody.ID][]byte{}}
}

func (f *fakeService) LogDocument(context.Context) ([]byte, error) {
	_, id := f.story.Log()
	return f.story.Documents[id], nil
}

func (f *fakeService) sign(size uint64) []byte {
	seed := sha256.Sum256([]byte("log key " + f.origin))
	signer, err := tlog.NewLogSigner(f.origin, ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		panic(err)
	}
	root, err := f.story.Leaves.Root(size)
	if err != nil {
		panic(err)
	}
	note, err := tlog.SignCheckpoint(tlog.Checkpoint{Origin: f.origin, Size: size, Root: root}, signer)
	if err != nil {
		panic(err)
	}
	return note
}

func (f *fakeService) Checkpoint(context.Context, uint64) ([]byte, error) {
	return f.sign(f.story.Leaves.Size()), nil
}

func (f *fakeService) Consistency(_ context.Context, from, to uint64) ([]evidence.Digest, error) {
	return tlog.ProveConsistency(from, to, f.story.Leaves)
}

func (f *fakeService) receiptAt(i int) Receipt {
	e, size := f.story.Entries[i], f.story.Leaves.Size()
	proof, err := tlog.ProveInclusion(size, e.Index, f.story.Leaves)
	if err != nil {
		panic(err)
	}
	r := Receipt{EventID: e.EventID, Index: e.Index, LeafHash: e.Leaf, Inclusion: proof, Checkpoint: string(f.sign(size))}
	if f.receipt != nil {
		f.receipt(&r)
	}
	return r
}

func (f *fakeService) Append(_ context.Context, s Submission) (Receipt, error) {
	if f.beforeAppend != nil {
		if err := f.beforeAppend(); err != nil {
			return Receipt{}, err
		}
	}
	env, err := seal.ParseEnvelope(s.Envelope)
	if err != nil {
		return Receipt{}, &Answer{Status: 400, Code: "malformed", Detail: err.Error()}
	}
	for i, e := range f.story.Entries {
		if e.EventID == env.EventID() {
			return f.receiptAt(i), nil
		}
	}
	st, err := custody.Decode(env.Payload)
	if err != nil {
		return Receipt{}, &Answer{Status: 400, Code: "malformed", Detail: err.Error()}
	}
	for _, b := range s.Documents {
		f.learn(b)
		if _, err := seal.ParseSPKI(b); err != nil { // keys lie in a dossier of their own accord
			f.story.Disclose(b)
		}
	}
	if f.keys[st.Predicate.Signer.Key].SPKI() == nil {
		return Receipt{}, &Answer{Status: 422, Code: "rule-refused", Rule: "document.missing", Detail: "the key is not known"}
	}
	for _, b := range s.Details {
		f.details[evidence.Sum(b)] = b
	}
	for _, id := range st.Predicate.Details {
		if f.details[id] == nil {
			return Receipt{}, &Answer{Status: 422, Code: "rule-refused", Rule: "detail.missing"}
		}
	}
	if _, _, err := f.story.World.Append(rulingtest.Sealed{Envelope: env, Key: f.keys[st.Predicate.Signer.Key]}); err != nil {
		return Receipt{}, refusalAnswer(err)
	}
	if f.afterAppend != nil {
		if err := f.afterAppend(); err != nil {
			return Receipt{}, err
		}
	}
	return f.receiptAt(len(f.story.Entries) - 1), nil
}

// learn keeps the keys that a document brings: the service knows no others.
func (f *fakeService) learn(b []byte) {
	spkis := [][]byte{b}
	if doc, err := custody.ParseOrgDocument(b); err == nil {
		spkis = doc.RootKeys
	}
	for _, spki := range spkis {
		if k, err := seal.ParseSPKI(spki); err == nil {
			f.keys[k.ID()] = k
		}
	}
}

func refusalAnswer(err error) error {
	var r *custody.Refusal
	if !errors.As(err, &r) {
		return &Answer{Status: 400, Code: "malformed", Detail: err.Error()}
	}
	if strings.HasPrefix(r.Rule, "chain.") {
		return &Answer{Status: 409, Code: CodeStale, Rule: r.Rule, Detail: r.Detail}
	}
	return &Answer{Status: 422, Code: "rule-refused", Rule: r.Rule, Field: r.Field, Detail: r.Detail}
}

func (f *fakeService) Event(_ context.Context, id evidence.Digest) (Event, error) {
	for i, e := range f.story.Entries {
		if e.EventID == id || e.Leaf == id {
			s := f.story.Sealed[i]
			if f.event != nil {
				s = f.event(s)
			}
			return Event{Receipt: f.receiptAt(i), Envelope: s.Envelope.JSON(), PublicKey: s.Key.SPKI()}, nil
		}
	}
	return Event{}, &Answer{Status: 404, Code: "not-found"}
}

func (f *fakeService) Chain(_ context.Context, id evidence.Digest) (Head, bool, error) {
	c := f.story.Chains[id]
	if c == nil {
		return Head{}, false, nil
	}
	h := Head{Seq: c.Seq, Leaf: c.Head, Index: c.Index}
	if f.chain != nil {
		h = f.chain(h)
	}
	return h, true, nil
}

func (f *fakeService) Published(ctx context.Context) (Published, error) {
	log, err := f.LogDocument(ctx)
	p := Published{Log: log}
	for _, e := range f.story.Entries {
		if b, ok := e.Statement.Predicate.Body.(*custody.Founded); ok {
			p.Organisations = append(p.Organisations, f.story.Documents[b.Org])
		}
	}
	return p, err
}

func (f *fakeService) Organisation(_ context.Context, id evidence.Digest) (Organisation, error) {
	return Organisation{ID: id, Document: f.story.Documents[id]}, nil
}

func (f *fakeService) PersonKey(_ context.Context, id evidence.Digest) (PersonKey, error) {
	c := f.story.Chains[id]
	if c == nil || c.State.Key == nil {
		return PersonKey{}, &Answer{Status: 404, Code: "not-found"}
	}
	k := c.State.Key
	out := PersonKey{ID: id, Organisation: k.Org, Person: k.Person, PersonDocument: f.story.Documents[k.Person],
		Standing: string(k.Status), Rights: k.Rights, RequestedLeaf: k.Request}
	if k.Cert != nil {
		out.CertLeaf = *k.Cert
	}
	return out, nil
}

func (f *fakeService) Invite(_ context.Context, purpose string, _ evidence.Digest) (Invitation, error) {
	return Invitation{Token: "inv_x", Purpose: purpose, Expires: time.Now().Add(time.Hour)}, nil
}

func (f *fakeService) Cases(context.Context) ([]Case, error)                  { return nil, nil }
func (f *fakeService) Case(context.Context, evidence.Digest) (Case, error)    { return Case{}, nil }
func (f *fakeService) Items(context.Context, evidence.Digest) ([]Item, error) { return nil, nil }
func (f *fakeService) Item(context.Context, evidence.Digest) (Item, error)    { return Item{}, nil }

func (f *fakeService) CaseDossier(_ context.Context, id evidence.Digest) ([]byte, error) {
	var items []custody.ID
	for item, c := range f.story.Chains {
		if c.State.Item != nil && c.State.Item.Case == id {
			items = append(items, item)
		}
	}
	return f.gather(dossier.Scope{Case: id, Items: custody.SortedIDs(items...)})
}

func (f *fakeService) ItemDossier(_ context.Context, id evidence.Digest) ([]byte, error) {
	it := f.story.Item(id)
	if it == nil {
		return nil, &Answer{Status: 404, Code: "not-found"}
	}
	return f.gather(dossier.Scope{Case: it.Case, Items: []custody.ID{id}})
}

// gather makes a dossier of every event in the log.
func (f *fakeService) gather(scope dossier.Scope) ([]byte, error) {
	ctx, size := context.Background(), f.story.Leaves.Size()
	log, err := f.LogDocument(ctx)
	if err != nil {
		return nil, err
	}
	d := &dossier.Dossier{Log: log, Checkpoint: f.sign(size), Scope: scope, Consistency: map[uint64][]evidence.Digest{},
		Documents: map[evidence.Digest][]byte{}, Details: map[evidence.Digest][]byte{}}
	for i, e := range f.story.Entries {
		proof, err := tlog.ProveInclusion(size, e.Index, f.story.Leaves)
		if err != nil {
			return nil, err
		}
		s := f.story.Sealed[i]
		d.Events = append(d.Events, dossier.Event{Index: e.Index, Envelope: s.Envelope, Key: s.Key, Proof: proof})
		if seen := e.Statement.Predicate.Seen.Size; seen > 0 && seen < size {
			if d.Consistency[seen], err = f.Consistency(ctx, seen, size); err != nil {
				return nil, err
			}
		}
		for _, sub := range e.Statement.Subject {
			if b := f.story.Documents[sub.Digest.SHA256]; b != nil && !bytes.Equal(b, log) {
				d.Documents[sub.Digest.SHA256] = b
			}
		}
		for _, id := range e.Statement.Predicate.Details {
			d.Details[id] = f.details[id]
		}
	}
	b, err := d.Encode()
	if err == nil && f.dossier != nil {
		b = f.dossier(b)
	}
	return b, err
}

func (f *fakeService) BeginUpload(_ context.Context, r UploadRequest) (Upload, error) {
	u := &fakeUpload{request: r, parts: map[int][]byte{}, Upload: Upload{ID: fmt.Sprint("upload-", len(f.uploads)), Size: r.Size,
		Legacy: r.Legacy, Window: 3, PartSize: partSize, Parts: int((r.Size + partSize - 1) / partSize)}}
	f.uploads[u.ID] = u
	return u.Upload, nil
}

func (f *fakeService) Upload(_ context.Context, id string) (Upload, error) {
	u := f.uploads[id]
	if u == nil {
		return Upload{}, &Answer{Status: 404, Code: "not-found"}
	}
	out := u.Upload
	for n := range u.parts {
		out.Received = append(out.Received, n)
	}
	return out, nil
}
