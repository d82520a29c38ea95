package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/gallery"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/registrar"
)

func scrape(t *testing.T, s *Set) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

type fakeLedger struct {
	registrar.Ledger
	receipts []docket.Receipt
	err      error
}

func (f *fakeLedger) Append(context.Context, ...docket.Submission) ([]docket.Receipt, error) {
	return f.receipts, f.err
}
func (f *fakeLedger) Deposit(context.Context, docket.Submission, docket.Act) ([]docket.Receipt, error) {
	return f.receipts, f.err
}
func (f *fakeLedger) Observe(context.Context, docket.Act, docket.Effects) (docket.Receipt, error) {
	return f.receipts[0], f.err
}
func (f *fakeLedger) BeginUpload(context.Context, docket.Upload) error { return f.err }
func (f *fakeLedger) SetUpload(context.Context, custody.ID, docket.UploadStatus, []byte, string) error {
	return f.err
}

type fakeVault struct {
	registrar.Vault
	err error
}

func (f fakeVault) Begin(context.Context, uint64) (registrar.Object, error) {
	return registrar.Object{}, f.err
}
func (f fakeVault) Abort(context.Context, registrar.Object) error { return f.err }
func (f fakeVault) ReadRange(context.Context, string, string, uint64, uint64) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader("x"), broken{})), nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the store broke off") }

// played is a Set in which everything happened at least once.
func played(t *testing.T) *Set {
	t.Helper()
	s := New(Sources{
		Checkpoint:  func(context.Context) (uint64, time.Time, error) { return 42, time.Now().Add(-time.Minute), nil },
		OpenUploads: func(context.Context) (int, error) { return 3, nil },
		Connections: func(context.Context) (map[string]int, error) { return map[string]int{"idle": 5}, nil },
		Witnesses: func(context.Context) ([]Witness, error) {
			return []Witness{{Name: "w.example/lab", Size: 40, At: time.Now().Add(-time.Minute)}, {Name: "w.example/away", Problem: true}}, nil
		},
		WitnessedSize: func(context.Context) (uint64, error) { return 40, nil },
		Copies: func(context.Context) (Copies, error) {
			return Copies{Artifacts: 3, Due: 1, Failed: 1, Unchecked: 1, Oldest: time.Now().Add(-time.Hour)}, nil
		},
		Images: func(context.Context) (Images, error) { return Images{Waiting: 2, Failing: 1, Damaged: 1}, nil },
		Timestamps: func(context.Context) (map[string]time.Duration, error) {
			return map[string]time.Duration{"tsa.example/": 90 * time.Second}, nil
		},
		Certificate: func() time.Time { return time.Unix(1_900_000_000, 0) },
	})
	s.Observe(api.Answered{Method: "PUT", Route: "/v1/uploads/{uploadId}/parts/{part}", Status: 200, In: 10, Out: 7, Took: time.Second})
	s.Observe(api.Answered{Method: "POST", Route: "/v1/events", Status: 422, Code: "rule-refused", Rule: "custody.not-holder", Aborted: true})
	s.TileServed(gallery.Shelf)
	s.Fixity("passed", 1<<20)
	s.Image("damaged", 1<<20)
	s.Image("", 0)
	s.TileKept(docket.BundleLevel)
	s.TileKept(0)
	s.TileRefused()
	s.Timestamp("tsa.example/", "checkpoint", nil)
	s.Timestamp("tsa.example/", "event", errors.New("down"))
	f := &fakeLedger{receipts: []docket.Receipt{{Created: true}, {Created: true}}}
	l := s.Ledger(f)
	upload := custody.ID{1}
	ctx := t.Context()
	_, _ = l.Deposit(ctx, docket.Submission{Effects: docket.Effects{Upload: &upload}}, docket.Act{Body: &custody.Received{}})
	_, _ = l.Observe(ctx, docket.Act{Body: &custody.ReportIssued{}}, docket.Effects{})
	_ = l.BeginUpload(ctx, docket.Upload{})
	_ = l.SetUpload(ctx, upload, docket.UploadAborted, nil, "")
	_ = l.SetUpload(ctx, upload, docket.UploadCompleting, nil, "")
	f.receipts = []docket.Receipt{{}}
	_, _ = l.Append(ctx, docket.Submission{})
	f.receipts, f.err = nil, &docket.Stale{Why: &custody.Refusal{}}
	_, _ = l.Append(ctx, docket.Submission{})
	f.err = &docket.Unavailable{Cause: errors.New("gone")}
	_, _ = l.Append(ctx, docket.Submission{})
	f.err = errors.New("who knows")
	_, _ = l.Append(ctx, docket.Submission{})
	_ = l.BeginUpload(ctx, docket.Upload{})
	_, _ = s.Vault(fakeVault{err: fmt.Errorf("no room: %w", registrar.ErrVaultFull)}).Begin(ctx, 1)
	_ = s.Vault(fakeVault{}).Abort(ctx, registrar.Object{})
	r, err := s.Vault(fakeVault{}).ReadRange(ctx, "", "", 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(r)
	return s
}

func TestWhatIsCounted(t *testing.T) {
	text := scrape(t, played(t))
	for _, want := range []string{
		`custodyd_requests_total{method="PUT",route="/v1/uploads/{uploadId}/parts/{part}",status="200"} 1`,
		`custodyd_received_bytes_total{route="/v1/uploads/{uploadId}/parts/{part}"} 10`,
		`custodyd_sent_bytes_total{route="/v1/uploads/{uploadId}/parts/{part}"} 7`,
		`custodyd_request_seconds_sum{route="/v1/uploads/{uploadId}/parts/{part}"} 1`,
		`custodyd_log_reads_total{source="store"} 1`,
		`custodyd_log_tiles_stored_total{what="bundle"} 1`,
		`custodyd_log_tiles_stored_total{what="tile"} 1`,
		`custodyd_log_tiles_refused_total 1`,
		`custodyd_requests_aborted_total{route="/v1/events"} 1`,
		`custodyd_refusals_total{code="rule-refused",rule="custody.not-holder"} 1`,
		`custodyd_uploads_total{what="begun"} 1`, `custodyd_uploads_total{what="finished"} 1`, `custodyd_uploads_total{what="aborted"} 1`,
		`custodyd_uploads_open 3`, `custodyd_events_total{kind="artifact.received"} 1`, `custodyd_events_total{kind="report.issued"} 1`,
		`custodyd_append_seconds_count{outcome="appended"} 2`, `custodyd_append_seconds_count{outcome="repeated"} 1`,
		`custodyd_append_seconds_count{outcome="stale"} 1`, `custodyd_append_seconds_count{outcome="unavailable"} 1`, `custodyd_append_seconds_count{outcome="failed"} 1`,
		`custodyd_checkpoint_size 42`, `custodyd_checkpoint_age_seconds 60`, `custodyd_database_connections{state="idle"} 5`,
		`custodyd_store_operation_seconds_count{operation="abort"} 1`,
		`custodyd_store_errors_total{class="full",operation="begin"} 1`, `custodyd_store_errors_total{class="failed",operation="read"} 1`,
		`custodyd_timestamps_total{authority="tsa.example/",of="checkpoint",outcome="kept"} 1`, `custodyd_timestamps_total{authority="tsa.example/",of="event",outcome="failed"} 1`,
		`custodyd_timestamp_waiting_seconds{authority="tsa.example/"} 90`, `custodyd_source_up{source="timestamps"} 1`,
		`custodyd_certificate_expiry_timestamp_seconds 1.9e+09`, `custodyd_source_up{source="ledger"} 1`, `custodyd_source_up{source="database"} 1`,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("it doesn't show %s", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// The table and /metrics tell of the same metrics, types and labels.
func TestTableIsWhatIsShown(t *testing.T) {
	families, err := played(t).registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "go_") || strings.HasPrefix(f.GetName(), "process_") {
			continue
		}
		var labels []string
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if !slices.Contains(labels, l.GetName()) {
					labels = append(labels, l.GetName())
				}
			}
		}
		slices.Sort(labels)
		shown[f.GetName()] = fmt.Sprintln(strings.ToLower(f.GetType().String()), labels, f.GetHelp())
	}
	document := Document()
	for _, d := range table {
		labels := slices.Sorted(slices.Values(d.labels))
		if want := fmt.Sprintln(string(d.kind), labels, d.help); shown[d.name] != want {
			t.Errorf("%s: /metrics shows %q, the table %q", d.name, shown[d.name], want)
		}
		delete(shown, d.name)
		if !strings.Contains(document, "| `"+d.name+"` | ") {
			t.Errorf("the document lacks %s", d.name)
		}
	}
	for name := range shown {
		t.Errorf("the table lacks %s", name)
	}
}

// A part that can't be asked costs its own numbers and no others.
func TestSourcesThatFail(t *testing.T) {
	s := New(Sources{
		Checkpoint:  func(context.Context) (uint64, time.Time, error) { return 0, time.Time{}, errors.New("gone") },
		OpenUploads: func(context.Context) (int, error) { return 3, nil },
		Connections: func(context.Context) (map[string]int, error) { return nil, errors.New("gone") },
	})
	text := scrape(t, s)
	for want, there := range map[string]bool{`custodyd_source_up{source="ledger"} 0`: true, `custodyd_source_up{source="database"} 0`: true,
		"custodyd_uploads_open 3": true, "custodyd_checkpoint_size": false, "custodyd_certificate": false, "go_goroutines": true} {
		if strings.Contains(text, want) != there {
			t.Errorf("%s: shown %v", want, !there)
		}
	}
}

// However peers behave, the number of series stays bounded.
func TestRulesAreBounded(t *testing.T) {
	s := New(Sources{})
	for i := range 10_000 {
		s.Observe(api.Answered{Code: "malformed", Rule: fmt.Sprintf("rule.n%d", i)})
		s.Observe(api.Answered{Code: "malformed", Rule: fmt.Sprintf("Case of %d\n", i)})
	}
	text := scrape(t, s)
	if n := strings.Count(text, "custodyd_refusals_total{"); n != maxRules+1 {
		t.Errorf("%d series of refusals", n)
	}
	if strings.Contains(text, "Case of") {
		t.Error("what is no rule's name is shown")
	}
}
