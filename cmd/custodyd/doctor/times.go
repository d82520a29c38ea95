package doctor

import (
	"context"
	"database/sql"
	"encoding/pem"
	"os"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
)

// authorities looks at whom the configuration names for the log's time.
func (v *visit) authorities() {
	if len(v.cfg.TimestampAuthorities) == 0 {
		v.note("timestamps", "no authority is configured (timestamp_authorities): times in the record are claims, and verifiers say untimed")
		return
	}
	for _, a := range v.cfg.TimestampAuthorities {
		b, err := os.ReadFile(a.CertificateFile)
		if err != nil {
			v.problem("timestamps", "let the service read that file", "the certificate of %s: %s", a.Name(), words(err))
			continue
		}
		if block, _ := pem.Decode(b); block == nil || block.Type != "CERTIFICATE" {
			v.problem("timestamps", "name a PEM file with the authority's certificate, or one above it", "%s holds no certificate of %s", a.CertificateFile, a.Name())
		}
	}
}

// overdue is how long what happened may wait for an authority before it is
// worth somebody's while.
func (v *visit) overdue() time.Duration {
	return max(5*time.Duration(v.cfg.TimestampEvery), 10*time.Minute)
}

// times looks how far each authority's timestamps go.
func (v *visit) times(ctx context.Context, db *sql.DB) {
	for _, a := range v.cfg.TimestampAuthorities {
		v.timesOf(ctx, db, a)
	}
}

func (v *visit) timesOf(ctx context.Context, db *sql.DB, a config.TimestampAuthority) {
	var size int64
	var said, since sql.NullTime
	err := db.QueryRowContext(ctx, `SELECT t.size, t.said, (SELECT appended_at FROM custody.events WHERE index >= t.size AND kind <> 'log.time' ORDER BY index LIMIT 1)
		FROM (SELECT coalesce(max(size), 0) AS size, max(said) AS said FROM custody.checkpoint_timestamps WHERE authority = $1) t`, a.Name()).Scan(&size, &said, &since)
	switch {
	case err != nil:
		return // not migrated, or gone: said elsewhere
	case since.Valid && v.now().Sub(since.Time) > v.overdue():
		v.warn("timestamps", "look whether it answers from here, and in the service's log why not; nothing else waits for it", "%s has stamped %d events; what came after has waited since %s",
			a.Name(), size, since.Time.Local().Format(time.DateTime))
	case said.Valid:
		v.ok("timestamps", "%s has stamped %d events, the last time at %s", a.Name(), size, said.Time.Local().Format(time.DateTime))
	}
}
