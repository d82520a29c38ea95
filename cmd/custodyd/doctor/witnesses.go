package doctor

import (
	"context"
	"database/sql"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
)

// witnessOverdue is how long a head may wait for a witness before it is worth
// somebody's while.
const witnessOverdue = 10 * time.Minute

// witnesses looks whether those who are to cosign the log can be reached.
func (v *visit) witnesses(ctx context.Context) {
	switch n := len(v.cfg.Witnesses); {
	case n == 0:
		v.note("witnesses", "no witness is configured (witnesses): nobody but the operator knows whether all are shown the same log, and verifiers say unwitnessed")
		return
	case v.cfg.WitnessQuorum == 0:
		v.note("witnesses", "%d are configured and witness_quorum is 0: heads are shown before anybody has cosigned them", n)
	case int(v.cfg.WitnessQuorum) == n:
		v.note("witnesses", "all %d are wanted by witness_quorum: while one is away, no newer head is witnessed", n)
	}
	c := &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, w := range v.cfg.Witnesses {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(w.URL, "/")+"/", nil)
		if err != nil {
			continue // its form was looked at with the rest of the configuration
		}
		resp, err := c.Do(req)
		if err != nil {
			v.warn("witnesses", "look whether it runs, and can be reached from here; nothing waits for it but the word witnessed", "%s does not answer: %s", w.URL, words(err))
			continue
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
		resp.Body.Close() // whatever it says: it is there
	}
}

// cosignatures looks how far each witness has cosigned.
func (v *visit) cosignatures(ctx context.Context, db *sql.DB) {
	for _, w := range v.cfg.Witnesses {
		v.cosignaturesOf(ctx, db, w)
	}
}

func (v *visit) cosignaturesOf(ctx context.Context, db *sql.DB, w config.Witness) {
	name, rest, _ := strings.Cut(w.Key, "+")
	hash, _, _ := strings.Cut(rest, "+")
	var size int64
	var said, since sql.NullTime
	err := db.QueryRowContext(ctx, `SELECT w.size, w.said, (SELECT published_at FROM custody.checkpoints WHERE size > w.size ORDER BY size LIMIT 1)
		FROM (SELECT coalesce(max(size), 0) AS size, max(said) AS said FROM custody.cosignatures WHERE name = $1 AND key_hash = decode($2, 'hex')) w`, name, hash).Scan(&size, &said, &since)
	switch {
	case err != nil:
		return // not migrated, or gone: said elsewhere
	case since.Valid && v.now().Sub(since.Time) > witnessOverdue:
		v.warn("witnesses", "look in the service's log why it does not cosign: it may not know this log, or have cosigned a history that was lost", "%s has cosigned %d events; what came after has waited since %s",
			name, size, since.Time.Local().Format(time.DateTime))
	case said.Valid:
		v.ok("witnesses", "%s has cosigned %d events, the last time at %s", name, size, said.Time.Local().Format(time.DateTime))
	}
}
