package recovery

import (
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// watcher is a witness of ours that runs in the test.
type watcher struct {
	shelf  *witness.Directory
	server *httptest.Server
	peer   witness.Peer
}

func newWatcher(t *testing.T, name string) *watcher {
	t.Helper()
	c, shelf, err := witness.Make(filepath.Join(t.TempDir(), name), name, rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{shelf: shelf, server: httptest.NewServer(witness.New(c, shelf, time.Now, nil).Handler())}
	t.Cleanup(w.server.Close)
	if w.peer, err = witness.ParsePeer(w.server.URL + " " + c.VerifierKey()); err != nil {
		t.Fatal(err)
	}
	return w
}

// know makes the service's log known to the witness.
func (w *watcher) know(t *testing.T, document []byte) (origin string) {
	t.Helper()
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := tlog.VerifierKeys(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.shelf.Add(doc.Origin, keys...); err != nil {
		t.Fatal(err)
	}
	return doc.Origin
}

func (w *watcher) holds(t *testing.T, origin string, size uint64) {
	t.Helper()
	for range 200 {
		l, err := w.shelf.Log(origin)
		if err != nil {
			t.Fatal(err)
		}
		if l.Size == size {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the witness never cosigned %d events", size)
}

// TestWitnessesKnowBetter puts back a whole machine, keys and checkpoint
// included: nobody but a witness can tell, and it does, at the start or as soon
// as it answers. The loss is then accepted, in words that stay, and the log goes
// on with another witness.
func TestWitnessesKnowBetter(t *testing.T) {
	first, second := newWatcher(t, "w.example.org/first"), newWatcher(t, "w.example.org/second")
	s := newSite(t)
	published, err := s.cast.Investigator.Desk.Service.Published(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	origin := first.know(t, published.Log)
	second.know(t, published.Log)
	stage.Stop(t, s.svc)

	watched := func(database, data string, peers ...witness.Peer) service.Options {
		o := s.options(database, data)
		o.Witnesses, o.Quorum, o.WitnessWait = peers, len(peers), 2*time.Second
		return o
	}
	s.svc = stage.Serve(t, watched(localpg.Database, s.data(), first.peer))
	s.cast.Reach(t, s.svc.URL())
	it, err := s.cast.Investigator.Desk.Service.Item(stage.Context(t), s.exhibit)
	if err != nil {
		t.Fatal(err)
	}
	registered := it.Events[0].ID
	old := s.dump(t, "old")
	stage.Stop(t, s.svc)
	behind := check(t, s.o.Options(s.data(), "")).Events
	first.holds(t, origin, behind)
	machine := filepath.Join(s.o.Dir, "machine")
	copyTree(t, s.data(), machine)
	s.svc = stage.Serve(t, watched(localpg.Database, s.data(), first.peer))
	s.cast.Reach(t, s.svc.URL())
	s.cast.Investigator.Register(t, s.kase)
	lost := s.cast.Investigator.Register(t, s.kase)
	stage.Stop(t, s.svc)
	newest := check(t, s.o.Options(s.data(), "")).Events
	first.holds(t, origin, newest)

	// The whole machine of before, with the checkpoint of before.
	s.restore(t, old, "put_back")
	if r := check(t, s.options("put_back", machine)); !r.Whole() || r.Events != behind || r.Signed != behind {
		t.Fatalf("alone it knows better: %+v", r)
	}
	refused(t, "put back", watched("put_back", machine, first.peer), "says that it has cosigned")

	// The witness does not answer at the start: the service goes on, and stops
	// as soon as it hears. It has signed nothing that the witness saw.
	away := httptest.NewUnstartedServer(first.server.Config.Handler)
	address := away.Listener.Addr().String()
	if err := away.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	deaf, err := witness.ParsePeer("http://" + address + " " + first.peer.Key)
	if err != nil {
		t.Fatal(err)
	}
	svc := stage.Serve(t, watched("put_back", machine, deaf))
	ready := func() bool {
		t.Helper()
		resp, err := http.Get(svc.URL() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
	if !ready() {
		t.Error("a witness that is away keeps the service from serving")
	}
	if away.Listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	away.Start()
	t.Cleanup(away.Close)
	stopped := false
	for range 200 {
		if stopped = !ready(); stopped {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !stopped {
		t.Error("it went on after the witness had answered")
	}
	stage.Stop(t, svc)

	// recover explains, changes nothing, and wants the right number.
	run := func(r service.Recovery, peers ...witness.Peer) (*service.Loss, error) {
		t.Helper()
		return service.Recover(stage.Context(t), watched("put_back", machine, peers...), r)
	}
	loss, err := run(service.Recovery{}, first.peer)
	if err != nil || !loss.Lost || loss.Forked || loss.Events != behind || loss.Signed != newest || loss.Recorded != 0 {
		t.Fatalf("%+v, %v", loss, err)
	}
	if h := loss.Heads[1]; !h.Proven || h.Root == nil || h.Stands != "ahead" {
		t.Errorf("the witness: %+v", h)
	}
	for _, wrong := range []uint64{newest - 1, newest + 1, behind} {
		if _, err := run(service.Recovery{AcceptLoss: &wrong}, first.peer); err == nil {
			t.Errorf("accepted a loss up to %d", wrong)
		}
	}
	if r := check(t, s.options("put_back", machine)); r.Events != behind {
		t.Fatalf("it wrote something: %+v", r)
	}
	loss, err = run(service.Recovery{AcceptLoss: &newest, Cause: custody.RecoveryBackup}, first.peer)
	if err != nil || loss.Recorded != behind || len(loss.Archived) == 0 {
		t.Fatalf("%+v, %v", loss, err)
	}
	for _, path := range loss.Archived {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	event, err := evidence.ParseDigest(loss.Event)
	if err != nil {
		t.Fatal(err)
	}
	// Again, it has nothing to do; without the record it would.
	if loss, err = run(service.Recovery{AcceptLoss: &newest}, first.peer); err != nil || loss.Lost || loss.Recorded != 0 || loss.GivenUp != newest || loss.Heads[1].Stands != "given-up" {
		t.Errorf("again: %+v, %v", loss, err)
	}

	// The log goes on. The witness that saw more refuses it for ever; the new one
	// makes the quorum.
	o := watched("put_back", machine, first.peer, second.peer)
	o.Quorum = 1
	svc = stage.Serve(t, o)
	defer stage.Stop(t, svc)
	s.cast.Reach(t, svc.URL())
	// Nobody acts on a log that lost events unless they know of it, and whoever
	// saw the lost events holds the log to them.
	_, err = s.cast.Investigator.Desk.VerifyCase(stage.Context(t), s.kase)
	if err == nil || !strings.Contains(err.Error(), "it lost events") {
		t.Errorf("acted without knowing of the loss: %v", err)
	}
	var split *keyring.SplitViewError
	if _, err = s.cast.Investigator.Desk.Checkpoint(stage.Context(t)); !errors.As(err, &split) || split.Seen.Size != newest {
		t.Errorf("went on from a head that is not of what was seen: %v", err)
	}
	// Another event than the record of that loss excuses nothing.
	s.cast.Investigator.Desk.Policy.Logs[0].Recoveries = []custody.ID{registered}
	if _, err = s.cast.Investigator.Desk.Checkpoint(stage.Context(t)); !errors.As(err, &split) {
		t.Errorf("excused by another event: %v", err)
	}
	s.cast.Investigator.Desk.Policy.Logs[0].Recoveries = []custody.ID{event}
	for range 3 {
		s.cast.Investigator.Register(t, s.kase)
	}
	second.holds(t, origin, behind+4)
	if l, err := first.shelf.Log(origin); err != nil || l.Size != newest {
		t.Errorf("the first witness holds %d, %v", l.Size, err)
	}
	if _, err := s.cast.Investigator.Desk.Service.Item(stage.Context(t), lost); err == nil {
		t.Error("the lost exhibit is there")
	}
}
