package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// kept is how it stands with what the store keeps.
type kept struct {
	docket.FixityState
	lacking uint64   // artifacts of which nothing says when they are to be read back
	bytes   uint64   // of all artifacts
	bad     []string // items whose copy is damaged, some of them
}

// named is how many damaged copies are named.
const named = 3

// copies looks how the stored copies were last found.
func (v *visit) copies(ctx context.Context, db *sql.DB, dsn string) {
	l, err := ledger.Inspect(ctx, dsn, nil)
	if err != nil {
		return // said elsewhere
	}
	defer l.Close()
	var k kept
	if k.FixityState, err = l.FixityState(ctx, v.dueBefore()); err == nil {
		err = db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT FROM custody.fixity f WHERE f.item = a.item)), coalesce(sum(size), 0) FROM custody.artifacts a`).Scan(&k.lacking, &k.bytes)
	}
	if err == nil && k.Failed > 0 {
		k.bad, err = failed(ctx, db)
	}
	if err != nil {
		v.problem("copies", "look into the database's log", "couldn't ask how they were last found: %s", words(err))
		return
	}
	v.tellCopies(k)
	v.images(ctx, l)
}

func failed(ctx context.Context, db *sql.DB) (items []string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT encode(item, 'hex') FROM custody.fixity WHERE result = 'failed' ORDER BY told DESC, item LIMIT $1`, named)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var item string
		if err := rows.Scan(&item); err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, rows.Err()
}

// every is within which time a copy should have been read back.
func (v *visit) every() time.Duration {
	if v.cfg.FixityEvery == 0 {
		return time.Duration(config.Default().FixityEvery)
	}
	return time.Duration(v.cfg.FixityEvery)
}

// dueBefore leaves the service a tenth of that time to come to what is due.
func (v *visit) dueBefore() time.Time {
	return v.now().Add(-v.every() - v.every()/10)
}

// tellCopies says what of it is worth somebody's while.
func (v *visit) tellCopies(k kept) {
	const about = "copies"
	if k.Artifacts+k.lacking == 0 {
		return
	}
	before := len(v.findings)
	if k.Failed > 0 {
		v.problem(about, "custodyd fixity names the bad blocks; put the copy back from where there is one, and have it read again: custodyd fixity --now --item ID",
			"%s not what was deposited: item %s", are(k.Failed, "stored copy is", "stored copies are"), strings.Join(k.bad, ", ")+more(k.Failed, uint64(len(k.bad))))
	}
	if k.lacking > 0 {
		v.problem(about, "find out who changed the database: custodyd check says what is not as recorded", "%s noted as to be read back: rows of custody.fixity are gone", are(k.lacking, "artifact is not", "artifacts are not"))
	}
	if k.Unchecked > 0 {
		v.warn(about, "custodyd fixity says which and why; look whether the store answers and its keys are at hand: it is tried again every quarter of an hour", "%s not be read back the last time, which says nothing about the bytes",
			are(k.Unchecked, "stored copy could", "stored copies could"))
	}
	every := config.Duration(v.every())
	overdue := !k.Oldest.IsZero() && k.Oldest.Before(v.dueBefore())
	switch waits := fmt.Sprintf("%s not read back for longer than %s, the longest since %s", are(k.Due, "stored copy was", "stored copies were"), every, k.Oldest.Local().Format(time.DateTime)); {
	case overdue && v.cfg.FixityEvery == 0:
		v.warn(about, "read them back: custodyd fixity --now; or set fixity_every, and the service does so by itself", "%s: fixity_every is 0", waits)
	case overdue:
		v.warn(about, "see to it that the service runs; raise fixity_rate where it can't keep up, and look whether evidence comes in all the time, for which it steps aside", "%s (fixity_every)", waits)
	case v.cfg.FixityEvery == 0:
		v.note(about, "fixity_every is 0: they are read back only when somebody asks (custodyd fixity --now)")
	case v.tooSlow(k.bytes):
		v.warn(about, "raise fixity_rate, or fixity_every", "reading %d GiB back at %s a second takes longer than %s (fixity_every)", k.bytes>>30, v.cfg.FixityRate, every)
	}
	if k.Unread > 0 && !overdue {
		v.note(about, "%s not read back yet since the deposit", are(k.Unread, "stored copy was", "stored copies were"))
	}
	if len(v.findings) == before && k.Artifacts > k.Erased {
		v.ok(about, "%s read back whole within %s, the one that waits the longest at %s", are(k.Artifacts-k.Erased, "stored copy was", "stored copies were"), every, k.Oldest.Local().Format(time.DateTime))
	}
}

// tooSlow: even with nothing else to do, the rate does not get through all of it
// in time. Several replicas share the work; this one alone is looked at.
func (v *visit) tooSlow(bytes uint64) bool {
	return v.cfg.FixityRate != 0 && float64(bytes)/float64(v.cfg.FixityRate) > v.every().Seconds()
}

func are(n uint64, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

func more(all, shown uint64) string {
	if all <= shown {
		return ""
	}
	return fmt.Sprintf(" and %d more", all-shown)
}
