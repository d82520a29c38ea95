package doctor

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }

// has says whether a finding of this state holds this text.
func (f Findings) has(state State, text string) bool {
	for _, one := range f {
		if one.State == state && strings.Contains(one.Says+" "+one.Do, text) {
			return true
		}
	}
	return false
}

func (f Findings) text(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sound holds findings to what holds for all: something to do stands beside
// each warning and problem, and beside nothing else.
func sound(t *testing.T, f Findings) {
	t.Helper()
	todo := false
	for _, one := range f {
		bad := one.State == Warning || one.State == Problem
		if bad != (one.Do != "") || one.Says == "" || one.About == "" || strings.Contains(one.Says, "\n") {
			t.Errorf("not sound: %+v", one)
		}
		todo = todo || bad
	}
	if f.Healthy() == todo {
		t.Error("Healthy contradicts the findings")
	}
	b, err := f.JSON()
	var back struct {
		Healthy  bool
		Findings Findings
	}
	if err != nil || json.Unmarshal(b, &back) != nil || back.Healthy != f.Healthy() || len(back.Findings) != len(f) {
		t.Errorf("JSON: %v: %s", err, b)
	}
}

func key(t *testing.T) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), k
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o711), os.WriteFile(path, b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// certified configures a certificate that ends then.
func certified(t *testing.T, c *config.Config, end time.Time) {
	t.Helper()
	pemKey, k := key(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"custody.example"}, NotBefore: end.Add(-time.Hour), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c.TLSCertFile, c.TLSKeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	put(t, c.TLSCertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	put(t, c.TLSKeyFile, pemKey)
}

// freePort is one where nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestStoppedService(t *testing.T) {
	plenty := space{free: 500 << 30, total: 1000 << 30, freeInodes: 1000, totalInodes: 1000}
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, data string, v *visit)
		state   State
		say     string
		healthy bool
	}{
		{"nothing wrong", func(*testing.T, string, *visit) {}, OK, "for this user alone", true},
		{"it is stopped", func(*testing.T, string, *visit) {}, Note, "it is not running", true},
		{"never started", func(t *testing.T, data string, v *visit) { v.data = filepath.Join(data, "none") }, Note, "does not exist yet", true},
		{"keys not made yet", func(t *testing.T, data string, _ *visit) { _ = os.RemoveAll(filepath.Join(data, "keys")) }, Note, "the first start makes them", true},
		{"one key missing", func(t *testing.T, data string, _ *visit) { _ = os.Remove(filepath.Join(data, "keys", "log.pem")) }, Problem, "log.pem is missing", false},
		{"keys missing beside a database", func(t *testing.T, data string, _ *visit) {
			_ = os.RemoveAll(filepath.Join(data, "keys"))
			put(t, filepath.Join(data, "postgres", "pg", "PG_VERSION"), []byte("15\n"))
		}, Problem, "a log without its keys can't go on", false},
		{"a key others read", func(t *testing.T, data string, _ *visit) {
			_ = os.Chmod(filepath.Join(data, "keys", "service.pem"), 0o640)
		}, Problem, "chmod 600", false},
		{"a post-quantum key that is none", func(t *testing.T, data string, _ *visit) {
			put(t, filepath.Join(data, "keys", "log-mldsa.pem"), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
		}, Problem, "log-mldsa.pem holds no key", false},
		{"a key that is none", func(t *testing.T, data string, _ *visit) {
			put(t, filepath.Join(data, "keys", "log.pem"), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
		}, Problem, "holds no key", false},
		{"a directory others write", func(t *testing.T, data string, _ *visit) { _ = os.Chmod(data, 0o777) }, Problem, "chmod go-w", false},
		{"a data directory that is a file", func(t *testing.T, data string, v *visit) {
			v.data = filepath.Join(data, "file")
			put(t, v.data, nil)
		}, Problem, "can't be used", false},
		{"a full disk", func(_ *testing.T, _ string, v *visit) {
			v.free = func(string) (space, error) { return space{free: 1 << 20, total: 1 << 40}, nil }
		}, Problem, "make room", false},
		{"a disk nearly full", func(_ *testing.T, _ string, v *visit) {
			v.free = func(string) (space, error) { return space{free: 30 << 30, total: 1 << 40}, nil }
		}, Warning, "30 GiB free of 1024 GiB", false},
		{"few inodes", func(_ *testing.T, _ string, v *visit) {
			v.free = func(string) (space, error) {
				return space{free: 1 << 39, total: 1 << 40, freeInodes: 1, totalInodes: 1000}, nil
			}
		}, Warning, "inodes", false},
		{"no PostgreSQL", func(t *testing.T, _ string, v *visit) { v.cfg.PGBinDir = t.TempDir() }, Problem, "PostgreSQL", false},
		{"a database of another version", func(t *testing.T, data string, _ *visit) {
			put(t, filepath.Join(data, "postgres", "pg", "PG_VERSION"), []byte("99\n"))
		}, Problem, "PostgreSQL 99", false},
		{"a certificate", func(t *testing.T, _ string, v *visit) { certified(t, &v.cfg, time.Now().Add(90*24*time.Hour)) }, OK, "custody.example", true},
		{"a certificate soon to end", func(t *testing.T, _ string, v *visit) { certified(t, &v.cfg, time.Now().Add(5*24*time.Hour+time.Hour)) }, Warning, "5 days left", false},
		{"a certificate that ended", func(t *testing.T, _ string, v *visit) { certified(t, &v.cfg, time.Now().Add(-time.Hour)) }, Problem, "expired", false},
		{"no certificate where it should be", func(_ *testing.T, _ string, v *visit) { v.cfg.TLSCertFile, v.cfg.TLSKeyFile = "/none", "/none" }, Problem, "no such file", false},
		{"plain HTTP for all, as said", func(_ *testing.T, _ string, v *visit) { v.cfg.UnsafePlainHTTP = true }, Note, "must speak TLS", true},
		{"a policy that is none", func(t *testing.T, data string, v *visit) {
			v.cfg.PolicyFile = filepath.Join(data, "trust.json")
			put(t, v.cfg.PolicyFile, []byte("{}"))
		}, Problem, "policy make", false},
		{"somebody else listens", func(t *testing.T, _ string, v *visit) {
			other := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(other.Close)
			v.cfg.Listen = other.Listener.Addr().String()
		}, Problem, "what else listens", false},
		{"a database that doesn't answer", func(t *testing.T, _ string, v *visit) {
			host, port, _ := strings.Cut(freePort(t), ":")
			v.cfg.DatabaseURLFile = stage.Write(t, "dsn", []byte("host="+host+" port="+port+" user=custody_app password=hunter2 dbname=custody sslmode=disable"))
		}, Problem, "can't be reached", false},
		{"an unreadable connection string", func(t *testing.T, _ string, v *visit) {
			v.cfg.DatabaseURLFile = stage.Write(t, "dsn", []byte("postgres://a:hunter2@db:port/%zz?sslmode=perhaps"))
		}, Problem, "can't be read", false},
		{"nobody asked for the time", func(*testing.T, string, *visit) {}, Note, "times in the record are claims", true},
		{"an authority without certificate", func(_ *testing.T, _ string, v *visit) {
			v.cfg.TimestampAuthorities = config.TimestampAuthorities{{URL: "https://tsa.example/", CertificateFile: "/none"}}
		}, Problem, "tsa.example", false},
		{"a certificate of an authority that is none", func(t *testing.T, _ string, v *visit) {
			b, _ := key(t)
			v.cfg.TimestampAuthorities = config.TimestampAuthorities{{URL: "https://tsa.example/", CertificateFile: stage.Write(t, "tsa", b)}}
		}, Problem, "holds no certificate", false},
		{"a store that doesn't answer", func(t *testing.T, _ string, v *visit) {
			v.cfg.S3 = config.S3{Endpoint: freePort(t), Bucket: "evidence", AccessKeyFile: stage.Write(t, "a", []byte("access")),
				SecretKeyFile: stage.Write(t, "s", []byte("hunter2")), RetentionMode: "COMPLIANCE", RetentionPeriod: config.Duration(24 * time.Hour)}
		}, Problem, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := stage.Dir(t)
			if err := os.Chmod(data, 0o711); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"service.pem", "log.pem"} {
				b, _ := key(t)
				put(t, filepath.Join(data, "keys", name), b)
			}
			v := &visit{cfg: config.Default(), data: data, now: time.Now, free: func(string) (space, error) { return plenty, nil }}
			v.cfg.Listen = freePort(t)
			tt.prepare(t, data, v)
			v.visit(t.Context())
			sound(t, v.findings)
			if !v.findings.has(tt.state, tt.say) || v.findings.Healthy() != tt.healthy {
				t.Errorf("no %s with %q, or healthy is not %v:\n%s", tt.state, tt.say, tt.healthy, v.findings.text(t))
			}
			if strings.Contains(v.findings.text(t), "hunter2") {
				t.Errorf("it shows a password:\n%s", v.findings.text(t))
			}
			if n := strings.Count(v.findings.text(t), "\n"); n > 24 {
				t.Errorf("%d lines are more than a screen", n)
			}
		})
	}
}

func TestMisconfigured(t *testing.T) {
	f := Misconfigured(errors.Join(errors.New("one"), errors.New("another")))
	sound(t, f)
	if len(f) != 2 || f.Healthy() {
		t.Errorf("got %+v", f)
	}
}

// TestRunningService holds what doctor expects of the database to what the
// migrations make, and then shows that each change is noticed.
func TestRunningService(t *testing.T) {
	data := stage.Dir(t)
	svc := stage.Serve(t, stage.Options(data))
	cfg := config.Default()
	cfg.DataDir, cfg.Listen = data, strings.TrimPrefix(svc.URL(), "http://")
	if f := Configured(t.Context(), cfg); !f.has(OK, "roles, grants and triggers as they must be") || !f.has(OK, "is ready: database, object store, log head") || f.has(Problem, "") {
		t.Fatalf("a fresh service:\n%s", f.text(t))
	}
	// An authority that never answered, an hour later.
	late := &visit{cfg: cfg, data: data, now: func() time.Time { return time.Now().Add(time.Hour) }}
	late.cfg.TimestampAuthorities = config.TimestampAuthorities{{URL: "https://tsa.example/"}}
	late.times(t.Context(), stage.Database(t, data, migrations.RoleApp))
	if !late.findings.has(Warning, "tsa.example/ has stamped 0 events") {
		t.Errorf("an hour without the time said:\n%s", late.findings.text(t))
	}
	super := stage.Database(t, data, localpg.Superuser)
	for _, tt := range []struct{ do, undo, say string }{
		{"ALTER TABLE custody.events DISABLE TRIGGER append_only_row", "ALTER TABLE custody.events ENABLE ALWAYS TRIGGER append_only_row", "trigger.events"},
		{"ALTER TABLE custody.tiles ENABLE TRIGGER append_only_table", "ALTER TABLE custody.tiles ENABLE ALWAYS TRIGGER append_only_table", "trigger.tiles"},
		{"GRANT UPDATE ON custody.events TO custody_app", "REVOKE UPDATE ON custody.events FROM custody_app", "grant.events"},
		{"GRANT SELECT ON custody.tokens TO PUBLIC", "REVOKE SELECT ON custody.tokens FROM PUBLIC", "tokens is granted"},
		{"REVOKE INSERT ON custody.parts FROM custody_app", "GRANT INSERT ON custody.parts TO custody_app", "parts is granted"},
		{`ALTER TABLE custody.links OWNER TO "` + localpg.Superuser + `"`, "ALTER TABLE custody.links OWNER TO custody_owner", "links"},
		{"GRANT custody_owner TO custody_app", "REVOKE custody_owner FROM custody_app", "role."},
		{"ALTER ROLE custody_app BYPASSRLS", "ALTER ROLE custody_app NOBYPASSRLS", "role."},
		{"ALTER ROLE custody_app SET synchronous_commit = off", "ALTER ROLE custody_app RESET synchronous_commit", "setting.synchronous_commit"},
		{"ALTER TABLE custody.report_files RENAME TO gone", "ALTER TABLE custody.gone RENAME TO report_files", "12 of 13 tables"},
	} {
		if _, err := super.Exec(tt.do); err != nil {
			t.Fatalf("%s: %v", tt.do, err)
		}
		f := Configured(t.Context(), cfg)
		sound(t, f)
		if !f.has(Problem, tt.say) || f.Healthy() {
			t.Errorf("after %s no problem with %q:\n%s", tt.do, tt.say, f.text(t))
		}
		if _, err := super.Exec(tt.undo); err != nil {
			t.Fatalf("%s: %v", tt.undo, err)
		}
	}
	if f := Configured(t.Context(), cfg); f.has(Problem, "") {
		t.Errorf("after all was put right:\n%s", f.text(t))
	}
}
