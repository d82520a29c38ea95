package ledger

import (
	"context"
	"database/sql"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

const imageColumns = `item, coalesce(outcome, ''), event, tries`

func scanImage(rows interface{ Scan(...any) error }) (docket.Image, error) {
	var i docket.Image
	err := rows.Scan(idValue{&i.Item}, &i.State, idPtr{&i.Event}, &i.Tries)
	return i, err
}

// insertImage begins an artifact's row.
func insertImage(ctx context.Context, q querier, a docket.Artifact) error {
	_, err := q.ExecContext(ctx, `INSERT INTO custody.images (item, not_before) VALUES ($1, $2)`, a.Item[:], a.Stored)
	return err
}

// imageEffect notes what an image.read says in its item's row. A row that
// somebody took away is for Check to miss: the event is the record.
//
// Of two processes that decoded one image, since the first hung for longer than
// it held it, one says so: the other's event is undone with docket.ErrClosed.
func imageEffect(ctx context.Context, q querier, e *sealedEvent, b *custody.ImageRead, holder string) error {
	const query = `UPDATE custody.images SET outcome = $2, event = $3, holder = NULL, held_until = '-infinity' WHERE item = $1`
	args := []any{b.Item[:], string(b.Outcome), e.event[:]}
	if holder == "" {
		_, err := q.ExecContext(ctx, query, args...)
		return err
	}
	return changeOne(ctx, q, docket.ErrClosed, query+` AND holder = $4 AND outcome IS NULL`, append(args, holder)...)
}

// Image tells how it stands with the media data of an item's artifact.
func (l *Ledger) Image(ctx context.Context, item custody.ID) (docket.Image, error) {
	i, err := scanImage(l.db.QueryRowContext(ctx, `SELECT `+imageColumns+` FROM custody.images WHERE item = $1`, item[:]))
	return i, found(err)
}

// Images counts.
func (l *Ledger) Images(ctx context.Context) (docket.ImageCount, error) {
	var c docket.ImageCount
	err := l.db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE outcome IS NULL), count(*) FILTER (WHERE outcome IS NULL AND tries > 0),
		count(*) FILTER (WHERE outcome = 'whole'), count(*) FILTER (WHERE outcome = 'damaged'), count(*) FILTER (WHERE outcome = 'unreadable')
		FROM custody.images`).Scan(&c.Waiting, &c.Failing, &c.Whole, &c.Damaged, &c.Unreadable)
	return c, unavailable(err)
}

// ClaimImage takes the artifact that waits the longest to be looked at, for a
// process; what another process holds is passed over until its time is over.
// Where that process ended without a word, it counts as one more try, and the
// image rests longer each time: what brings a process down isn't begun again by
// the next one at once. docket.ErrNotFound: there is none.
func (l *Ledger) ClaimImage(ctx context.Context, holder string, life time.Duration) (docket.Image, error) {
	i, err := scanImage(l.db.QueryRowContext(ctx, `UPDATE custody.images SET holder = $1, held_until = now() + make_interval(secs => $2), tries = tries + (holder IS NOT NULL)::integer
		WHERE item = (SELECT item FROM custody.images WHERE outcome IS NULL AND not_before <= now()
			AND held_until + CASE WHEN holder IS NULL THEN interval '0' ELSE interval '1 minute' * least(2 ^ least(tries, 10) - 1, 720) END <= now()
			ORDER BY not_before, item LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING `+imageColumns, holder, life.Seconds()))
	return i, found(err)
}

// HoldImage keeps what was claimed for longer. docket.ErrClosed: another process
// has it, or it is done.
func (l *Ledger) HoldImage(ctx context.Context, holder string, item custody.ID, life time.Duration) error {
	return unavailable(changeOne(ctx, l.db, docket.ErrClosed, `UPDATE custody.images SET held_until = now() + make_interval(secs => $3)
		WHERE item = $1 AND holder = $2 AND outcome IS NULL`, item[:], holder, life.Seconds()))
}

// LetGoImage gives it back, to be taken again after a while; tried counts as one
// more try that came to nothing.
func (l *Ledger) LetGoImage(ctx context.Context, holder string, item custody.ID, again time.Duration, tried bool) error {
	return unavailable(changeOne(ctx, l.db, docket.ErrClosed, `UPDATE custody.images SET holder = NULL, held_until = '-infinity',
		not_before = CASE WHEN $4 THEN now() + make_interval(secs => $3) ELSE not_before END, tries = tries + $4::integer
		WHERE item = $1 AND holder = $2 AND outcome IS NULL`, item[:], holder, again.Seconds(), tried))
}

// PassImage notes that there will be no image.read of it, and why.
func (l *Ledger) PassImage(ctx context.Context, holder string, item custody.ID, why docket.ImageState) error {
	return unavailable(changeOne(ctx, l.db, docket.ErrClosed, `UPDATE custody.images SET outcome = $3, holder = NULL, held_until = '-infinity'
		WHERE item = $1 AND holder = $2 AND outcome IS NULL`, item[:], holder, string(why)))
}

// images: every artifact has a row, which says what its events say.
func (c *checking) images() error {
	stored := map[custody.ID]bool{}
	var item custody.ID
	if err := c.each(`SELECT item FROM custody.artifacts`, []any{idValue{&item}}, func() error {
		stored[item] = true
		return nil
	}); err != nil {
		return err
	}
	rows, err := c.tx.QueryContext(c.ctx, `SELECT `+imageColumns+` FROM custody.images`)
	all, err := collect(rows, err, func(r *sql.Rows) (docket.Image, error) { return scanImage(r) })
	if err != nil {
		return err
	}
	for _, i := range all {
		if !stored[i.Item] {
			return docket.AlteredF("an image is noted for item %s, which has no artifact", i.Item.Short())
		}
		delete(stored, i.Item)
		if why := c.passedOver(i); why != "" {
			return docket.AlteredF("item %s is noted as not to be decoded: %s", i.Item.Short(), why)
		}
		said, read := c.decoded[i.Item]
		if read != (i.Event != nil) || read && (*i.Event != said.event || i.State != said.state) {
			return docket.AlteredF("what was found in the image of item %s is not what the events say", i.Item.Short())
		}
	}
	for item := range stored {
		return docket.AlteredF("no image is noted for the artifact of item %s: it would never be decoded", item.Short())
	}
	return nil
}

// passedOver says why an artifact can't have been passed over, if it was: nobody
// is to keep an image from being decoded by a word in its row.
func (c *checking) passedOver(i docket.Image) string {
	ch := c.all.chains[i.Item]
	if ch == nil || ch.State.Item == nil {
		return ""
	}
	switch it := ch.State.Item; {
	case i.State == docket.ImageOther && it.Format == custody.FormatEWF:
		return "as no image in the Expert Witness format, as which it was deposited"
	case i.State == docket.ImageErased && it.Phase != custody.PhaseDisposed:
		return "as erased, and nobody disposed of it"
	}
	return ""
}

// decodedImage is what the newest image.read of an item says.
type decodedImage struct {
	event custody.ID
	state docket.ImageState
}

// noteImage takes an event of the replayed log in.
func (c *checking) noteImage(event custody.ID, p custody.Predicate) {
	if b, ok := p.Body.(*custody.ImageRead); ok {
		c.decoded[b.Item] = decodedImage{event, docket.ImageState(b.Outcome)}
	}
}
