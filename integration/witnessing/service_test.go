package witnessing

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// scene is a service whose log two witnesses are asked to cosign.
type scene struct {
	data     string
	stations []*station
	o        service.Options
	svc      *service.Service
	cast     *stage.Cast
	kase     evidence.Digest
	origin   string
	vkey     string
	keys     []note.Verifier
}

func (s *scene) serve(t *testing.T) {
	t.Helper()
	s.svc = stage.Serve(t, s.o)
	if s.cast != nil {
		s.cast.Reach(t, s.svc.URL())
	}
}

// act registers an exhibit and returns the record of it.
func (s *scene) act(t *testing.T) desk.Recorded {
	t.Helper()
	r, err := s.cast.Investigator.Desk.RegisterItem(stage.Context(t), desk.Registration{Case: s.kase, Class: custody.ItemMedium,
		Fields: map[string]string{"exhibit": "MA/1"}, Seals: []custody.SealNumber{"S-1"}, Witnesses: []map[string]string{{"name": "Imran Shah"}, {"name": "Sana Tariq"}},
		Telling: desk.Telling{From: time.Now().Add(-time.Hour), Details: map[custody.Field]string{custody.FieldPlace: "Islamabad"}}})
	if err != nil {
		t.Fatal(err)
	}
	return r.Recorded
}

// head is what /checkpoint shows: nil while nothing is shown.
func (s *scene) head(t *testing.T) (cp tlog.Checkpoint, witnesses int) {
	t.Helper()
	status, msg := get(t, s.svc.URL()+"/checkpoint")
	if status == http.StatusNotFound {
		return cp, 0
	}
	v, err := note.NewVerifier(s.vkey)
	if err != nil {
		t.Fatal(err)
	}
	cp, err = tlog.OpenCheckpoint([]byte(msg), s.origin, note.VerifierList(v))
	if status != http.StatusOK || err != nil {
		t.Fatalf("status %d, %v: %s", status, err, msg)
	}
	return cp, tlog.CountWitnesses([]byte(msg), s.keys)
}

// receipt asks for an event's receipt again.
func (s *scene) receipt(t *testing.T, event evidence.Digest) (r desk.Receipt, witnesses int) {
	t.Helper()
	e, err := s.cast.Investigator.Desk.Service.Event(stage.Context(t), event)
	if err != nil {
		t.Fatal(err)
	}
	return e.Receipt, tlog.CountWitnesses([]byte(e.Receipt.Checkpoint), s.keys)
}

// TestWitnessedService: our witness and a stranger's cosign one live log. What
// the quorum cosigned is shown; what it did not yet is in the log all the same;
// and neither ever cosigns what the log's own key signs beside its history.
func TestWitnessedService(t *testing.T) {
	t.Parallel()
	s := &scene{data: stage.Dir(t), stations: []*station{ours(t), litewitness(t)}}
	s.o = stage.Options(s.data)
	s.o.Quorum, s.o.WitnessWait = 2, 50*time.Millisecond
	for _, w := range s.stations {
		p := w.peer(t)
		s.o.Witnesses, s.keys = append(s.o.Witnesses, p), append(s.keys, p.Verifier())
	}
	// The witnesses do not know the log yet. People found their organisations and
	// work: every act is in the log, and says that it is not witnessed yet.
	s.serve(t)
	token, _, err := s.svc.FirstToken(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	s.cast = stage.NewCast(t, s.svc.URL(), token)
	s.kase = s.cast.Investigator.OpenCase(t)
	first := s.act(t)
	if first.Witnessed == nil || *first.Witnessed {
		t.Errorf("nobody has cosigned, and the receipt says %v", first.Witnessed)
	}
	published, err := s.cast.Investigator.Desk.Service.Published(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(published.Witnesses) != 2 || published.Quorum != 2 || published.Witnesses[1] != s.stations[1].Key {
		t.Errorf("the service does not say who its witnesses are: %+v", published)
	}
	s.origin, s.vkey = logKey(t, published.Log)
	if cp, _ := s.head(t); cp.Size != 0 {
		t.Errorf("shown without a quorum: %d leaves", cp.Size)
	}
	// Now they do: ours by the log's id, which nobody at that address can forge.
	// A start asks them at once.
	log := evidence.Sum(published.Log)
	if code := s.stations[0].pin(t, s.svc.URL(), evidence.Sum([]byte("another")).String()); code != 3 {
		t.Errorf("pinned a log under another id: exit code %d", code)
	}
	for range 2 {
		if code := s.stations[0].pin(t, s.svc.URL(), log.String()); code != 0 {
			t.Fatalf("couldn't pin the log: exit code %d", code)
		}
	}
	stage.Stop(t, s.svc)
	s.stations[1].Know(t, s.origin, s.vkey)
	s.o.WitnessWait = 20 * time.Second
	s.serve(t)
	if cp, n := s.head(t); cp.Size <= first.Index || n != 2 {
		t.Errorf("after the start %d leaves are shown, cosigned by %d", cp.Size, n)
	}
	if r, n := s.receipt(t, first.EventID); r.Witnessed == nil || !*r.Witnessed || n != 2 {
		t.Errorf("asked again, the receipt has %d witnesses", n)
	}

	t.Run("policy", func(t *testing.T) { s.policy(t) })
	t.Run("receipts", func(t *testing.T) {
		for range 5 {
			r := s.act(t)
			if r.Witnessed == nil || !*r.Witnessed || r.Size <= r.Index {
				t.Fatalf("the receipt: %+v", r)
			}
			if cp, n := s.head(t); cp.Size <= r.Index || n != 2 {
				t.Errorf("%d leaves are shown, cosigned by %d", cp.Size, n)
			}
		}
	})
	t.Run("forged heads", func(t *testing.T) { s.forge(t) })
	t.Run("one away", func(t *testing.T) { s.away(t) })
}

// policy demands the quorum of every dossier.
func (s *scene) policy(t *testing.T) {
	with := func(quorum int, keys ...string) *verify.Policy {
		p := *s.cast.Policy
		p.Witnesses, p.Quorum = nil, &quorum
		for _, k := range keys {
			p.Witnesses = append(p.Witnesses, verify.PolicyWitness{Key: k})
		}
		return &p
	}
	a, b := s.stations[0].Key, s.stations[1].Key
	stranger := sshVerifierKeyOf(t, "stranger")
	d := s.cast.Investigator.Desk
	defer func() { d.Policy = s.cast.Policy }()
	for name, tt := range map[string]struct {
		policy *verify.Policy
		whole  bool
	}{"both": {with(2, a, b), true}, "one of them": {with(1, b), true}, "two of three": {with(2, a, b, stranger), true},
		"a stranger": {with(1, stranger), false}, "three of three": {with(3, a, b, stranger), false}} {
		d.Policy = tt.policy
		_, err := d.VerifyCase(stage.Context(t), s.kase)
		if (err == nil) != tt.whole || err != nil && !strings.Contains(err.Error(), string(verify.QuorumUnmet)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// From here on the investigator demands both, of every dossier and receipt.
	s.cast.Policy = with(2, a, b)
}

// sshVerifierKeyOf is the key of a witness that nobody runs.
func sshVerifierKeyOf(t *testing.T, name string) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tlog.NewCosigner(name, private)
	if err != nil {
		t.Fatal(err)
	}
	return c.VerifierKey()
}

// forge signs other histories with the log's own key and shows them to the
// witnesses. None is cosigned, whatever it claims to go on from.
func (s *scene) forge(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(s.data, "keys", "log.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		t.Fatal("log.pem is no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := tlog.NewLogSigner(s.origin, parsed.(ed25519.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	cp, _ := s.head(t)
	var forged tlog.Tree
	for i := range cp.Size + 5 {
		forged.Append(tlog.LeafHash([]byte{byte(i), byte(i >> 8)}))
	}
	for _, size := range []uint64{cp.Size - 1, cp.Size, cp.Size + 5} {
		root, err := forged.Root(size)
		if err != nil {
			t.Fatal(err)
		}
		msg, err := tlog.SignCheckpoint(tlog.Checkpoint{Origin: s.origin, Size: size, Root: root}, signer)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range s.stations {
			_, err := witness.NewClient(w.peer(t), nil).Cosign(t.Context(), msg, func(_ context.Context, from, to uint64) ([]evidence.Digest, error) {
				return tlog.ProveConsistency(from, to, &forged)
			})
			if !witness.Contradicts(err) {
				t.Errorf("%s, %d leaves: %v", w.Key, size, err)
			}
		}
	}
	// The witnesses go on with the true log.
	if r := s.act(t); r.Witnessed == nil || !*r.Witnessed {
		t.Errorf("after the forgery: %+v", r)
	}
}

// away: a witness that is gone, or hangs, holds up nothing but the word.
func (s *scene) away(t *testing.T) {
	stage.Stop(t, s.svc)
	s.o.WitnessWait = 300 * time.Millisecond
	s.serve(t)
	s.cast.Investigator.Desk.Policy = s.cast.Policy
	before, _ := s.head(t)
	lite := s.stations[1]
	// Stopped, not ended: its sockets stay open, and nobody answers.
	if err := lite.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var last desk.Recorded
	s.cast.Investigator.Desk.Policy = nopolicy(s.cast.Policy) // whose dossiers are not witnessed while it is away
	for range 3 {
		began := time.Now()
		last = s.act(t)
		if last.Witnessed == nil || *last.Witnessed {
			t.Errorf("one of two cosigned, and the receipt says %v", last.Witnessed)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("an act took %s", took)
		}
	}
	// Another person acts on what is not witnessed yet: the desk sees a published
	// head that includes it.
	s.handOver(t)
	if cp, n := s.head(t); cp.Size != before.Size || n != 2 {
		t.Errorf("shown are %d leaves with %d witnesses, want the %d of before", cp.Size, n, before.Size)
	}
	if err := lite.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if r, n := s.receipt(t, last.EventID); r.Witnessed != nil && *r.Witnessed && n == 2 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("the receipt never came to be witnessed")
}

// nopolicy is a policy without witnesses.
func nopolicy(p *verify.Policy) *verify.Policy {
	q, none := *p, 0
	q.Witnesses, q.Quorum = nil, &none
	return &q
}

func (s *scene) handOver(t *testing.T) {
	t.Helper()
	item := s.cast.Investigator.Register(t, s.kase)
	handing := []desk.Handing{{Item: item}}
	if _, err := s.cast.Investigator.Desk.Release(stage.Context(t), desk.Release{Items: handing, To: custody.Recipient{Org: s.cast.Analyst.ID()}, Purpose: custody.PurposeExamination}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.cast.Analyst.Desk.Accept(stage.Context(t), desk.Acceptance{Items: handing}); err != nil {
		t.Fatal(err)
	}
}
