package api

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
)

// fakeRegistrar answers every use case with something plausible, or with err.
// What the edge handed in is kept for the test to look at.
type fakeRegistrar struct {
	mu       sync.Mutex
	err      error
	callers  map[string]registrar.Caller
	keys     map[evidence.Digest]registrar.Assertor
	spent    map[string]bool
	now      func() time.Time
	asked    map[string]any // use case → what was handed in
	caller   registrar.Caller
	again    bool // events and deposits had been appended before
	artifact *fakeArtifact
	file     registrar.File
	parts    map[int][]byte
	partSize int64
	partErr  func(n int) error
}

var _ registrar.UseCases = (*fakeRegistrar)(nil)

const goodToken, inviteToken, auditorToken = "tok_good", "inv_good", "aud_good"

var (
	someID  = evidence.Sum([]byte("some"))
	otherID = evidence.Sum([]byte("other"))
	logID   = evidence.Sum([]byte("log document"))
)

func newFake() *fakeRegistrar {
	f := &fakeRegistrar{spent: map[string]bool{}, now: time.Now, asked: map[string]any{}, keys: map[evidence.Digest]registrar.Assertor{},
		parts: map[int][]byte{}, partSize: evidence.BlockSize}
	f.callers = map[string]registrar.Caller{
		goodToken:    {Key: someID, Org: otherID, Person: someID, Standing: registrar.StandingCertified, Rights: []registrar.Right{registrar.RightHold}},
		auditorToken: {Auditor: otherID},
		inviteToken:  {Invitation: &registrar.Invitation{ID: someID, Purpose: registrar.InviteOrganisation}},
	}
	f.artifact = &fakeArtifact{content: []byte("0123456789")}
	f.file = fileOf("dossier.zip", "application/zip", []byte("PK not really"))
	return f
}

func fileOf(name, media string, b []byte) registrar.File {
	return registrar.File{Name: name, MediaType: media, Size: int64(len(b)), SHA256: evidence.Sum(b), Content: nopSeekCloser{bytes.NewReader(b)}}
}

type nopSeekCloser struct{ io.ReadSeeker }

func (nopSeekCloser) Close() error { return nil }

func (f *fakeRegistrar) note(use string, c registrar.Caller, in any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[use], f.caller = in, c
	return f.err
}

func (f *fakeRegistrar) Authenticate(_ context.Context, key evidence.Digest) (registrar.Assertor, error) {
	a, ok := f.keys[key]
	if !ok {
		return a, &registrar.Unauthenticated{Reason: registrar.ReasonUnknown}
	}
	return a, nil
}

func (f *fakeRegistrar) IssueToken(_ context.Context, a registrar.Assertion) (registrar.Token, error) {
	if err := f.note("IssueToken", registrar.Caller{}, a); err != nil {
		return registrar.Token{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.spent[a.JTI] {
		return registrar.Token{}, &registrar.Unauthenticated{Reason: registrar.ReasonReplayed}
	}
	f.spent[a.JTI] = true
	secret := fmt.Sprintf("tok_%d", len(f.spent))
	f.callers[secret] = registrar.Caller{Key: a.Key, Standing: registrar.StandingCertified}
	return registrar.Token{Secret: secret, Expires: f.now().Add(15 * time.Minute)}, nil
}

func (f *fakeRegistrar) Bearer(_ context.Context, secret string) (registrar.Caller, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch secret {
	case "tok_expired":
		return registrar.Caller{}, &registrar.Unauthenticated{Reason: registrar.ReasonExpired}
	case "tok_broken":
		return registrar.Caller{}, errors.New("secret words of the database")
	}
	c, ok := f.callers[secret]
	if !ok {
		return registrar.Caller{}, &registrar.Unauthenticated{Reason: registrar.ReasonUnknown}
	}
	return c, nil
}

func (f *fakeRegistrar) Invite(_ context.Context, c registrar.Caller, r registrar.InvitationRequest) (registrar.IssuedInvitation, error) {
	return registrar.IssuedInvitation{Invitation: registrar.Invitation{ID: someID, Purpose: r.Purpose, Organisation: r.Organisation, Expires: f.now()},
		Token: "inv_new"}, f.note("Invite", c, r)
}

var someOrganisation = registrar.PublishedOrganisation{ID: someID, Document: []byte("{}"), Name: "Lab", Class: "laboratory"}

var someReceipt = registrar.Receipt{EventID: someID, Index: 7, LeafHash: otherID, Inclusion: []evidence.Digest{someID}, Checkpoint: []byte("origin\n8\nroot\n\n— origin sig\n")}

func (f *fakeRegistrar) AppendEvent(_ context.Context, c registrar.Caller, s registrar.Submission) (registrar.Appended, error) {
	return registrar.Appended{Receipt: someReceipt, Created: !f.again}, f.note("AppendEvent", c, s)
}

func (f *fakeRegistrar) Event(_ context.Context, c registrar.Caller, id evidence.Digest) (registrar.Event, error) {
	return registrar.Event{Receipt: someReceipt, Kind: "case.opened", Class: "person", Key: someID, Signer: registrar.Party{Org: otherID, Person: someID},
		PublicKey: []byte{1}, Envelope: []byte(`{"payload":"eA==","payloadType":"t","signatures":[{"keyid":"","sig":"eA=="}]}`),
		Details:  []registrar.Detail{{Event: id, Field: "title", SHA256: someID, Bytes: []byte("{}"), Value: []byte(`"x"`)}, {Event: id, Field: "withheld", SHA256: someID}},
		Appended: f.now()}, f.note("Event", c, id)
}

func (f *fakeRegistrar) Chain(_ context.Context, c registrar.Caller, id evidence.Digest) (registrar.Chain, error) {
	return registrar.Chain{Head: registrar.Head{ID: id, Seq: 3, Leaf: otherID}, Type: "item", Index: 7, State: "held"}, f.note("Chain", c, id)
}

func (f *fakeRegistrar) LogDocument(context.Context) (registrar.LogDocument, error) {
	return registrar.LogDocument{ID: logID, Document: []byte("log document"), Origin: "o.example"}, f.note("LogDocument", registrar.Caller{}, nil)
}

func (f *fakeRegistrar) CheckpointOver(context.Context, uint64) ([]byte, error) {
	return someReceipt.Checkpoint, f.note("CheckpointOver", registrar.Caller{}, nil)
}

func (f *fakeRegistrar) Checkpoint(context.Context) ([]byte, error) {
	return someReceipt.Checkpoint, f.note("Checkpoint", registrar.Caller{}, nil)
}

// someTile is what every tile has but the one that is missing.
var someTile = bytes.Repeat([]byte("entry "), 1000)

func (f *fakeRegistrar) Tile(_ context.Context, c registrar.Caller, path string) ([]byte, error) {
	if err := f.note("Tile", c, path); err != nil {
		return nil, err
	}
	if path == "tile/7/999" {
		return nil, &registrar.NotFound{What: "tile"}
	}
	return someTile, nil
}

func (f *fakeRegistrar) Inclusion(_ context.Context, index, size uint64) (registrar.Inclusion, error) {
	return registrar.Inclusion{LeafHash: otherID}, f.note("Inclusion", registrar.Caller{}, [2]uint64{index, size})
}

func (f *fakeRegistrar) Consistency(_ context.Context, from, to uint64) ([]evidence.Digest, error) {
	return nil, f.note("Consistency", registrar.Caller{}, [2]uint64{from, to})
}

func (f *fakeRegistrar) Trust(context.Context) (registrar.Trust, error) {
	return registrar.Trust{Log: registrar.LogDocument{ID: logID, Document: []byte("log document"), Origin: "o.example"},
			Organisations: []registrar.PublishedOrganisation{someOrganisation}},
		f.note("Trust", registrar.Caller{}, nil)
}

func (f *fakeRegistrar) Organisations(_ context.Context, c registrar.Caller, p registrar.Page) ([]registrar.Organisation, registrar.Next, error) {
	next := registrar.Next("more")
	if p.Cursor == next {
		next = ""
	}
	return []registrar.Organisation{{PublishedOrganisation: someOrganisation}}, next, f.note("Organisations", c, p)
}

func (f *fakeRegistrar) Organisation(_ context.Context, c registrar.Caller, id evidence.Digest) (registrar.Organisation, error) {
	at := uint64(9)
	return registrar.Organisation{PublishedOrganisation: someOrganisation, Keys: []registrar.Key{{ID: someID, SPKI: []byte{1}, Standing: registrar.StandingRevoked,
		Rights: []registrar.Right{registrar.RightHold}, RevokedIndex: &at, CertLeaf: &otherID, Head: registrar.Head{ID: someID}}}}, f.note("Organisation", c, id)
}

func (f *fakeRegistrar) Key(_ context.Context, c registrar.Caller, id evidence.Digest) (registrar.Key, error) {
	return registrar.Key{ID: id, SPKI: []byte{1}, Standing: registrar.StandingRequested}, f.note("Key", c, id)
}

func (f *fakeRegistrar) Cases(_ context.Context, c registrar.Caller, p registrar.Page) ([]registrar.Case, registrar.Next, error) {
	return nil, "", f.note("Cases", c, p)
}

func (f *fakeRegistrar) Case(_ context.Context, c registrar.Caller, id evidence.Digest) (registrar.Case, error) {
	return registrar.Case{ID: id}, f.note("Case", c, id)
}

func (f *fakeRegistrar) Items(_ context.Context, c registrar.Caller, ofCase evidence.Digest, p registrar.Page) ([]registrar.Item, registrar.Next, error) {
	return []registrar.Item{{ID: someID}}, "", f.note("Items", c, ofCase)
}

func (f *fakeRegistrar) Item(_ context.Context, c registrar.Caller, id evidence.Digest) (registrar.Item, error) {
	return registrar.Item{ID: id, State: "in-transit", Transit: &registrar.Transit{From: registrar.Party{Org: someID}, To: registrar.Party{Org: otherID}, Released: someID},
		Artifact: &registrar.ArtifactSummary{SHA256: someID, Size: 10},
		Fixity:   &registrar.Fixity{State: registrar.CopyFailed, Event: otherID, Checked: f.now(), Reason: "short", Blocks: []uint64{1, 2}, Bad: 2, Looked: 3, Whole: f.now().Add(-time.Hour)},
		Grants:   []registrar.Grant{{ID: someID}}}, f.note("Item", c, id)
}

func (f *fakeRegistrar) CaseDossier(_ context.Context, c registrar.Caller, id evidence.Digest) (registrar.File, error) {
	return f.file, f.note("CaseDossier", c, id)
}

func (f *fakeRegistrar) ItemDossier(_ context.Context, c registrar.Caller, id evidence.Digest) (registrar.File, error) {
	return f.file, f.note("ItemDossier", c, id)
}

func (f *fakeRegistrar) session(id evidence.Digest, size int64) registrar.Upload {
	parts := int((size + f.partSize - 1) / f.partSize)
	u := registrar.Upload{ID: id, Case: someID, Size: size, PartSize: f.partSize, Parts: parts, Window: 4, Next: parts + 1, Expires: f.now()}
	for n := parts; n >= 1; n-- {
		if _, ok := f.parts[n]; !ok {
			u.Next = n
		}
	}
	for n := 1; n <= parts; n++ {
		if _, ok := f.parts[n]; ok {
			u.Received = append(u.Received, n)
		}
	}
	return u
}

func (f *fakeRegistrar) BeginUpload(_ context.Context, c registrar.Caller, r registrar.UploadRequest) (registrar.Upload, error) {
	return f.session(someID, r.Size), f.note("BeginUpload", c, r)
}

func (f *fakeRegistrar) Upload(_ context.Context, c registrar.Caller, id evidence.Digest) (registrar.Upload, error) {
	return f.session(id, 10), f.note("Upload", c, id)
}

func (f *fakeRegistrar) Uploads(_ context.Context, c registrar.Caller, p registrar.Page) ([]registrar.Upload, registrar.Next, error) {
	return nil, "", f.note("Uploads", c, p)
}

func (f *fakeRegistrar) PutPart(_ context.Context, c registrar.Caller, p registrar.Part, content io.Reader) (registrar.PartReceipt, error) {
	if err := f.note("PutPart", c, p); err != nil {
		return registrar.PartReceipt{}, err
	}
	if f.partErr != nil {
		if err := f.partErr(p.Number); err != nil {
			return registrar.PartReceipt{}, err
		}
	}
	b, err := io.ReadAll(content)
	if err != nil {
		return registrar.PartReceipt{}, fmt.Errorf("couldn't store: %w", err)
	}
	if got := evidence.Sum(b); p.SHA256 != nil && got != *p.SHA256 {
		return registrar.PartReceipt{}, &registrar.DigestMismatch{Differences: []registrar.Difference{{Name: "sha256", Declared: p.SHA256.String(), Received: got.String()}}}
	}
	root := evidence.BlockRoot(evidence.BlockLeaves(b))
	if p.Blocks != nil && root != *p.Blocks {
		return registrar.PartReceipt{}, &registrar.DigestMismatch{Differences: []registrar.Difference{{Name: "blocks", Declared: p.Blocks.String(), Received: root.String()}}}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parts[p.Number] = b
	return registrar.PartReceipt{Number: p.Number, Size: p.Size, Blocks: root, Next: p.Number + 1}, nil
}

func (f *fakeRegistrar) FinishUpload(_ context.Context, c registrar.Caller, id evidence.Digest, s registrar.Submission) (registrar.Deposit, error) {
	return registrar.Deposit{Deposited: someReceipt, Received: someReceipt, Created: !f.again}, f.note("FinishUpload", c, s)
}

func (f *fakeRegistrar) AbortUpload(_ context.Context, c registrar.Caller, id evidence.Digest) error {
	return f.note("AbortUpload", c, id)
}

func (f *fakeRegistrar) OpenArtifact(_ context.Context, c registrar.Caller, artifact, request evidence.Digest) (registrar.ArtifactReader, error) {
	return f.artifact, f.note("OpenArtifact", c, [2]evidence.Digest{artifact, request})
}

func (f *fakeRegistrar) Blocks(_ context.Context, c registrar.Caller, artifact, request evidence.Digest) (registrar.File, error) {
	return f.file, f.note("Blocks", c, [2]evidence.Digest{artifact, request})
}

func (f *fakeRegistrar) IssueReport(_ context.Context, c registrar.Caller, r registrar.ReportRequest) (registrar.Report, error) {
	return registrar.Report{ID: someID, Receipt: someReceipt, Files: []registrar.ReportFile{{Name: "report.pdf", SHA256: someID, Size: 3}}}, f.note("IssueReport", c, r)
}

func (f *fakeRegistrar) ReportFile(_ context.Context, c registrar.Caller, id evidence.Digest, name string) (registrar.File, error) {
	return f.file, f.note("ReportFile", c, name)
}

func (f *fakeRegistrar) Ready(context.Context) error { return f.note("Ready", registrar.Caller{}, nil) }

// fakeArtifact serves content and fails where told: failAt is the offset of
// the first byte that cannot be read, counted in the artifact.
type fakeArtifact struct {
	content []byte
	failAt  int64 // 0: never
	failEnd error // instead of io.EOF

	mu    sync.Mutex
	ended []string // how it was closed
}

func (a *fakeArtifact) closings() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.ended)
}

func (a *fakeArtifact) Segmented() bool { return false }

func (a *fakeArtifact) Size() int64 { return int64(len(a.content)) }

func (a *fakeArtifact) Range(_ context.Context, offset, length int64) (registrar.Pieces, error) {
	p := &fakePieces{left: a.content[offset : offset+length], fail: -1, end: io.EOF}
	if a.failAt > 0 && a.failAt < offset+length {
		p.fail = max(0, a.failAt-offset)
	} else if a.failEnd != nil {
		p.end = a.failEnd
	}
	return p, nil
}

// fakePieces gives pieces in memory that is used again, as the real ones; one in
// which something is bad does not come out at all.
type fakePieces struct {
	left  []byte
	fail  int64 // bytes before the bad one; negative: none is
	end   error
	lent  [2][]byte
	calls int
}

func (p *fakePieces) Next() ([]byte, error) {
	if len(p.left) == 0 {
		return nil, p.end
	}
	n := min(len(p.left), copyBuffer)
	if p.fail >= 0 && p.fail < int64(n) {
		return nil, errors.New("block 3 differs from its hash")
	}
	if p.fail >= 0 {
		p.fail -= int64(n)
	}
	memory := &p.lent[p.calls%2]
	p.calls++
	*memory = append((*memory)[:0], p.left[:n]...)
	p.left = p.left[n:]
	return *memory, nil
}

func (p *fakePieces) Close() error { return nil }

func (a *fakeArtifact) Close(_ context.Context, sent int64, cause error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	outcome := "clean"
	if cause != nil {
		outcome = "broken"
	}
	a.ended = append(a.ended, fmt.Sprintf("%s %d", outcome, sent))
	return nil
}

// testKey is a person's key that signs assertions.
type testKey struct {
	private *ecdsa.PrivateKey
	id      evidence.Digest
}

func newTestKey(t testing.TB) testKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return testKey{private, evidence.Sum(spki)}
}

func (k testKey) KeyID() evidence.Digest { return k.id }

func (k testKey) SignJWT(input []byte) ([]byte, error) {
	sum := sha256.Sum256(input)
	r, s, err := ecdsa.Sign(rand.Reader, k.private, sum[:])
	if err != nil {
		return nil, err
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
}

func (f *fakeRegistrar) enrol(k testKey) {
	f.keys[k.id] = registrar.Assertor{Caller: registrar.Caller{Key: k.id}, Public: &k.private.PublicKey}
}

// slowUploads works on a part after it has read it, as a store does.
type slowUploads struct{ *fakeRegistrar }

func (s *slowUploads) PutPart(ctx context.Context, c registrar.Caller, p registrar.Part, content io.Reader) (registrar.PartReceipt, error) {
	got, err := s.fakeRegistrar.PutPart(ctx, c, p, content)
	select {
	case <-ctx.Done():
		return got, fmt.Errorf("the context ended: %w", ctx.Err())
	case <-time.After(500 * time.Millisecond):
		return got, err
	}
}
