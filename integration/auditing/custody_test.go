package auditing

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/evidence-custody/custodyd/custody/auditor"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// custodyAudit runs the people's command against the service as it runs: with
// everything re-hashed, over growth, with a key's uses, against copies that
// were changed on their way, and against a head of another history.
func (s *site) custodyAudit(t *testing.T, cp docket.Checkpoint, token string) {
	home := t.TempDir()
	tokenFile := stage.Write(t, "token", []byte(token+"\n"))
	audit := func(wantExit int, url string, args ...string) *auditor.Audit {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), stage.Build(t).Custody, append([]string{"audit", url, "--home", home, "--json"}, args...)...)
		cmd.Env = []string{"HOME=" + home}
		done := stage.Run(t, cmd)
		var out auditor.Audit
		if done.Code != wantExit {
			t.Fatalf("%v: exit %d, want %d\n%s%s", args, done.Code, wantExit, done.Stdout, done.Stderr)
		}
		if err := json.Unmarshal(done.Stdout, &out); err != nil && wantExit != 2 {
			t.Fatalf("%v: %v\n%s%s", args, err, done.Stdout, done.Stderr)
		}
		return &out
	}
	pinned := []string{"--log", s.id.String(), "--token-file", tokenFile}
	first := audit(0, s.service.URL(), append(pinned, "--full")...)
	if first.Full == nil || first.Full.Entries != cp.Size || first.Full.Root != cp.Root || first.Head.Size != cp.Size {
		t.Errorf("the first audit: %+v of %+v", first.Full, first.Head)
	}
	ledgertest.Fill(t.Context(), t, s.ledger, s.officer, 300)
	grown := audit(0, s.service.URL(), pinned...)
	if grown.Since == nil || grown.Since.Size != cp.Size || grown.Head.Size != cp.Size+300 {
		t.Errorf("after it grew: from %+v to %+v", grown.Since, grown.Head)
	}
	// A key is watched from the first entry; what it does next is said once.
	key, err := seal.FromECDSA(&stage.OperatorKeys(t, s.options.Data).Service.PublicKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	watch := append(pinned, "--key", key.ID().String())
	uses := audit(0, s.service.URL(), watch...).Uses
	if len(uses) == 0 || uses[0].Index != 0 || !uses[0].Holds {
		t.Errorf("the service's key was used %d times, first %+v", len(uses), uses)
	}
	if again := audit(0, s.service.URL(), watch...); len(again.Uses) != 0 {
		t.Errorf("said again: %d uses", len(again.Uses))
	}
	if audit(1, s.service.URL(), "--log", s.id.String(), "--full").Findings[0].Name != auditor.NotRead {
		t.Error("entries without a token")
	}
	s.auditChangedCopies(t, cp, func(url string) *auditor.Audit {
		return audit(3, url, append(pinned, "--full", "--state", filepath.Join(t.TempDir(), "state.json"))...)
	})
	// The log's own key under another head: shown to somebody else, and kept.
	keys := stage.OperatorKeys(t, s.options.Data)
	signer, err := tlog.NewLogSigner(origin, keys.Log)
	if err != nil {
		t.Fatal(err)
	}
	second, err := tlog.NewMLDSASigner(origin, keys.LogMLDSA)
	if err != nil {
		t.Fatal(err)
	}
	other := tlog.Checkpoint{Origin: origin, Size: cp.Size / 2, Root: cp.Root}
	note, err := tlog.SignCheckpoint(other, signer, second)
	if err != nil {
		t.Fatal(err)
	}
	fork := audit(3, s.service.URL(), append(pinned, "--compare", stage.Write(t, "elsewhere.txt", note))...)
	if fork.Findings[0].Name != auditor.LogFork || fork.Evidence == "" {
		t.Errorf("a head of another history: %+v", fork.Findings)
	}
	if again := audit(3, s.service.URL(), pinned...); again.Findings[0].Name != auditor.LogFork || again.Head != nil {
		t.Errorf("afterwards: %+v", again.Findings)
	}
}

// auditChangedCopies serves the log with one bit of one resource changed.
func (s *site) auditChangedCopies(t *testing.T, cp docket.Checkpoint, audit func(url string) *auditor.Audit) {
	to, err := url.Parse(s.service.URL())
	if err != nil {
		t.Fatal(err)
	}
	// A bit of an entry's length is found by its form, any other by its hash.
	entries := []auditor.Name{auditor.ContentMismatch, auditor.ContentMalformed}
	for path, want := range map[string][]auditor.Name{"tile/0/001": entries[:1], "tile/entries/002": entries, "checkpoint": {auditor.CheckpointInvalid}} {
		changed := 0
		server := httptest.NewServer(&httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(to)
				r.Out.Header.Set("Accept-Encoding", "identity")
			},
			ModifyResponse: func(r *http.Response) error {
				if r.Request.URL.Path == "/"+path {
					changed++
					return flipBody(r)
				}
				return nil
			},
		})
		got := audit(server.URL)
		server.Close()
		if changed == 0 || !slices.Contains(want, got.Findings[0].Name) {
			t.Errorf("%s was changed %d times: %+v", path, changed, got.Findings)
		}
	}
}
