package auditing

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody/gallery"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// events is how many the log gets: some full tiles in the suite, or as many as
// CUSTODY_TEST_LOG_EVENTS says.
func events(t *testing.T) int {
	t.Helper()
	text := os.Getenv("CUSTODY_TEST_LOG_EVENTS")
	if text == "" {
		return 2900
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1000 {
		t.Fatalf("CUSTODY_TEST_LOG_EVENTS is %q, not a number of at least 1000", text)
	}
	return n
}

// fsckVersion is of github.com/transparency-dev/tessera/cmd/fsck, a checker of
// C2SP tlog-tiles logs that nobody here wrote.
const fsckVersion = "v1.0.4"

// fsck finds the program where CI keeps it, or installs it there.
func fsck(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("CUSTODY_FSCK"); path != "" {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		stage.Lacks(t, "fsck is nowhere: %v", err)
	}
	dir := filepath.Join(cache, "custodyd-ci", "fsck-"+fsckVersion)
	path := filepath.Join(dir, "fsck")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	install := exec.Command("go", "install", "github.com/transparency-dev/tessera/cmd/fsck@"+fsckVersion)
	install.Dir, install.Env = os.TempDir(), append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if out, err := install.CombinedOutput(); err != nil {
		stage.Lacks(t, "fsck cannot be installed: %v\n%s", err, stage.Lines(out, 10))
	}
	return path
}

var fscked = regexp.MustCompile(`Successfully fsck'd log with size (\d+) and root \S+ \(([0-9a-f]{64})\)`)

// audit runs fsck over the log at url and returns size and root of the log that
// it found good, or what it found wrong. Its exit code says nothing: 0 always.
func (s *site) audit(t *testing.T, url, token string) (size uint64, root, wrong string) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "log.vkey")
	if err := os.WriteFile(key, []byte(s.vkey), 0o644); err != nil {
		t.Fatal(err)
	}
	done := stage.Run(t, exec.Command(fsck(t), "--storage_url", url+"/", "--public_key", key, "--origin", origin, "--bearer_token", token, "--N", "4", "--ui=false"))
	said := string(done.Stdout) + string(done.Stderr)
	good := fscked.FindStringSubmatch(said)
	failed := strings.Contains(said, "fsck failed:")
	switch {
	case good != nil && !failed:
		n, err := strconv.ParseUint(good[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n, good[2], ""
	case good == nil && failed:
		return 0, "", said
	}
	t.Fatalf("fsck says neither that the log is good nor that it is not:\n%s", said)
	return 0, "", ""
}

// TestStrangersAuditTheLog is one story, on one log: filling it is what costs.
func TestStrangersAuditTheLog(t *testing.T) {
	s := newSite(t)
	n := events(t)
	began := time.Now()
	ledgertest.Fill(t.Context(), t, s.ledger, s.officer, n)
	t.Logf("%d events appended in %s", n, time.Since(began).Round(time.Millisecond))
	s.shelved(t, time.Minute+time.Duration(n)*time.Millisecond)
	t.Logf("in the store after %s", time.Since(began).Round(time.Millisecond))
	token, auditor := s.auditor(t, "a court's expert")
	cp, err := s.ledger.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	t.Run("fsck finds the log good", func(t *testing.T) {
		began := time.Now()
		size, root, wrong := s.audit(t, s.service.URL(), token)
		if size != cp.Size || root != cp.Root.String() || size < uint64(n) {
			t.Errorf("fsck: %d events under %s, want %d under %s\n%s", size, root, cp.Size, cp.Root, wrong)
		}
		t.Logf("fsck read %d events in %s", size, time.Since(began).Round(time.Millisecond))
	})
	t.Run("fsck finds a tampered copy bad", func(t *testing.T) { s.tamperedCopies(t, cp, token) })
	t.Run("checkpoint", func(t *testing.T) { s.servedCheckpoint(t, cp) })
	t.Run("tiles of every published size", func(t *testing.T) { s.publishedSizes(t, cp, token) })
	t.Run("custody audit", func(t *testing.T) { s.custodyAudit(t, cp, token) }) // the log grows
	if cp, err = s.ledger.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("entries are for members and auditors", func(t *testing.T) { s.whoReadsEntries(t, token, auditor) })
	t.Run("read from the store", func(t *testing.T) { s.readFromStore(t, cp, token) })
}

// tamperedCopies serves the log with one resource changed, each in turn.
func (s *site) tamperedCopies(t *testing.T, cp docket.Checkpoint, token string) {
	to, err := url.Parse(s.service.URL())
	if err != nil {
		t.Fatal(err)
	}
	edge := func(entries bool) string {
		return tlog.Tile{Entries: entries, N: cp.Size / 256, Width: int(cp.Size % 256)}.Path()
	}
	for _, path := range []string{"tile/0/001", "tile/entries/002", "tile/1/000.p/" + strconv.Itoa(int(min(cp.Size>>8, 255))), edge(false), edge(true), "checkpoint"} {
		if path == "tile/1/000.p/255" && cp.Size>>8 > 255 {
			path = "tile/1/000"
		}
		changed := 0
		proxy := &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(to)
				r.Out.Header.Set("Accept-Encoding", "identity")
			},
			ModifyResponse: func(r *http.Response) error {
				if r.Request.URL.Path != "/"+path {
					return nil
				}
				changed++
				return flipBody(r)
			},
		}
		server := httptest.NewServer(proxy)
		size, _, wrong := s.audit(t, server.URL, token)
		server.Close()
		if size != 0 || wrong == "" || changed == 0 {
			t.Errorf("%s was changed %d times, and fsck finds %d events good", path, changed, size)
		}
	}
	if size, _, wrong := s.audit(t, s.service.URL(), ""); size != 0 || !strings.Contains(wrong, "401") {
		t.Errorf("without a token fsck finds %d events good: %s", size, wrong)
	}
}

// flipBody changes one bit of an answer; of a checkpoint one in its root, since
// signatures that nobody asks for may be anything.
func flipBody(r *http.Response) error {
	var b bytes.Buffer
	if _, err := b.ReadFrom(r.Body); err != nil {
		return err
	}
	at := b.Len() / 2
	if r.Request.URL.Path == "/checkpoint" {
		at = len(origin) + 20
	}
	b.Bytes()[at] ^= 1
	r.Body = readCloser{bytes.NewReader(b.Bytes())}
	return nil
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func (s *site) servedCheckpoint(t *testing.T, cp docket.Checkpoint) {
	status, header, b := get(t.Context(), t, s.service.URL()+"/checkpoint", "")
	if status != 200 || !bytes.Equal(b, cp.Note) || header.Get("Content-Type") != "text/plain; charset=utf-8" || header.Get("Cache-Control") != "public, max-age=1" {
		t.Errorf("%d %v\n%s", status, header, b)
	}
	v, err := note.NewVerifier(s.vkey)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tlog.OpenCheckpoint(b, origin, note.VerifierList(v)); err != nil || got.Size != cp.Size || got.Root != cp.Root {
		t.Errorf("%+v, %v", got, err)
	}
}

// publishedSizes reads earlier trees by the partial tiles that they had, and
// what no tree has.
func (s *site) publishedSizes(t *testing.T, cp docket.Checkpoint, token string) {
	ctx := t.Context()
	fetch := func(tile tlog.Tile) ([]byte, error) {
		status, _, b := get(ctx, t, s.service.URL()+"/"+tile.Path(), token)
		if status != 200 {
			return nil, fmt.Errorf("%s: %d", tile.Path(), status)
		}
		return b, nil
	}
	read := 0
	for _, size := range []uint64{1, 2, 5, 255, 256, 257, 300, 511, 512, 1000, cp.Size - 1, cp.Size} {
		root, err := s.ledger.RootAt(ctx, size)
		if err != nil {
			t.Fatal(err)
		}
		r, err := tlog.NewTileReader(size, root, fetch)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []uint64{0, (size - 1) / 256} {
			entries, err := r.Entries(n)
			if err != nil {
				t.Errorf("bundle %d of a log of %d: %v", n, size, err)
				continue
			}
			for _, e := range entries {
				if _, err := tlog.ParseLeaf(e); err != nil {
					t.Errorf("bundle %d of a log of %d: %v", n, size, err)
				}
			}
			read += len(entries)
		}
	}
	if read < 2000 {
		t.Errorf("only %d entries were read", read)
	}
	part := int(cp.Size % 256)
	for _, tile := range []tlog.Tile{{N: cp.Size/256 + 1, Width: 1}, {N: cp.Size / 256, Width: part + 1}, {N: cp.Size / 256, Width: 256}, {Level: 7, Width: 1}, {Level: 63, Width: 256},
		{Entries: true, N: cp.Size / 256, Width: part + 1}, {Entries: true, N: cp.Size/256 + 1, Width: 1}, {Entries: true, N: 1 << 50, Width: 256}} {
		if part == 255 && tile.Width == 256 && tile.N == cp.Size/256 {
			continue
		}
		if status, _, b := get(ctx, t, s.service.URL()+"/"+tile.Path(), token); status != 404 || code(t, b) != "not-found" {
			t.Errorf("%s, which no published tree has: %d %s", tile.Path(), status, b)
		}
	}
}

func (s *site) whoReadsEntries(t *testing.T, token string, auditor service.Auditor) {
	ctx := t.Context()
	bundle := s.service.URL() + "/tile/entries/000"
	if status, _, b := get(ctx, t, bundle, ""); status != 401 || code(t, b) != "unauthenticated" {
		t.Errorf("nobody: %d %s", status, b)
	}
	member := "tok_" + strings.Repeat("m", 43)
	if err := s.ledger.SaveToken(ctx, docket.Token{Hash: evidence.Sum([]byte(member)), Key: s.officer.ID(), Expires: time.Now().Add(time.Hour)}, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	for who, secret := range map[string]string{"member": member, "auditor": token} {
		if status, header, b := get(ctx, t, bundle, secret); status != 200 || !strings.HasPrefix(header.Get("Cache-Control"), "private, ") {
			t.Errorf("a %s: %d %v %.200s", who, status, header, b)
		}
	}
	invitation, _, err := s.service.FirstToken(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, b := get(ctx, t, bundle, invitation); status != 403 || code(t, b) != "forbidden" {
		t.Errorf("an invitation: %d %s", status, b)
	}
	if status, _, b := get(ctx, t, s.service.URL()+"/v1/cases", token); status != 403 || code(t, b) != "forbidden" {
		t.Errorf("an auditor at cases: %d %s", status, b)
	}
	other, _ := s.auditor(t, "another")
	if err := service.RevokeAuditor(stage.Context(t), s.options, auditor.ID); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := get(ctx, t, bundle, token); status != 401 {
		t.Errorf("an auditor whose token was revoked: %d", status)
	}
	if status, _, _ := get(ctx, t, bundle, other); status != 200 {
		t.Errorf("another auditor: %d", status)
	}
	all, err := service.Auditors(stage.Context(t), s.options)
	if err != nil || len(all) != 2 || all[0].Name != "a court's expert" || all[0].Revoked == nil || all[1].Revoked != nil {
		t.Errorf("%+v, %v", all, err)
	}
	if err := service.RevokeAuditor(stage.Context(t), s.options, evidence.Sum(nil)); err == nil {
		t.Error("a token that is not there was revoked")
	}
}

// readFromStore starts the service anew, with nothing in memory, over a store
// in which somebody has changed a tile and a bundle on the disk.
func (s *site) readFromStore(t *testing.T, cp docket.Checkpoint, _ string) {
	s.stop(t)
	damaged := []tlog.Tile{{N: 2, Width: 256}, {Entries: true, N: 3, Width: 256}}
	for _, tile := range damaged {
		flip(t, s.options.Data, gallery.Name(s.id, tile))
	}
	result, err := service.Check(t.Context(), s.options, true, func(uint64, uint64) {}) // of a large log it takes minutes
	if err != nil || len(result.Problems) != 2 || result.Tiles != tlog.FullTiles(0, cp.Size)*2+tlog.FullTiles(1, cp.Size) {
		t.Errorf("the check of the whole: %+v, %v", result, err)
	}
	for i, tile := range damaged {
		if err == nil && len(result.Problems) == 2 && result.Problems[i].About != gallery.Name(s.id, tile) {
			t.Errorf("the check of the whole says of %s: %+v", tile.Path(), result.Problems[i])
		}
	}
	var said loud
	s.options.Log, s.options.OpenEntries = slog.New(slog.NewTextHandler(&said, nil)), true
	s.start(t)
	ctx := t.Context()
	s.shelved(t, time.Minute)
	asked := time.Now() // until this process knows what is in the store
	for strings.Count(s.metric(t, "custodyd_log_reads_total"), `source="store"`) == 0 {
		if status, _, _ := get(ctx, t, s.service.URL()+"/tile/0/"+fmt.Sprintf("%03d", 4+int(time.Since(asked)/time.Second)%4), ""); status != 200 {
			t.Fatalf("a tile: %d", status)
		}
		if time.Since(asked) > 30*time.Second {
			t.Fatalf("nothing is read from the store:\n%s", s.metric(t, "custodyd_log_reads_total"))
		}
	}
	// Everything is still good, to a stranger too; and open means open.
	if size, root, wrong := s.audit(t, s.service.URL(), ""); size != cp.Size || root != cp.Root.String() {
		t.Errorf("fsck: %d events under %s\n%s", size, root, wrong)
	}
	for _, tile := range damaged {
		want, err := s.ledger.Tile(ctx, tile)
		if err != nil {
			t.Fatal(err)
		}
		if status, _, b := get(ctx, t, s.service.URL()+"/"+tile.Path(), ""); status != 200 || !bytes.Equal(b, want) {
			t.Errorf("%s: %d, %d bytes", tile.Path(), status, len(b))
		}
		if !strings.Contains(said.String(), "tile="+tile.Path()+" ") {
			t.Errorf("nothing is said of %s:\n%s", tile.Path(), said.String())
		}
	}
	// What was changed lies under the true ones now.
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		stored := s.metric(t, "custodyd_log_tiles_stored_total{")
		if strings.Contains(stored, `{what="bundle"}`) && strings.Contains(stored, `{what="tile"}`) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("they were not stored anew:\n%s\n%s", stored, said.String())
		}
	}
	_, count, _ := strings.Cut(strings.TrimSpace(s.metric(t, "custodyd_log_tiles_refused_total")), " ")
	if n, err := strconv.Atoi(count); err != nil || n < len(damaged) {
		t.Errorf("%q copies were refused: %v", count, err)
	}
}

// metric returns the lines of /metrics of that name.
func (s *site) metric(t *testing.T, name string) string {
	t.Helper()
	_, _, b := get(t.Context(), t, s.service.MetricsURL(), "")
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, name) {
			out.WriteString(line)
		}
	}
	return out.String()
}

// flip changes one bit of an object on the private store's disk.
func flip(t *testing.T, data, name string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(data, "store"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(filepath.ToSlash(path), "/"+name) {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) < 256 {
			return err
		}
		b[len(b)/2] ^= 1
		n++
		return os.WriteFile(path, b, 0o600)
	})
	if err != nil || n != 1 {
		t.Fatalf("%d files are %s: %v", n, name, err)
	}
}

// loud is a log that can be read while it is written.
type loud struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *loud) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(b) }
func (l *loud) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }
