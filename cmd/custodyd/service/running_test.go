package service_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/cmd/custodyd/metrics"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }

// authority is a private one, as an agency has it.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // PEM, for --ca-file
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Agency CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, stage.Write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// issue writes a certificate for 127.0.0.1 and its key, over what was there.
func (a *authority) issue(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "custody"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (a *authority) client() *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: time.Minute}
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// TestWholeServiceOverTLS runs people's command against a certificate of a
// private authority, renews it meanwhile, and looks at what operators see.
func TestWholeServiceOverTLS(t *testing.T) {
	ca, data := newAuthority(t), stage.Dir(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca.issue(t, certFile, keyFile, 7)
	var log lines
	o := stage.Options(data)
	o.CertFile, o.KeyFile, o.MetricsListen, o.Log = certFile, keyFile, "127.0.0.1:0", slog.New(slog.NewJSONHandler(&log, nil))
	svc := stage.Serve(t, o)
	token, _, err := svc.FirstToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(svc.URL(), "https://127.0.0.1:") {
		t.Fatalf("it answers at %s", svc.URL())
	}

	ready, body := get(t, ca.client(), svc.URL()+"/readyz")
	var now wire.Readiness
	if err := json.Unmarshal([]byte(body), &now); err != nil {
		t.Fatal(err)
	}
	if want := "[{database true } {object store true } {log head true }]"; ready.StatusCode != 200 || !now.Ready || fmt.Sprint(now.Checks) != want {
		t.Errorf("readyz: %d %s", ready.StatusCode, body)
	}
	if ready.Proto != "HTTP/2.0" || ready.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s with %v", ready.Proto, ready.Header)
	}
	if res, err := http.Get(strings.Replace(svc.URL(), "https", "http", 1) + "/healthz"); err == nil && res.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP was answered with %s", res.Status)
	}
	// Whom nobody vouches for is not believed.
	if _, err := http.Get(svc.URL() + "/healthz"); err == nil {
		t.Error("a certificate of a private authority was believed without it")
	}

	passphrase := stage.Write(t, "passphrase", []byte("a passphrase for this test only\n"))
	custody := func(args ...string) stage.Done {
		cmd := exec.Command(stage.Build(t).Custody, args...)
		cmd.Env = append(os.Environ(), "CUSTODY_HOME="+filepath.Join(dir, "home"), "CUSTODY_SERVER="+svc.URL(), "CUSTODY_PASSPHRASE_FILE="+passphrase)
		return stage.Run(t, cmd)
	}
	if d := custody("key", "create", "root"); d.Code != 0 {
		t.Fatalf("%s", d.Stderr)
	}
	found := []string{"org", "found", "Agency", "--class", "agency", "--invitation", token, "-k", "root", "--json"}
	if d := custody(found...); d.Code == 0 {
		t.Fatal("custody believed a certificate nobody vouches for")
	}
	if d := custody(append(found, "--ca-file", ca.file)...); d.Code != 0 {
		t.Fatalf("%s", d.Stderr)
	}
	if d := custody("invite", "key", "-k", "root", "--ca-file", ca.file); d.Code != 0 {
		t.Fatalf("%s", d.Stderr)
	}

	t.Run("a renewed certificate is taken over", func(t *testing.T) {
		kept := ca.client() // its connection outlives the change
		get(t, kept, svc.URL()+"/healthz")
		ca.issue(t, certFile, keyFile, 8)
		for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
			res, _ := get(t, ca.client(), svc.URL()+"/healthz")
			if serial := res.TLS.PeerCertificates[0].SerialNumber.Int64(); serial == 8 {
				break
			} else if serial != 7 || time.Now().After(end) {
				t.Fatalf("certificate %d is still served", serial)
			}
		}
		get(t, kept, svc.URL()+"/healthz")
	})

	t.Run("metrics", func(t *testing.T) {
		if res, err := ca.client().Get(svc.URL() + "/metrics"); err != nil || res.StatusCode != 404 {
			t.Errorf("the API shows metrics: %v, %v", res, err)
		}
		_, text := get(t, http.DefaultClient, svc.MetricsURL())
		for _, want := range []string{`custodyd_events_total{kind="org.founded"} 1`, `custodyd_requests_total{method="POST",route="/v1/events",status="201"} 1`,
			`custodyd_checkpoint_size 2`, `custodyd_uploads_open 0`, `custodyd_source_up{source="ledger"} 1`, `custodyd_source_up{source="database"} 1`,
			`custodyd_append_seconds_count{outcome="appended"} 1`, `custodyd_certificate_expiry_timestamp_seconds 1`} {
			if !strings.Contains(text, "\n"+want) {
				t.Errorf("/metrics doesn't show %s", want)
			}
		}
		if !regexp.MustCompile(`custodyd_database_connections\{state="(idle|active)"\} [1-9]`).MatchString(text) {
			t.Error("/metrics shows no connection to the database")
		}
		for _, line := range strings.Split(text, "\n") {
			name, _, _ := strings.Cut(line, " ")
			if strings.HasPrefix(line, "# TYPE custodyd_") && !strings.Contains(metrics.Document(), "`"+strings.Fields(line)[2]+"`") {
				t.Errorf("the table lacks %s", line)
			}
			if regexp.MustCompile(`[0-9a-f]{12,}`).MatchString(name) {
				t.Errorf("an id is a label: %s", line)
			}
		}
		if t.Failed() {
			t.Log(text)
		}
	})

	t.Run("log", func(t *testing.T) {
		requests := 0
		for _, line := range strings.Split(strings.TrimSpace(log.String()), "\n") {
			var said map[string]any
			if err := json.Unmarshal([]byte(line), &said); err != nil {
				t.Fatalf("no JSON: %s", line)
			}
			if said["msg"] == "request" {
				if requests++; len(said["trace"].(string)) != 32 {
					t.Errorf("no trace: %s", line)
				}
			}
		}
		if requests == 0 {
			t.Error("no request was logged")
		}
		for _, secret := range []string{token, "Agency", "BEGIN", "eyJ"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
	})
}

// overheard remembers the last bearer.
type overheard struct{ authorization string }

func (o *overheard) RoundTrip(r *http.Request) (*http.Response, error) {
	o.authorization = r.Header.Get("Authorization")
	return http.DefaultTransport.RoundTrip(r)
}

// slowPart sends half of a part, and the rest when it is told to.
func slowPart(t *testing.T, url, bearer, upload string, n int, content []byte) (rest, abandon func(), answer <-chan string) {
	t.Helper()
	sum := sha256.Sum256(content)
	r, w := io.Pipe()
	req, err := http.NewRequest("PUT", fmt.Sprintf("%s/v1/uploads/%s/parts/%d", url, upload, n), r)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(content))
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
	done := make(chan string, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			done <- "cut: " + err.Error()
			return
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		done <- res.Status + " " + string(b)
	}()
	if _, err := w.Write(content[:len(content)/2]); err != nil {
		t.Fatal(err)
	}
	return func() {
		_, _ = w.Write(content[len(content)/2:])
		w.Close()
	}, func() { w.CloseWithError(io.ErrClosedPipe) }, done
}

// TestStopDuringAnUpload: a part that is being sent is let in, a new request is
// not, one that does not end is cut; the session goes on at the next start.
func TestStopDuringAnUpload(t *testing.T) {
	data := stage.Dir(t)
	o := stage.Options(data)
	svc := stage.Serve(t, o)
	first, _, err := svc.FirstToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cast := stage.NewCast(t, svc.URL(), first)
	who := cast.Investigator
	kase := who.OpenCase(t)
	c := who.Client(t, svc.URL())
	content := make([]byte, 40<<20)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	session, err := c.BeginUpload(t.Context(), kase, nil, int64(len(content)), "stick.dd")
	if err != nil {
		t.Fatal(err)
	}
	if session.Parts < 3 {
		t.Fatalf("%d parts are too few for this test", session.Parts)
	}
	id, err := evidence.ParseDigest(session.Id)
	if err != nil {
		t.Fatal(err)
	}
	part := func(n int) []byte {
		return content[int64(n-1)*session.PartSize : min(int64(n)*session.PartSize, int64(len(content)))]
	}
	bearer := func(url string) string {
		var seen overheard
		c, err := client.New(url, client.WithSigner(who.Desk.Key), client.WithHTTPClient(&http.Client{Transport: &seen}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Uploads(t.Context()); err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(seen.authorization, "Bearer ")
	}
	if _, err := c.PutPart(t.Context(), id, 1, io.NewSectionReader(bytes.NewReader(part(1)), 0, int64(len(part(1))))); err != nil {
		t.Fatal(err)
	}
	rest, _, answer := slowPart(t, svc.URL(), bearer(svc.URL()), session.Id, 2, part(2))
	stopped := make(chan struct{})
	go func() { stage.Stop(t, svc); close(stopped) }()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(svc.URL(), "http://"))
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(end) {
			t.Fatal("new connections are still taken")
		}
	}
	rest()
	if got := <-answer; !strings.HasPrefix(got, "200 ") {
		t.Fatalf("the part in hand got %s", got)
	}
	<-stopped

	o.Drain = time.Second
	svc = stage.Serve(t, o)
	now, err := who.Client(t, svc.URL()).Upload(t.Context(), id)
	if err != nil || fmt.Sprint(now.Received) != "[1 2]" {
		t.Fatalf("after the restart the session has %v, %v", now.Received, err)
	}
	_, abandon, answer := slowPart(t, svc.URL(), bearer(svc.URL()), session.Id, 3, part(3))
	began := time.Now()
	stage.Stop(t, svc)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("a peer that sends nothing more held the stop up for %s", took)
	}
	abandon() // the client waits for its own body
	if got := <-answer; strings.HasPrefix(got, "2") {
		t.Errorf("half a part got %s", got)
	}

	svc = stage.Serve(t, o)
	now, err = who.Client(t, svc.URL()).Upload(t.Context(), id)
	if err != nil || fmt.Sprint(now.Received) != "[1 2]" {
		t.Fatalf("after the cut the session has %v, %v", now.Received, err)
	}
	n := now.Next
	if _, err := who.Client(t, svc.URL()).PutPart(t.Context(), id, n, io.NewSectionReader(bytes.NewReader(part(n)), 0, int64(len(part(n))))); err != nil {
		t.Errorf("part %d can't be sent again: %v", n, err)
	}
}
