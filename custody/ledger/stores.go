package ledger

import (
	"context"
	"database/sql"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// SaveToken spends an assertion's jti, to be remembered until remember, and
// keeps the token that it bought, both or neither. A jti seen before from that
// key: docket.ErrSpent. An empty jti buys without an assertion.
func (l *Ledger) SaveToken(ctx context.Context, t docket.Token, jti string, remember time.Time) error {
	return inTx(ctx, l.db, func(tx *sql.Tx) error {
		if jti != "" {
			_, err := tx.ExecContext(ctx, `INSERT INTO custody.assertions (key, jti, expires) VALUES ($1, $2, $3)`, t.Key[:], jti, remember)
			if isUnique(err) {
				return docket.ErrSpent
			}
			if err != nil {
				return unavailable(err)
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO custody.tokens (hash, key, expires) VALUES ($1, $2, $3)`, t.Hash[:], t.Key[:], t.Expires)
		return unavailable(err)
	})
}

// Token finds an unexpired access token.
func (l *Ledger) Token(ctx context.Context, hash evidence.Digest) (docket.Token, error) {
	t := docket.Token{Hash: hash}
	err := l.db.QueryRowContext(ctx, `SELECT key, expires FROM custody.tokens WHERE hash = $1 AND expires > $2`, hash[:], l.now()).Scan(idValue{&t.Key}, &t.Expires)
	return t, found(err)
}

// Forget drops tokens and assertions that have expired, and idempotent
// requests past their time.
func (l *Ledger) Forget(ctx context.Context) error {
	return inTx(ctx, l.db, func(tx *sql.Tx) error {
		for _, query := range []string{`DELETE FROM custody.tokens WHERE expires < $1`, `DELETE FROM custody.assertions WHERE expires < $1`,
			`DELETE FROM custody.idempotency WHERE expires < $1`} {
			if _, err := tx.ExecContext(ctx, query, l.now()); err != nil {
				return unavailable(err)
			}
		}
		return nil
	})
}

// SaveInvitation keeps a new invitation.
func (l *Ledger) SaveInvitation(ctx context.Context, i docket.Invitation) error {
	_, err := l.db.ExecContext(ctx, `INSERT INTO custody.invitations (hash, purpose, org, issuer, expires) VALUES ($1, $2, $3, $4, $5)`,
		i.Hash[:], string(i.Purpose), idArg(i.Org), idArg(i.Issuer), i.Expires)
	return unavailable(err)
}

// Invitation finds an invitation, spent and expired ones too.
func (l *Ledger) Invitation(ctx context.Context, hash evidence.Digest) (docket.Invitation, error) {
	i := docket.Invitation{Hash: hash}
	err := l.db.QueryRowContext(ctx, `SELECT purpose, org, issuer, expires, used_at, used_by FROM custody.invitations WHERE hash = $1`, hash[:]).
		Scan(&i.Purpose, idPtr{&i.Org}, idPtr{&i.Issuer}, &i.Expires, &i.UsedAt, idPtr{&i.UsedBy})
	return i, found(err)
}

// BeginRequest records an idempotent request as in flight. Where the caller
// used the name before it returns that record and started false; the caller
// compares Digest and Answer. An expired record is begun anew.
func (l *Ledger) BeginRequest(ctx context.Context, r docket.Request) (kept docket.Request, started bool, err error) {
	err = inTx(ctx, l.db, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM custody.idempotency WHERE key = $1 AND name = $2 AND expires < $3`, r.Key[:], r.Name, l.now()); err != nil {
			return unavailable(err)
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO custody.idempotency (key, name, request, expires) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			r.Key[:], r.Name, r.Digest[:], r.Expires)
		if err != nil {
			return unavailable(err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return unavailable(err)
		}
		started, kept = n == 1, docket.Request{Key: r.Key, Name: r.Name}
		return found(tx.QueryRowContext(ctx, `SELECT request, answer, expires FROM custody.idempotency WHERE key = $1 AND name = $2`, r.Key[:], r.Name).
			Scan(idValue{&kept.Digest}, &kept.Answer, &kept.Expires))
	})
	return kept, started, err
}

// EndRequest keeps the answer of a request in flight; a nil answer forgets the
// request, so that it may be tried again.
func (l *Ledger) EndRequest(ctx context.Context, key custody.ID, name string, answer []byte) error {
	query, args := `DELETE FROM custody.idempotency WHERE key = $1 AND name = $2 AND answer IS NULL`, []any{key[:], name}
	if answer != nil {
		query, args = `UPDATE custody.idempotency SET answer = $3 WHERE key = $1 AND name = $2`, append(args, answer)
	}
	_, err := l.db.ExecContext(ctx, query, args...)
	return unavailable(err)
}
