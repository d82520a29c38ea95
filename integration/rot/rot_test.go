// Package rot damages what the private store keeps, as disks do, and asserts
// that it is found on the way out and by reading back, and told for what it is;
// and that whole images are decoded, and what is in them told.
package rot

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }

// place is one service with one case.
type place struct {
	data string
	o    service.Options
	svc  *service.Service
	cast *stage.Cast
	kase evidence.Digest
	db   *sql.DB
}

const size = 2*evidence.BlockSize + 1_000_000 // three blocks

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{data: stage.Dir(t)}
	p.o = stage.Options(p.data)
	p.o.FixityEvery = 48 * time.Hour
	p.svc = stage.Serve(t, p.o)
	token, _, err := p.svc.FirstToken(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	p.cast = stage.NewCast(t, p.svc.URL(), token)
	p.kase = p.cast.Investigator.OpenCase(t)
	p.db = stage.Database(t, p.data, migrations.RoleApp)
	return p
}

// image is one deposit, with the file in which the store keeps it.
type image struct {
	desk.Deposited
	bytes []byte
	file  string
}

func (p *place) deposit(t *testing.T) image {
	t.Helper()
	path := stage.File(t, size)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := p.cast.Investigator.Deposit(t, p.kase, nil, path)
	img := p.stored(t, d.Item)
	img.Deposited, img.bytes = d, b
	return img
}

// stored finds the file in which the store keeps an item's artifact.
func (p *place) stored(t *testing.T, item evidence.Digest) image {
	t.Helper()
	var key, version string
	if err := p.db.QueryRowContext(stage.Context(t), `SELECT key, version FROM custody.artifacts WHERE item = $1`, item[:]).Scan(&key, &version); err != nil {
		t.Fatal(err)
	}
	var found []string
	err := filepath.WalkDir(filepath.Join(p.data, "store"), func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.HasSuffix(filepath.ToSlash(path), key) {
			found = append(found, path)
		}
		return err
	})
	if err != nil || len(found) != 1 {
		t.Fatalf("the store keeps %s in %q: %v", key, found, err)
	}
	return image{file: found[0]}
}

// spoil changes one bit of a block, in the store's file.
func (i image) spoil(t *testing.T, block int) {
	t.Helper()
	f, err := os.OpenFile(i.file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	each := (info.Size() - 1_000_000) / 2 // whatever a block takes there, more or less
	at := int64(block)*each + 100_000
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x20
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

// events are what was recorded of an item, of one kind.
func (p *place) events(t *testing.T, item evidence.Digest, kind custody.Kind) (out []custody.Body) {
	t.Helper()
	rows, err := p.db.QueryContext(stage.Context(t), `SELECT payload FROM custody.events WHERE kind = $1 ORDER BY index`, string(kind))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			t.Fatal(err)
		}
		st, err := custody.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if body := st.Predicate.Body; slices.Contains(custody.ItemsOf(body), item) {
			out = append(out, body)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestOnTheWayOut: a rotten block ends every transfer that reaches it, never
// cleanly, and an event says so once; the blocks beside it are served.
func TestOnTheWayOut(t *testing.T) {
	p := newPlace(t)
	curl := stage.Need(t, "curl")
	img := p.deposit(t)
	reader, err := p.cast.Investigator.Desk.RequestAccess(stage.Context(t), desk.Reading{Item: img.Item, Purpose: custody.PurposeExamination})
	if err != nil {
		t.Fatal(err)
	}
	bearer := p.cast.Investigator.Bearer(t, p.svc.URL())
	url := fmt.Sprintf("%s/v1/artifacts/%s/content?request=%s", p.svc.URL(), img.Artifact.SHA256, reader.EventID)
	get := func(method, rng string) (*http.Response, []byte, error) {
		req, err := http.NewRequestWithContext(stage.Context(t), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		if rng != "" {
			req.Header.Set("Range", rng)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, nil, err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return res, b, err
	}
	header := filepath.Join(t.TempDir(), "header")
	if err := os.WriteFile(header, []byte("Authorization: Bearer "+bearer), 0o600); err != nil {
		t.Fatal(err)
	}
	fetch := func(file string, more ...string) (code int, got []byte) {
		err := exec.Command(curl, append([]string{"-sS", "-f", "-H", "@" + header, "-o", file, url}, more...)...).Run()
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			code = failed.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		got, _ = os.ReadFile(file)
		return code, got
	}

	res, b, err := get("GET", "")
	if err != nil || res.StatusCode != 200 || !bytes.Equal(b, img.bytes) {
		t.Fatalf("whole: %v, %d bytes", err, len(b))
	}
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(img.Artifact.SHA256[:]) + ":"
	if res.Header.Get("Repr-Digest") != digest || res.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("headers %v", res.Header)
	}
	if res, b, err = get("HEAD", ""); err != nil || res.StatusCode != 200 || res.ContentLength != size || len(b) != 0 || res.Header.Get("Repr-Digest") != digest || res.Header.Get("ETag") == "" {
		t.Errorf("HEAD: %v %v, %d bytes", res, err, len(b))
	}
	// curl resumes what it began, and the whole is what was deposited.
	file := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(file, img.bytes[:5_000_000], 0o600); err != nil {
		t.Fatal(err)
	}
	if code, got := fetch(file, "-C", "-"); code != 0 || !bytes.Equal(got, img.bytes) {
		t.Fatalf("curl -C -: exit %d, %d bytes", code, len(got))
	}
	if got := p.events(t, img.Item, custody.KindFixityFailed); len(got) != 0 {
		t.Fatalf("a whole copy: %+v", got)
	}

	img.spoil(t, 2)
	res, b, err = get("GET", "")
	if err == nil || res != nil && res.StatusCode != 200 || len(b) >= size || !bytes.HasPrefix(img.bytes, b) {
		t.Fatalf("over HTTP/1.1 %d bytes came, error %v: the end looked clean, or bytes came that were not deposited", len(b), err)
	}
	code, got := fetch(filepath.Join(t.TempDir(), "image"), "--no-progress-meter")
	if code == 0 || len(got) >= size || !bytes.HasPrefix(img.bytes, got) {
		t.Fatalf("curl: exit %d with %d bytes", code, len(got))
	}
	block := func(i int) string {
		return fmt.Sprintf("bytes=%d-%d", i*evidence.BlockSize, min((i+1)*evidence.BlockSize, size)-1)
	}
	if res, b, err = get("GET", block(0)); err != nil || res.StatusCode != 206 || !bytes.Equal(b, img.bytes[:evidence.BlockSize]) || res.Header.Get("Content-Digest") == "" {
		t.Errorf("the block before: %v, %d bytes", err, len(b))
	}
	if res, b, err = get("GET", block(2)); err != nil || res.StatusCode != 500 || !strings.Contains(string(b), `"copy-damaged"`) || !strings.Contains(string(b), "block 2 (bytes 16777216 to 17777215)") {
		t.Errorf("the block itself: %v %s", err, b)
	}
	if res, b, err = get("GET", fmt.Sprintf("bytes=%d-%d", evidence.BlockSize-5, evidence.BlockSize+5)); err != nil || res.StatusCode != 206 || !bytes.Equal(b, img.bytes[evidence.BlockSize-5:evidence.BlockSize+6]) {
		t.Errorf("across two blocks before: %v, %d bytes", err, len(b))
	}
	failed := p.events(t, img.Item, custody.KindFixityFailed)
	if len(failed) == 0 {
		t.Fatal("no event says that the copy is rotten")
	}
	if f := failed[0].(*custody.FixityFailed); f.Reason != custody.FixityMismatch || len(f.Blocks) != 1 || f.Blocks[0] != 2 || f.Artifact != img.Artifact.SHA256 || f.Checked != 1 {
		t.Errorf("the event: %+v", f)
	}
	// The service reads the whole copy next, by itself, and says how the others are.
	var whole *custody.FixityFailed
	for end := time.Now().Add(30 * time.Second); whole == nil && time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		for _, b := range p.events(t, img.Item, custody.KindFixityFailed) {
			if f := b.(*custody.FixityFailed); f.Checked == 3 {
				whole = f
			}
		}
	}
	if whole == nil || whole.Count != 1 || whole.Blocks[0] != 2 {
		t.Errorf("read back whole: %+v", whole)
	}
	all := p.events(t, img.Item, custody.KindFixityFailed)
	if len(all) != 2 {
		t.Errorf("%d events say so: one for the read, one for the whole copy, whoever reads again", len(all))
	}
	outcomes := map[custody.Outcome]int{}
	for _, b := range p.events(t, img.Item, custody.KindServed) {
		outcomes[b.(*custody.Served).Outcome]++
	}
	if outcomes[custody.OutcomeWhole] == 0 || outcomes[custody.OutcomeFailed] == 0 {
		t.Errorf("served: %v", outcomes)
	}
	// custody get names the block, says what the others are like, and shows no file.
	to := filepath.Join(t.TempDir(), "received.dd")
	_, err = p.cast.Investigator.Desk.Retrieve(stage.Context(t), desk.Retrieval{Path: to, Reading: desk.Reading{Item: img.Item, Purpose: custody.PurposeExamination}})
	if err == nil || !errors.Is(err, desk.ErrEvidence) || !strings.Contains(err.Error(), "block 2 (bytes 16777216 to 17777215)") || !strings.Contains(err.Error(), "2 of 3 blocks") {
		t.Errorf("custody get: %v", err)
	}
	if _, err := os.Stat(to); !os.IsNotExist(err) {
		t.Error("a file appeared")
	}
	// Put right behind the service's back, it goes on with what was missing.
	img.spoil(t, 2)
	r, err := p.cast.Investigator.Desk.Retrieve(stage.Context(t), desk.Retrieval{Path: to, Reading: desk.Reading{Item: img.Item, Purpose: custody.PurposeExamination}})
	if err != nil || r.Computed.SHA256 != img.Artifact.SHA256 || r.Reused != 2 {
		t.Errorf("put right: %v; %d blocks were used again", err, r.Reused)
	}
}

// shown: who may see an item sees how its copy was found, in the words of the
// event; who may not sees no item.
func (p *place) shown(t *testing.T, img image, result docket.FixityResult, event evidence.Digest) {
	t.Helper()
	it, err := p.cast.Investigator.Desk.Service.Item(stage.Context(t), img.Item)
	if err != nil {
		t.Fatal(err)
	}
	f := it.Fixity
	if f == nil || f.State != string(result) || f.Event != event || f.Checked == nil || f.Due == nil || !f.Due.Equal(f.Checked.Add(p.o.FixityEvery)) || f.Whole.After(*f.Checked) ||
		(result == docket.FixityPassed) != f.Whole.Equal(*f.Checked) {
		t.Errorf("the item's copy is shown as %+v", f)
		return
	}
	if all := p.events(t, img.Item, custody.KindFixityFailed); len(all) > 0 {
		b := all[len(all)-1].(*custody.FixityFailed)
		if f.Reason != string(b.Reason) || !slices.Equal(f.Blocks, b.Blocks) || f.Bad != b.Count || f.Looked != b.Checked {
			t.Errorf("the event says %+v, the item %+v", b, f)
		}
	}
	var no *desk.Answer
	if _, err := p.cast.Analyst.Desk.Service.Item(stage.Context(t), img.Item); !errors.As(err, &no) || no.Status != 404 {
		t.Errorf("a laboratory that has nothing to do with it is told: %v", err)
	}
}

// TestReadingBack: each way to rot is its own event, and a store that can't be
// read is none of them.
func TestReadingBack(t *testing.T) {
	p := newPlace(t)
	ctx := stage.Context(t)
	well, flipped, gone, cut, long := p.deposit(t), p.deposit(t), p.deposit(t), p.deposit(t), p.deposit(t)
	if it, err := p.cast.Investigator.Desk.Service.Item(ctx, well.Item); err != nil || it.Fixity == nil || it.Fixity.State != "unread" || it.Fixity.Checked != nil || !it.Fixity.Event.IsZero() ||
		it.Fixity.Due == nil || !it.Fixity.Due.Equal(it.Fixity.Whole.Add(p.o.FixityEvery)) {
		t.Errorf("not read back yet: %+v %v", it.Fixity, err)
	}
	flipped.spoil(t, 2)
	if err := os.Remove(gone.file); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(cut.file, evidence.BlockSize+70_000); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(long.file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("more")); err != nil {
		t.Fatal(err)
	}
	f.Close()
	check := func() map[evidence.Digest]service.FixityItem {
		t.Helper()
		seen := 0
		r, err := service.Fixity(ctx, p.o, service.FixityAsk{Now: true, All: true}, func(_, all uint64) { seen = int(all) })
		if err != nil || seen != 5 {
			t.Fatalf("%v; %d were to be read", err, seen)
		}
		out := map[evidence.Digest]service.FixityItem{}
		for _, i := range r.Items {
			out[i.Item] = i
		}
		return out
	}
	for round, who := range []string{"by the running service", "by the command itself"} {
		if round == 1 {
			stage.Stop(t, p.svc)
		}
		got := check()
		for _, want := range []struct {
			name   string
			img    image
			result docket.FixityResult
			words  string
		}{
			{"well", well, docket.FixityPassed, fmt.Sprintf("%d bytes read back, as deposited", size)},
			{"flipped", flipped, docket.FixityFailed, "digest-mismatch: 1 of 3 blocks looked at are bad: 2 (from byte 16777216)"},
			{"gone", gone, docket.FixityFailed, "the store has no such object"},
			{"cut", cut, docket.FixityFailed, "short: 2 of 3 blocks looked at are bad: 1 (from byte 8388608), 2 (from byte 16777216)"},
			{"longer", long, docket.FixityFailed, "long: 0 of 3 blocks"},
		} {
			if g := got[want.img.Item]; g.Result != want.result || !strings.HasPrefix(g.Words, want.words) || g.Event == nil {
				t.Errorf("%s, %s: %s, %q; want %s, %q", want.name, who, g.Result, g.Words, want.result, want.words)
			}
			if round == 0 {
				p.shown(t, want.img, want.result, *got[want.img.Item].Event)
			}
		}
	}
	// What can't be read is not called rotten: the object is there, and the store
	// may not read it.
	if err := os.Chmod(well.file, 0); err != nil {
		t.Fatal(err)
	}
	only := service.FixityAsk{Now: true, Items: []evidence.Digest{well.Item}}
	r, err := service.Fixity(ctx, p.o, only, func(uint64, uint64) {})
	if err != nil || r.Unchecked != 1 || r.Failed != 0 || !strings.Contains(r.Items[0].Words, "unavailable") {
		t.Fatalf("not readable: %v %+v", err, r)
	}
	if err := os.Chmod(well.file, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = service.Fixity(ctx, p.o, only, func(uint64, uint64) {}); err != nil || r.Passed != 1 {
		t.Fatalf("readable again: %v %+v", err, r)
	}
}
