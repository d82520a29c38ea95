package secondopinion

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

// forger takes a story's log at some point and writes on, as anybody with a key
// and a log's keeper could: acts of the story by others, about other things, at
// other places, on other grounds.
type forger struct {
	*rulingtest.Scene
	t    testing.TB
	r    *rand.Rand
	book *verifytest.Book
	keys map[custody.ID]*rulingtest.Key
	all  []*custody.Statement // of the story
	ids  []string             // that bodies name
}

func newForger(t testing.TB, s *rulingtest.Scene, r *rand.Rand) *forger {
	f := &forger{Scene: s, t: t, r: r, book: verifytest.Open(t, s.Story), keys: map[custody.ID]*rulingtest.Key{}}
	for _, k := range []*rulingtest.Key{s.Officer, s.Second, s.Approver, s.Certifier, s.Analyst, s.Visitor, s.House, s.Stranger, s.Clerk, s.Service,
		s.Agency.Root, s.Laboratory.Root, s.Directorate.Root, s.InHouse.Root, s.OtherAgency.Root, s.Court.Root} {
		f.keys[k.ID()] = k
	}
	for _, sealed := range f.book.Sealed {
		st, err := custody.Decode(sealed.Envelope.Payload)
		f.need(err)
		f.all = append(f.all, st)
		for _, x := range st.Subject {
			f.ids = append(f.ids, x.Digest.SHA256.String())
		}
	}
	slices.Sort(f.ids)
	f.ids = slices.Compact(f.ids)
	return f
}

func (f *forger) need(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *forger) one(in int) bool { return f.r.IntN(in) == 0 }

func pick[T any](f *forger, from []T) T { return from[f.r.IntN(len(from))] }

// forge makes dossiers, what is trusted, and files.
func (f *forger) forge() (*verify.Policy, [][]byte, [][]byte) {
	clock := tsatest.New(f.t, "clock.example.org")
	if f.one(2) {
		f.book.Clock, f.book.Now = clock, night.Add(time.Duration(f.r.IntN(120))*time.Minute)
	}
	begin := 30 + f.r.IntN(len(f.book.Sealed)-30)
	if f.one(3) {
		begin = len(f.book.Sealed)
	}
	f.book.Sealed = f.book.Sealed[:begin]
	for range 1 + f.r.IntN(6) {
		f.write()
	}
	items := []custody.ID{f.Phone, f.Disk, f.Image, f.Foreign}
	dossiers := [][]byte{f.shown(f.Case, items, clock)}
	if f.one(4) {
		for range f.r.IntN(4) {
			f.write()
		}
		if f.one(2) { // what the first dossier showed last is now another event
			f.book.Sealed = slices.Delete(f.book.Sealed, len(f.book.Sealed)-2, len(f.book.Sealed)-1)
		}
		dossiers = append(dossiers, f.shown(f.Case, items, clock))
	}
	var policy *verify.Policy
	if !f.one(6) {
		orgs := []*rulingtest.Org{f.Agency, f.Laboratory, f.Directorate, f.InHouse, f.OtherAgency, f.Court}
		policy = f.book.Trust(orgs[:1+f.r.IntN(len(orgs))]...)
		if f.one(2) {
			policy.TimestampAuthorities = []verify.PolicyAuthority{{Name: "clock", Certificates: [][]byte{clock.Root.Raw}}}
		}
		if f.one(4) {
			policy.Algorithms = []verify.PolicyAlgorithm{{Algorithm: verify.AlgorithmP256, Until: custody.NewTime(night)}}
		}
		if f.one(4) {
			oldest := custody.NewTime(night.Add(-2 * time.Hour))
			policy.Organisations[0].OldestStatus = &oldest
		}
	}
	var files [][]byte
	for _, name := range []string{"image", "extracted chats", "nothing"} {
		if f.one(3) {
			files = append(files, []byte("artifact:"+name))
		}
	}
	return policy, dossiers, files
}

// shown is a dossier of some of the items, spoiled a little.
func (f *forger) shown(caseID custody.ID, items []custody.ID, clock *tsatest.Authority) []byte {
	f.r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	d := f.book.Dossier(caseID, items[:f.r.IntN(len(items)+1)]...)
	for range f.r.IntN(3) {
		f.spoil(d, clock)
	}
	raw, err := d.Encode()
	f.need(err)
	return raw
}

func some[V any](f *forger, m map[custody.ID]V) (custody.ID, bool) {
	var ids []custody.ID
	for id := range m {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return custody.ID{}, false
	}
	slices.SortFunc(ids, custody.ID.Compare)
	return pick(f, ids), true
}

func (f *forger) spoil(d *dossier.Dossier, clock *tsatest.Authority) {
	n := f.r.IntN(len(d.Events))
	e := &d.Events[n]
	switch f.r.IntN(9) {
	case 0:
		d.Events = slices.Delete(d.Events, n, n+1)
	case 1:
		if id, ok := some(f, d.Documents); ok {
			delete(d.Documents, id)
		}
	case 2:
		if id, ok := some(f, d.Details); ok {
			delete(d.Details, id)
		}
	case 3:
		delete(d.Consistency, uint64(f.r.IntN(len(f.book.Sealed))))
	case 4:
		if p := d.Consistency[uint64(f.r.IntN(len(f.book.Sealed)))]; len(p) > 0 {
			p[f.r.IntN(len(p))][0] ^= 1
		}
	case 5:
		if len(e.Proof) > 0 {
			e.Proof = slices.Clone(e.Proof)
			e.Proof[0][3] ^= 8
		}
	case 6:
		e.Timestamps = [][]byte{clock.Stamp(f.t, e.Envelope.Signature, night.Add(time.Duration(f.r.IntN(90))*time.Minute))}
	case 7:
		raw := []byte(`{"document":"person","fields":{},"salt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`)
		d.Documents[evidence.Sum(raw)] = raw
	default:
		tree := f.book.Tree()
		size := 1 + uint64(f.r.IntN(int(tree.Size())-1))
		root, err := tree.Root(size)
		f.need(err)
		if f.one(4) {
			root[0] ^= 1
		}
		note := f.book.Certify(tlog.Checkpoint{Origin: f.book.Origin, Size: size, Root: root})
		stamp := clock.Stamp(f.t, verifytest.Body(note), night)
		d.Checkpoints = map[uint64][]byte{size: note}
		if d.Times == nil {
			d.Times = map[custody.ID][]byte{}
		}
		d.Times[evidence.Sum(stamp)] = stamp
	}
}

var hexDigest = regexp.MustCompile(`"[0-9a-f]{64}"`)

// body is the body with some of its ids and words being others.
func (f *forger) body(b custody.Body) custody.Body {
	raw, err := json.Marshal(b)
	f.need(err)
	raw = hexDigest.ReplaceAllFunc(raw, func(old []byte) []byte {
		if !f.one(6) {
			return old
		}
		return []byte(`"` + pick(f, f.ids) + `"`)
	})
	for _, words := range [][2]string{{"section-40", "in-house"}, {"master", "working-copy"}, {"working-copy", "acquisition-log"}, {"bytes", "record"}, {"intact", "broken"}, {"match", "mismatch"}, {"agency", "laboratory"}} {
		if f.one(8) {
			raw = regexp.MustCompile(`:"`+words[0]+`"`).ReplaceAll(raw, []byte(`:"`+words[1]+`"`))
		}
	}
	rule, _ := custody.Rule(b.Kind())
	other := rule.New()
	if json.Unmarshal(raw, other) != nil {
		return b
	}
	return other
}

// write appends one act to the book.
func (f *forger) write() {
	st := *pick(f, f.all)
	p := &st.Predicate
	by := f.keys[p.Signer.Key]
	if by == nil || f.one(4) {
		var keys []custody.ID
		for id := range f.keys {
			keys = append(keys, id)
		}
		slices.SortFunc(keys, custody.ID.Compare)
		by = f.keys[pick(f, keys)]
	}
	if f.one(2) {
		p.Body = f.body(p.Body)
	}
	rule, _ := custody.Rule(p.Kind)
	p.Signer = custody.Signer{Class: rule.Signer, Key: by.ID()}
	if !rule.Uncertified {
		if p.Signer.Cert = by.Cert; p.Signer.Cert == nil || f.one(20) {
			leaf := f.leaf()
			p.Signer.Cert = &leaf
		}
	}
	if len(p.Basis) > 0 && f.one(6) {
		p.Basis = p.Basis[1:]
	}
	for range f.r.IntN(3) {
		p.Basis = custody.SortedIDs(append([]custody.ID{f.leaf()}, p.Basis...)...)
	}
	p.Nonce = evidence.Sum([]byte{byte(f.r.Uint32()), byte(f.r.Uint32()), byte(f.r.Uint32())})
	f.link(p)
	f.see(p)
	if f.one(8) {
		p.Times.Act.From = custody.NewTime(night.Add(time.Duration(f.r.IntN(600)-300) * time.Minute))
	}
	st.Subject = custody.SubjectsOf(p.Body)
	payload, err := custody.Encode(&st)
	if err != nil { // what nobody can write is no forgery
		return
	}
	if f.one(12) {
		payload = f.scrawl(payload)
	}
	sealed, err := by.Seal(payload)
	f.need(err)
	f.book.Sealed = append(f.book.Sealed, sealed)
}

func (f *forger) leaf() custody.ID {
	s := pick(f, f.book.Sealed)
	return tlog.LeafHash(tlog.Leaf(s.Envelope, s.Key))
}

// link names the heads of the book as it stands, mostly.
func (f *forger) link(p *custody.Predicate) {
	heads := map[custody.ID]custody.Link{}
	for _, s := range f.book.Sealed {
		st, err := custody.Decode(s.Envelope.Payload)
		if err != nil {
			continue
		}
		leaf := tlog.LeafHash(tlog.Leaf(s.Envelope, s.Key))
		for _, l := range st.Predicate.Chains {
			heads[l.ID] = custody.Link{ID: l.ID, Prev: &leaf, Seq: l.Seq + 1}
		}
	}
	var ids []custody.ID
	for _, a := range p.Advances() {
		ids = append(ids, a.ID)
	}
	p.Chains = nil
	for _, id := range custody.SortedIDs(ids...) {
		l, ok := heads[id]
		if !ok {
			l = custody.Link{ID: id}
		}
		if l.Prev != nil && f.one(12) {
			l.Seq += uint64(f.r.IntN(3))
			if l.Seq > 1 && f.one(2) {
				l.Seq -= 1
			}
		}
		if l.Prev != nil && f.one(20) {
			leaf := f.leaf()
			l.Prev = &leaf
		}
		p.Chains = append(p.Chains, l)
	}
}

// see is the book's head, an older one, or none that ever was.
func (f *forger) see(p *custody.Predicate) {
	tree := f.book.Tree()
	size := tree.Size()
	if f.one(6) {
		size = uint64(f.r.IntN(int(size) + 1))
	}
	root, err := tree.Root(size)
	f.need(err)
	if f.one(30) {
		root[5] ^= 1
	}
	p.Seen = custody.Seen{Root: root, Size: size}
}

// scrawl changes a few bytes of a payload.
func (f *forger) scrawl(payload []byte) []byte {
	out := slices.Clone(payload)
	for range 1 + f.r.IntN(2) {
		at := f.r.IntN(len(out))
		switch f.r.IntN(5) {
		case 0:
			out = slices.Delete(out, at, at+1)
		case 1:
			out = slices.Insert(out, at, byte(pick(f, []byte(` "{}[]:,0a-.enull`))))
		case 2:
			out[at] = pick(f, []byte(` "{}[]:,0aA-.e`))
		case 3:
			out = append(out, ' ')
		default:
			words := [][2]string{{`"seq":`, `"Seq":`}, {`"kind":"`, `"kind":"x`}, {`"details":{}`, `"details":null`}, {`"basis":[`, `"basis":["00",`}, {`Z"`, `z"`}, {`+05:00`, `+05:60`}}
			w := pick(f, words)
			out = regexp.MustCompile(regexp.QuoteMeta(w[0])).ReplaceAll(out, []byte(w[1]))
		}
	}
	return out
}
