package ledger

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

const artifactColumns = `item, case_id, sha256, size, block_root, sha1, md5, bucket, key, version, encoding, retention_mode, retain_until, block_leaves, stored_at`

func artifactInto(a *docket.Artifact) []any {
	return []any{idValue{&a.Item}, idValue{&a.Case}, idValue{&a.SHA256}, &a.Size, idValue{&a.BlockRoot}, &a.SHA1, &a.MD5,
		&a.Bucket, &a.Key, &a.Version, &a.Encoding, &a.Retention, &a.Until, &a.Leaves, &a.Stored}
}

func insertArtifact(ctx context.Context, q querier, a docket.Artifact) error {
	if a.Encoding == custody.EncodingDARE {
		// Without it, what is recorded could never be read.
		var there bool
		if err := q.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM custody.data_keys WHERE object_key = $1)`, a.Key).Scan(&there); err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("couldn't record an artifact whose data key is gone: %w", docket.ErrClosed)
		}
	}
	_, err := q.ExecContext(ctx, `INSERT INTO custody.artifacts (`+artifactColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		a.Item[:], a.Case[:], a.SHA256[:], int64(a.Size), a.BlockRoot[:], a.SHA1, a.MD5,
		a.Bucket, a.Key, a.Version, string(a.Encoding), string(a.Retention), a.Until, a.Leaves, a.Stored)
	return err
}

// Artifact finds what is stored under an item.
func (l *Ledger) Artifact(ctx context.Context, item custody.ID) (docket.Artifact, error) {
	var a docket.Artifact
	err := l.db.QueryRowContext(ctx, `SELECT `+artifactColumns+` FROM custody.artifacts WHERE item = $1`, item[:]).Scan(artifactInto(&a)...)
	return a, found(err)
}

// ArtifactsBySHA256 finds every deposit of these bytes.
func (l *Ledger) ArtifactsBySHA256(ctx context.Context, sum evidence.Digest) ([]docket.Artifact, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT `+artifactColumns+` FROM custody.artifacts WHERE sha256 = $1 ORDER BY stored_at, item`, sum[:])
	return collect(rows, err, scanInto(artifactInto))
}

func insertReport(ctx context.Context, q querier, r docket.Report) error {
	if _, err := q.ExecContext(ctx, `INSERT INTO custody.reports (id, case_id, org, person, made) VALUES ($1, $2, $3, $4, $5)`,
		r.ID[:], r.Case[:], r.For.Org[:], r.For.Person[:], r.Made); err != nil {
		return err
	}
	for _, f := range r.Files {
		if _, err := q.ExecContext(ctx, `INSERT INTO custody.report_files (report, name, sha256, bytes) VALUES ($1, $2, $3, $4)`,
			r.ID[:], f.Name, f.SHA256[:], notNil(f.Bytes)); err != nil {
			return err
		}
	}
	return nil
}

// Report finds an issued report; its files come without their bytes.
func (l *Ledger) Report(ctx context.Context, id custody.ID) (docket.Report, error) {
	r := docket.Report{ID: id}
	err := l.db.QueryRowContext(ctx, `SELECT case_id, org, person, made FROM custody.reports WHERE id = $1`, id[:]).
		Scan(idValue{&r.Case}, idValue{&r.For.Org}, idValue{&r.For.Person}, &r.Made)
	if err != nil {
		return docket.Report{}, found(err)
	}
	rows, err := l.db.QueryContext(ctx, `SELECT name, sha256 FROM custody.report_files WHERE report = $1 ORDER BY name`, id[:])
	r.Files, err = collect(rows, err, scanInto(func(f *docket.ReportFile) []any { return []any{&f.Name, idValue{&f.SHA256}} }))
	return r, err
}

// ReportFile returns one file of a report with its bytes.
func (l *Ledger) ReportFile(ctx context.Context, id custody.ID, name string) (docket.ReportFile, error) {
	f := docket.ReportFile{Name: name}
	err := l.db.QueryRowContext(ctx, `SELECT sha256, bytes FROM custody.report_files WHERE report = $1 AND name = $2`, id[:], name).Scan(idValue{&f.SHA256}, &f.Bytes)
	if err != nil {
		return docket.ReportFile{}, found(err)
	}
	if evidence.Sum(f.Bytes) != f.SHA256 {
		return docket.ReportFile{}, docket.AlteredF("file %.64q of report %s has another digest", name, id.Short())
	}
	return f, nil
}
