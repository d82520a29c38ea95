package tamper

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/auditor"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// serve publishes whatever the tables hold, as an operator would who does not
// care what they hold: the read API, straight from SQL.
func serve(t *testing.T, db *sql.DB) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := published(r.Context(), db, strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if b == nil {
			http.NotFound(w, r)
			return
		}
		w.Write(b)
	}))
	t.Cleanup(s.Close)
	return s
}

// publishedFrom are the tables of which an auditor is shown anything.
var publishedFrom = []string{"events", "tiles", "notes"}

func published(ctx context.Context, db *sql.DB, path string) ([]byte, error) {
	column := func(query string, args ...any) (out [][]byte, err error) {
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var b []byte
			if err := rows.Scan(&b); err != nil {
				return nil, err
			}
			out = append(out, b)
		}
		return out, rows.Err()
	}
	if path == "checkpoint" {
		notes, err := column(`SELECT note FROM custody.notes ORDER BY size DESC LIMIT 1`)
		if err != nil || len(notes) == 0 {
			return nil, err
		}
		return notes[0], nil
	}
	tile, err := tlog.ParseTilePath(path)
	if err != nil {
		return nil, nil
	}
	from, to := int64(tile.First()), int64(tile.First())+int64(tile.Width)
	switch {
	case tile.Entries:
		leaves, err := entries(ctx, db, from, to)
		if err != nil || len(leaves) != tile.Width {
			return nil, err
		}
		return tlog.EncodeEntries(leaves)
	case tile.Full():
		hashes, err := column(`SELECT hashes FROM custody.tiles WHERE level = $1 AND n = $2`, tile.Level, int64(tile.N))
		if err != nil || len(hashes) != 1 {
			return nil, err
		}
		return hashes[0], nil
	}
	query := `SELECT leaf_hash FROM custody.events WHERE index >= $1 AND index < $2 ORDER BY index`
	args := []any{from, to}
	if tile.Level > 0 {
		query, args = `SELECT root FROM custody.tiles WHERE n >= $1 AND n < $2 AND level = $3 ORDER BY n`, append(args, tile.Level-1)
	}
	hashes, err := column(query, args...)
	if err != nil || len(hashes) != tile.Width {
		return nil, err
	}
	var out []byte
	for _, h := range hashes {
		if len(h) != 32 {
			return nil, fmt.Errorf("a hash of %d bytes", len(h))
		}
		out = append(out, h...)
	}
	return out, nil
}

// entries makes the leaves of the rows, whatever these hold.
func entries(ctx context.Context, db *sql.DB, from, to int64) (out [][]byte, err error) {
	rows, err := db.QueryContext(ctx, `SELECT payload, signature, spki FROM custody.events WHERE index >= $1 AND index < $2 ORDER BY index`, from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var payload, signature, spki []byte
		if err := rows.Scan(&payload, &signature, &spki); err != nil {
			return nil, err
		}
		id := seal.Envelope{Payload: payload}.EventID()
		b64 := base64.StdEncoding.EncodeToString
		out = append(out, fmt.Appendf(nil, `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":%q},`+
			`"signature":{"content":%q,"verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":%q}}}}}}`, b64(id[:]), b64(signature), b64(spki)))
	}
	return out, rows.Err()
}

// outsider is an auditor who saw the record as it was.
type outsider struct {
	log   auditor.Log
	state []byte
}

// newOutsider looks at the record for the first time.
func newOutsider(t *testing.T, document []byte, db *sql.DB, size uint64) *outsider {
	t.Helper()
	log, err := auditor.LogByDocument(document)
	need(t, err)
	o := &outsider{log: log}
	a := o.auditor(t, serve(t, db))
	out, err := a.Run(testContext(t))
	need(t, err)
	if out.Exit != 0 || out.Head.Size != size {
		t.Fatalf("at first sight, of %d: %+v", size, out)
	}
	o.state, err = os.ReadFile(a.State)
	need(t, err)
	return o
}

func (o *outsider) auditor(t *testing.T, s *httptest.Server) *auditor.Auditor {
	t.Helper()
	state := filepath.Join(t.TempDir(), "audit", "state.json")
	if o.state != nil {
		need(t, os.Mkdir(filepath.Dir(state), 0o700))
		need(t, os.WriteFile(state, o.state, 0o600))
	}
	source, err := auditor.NewSource(s.URL, "", nil)
	need(t, err)
	source.Retries = 0
	return &auditor.Auditor{Log: o.log, Source: source, State: state, Full: true, Clock: time.Now}
}

// sees audits what is served now and says what counts against it.
func (o *outsider) sees(t *testing.T, s *httptest.Server) string {
	t.Helper()
	out, err := o.auditor(t, s).Run(testContext(t))
	need(t, err)
	for _, f := range out.Findings {
		if f.Severity != "note" {
			if f.Index != nil {
				return fmt.Sprintf("%s at %d", f.Name, *f.Index)
			}
			return string(f.Name)
		}
	}
	return ""
}
