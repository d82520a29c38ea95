package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

const uploadColumns = `id, s3_upload, bucket, object_key, owner_key, case_id, parent, file_name, size, part_size, frontier, lost, hash_state,
	status, coalesce(finish, ''), coalesce(version, ''), expires, created, encoding`

func uploadInto(u *docket.Upload) []any {
	return []any{idValue{&u.ID}, &u.S3Upload, &u.Bucket, &u.ObjectKey, idValue{&u.Owner}, idValue{&u.Case}, idPtr{&u.Parent}, &u.FileName,
		&u.Size, &u.PartSize, &u.Frontier, numbers{&u.Lost}, &u.HashState, &u.Status, &u.Finish, &u.Version, &u.Expires, &u.Created, &u.Encoding}
}

// BeginUpload keeps a new session with the data key of its object, both or neither.
func (l *Ledger) BeginUpload(ctx context.Context, u docket.Upload) error {
	if u.Encoding == "" {
		u.Encoding = custody.EncodingPlain
	}
	if encrypted := u.Encoding == custody.EncodingDARE; encrypted != (u.DataKey != nil) || encrypted && u.DataKey.Object != u.ObjectKey {
		return fmt.Errorf("couldn't begin an upload of encoding %s with such a data key", u.Encoding)
	}
	if u.DataKey == nil {
		return insertUpload(ctx, l.db, u)
	}
	return inTx(ctx, l.db, func(tx *sql.Tx) error {
		if err := insertDataKey(ctx, tx, *u.DataKey); err != nil {
			return unavailable(err)
		}
		return insertUpload(ctx, tx, u)
	})
}

func insertUpload(ctx context.Context, q querier, u docket.Upload) error {
	_, err := q.ExecContext(ctx, `INSERT INTO custody.uploads (id, s3_upload, bucket, object_key, owner_key, case_id, parent, file_name,
		size, part_size, frontier, hash_state, status, expires, created, encoding) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, 'open', $12, $13, $14)`,
		u.ID[:], u.S3Upload, u.Bucket, u.ObjectKey, u.Owner[:], u.Case[:], idArg(u.Parent), u.FileName, u.Size, u.PartSize, notNil(u.HashState), u.Expires, u.Created, string(u.Encoding))
	return unavailable(err)
}

// notNil keeps an empty value from being stored as null.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Upload finds a session, whatever its status.
func (l *Ledger) Upload(ctx context.Context, id custody.ID) (docket.Upload, error) {
	var u docket.Upload
	err := l.db.QueryRowContext(ctx, `SELECT `+uploadColumns+` FROM custody.uploads WHERE id = $1`, id[:]).Scan(uploadInto(&u)...)
	return u, found(err)
}

// Uploads lists a key's sessions that are open or completing, oldest first.
func (l *Ledger) Uploads(ctx context.Context, owner custody.ID) ([]docket.Upload, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT `+uploadColumns+` FROM custody.uploads WHERE owner_key = $1 AND status IN ('open', 'completing') ORDER BY created, id`, owner[:])
	return collect(rows, err, scanInto(uploadInto))
}

// ExpiredUploads lists open sessions whose time is over, and all completing
// ones: what a start has to clear up or to go on with. Time is over when both the
// caller's clock and the database's say so: one replica whose clock jumped must
// not discard what people have been sending for days.
func (l *Ledger) ExpiredUploads(ctx context.Context, at time.Time) ([]docket.Upload, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT `+uploadColumns+` FROM custody.uploads
		WHERE (status = 'open' AND expires <= least($1, now())) OR status = 'completing' ORDER BY created, id`, at)
	return collect(rows, err, scanInto(uploadInto))
}

// UploadParts lists the durable parts, ascending.
func (l *Ledger) UploadParts(ctx context.Context, id custody.ID) ([]docket.UploadPart, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT n, etag, crc64, size, leaves FROM custody.upload_parts WHERE upload = $1 ORDER BY n`, id[:])
	return collect(rows, err, scanInto(func(p *docket.UploadPart) []any {
		return []any{&p.N, &p.ETag, &p.CRC64, &p.Size, &p.Leaves}
	}))
}

// AddPart keeps part Frontier+1 with the hash state after it, in one
// transaction that locks the session: once it returns, a crash loses neither.
// The same part again, where it is the last, changes nothing. The session's end is
// put off to expires, never brought forward. ErrClosed: the
// session is not open, or the part is not the next.
func (l *Ledger) AddPart(ctx context.Context, id custody.ID, p docket.UploadPart, hashState []byte, expires time.Time) error {
	return inTx(ctx, l.db, func(tx *sql.Tx) error {
		var frontier int
		var status docket.UploadStatus
		err := tx.QueryRowContext(ctx, `SELECT frontier, status FROM custody.uploads WHERE id = $1 FOR UPDATE`, id[:]).Scan(&frontier, &status)
		if err != nil {
			return found(err)
		}
		if p.N == frontier && status == docket.UploadOpen {
			var same bool
			err := tx.QueryRowContext(ctx, `SELECT leaves = $3 FROM custody.upload_parts WHERE upload = $1 AND n = $2`, id[:], p.N, notNil(p.Leaves)).Scan(&same)
			if err == nil && same {
				return nil
			}
		}
		if status != docket.UploadOpen || p.N != frontier+1 {
			return fmt.Errorf("couldn't add part %d to an upload that is %s and has %d: %w", p.N, status, frontier, docket.ErrClosed)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO custody.upload_parts (upload, n, etag, crc64, size, leaves) VALUES ($1, $2, $3, $4, $5, $6)`,
			id[:], p.N, p.ETag, notNil(p.CRC64), p.Size, notNil(p.Leaves)); err != nil {
			return unavailable(err)
		}
		_, err = tx.ExecContext(ctx, `UPDATE custody.uploads SET frontier = $2, hash_state = $3, expires = greatest(expires, $4) WHERE id = $1`, id[:], p.N, notNil(hashState), expires)
		return unavailable(err)
	})
}

// LoseParts notes that the store has not what it had acknowledged of an upload
// that is being completed, and opens it again: the parts are to be sent once
// more. ErrClosed: it is finished or aborted.
func (l *Ledger) LoseParts(ctx context.Context, id custody.ID, lost []int) error {
	err := changeOne(ctx, l.db, docket.ErrClosed, `UPDATE custody.uploads SET status = 'open', finish = NULL, lost = $2
		WHERE id = $1 AND status IN ('open', 'completing')`, id[:], numberArray(lost))
	return unavailable(err)
}

// RestorePart notes that the store has a lost part after all, whose bytes are
// the same. ErrClosed: it isn't lost, its bytes are others, or the session is
// not open.
func (l *Ledger) RestorePart(ctx context.Context, id custody.ID, p docket.UploadPart) error {
	return inTx(ctx, l.db, func(tx *sql.Tx) error {
		err := changeOne(ctx, tx, docket.ErrClosed, `UPDATE custody.uploads SET lost = array_remove(lost, $2)
			WHERE id = $1 AND status = 'open' AND $2 = ANY (lost)`, id[:], p.N)
		if err == nil {
			err = changeOne(ctx, tx, docket.ErrClosed, `UPDATE custody.upload_parts SET etag = $3, crc64 = $4 WHERE upload = $1 AND n = $2 AND leaves = $5`,
				id[:], p.N, p.ETag, notNil(p.CRC64), notNil(p.Leaves))
		}
		return unavailable(err)
	})
}

// SetUpload moves a session on: to completing, with what it is finished by; to
// the completed object's version; back to open; to aborted. A finished or
// aborted session stays what it is: ErrClosed.
//
// The data key of an aborted session's object goes with it: no evidence was
// ever encrypted under it.
func (l *Ledger) SetUpload(ctx context.Context, id custody.ID, status docket.UploadStatus, finish []byte, version string) error {
	if status != docket.UploadAborted {
		return setUpload(ctx, l.db, id, status, finish, version)
	}
	return inTx(ctx, l.db, func(tx *sql.Tx) error {
		if err := setUpload(ctx, tx, id, status, finish, version); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM custody.data_keys WHERE object_key = (SELECT object_key FROM custody.uploads WHERE id = $1)`, id[:])
		return unavailable(err)
	})
}

func setUpload(ctx context.Context, q querier, id custody.ID, status docket.UploadStatus, finish []byte, version string) error {
	err := changeOne(ctx, q, docket.ErrClosed, `UPDATE custody.uploads SET status = $2, finish = $3, version = $4
		WHERE id = $1 AND status IN ('open', 'completing')`, id[:], string(status), finish, version)
	return unavailable(err)
}
