package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// effects does what stands or falls with a group's events. Where one cannot be
// done, the group alone is undone: its savepoint keeps the batch.
func (l *Ledger) effects(ctx context.Context, tx *sql.Tx, g *group) error {
	if !g.effective() {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `SAVEPOINT group_effects`); err != nil {
		return err
	}
	for _, e := range g.admit {
		err := l.effect(ctx, tx, e)
		if err == nil {
			continue
		}
		if _, back := tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT group_effects`); back != nil {
			return errors.Join(err, back)
		}
		return err
	}
	_, err := tx.ExecContext(ctx, `RELEASE SAVEPOINT group_effects`)
	return err
}

func (l *Ledger) effect(ctx context.Context, tx *sql.Tx, e *sealedEvent) error {
	x := e.submission.Effects
	if x.Invitation != nil {
		if err := changeOne(ctx, tx, docket.ErrSpent, `UPDATE custody.invitations SET used_at = $2, used_by = $3
			WHERE hash = $1 AND used_at IS NULL AND expires > $2`, x.Invitation[:], l.now(), e.event[:]); err != nil {
			return fmt.Errorf("couldn't spend the invitation: %w", err)
		}
	}
	if x.Upload != nil {
		if err := changeOne(ctx, tx, docket.ErrClosed, `UPDATE custody.uploads SET status = 'finished'
			WHERE id = $1 AND status IN ('open', 'completing')`, x.Upload[:]); err != nil {
			return fmt.Errorf("couldn't finish the upload: %w", err)
		}
	}
	if x.Artifact != nil {
		err := insertArtifact(ctx, tx, *x.Artifact)
		if err == nil {
			err = insertFixity(ctx, tx, *x.Artifact)
		}
		if err == nil {
			err = insertImage(ctx, tx, *x.Artifact)
		}
		if isUnique(err) {
			return custody.Refuse("artifact.exists", "", "an artifact is recorded for item %s, or under its object key, already", x.Artifact.Item.Short())
		}
		if err != nil {
			return fmt.Errorf("couldn't record the artifact: %w", err)
		}
	}
	if ofCopy(e.statement.Predicate.Kind) {
		if err := fixityEffect(ctx, tx, e, x.Fixity); err != nil {
			return fmt.Errorf("couldn't note a reading back: %w", err)
		}
	}
	if b, ok := e.statement.Predicate.Body.(*custody.ImageRead); ok {
		if err := imageEffect(ctx, tx, e, b, x.Image); err != nil {
			return fmt.Errorf("couldn't note what was found in an image: %w", err)
		}
	}
	if x.DataKey != "" {
		// The row is all that the database has of it; what PostgreSQL keeps on
		// its disk until it vacuums, in its log and in backups, is wrapped by a
		// key that a rotation retires (migrations/BACKUP.md).
		if err := changeOne(ctx, tx, docket.ErrClosed, `DELETE FROM custody.data_keys WHERE object_key = $1`, x.DataKey); err != nil {
			return fmt.Errorf("couldn't destroy the data key: %w", err)
		}
	}
	if x.Report != nil {
		r := *x.Report
		r.ID = e.event
		if err := insertReport(ctx, tx, r); err != nil {
			return fmt.Errorf("couldn't keep the report: %w", err)
		}
	}
	return nil
}

// changeOne runs an update of exactly one row; none is the error otherwise.
func changeOne(ctx context.Context, q querier, none error, query string, args ...any) error {
	res, err := q.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n != 1 {
		return none
	}
	return nil
}
