package service_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/cmd/custodyd/doctor"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

var waitingLine = regexp.MustCompile(`custodyd_timestamp_waiting_seconds\{authority="[^"]*"\} ([0-9.e+-]+)`)

// TestServiceKeepsTime: with openssl as the authority, which is down at first.
// Nothing waits for it, the gap is seen and made up for; and what comes out,
// openssl verifies.
func TestServiceKeepsTime(t *testing.T) {
	openssl := stage.Need(t, "openssl")
	a := tsatest.New(t, "authority")
	var up atomic.Bool
	says := a.OpenSSL(t, openssl)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		says.ServeHTTP(w, r)
	}))
	defer server.Close()
	root := stage.Write(t, "root.pem", a.PEM())
	data := stage.Dir(t)
	o := stage.Options(data)
	o.TimestampAuthorities, o.TimestampEvery = []service.TimestampAuthority{{URL: server.URL + "/tsr", CertificateFile: root}}, 100*time.Millisecond
	o.MetricsListen = "127.0.0.1:0"
	svc := stage.Serve(t, o)
	token, _, err := svc.FirstToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cast := stage.NewCast(t, svc.URL(), token)
	kase := cast.Investigator.OpenCase(t)

	waiting := func() float64 {
		_, body := get(t, http.DefaultClient, svc.MetricsURL())
		m := waitingLine.FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("no metric of waiting; sources: %q", regexp.MustCompile(`custodyd_source_up.*`).FindAllString(body, -1))
		}
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if waiting() <= 0 {
		t.Error("the authority is down, and nothing is said to wait for it")
	}
	up.Store(true)
	client := cast.Investigator.Client(t, svc.URL())
	c, err := client.Case(t.Context(), kase)
	if err != nil {
		t.Fatal(err)
	}
	id, err := evidence.ParseDigest(string(c.Opened.Id))
	if err != nil {
		t.Fatal(err)
	}
	var stamps [][]byte
	var envelope []byte
	for end := time.Now().Add(90 * time.Second); len(stamps) == 0 || waiting() > 0; time.Sleep(200 * time.Millisecond) {
		e, err := client.Event(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		stamps, envelope = e.Receipt.Timestamps, e.Envelope
		if time.Now().After(end) {
			t.Fatalf("%d timestamps in the receipt, waiting %v", len(stamps), waiting())
		}
	}
	var sealed struct{ Signatures []struct{ Sig string } }
	if err := json.Unmarshal(envelope, &sealed); err != nil {
		t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(sealed.Signatures[0].Sig)
	if err != nil {
		t.Fatal(err)
	}
	opensslVerifies(t, openssl, root, stamps[0], signature)

	// The checkpoint's, against its three lines.
	doc, err := client.Log(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cp := tlog.Checkpoint{Origin: doc.Origin}
	var root32, tsr []byte
	if err := stage.Database(t, data, migrations.RoleApp).QueryRow(`SELECT c.size, c.root, t.token FROM custody.checkpoint_timestamps t JOIN custody.checkpoints c USING (size)
		ORDER BY size DESC LIMIT 1`).Scan(&cp.Size, &root32, &tsr); err != nil {
		t.Fatal(err)
	}
	cp.Root = evidence.Digest(root32)
	opensslVerifies(t, openssl, root, tsr, cp.Body())
	if _, err := tlog.VerifyTimestamp(tsr, cp.Body(), []tlog.Authority{a.Accepted()}); err != nil {
		t.Error(err)
	}

	cfg := config.Default()
	cfg.DataDir, cfg.Listen = data, strings.TrimPrefix(svc.URL(), "http://")
	cfg.TimestampAuthorities = config.TimestampAuthorities{{URL: server.URL + "/tsr", CertificateFile: root}}
	stamped := false
	for _, f := range doctor.Configured(t.Context(), cfg) {
		stamped = stamped || f.State == doctor.OK && f.About == "timestamps" && strings.Contains(f.Says, cfg.TimestampAuthorities[0].Name()+" has stamped")
		if f.Do != "" && f.About == "timestamps" {
			t.Errorf("%+v", f)
		}
	}
	if !stamped {
		t.Error("doctor does not know of the authority's timestamps")
	}
	stage.Check(t, data)
}

// opensslVerifies holds a timestamp to what openssl says of it.
func opensslVerifies(t *testing.T, openssl, root string, tsr, message []byte) {
	t.Helper()
	dir := t.TempDir()
	for name, b := range map[string][]byte{"it.tsr": tsr, "message": message} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := func() string {
		cmd := exec.Command(openssl, "ts", "-verify", "-in", "it.tsr", "-data", "message", "-CAfile", root)
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	if out := verify(); !strings.Contains(out, "Verification: OK") {
		t.Errorf("openssl: %s", out)
	}
	if err := os.WriteFile(filepath.Join(dir, "message"), append(message, '.'), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := verify(); strings.Contains(out, "Verification: OK") {
		t.Errorf("openssl takes the timestamp of another message: %s", out)
	}
}
