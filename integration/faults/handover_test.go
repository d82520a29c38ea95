package faults

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// kept is an event that a client holds a receipt of.
type kept struct {
	event, leaf evidence.Digest
	index, size uint64
	root        evidence.Digest
}

// crowd hands over exhibits, each client its own, without end.
type crowd struct {
	log       custody.LogDocument
	logID     custody.ID
	verifiers note.Verifiers

	mu       sync.Mutex
	receipts []kept
	newest   []time.Time // by client: when the event was begun that was acknowledged last
	resent   int
	wrong    []string
	end      context.CancelFunc
	work     sync.WaitGroup
}

// newCrowd sets n clients to work on an exhibit each.
func newCrowd(t *testing.T, s *site, n int) *crowd {
	t.Helper()
	document, err := s.cast.Investigator.Desk.Service.LogDocument(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{newest: make([]time.Time, n), logID: evidence.Sum(document)}
	if c.log, err = custody.ParseLogDocument(document); err != nil {
		t.Fatal(err)
	}
	if c.verifiers, err = tlog.LogVerifiers(c.log); err != nil {
		t.Fatal(err)
	}
	const each = 8 // exhibits of a case: whoever registers one reads the whole case
	hands := make([]*hand, n)
	cases := make([]evidence.Digest, (n+each-1)/each)
	for i := range cases {
		cases[i] = s.cast.Investigator.OpenCase(t)
	}
	for i := range hands {
		item := s.cast.Investigator.Register(t, cases[i/each])
		h, ok, err := s.cast.Investigator.Desk.Service.Chain(t.Context(), item)
		if err != nil || !ok {
			t.Fatalf("the exhibit is not there: %v", err)
		}
		hands[i] = &hand{c: c, n: i, item: item, leaf: h.Leaf, seq: h.Seq}
		for j, p := range []*stage.Person{s.cast.Investigator, s.cast.Analyst} {
			hands[i].sides[j] = side{key: p.Desk.Key, party: p.Desk.Identity(), client: newClient(t, s.service.URL(), p)}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.end = cancel
	t.Cleanup(func() { cancel(); c.work.Wait() })
	for _, h := range hands {
		c.work.Go(func() { h.run(ctx) })
	}
	return c
}

// newClient is one that gives up on an answer after a while, as people do.
func newClient(t *testing.T, url string, p *stage.Person) *client.Client {
	t.Helper()
	h := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	c, err := client.New(url, client.WithSigner(p.Desk.Key), client.WithHTTPClient(h), client.WithRetries(0, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *crowd) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// stop lets every client end what it signed, and returns the receipts.
func (c *crowd) stop(t *testing.T) []kept {
	t.Helper()
	c.end()
	c.work.Wait()
	for i, w := range c.wrong {
		if i < 10 {
			t.Error(w)
		}
	}
	return c.receipts
}

// recovered waits until every client had an event acknowledged that it began
// after now, and returns how long that took.
func (c *crowd) recovered(t *testing.T, within time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		waiting := 0
		c.mu.Lock()
		for _, at := range c.newest {
			if at.Before(began) {
				waiting++
			}
		}
		wrong := len(c.wrong)
		c.mu.Unlock()
		took := time.Since(began)
		if waiting == 0 || wrong > 0 {
			return took
		}
		if took > within {
			t.Fatalf("%s after the fault's end %d of %d clients still wait", took, waiting, len(c.newest))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (c *crowd) count() (acknowledged, resent int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.receipts), c.resent
}

// side is one of the two people of a handover.
type side struct {
	key    *keyring.Key
	party  custody.Party
	client *client.Client
}

// hand hands one exhibit to and fro. It knows where the item's chain stands
// from its own receipts: nobody else touches it.
type hand struct {
	c     *crowd
	n     int
	item  custody.ID
	leaf  custody.ID
	seq   uint64
	sides [2]side
	seen  custody.Seen
}

func (h *hand) run(ctx context.Context) {
	for step := 0; ctx.Err() == nil; step++ {
		pause(ctx, time.Duration(rand.IntN(1000))*time.Millisecond)
		items := []custody.HandedItem{{Item: h.item, Seals: []custody.SealNumber{"NCCIA-000417"}, State: custody.SealIntact}}
		giver, taker := &h.sides[step/2%2], &h.sides[1-step/2%2]
		var ok bool
		if step%2 == 0 {
			ok = h.record(giver, &custody.Released{Items: items, Purpose: custody.PurposeExamination, To: custody.Recipient{Org: taker.party.Org}})
		} else {
			ok = h.record(taker, &custody.Accepted{Items: items}, h.leaf)
		}
		if !ok {
			return
		}
	}
}

// record signs an event once and sends these bytes until they are acknowledged.
func (h *hand) record(by *side, body custody.Body, basis ...custody.ID) bool {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if h.seen.Size == 0 {
		note, err := by.client.Checkpoint(ctx)
		if err == nil {
			err = h.see(note)
		}
		if err != nil {
			h.c.say("client %d sees no checkpoint: %v", h.n, err)
			return false
		}
	}
	env, err := h.sign(by, body, basis)
	if err != nil {
		h.c.say("client %d can't sign: %v", h.n, err)
		return false
	}
	for {
		r, _, err := by.client.AppendEvent(ctx, client.Submission{Envelope: env.JSON()})
		if err == nil {
			return h.keep(env, by.key.Public(), r, began)
		}
		var no *client.Error
		if errors.As(err, &no) && no.Status < 500 && no.Status != http.StatusTooManyRequests {
			h.c.say("client %d, event %d of its exhibit: refused: %v", h.n, h.seq+1, err)
			return false
		}
		h.c.mu.Lock()
		h.c.resent++
		h.c.mu.Unlock()
		if pause(ctx, 200*time.Millisecond+time.Duration(rand.IntN(400))*time.Millisecond); ctx.Err() != nil {
			h.c.say("client %d gave up: %v", h.n, err)
			return false
		}
	}
}

func (h *hand) sign(by *side, body custody.Body, basis []custody.ID) (seal.Envelope, error) {
	now := custody.NewTime(time.Now())
	st := &custody.Statement{Type: custody.StatementType, PredicateType: custody.PredicateType, Subject: custody.SubjectsOf(body)}
	q := &st.Predicate
	q.Kind, q.Body, q.Log, q.Details, q.Basis = body.Kind(), body, &h.c.logID, map[custody.Field]custody.ID{}, custody.SortedIDs(basis...)
	q.Times = custody.Times{Act: custody.Act{From: now}, Signed: now}
	cert, prev := by.key.Cert, h.leaf
	q.Signer = custody.Signer{Class: custody.ClassPerson, Key: by.key.KeyID(), Cert: &cert}
	q.Chains = []custody.Link{{ID: h.item, Seq: h.seq + 1, Prev: &prev}}
	q.Seen = h.seen
	if _, err := crand.Read(q.Nonce[:]); err != nil {
		return seal.Envelope{}, err
	}
	payload, err := custody.Encode(st)
	if err != nil {
		return seal.Envelope{}, err
	}
	return by.key.Sign(payload)
}

func (h *hand) see(msg []byte) error {
	cp, err := tlog.OpenCheckpoint(msg, h.c.log.Origin, h.c.verifiers)
	h.seen = custody.Seen{Size: cp.Size, Root: cp.Root}
	return err
}

// keep checks a receipt as a careful client does, and keeps it.
func (h *hand) keep(env seal.Envelope, key seal.PublicKey, r wire.Receipt, began time.Time) bool {
	leaf := tlog.LeafHash(tlog.Leaf(env, key))
	proof := make([]evidence.Digest, len(r.Inclusion))
	var err error
	for i, s := range r.Inclusion {
		if proof[i], err = evidence.ParseDigest(s); err != nil {
			break
		}
	}
	if err == nil {
		err = h.see([]byte(r.Checkpoint))
	}
	if err == nil {
		err = tlog.VerifyInclusion(leaf, uint64(r.Index), h.seen.Size, proof, h.seen.Root)
	}
	if err != nil || r.LeafHash != leaf.String() || r.EventId != env.EventID().String() {
		h.c.say("client %d: the receipt %d is none: %v", h.n, r.Index, err)
		return false
	}
	h.leaf, h.seq = leaf, h.seq+1
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	h.c.receipts = append(h.c.receipts, kept{event: env.EventID(), leaf: leaf, index: uint64(r.Index), size: h.seen.Size, root: h.seen.Root})
	h.c.newest[h.n] = began
	return true
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
