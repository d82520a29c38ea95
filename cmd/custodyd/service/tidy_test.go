package service_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

// TestTidy: what has expired goes, and a deposit that somebody may be
// completing stays.
func TestTidy(t *testing.T) {
	data := filepath.Join(stage.Dir(t), "data")
	svc := stage.Serve(t, stage.Options(data))
	db := stage.Database(t, data, migrations.RoleApp)
	for _, q := range []string{
		`INSERT INTO custody.uploads (id, s3_upload, bucket, object_key, owner_key, case_id, file_name, size, part_size, frontier, hash_state, status, expires, created)
		SELECT sha256(name::bytea), 'none', 'evidence', 'evidence/' || name, sha256('owner'), sha256('case'), '', 1, 5242880, 0, '', status, now() + expires::interval, now()
		FROM (VALUES ('going on', 'open', '1 hour'), ('left', 'open', '-1 minute'), ('large', 'completing', '1 hour'), ('late', 'completing', '-1 minute'),
			('dead', 'completing', '-1 day'), ('done', 'finished', '-1 day')) AS v (name, status, expires)`,
		`INSERT INTO custody.tokens (hash, key, expires) VALUES (sha256('a'), sha256('k'), now() - interval '1 minute'), (sha256('b'), sha256('k'), now() + interval '1 minute')`,
		`INSERT INTO custody.assertions (key, jti, expires) VALUES (sha256('k'), 'a', now() - interval '1 minute'), (sha256('k'), 'b', now() + interval '1 minute')`,
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	service.Tidy(svc, stage.Context(t))
	service.Tidy(svc, stage.Context(t)) // another replica, a moment later
	var statuses []string
	rows, err := db.Query(`SELECT substr(object_key, 10) || ' ' || status FROM custody.uploads ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		statuses = append(statuses, s)
	}
	if want := []string{"dead aborted", "done finished", "going on open", "large completing", "late completing", "left aborted"}; !slices.Equal(statuses, want) {
		t.Errorf("%q, want %q", statuses, want)
	}
	var tokens, assertions int
	if err := db.QueryRow(`SELECT (SELECT count(*) FROM custody.tokens), (SELECT count(*) FROM custody.assertions)`).Scan(&tokens, &assertions); err != nil || tokens != 1 || assertions != 1 {
		t.Errorf("%d tokens and %d assertions are left: %v", tokens, assertions, err)
	}
}
