package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/cmd/custodyd/certificate"
	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/migrations"
)

// database looks at the private PostgreSQL's programs and, while it runs, at
// the database; of an outside one at the database as both of its roles.
func (v *visit) database(ctx context.Context, runner *child.Runner) {
	if !v.cfg.OutsideDatabase() {
		v.privateDatabase(ctx, runner)
		return
	}
	app, migrator, err := v.cfg.Databases()
	if err != nil {
		v.problem("database", "let the service read that file", "%s", words(err))
		return
	}
	v.examine(ctx, app, true)
	if migrator != app {
		v.migrator(ctx, migrator)
	}
}

func (v *visit) privateDatabase(ctx context.Context, runner *child.Runner) {
	dir := filepath.Join(v.data, "postgres")
	bin, err := localpg.Find(ctx, v.cfg.PGBinDir, filepath.Join(dir, "pg"))
	if err != nil {
		v.problem("database", "install the PostgreSQL that is named, or say where it is with pg_bindir", "%s", words(err))
		return
	}
	v.ok("database", "private PostgreSQL %d, programs in %s", bin.Major, bin.Dir)
	if _, err := os.Stat(filepath.Join(dir, "pg", "postmaster.pid")); err != nil || runner == nil {
		v.note("database", "it is not running; its settings, roles and triggers are looked at while the service runs")
		return
	}
	sockets, err := runner.RuntimeDir(v.data)
	if err != nil {
		v.warn("database", "run custodyd doctor as the user that custodyd runs as", "couldn't find its socket: %s", words(err))
		return
	}
	v.examine(ctx, "host="+filepath.Join(sockets, "pg")+" port=5432 user="+migrations.RoleApp+" dbname="+localpg.Database+" sslmode=disable", false)
}

// store probes an outside store; the private one is probed at every start, and
// nobody but the service reaches it.
func (v *visit) store(ctx context.Context, _ *child.Runner) {
	if !v.cfg.OutsideStore() {
		dir := filepath.Join(v.data, "store")
		if _, err := os.Stat(dir); err != nil {
			v.note("object store", "private, not made yet")
		} else {
			v.ok("object store", "private, in %s; it is probed at every start", dir)
		}
		return
	}
	access, secret, err := v.cfg.S3.Keys()
	if err != nil {
		v.problem("object store", "let the service read that file", "%s", words(err))
		return
	}
	c := v.cfg.S3
	store, err := vault.Open(ctx, vault.Config{Endpoint: c.Endpoint, Bucket: c.Bucket, Region: c.Region, TLS: c.TLS, AccessKey: access, SecretKey: secret,
		Mode: vault.Mode(c.RetentionMode), Period: time.Duration(c.RetentionPeriod)})
	if err != nil {
		v.problem("object store", "correct the configuration", "%s", words(err))
		return
	}
	err = store.CheckBucket(ctx)
	if err == nil {
		err = store.Probe(ctx)
	}
	var unsafe *vault.UnsafeStoreError
	switch {
	case err == nil:
		v.ok("object store", "%s protects evidence: locked, kept in versions, checked; retention %s, %s", c.Endpoint, c.RetentionMode, c.RetentionPeriod)
	case errors.Is(err, vault.ErrNotFound):
		v.warn("object store", "make it with Object Lock and versioning, or let the first start do so; one that held evidence and is gone is a loss: find out", "there is no bucket %s at %s", c.Bucket, c.Endpoint)
	case errors.As(err, &unsafe):
		v.problem("object store", "use another bucket or store: this one would not protect evidence", "%s", words(err))
	case unanswered(err):
		v.problem("object store", "look whether it runs and can be reached from here", "%s does not answer", c.Endpoint)
	default:
		v.problem("object store", "look whether it runs, can be reached from here, and knows these keys", "%s", words(err))
	}
}

// service asks a running service about itself.
func (v *visit) service(ctx context.Context, _ *child.Runner) {
	host, port, err := net.SplitHostPort(v.cfg.Listen)
	if err != nil || port == "0" {
		v.note("service", "listen takes any free port, so it can't be looked for")
		return
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	address, scheme := net.JoinHostPort(host, port), "http"
	transport := &http.Transport{DisableKeepAlives: true}
	if v.cfg.TLS() {
		scheme = "https"
		// Who it is, the certificate's file says: names and authorities are the
		// clients' concern, and this is the service's own machine.
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, VerifyConnection: v.servesItsFile}
	}
	conn, err := (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		v.note("service", "it is not running at %s: what only a running one shows was left out", address)
		return
	}
	conn.Close()
	c, err := client.New(scheme+"://"+address, client.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		v.problem("service", "correct the configuration", "%s", words(err))
		return
	}
	now, err := c.Ready(ctx)
	if err != nil {
		v.problem("service", "look what else listens there, or start custodyd again", "what listens at %s doesn't answer as this service does: %s", address, words(err))
		return
	}
	var fine []string
	for _, check := range now.Checks {
		if check.Ok {
			fine = append(fine, check.Name)
		} else {
			v.problem("service", "see its log for why", "%s: %s", check.Name, check.Problem)
		}
	}
	if now.Ready {
		v.ok("service", "it runs at %s and is ready: %s", address, strings.Join(fine, ", "))
	}
}

// servesItsFile warns of a service that could not take its certificate over.
func (v *visit) servesItsFile(state tls.ConnectionState) error {
	pair, err := certificate.Load(v.cfg.TLSCertFile, v.cfg.TLSKeyFile, nil)
	if err != nil {
		return nil // said before
	}
	if served := state.PeerCertificates[0]; !served.Equal(pair.Leaf()) {
		v.warn("TLS", "see the service's log for why it kept the old one; right after a change, wait some seconds", "the service serves another certificate, until %s, than its file holds", served.NotAfter.Local().Format(time.DateOnly))
	}
	return nil
}

func localHost(host string) bool {
	return host == "" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || config.Loopback(host)
}
