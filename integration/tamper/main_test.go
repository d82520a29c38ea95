package tamper

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
	"github.com/evidence-custody/custodyd/evidence"
)

func TestMain(m *testing.M) { os.Exit(ledgertest.Main(m)) }

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func need(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// events is how many the record has: one tile is full, and a few leaves more.
const events = 262

// backupAt is how many it had when the operator made a backup.
const backupAt = 258

// record is a log with something in every table of the record.
type record struct {
	db, backup ledgertest.Database
	scene      *rulingtest.Scene
	size       uint64
	note       []byte // newest signed checkpoint, as somebody outside saw it
}

// newRecord tells a story with every kind of event, fills it up to a tile, and
// stores two artifacts, whose copies it read back and decoded, and a report.
func newRecord(t *testing.T) *record {
	t.Helper()
	ctx := testContext(t)
	r := &record{db: ledgertest.NewDatabase(t), scene: rulingtest.Recovered(t)}
	l := r.db.Open(t)
	ledgertest.Retell(t, l, r.scene.Story, 0)
	deposit(t, l, r.scene, "one image")
	deposit(t, l, r.scene, "another image")
	report(t, l, r.scene)
	for r.at(t, l) < backupAt {
		openCases(t, l, r.scene, min(64, int(backupAt-r.at(t, l))), fmt.Sprint("from ", r.at(t, l)))
	}
	l.Close()
	r.backup = r.db.Copy(t)
	cfg := r.db.Config()
	cfg.Witnesses = witnesses()
	l, err := ledger.Open(ctx, cfg)
	need(t, err)
	openCases(t, l, r.scene, events-backupAt, "last")
	stamp(t, l)
	cosign(t, l)
	need(t, l.Check(ctx))
	cp, err := l.Checkpoint(ctx)
	need(t, err)
	r.size, r.note = cp.Size, cp.Note
	l.Close()
	keepNotes(t, r.db)
	return r
}

func (r *record) at(t *testing.T, l *ledger.Ledger) uint64 {
	t.Helper()
	cp, err := l.Checkpoint(testContext(t))
	need(t, err)
	return cp.Size
}

// openCases opens n cases in one group. They are the same in every run, so that
// the tables' rows stand in one order.
func openCases(t *testing.T, l *ledger.Ledger, s *rulingtest.Scene, n int, title string) {
	t.Helper()
	var group []docket.Submission
	for i := range n {
		b, id := document(t, custody.DocCase, "title", fmt.Sprint(title, " ", i))
		st := ledgertest.Draft(t, l, s.Second, &custody.CaseOpened{Case: id})
		st.Predicate.Nonce = id
		sub := ledgertest.Seal(t, s.Second, st)
		sub.Documents = [][]byte{b}
		group = append(group, sub)
	}
	_, err := l.Append(testContext(t), group...)
	need(t, err)
}

// document is a founding document whose salt is no secret.
func document(t *testing.T, typ custody.DocumentType, field, value string) ([]byte, custody.ID) {
	t.Helper()
	b, id, err := custody.Founding{Document: typ, Fields: map[string]string{field: value}, Salt: custody.Salt(evidence.Sum([]byte(value)))}.Encode()
	need(t, err)
	return b, id
}

// keepNotes makes every note that the log's key signed, or could sign at any
// time: a ledger keeps some of them, now and then.
func keepNotes(t *testing.T, d ledgertest.Database) {
	t.Helper()
	db, ctx := d.Connect(t, localpg.Superuser), testContext(t)
	signer, err := tlog.NewLogSigner(ledgertest.Origin, ledgertest.LogKey())
	need(t, err)
	rows, err := db.QueryContext(ctx, `SELECT size, root FROM custody.checkpoints`)
	need(t, err)
	var all []tlog.Checkpoint
	for rows.Next() {
		var size int64
		var root []byte
		need(t, rows.Scan(&size, &root))
		all = append(all, tlog.Checkpoint{Origin: ledgertest.Origin, Size: uint64(size), Root: evidence.Digest(root)})
	}
	need(t, rows.Err())
	for _, cp := range all {
		note, err := tlog.SignCheckpoint(cp, signer)
		need(t, err)
		_, err = db.ExecContext(ctx, `INSERT INTO custody.notes (size, note, kept_at) VALUES ($1, $2, now()) ON CONFLICT DO NOTHING`, int64(cp.Size), note)
		need(t, err)
	}
	need(t, db.Close()) // a database in use is not copied
}

// deposit stores an artifact with its row and its reception.
func deposit(t *testing.T, l *ledger.Ledger, s *rulingtest.Scene, content string) {
	t.Helper()
	doc, item := document(t, custody.DocItem, "description", content)
	leaf := evidence.BlockLeaf([]byte(content))
	a := custody.Artifact{SHA256: evidence.Sum([]byte(content)), Size: uint64(len(content)), BlockRoot: evidence.BlockRoot([]evidence.Digest{leaf})}
	sub := ledgertest.Seal(t, s.Second, ledgertest.Draft(t, l, s.Second, &custody.Deposited{Artifact: a, Case: s.Case, Format: custody.FormatRaw,
		Item: item, Role: custody.RoleMaster}))
	sub.Documents = [][]byte{doc}
	reception := s.Reception(item, a)
	reception.Retention.Mode = custody.RetentionGovernance
	sha1, err := hex.DecodeString(reception.SHA1)
	need(t, err)
	md5, err := hex.DecodeString(reception.MD5)
	need(t, err)
	sub.Effects = docket.Effects{Artifact: &docket.Artifact{Item: item, Case: s.Case, SHA256: a.SHA256, Size: a.Size, BlockRoot: a.BlockRoot, SHA1: sha1, MD5: md5,
		Bucket: "b", Key: content, Version: "v", Encoding: custody.EncodingPlain, Retention: custody.RetentionGovernance,
		Until: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC), Leaves: leaf[:], Stored: time.Now()}}
	receipts, err := l.Deposit(testContext(t), sub, docket.Act{Body: reception})
	need(t, err)
	_, err = l.Observe(testContext(t), docket.Act{Body: &custody.FixityPassed{Artifact: a.SHA256, Bytes: a.Size, Item: item}}, docket.Effects{})
	need(t, err)
	_, err = l.Observe(testContext(t), docket.Act{Body: custody.ImageDecoded(item, a.SHA256, rulingtest.Decoded()), Basis: []custody.ID{receipts[1].LeafHash}}, docket.Effects{})
	need(t, err)
}

// report issues one with its two files.
func report(t *testing.T, l *ledger.Ledger, s *rulingtest.Scene) {
	t.Helper()
	ctx := testContext(t)
	pdf, js := []byte("%PDF"), []byte("{}")
	cp, err := l.Checkpoint(ctx)
	need(t, err)
	_, err = l.Observe(ctx, docket.Act{Body: &custody.ReportIssued{Case: s.Case, For: s.Second.Party, Items: []custody.ID{}, Over: cp.Seen(),
		Files: custody.ReportFiles{JSON: evidence.Sum(js), PDF: evidence.Sum(pdf)}}},
		docket.Effects{Report: &docket.Report{Case: s.Case, For: s.Second.Party, Made: time.Now(), Files: []docket.ReportFile{
			{Name: "report.pdf", SHA256: evidence.Sum(pdf), Bytes: pdf}, {Name: "report.json", SHA256: evidence.Sum(js), Bytes: js}}}})
	need(t, err)
}

// stamp keeps timestamps of the newest checkpoint and of two events, by two
// authorities.
func stamp(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	ctx := testContext(t)
	cp, err := l.Checkpoint(ctx)
	need(t, err)
	for _, name := range []string{"a", "b"} {
		authority := tsatest.New(t, name)
		at := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
		of := func(message []byte) docket.Timestamp {
			token := authority.Stamp(t, message, at)
			return docket.Timestamp{SHA256: evidence.Sum(token), Authority: name, Token: token, Said: at}
		}
		need(t, l.KeepCheckpointTimestamp(ctx, cp.Size, of(tlog.Checkpoint{Origin: ledgertest.Origin, Size: cp.Size, Root: cp.Root}.Body())))
		for i := range uint64(2) {
			e, err := l.EventAt(ctx, i)
			need(t, err)
			need(t, l.KeepEventTimestamp(ctx, i, of(e.Envelope.Signature)))
		}
	}
}

// cosigners are two witnesses that the service knows.
var cosigners = sync.OnceValue(func() (out []*tlog.Cosigner) {
	for _, name := range []string{"one.example", "two.example"} {
		seed := sha256.Sum256([]byte(name))
		c, err := tlog.NewCosigner(name, ed25519.NewKeyFromSeed(seed[:]))
		if err != nil {
			panic(err)
		}
		out = append(out, c)
	}
	return out
})

func witnesses() (out []note.Verifier) {
	for _, c := range cosigners() {
		v, err := tlog.NewWitnessVerifier(c.VerifierKey())
		if err != nil {
			panic(err)
		}
		out = append(out, v)
	}
	return out
}

// cosign keeps both witnesses' cosignatures of the newest checkpoint.
func cosign(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	cp, err := l.Checkpoint(testContext(t))
	need(t, err)
	for i, c := range cosigners() {
		line, err := c.Cosign(tlog.Checkpoint{Origin: ledgertest.Origin, Size: cp.Size, Root: cp.Root}.Body(), time.Unix(1_790_000_000+int64(i), 0))
		need(t, err)
		need(t, l.KeepCosignature(testContext(t), cp.Size, line))
	}
}

// bench is a copy of the record's database in a superuser's hands: no trigger
// and no constraint is left but primary keys, and it can be put back.
type bench struct {
	t      *testing.T
	db     ledgertest.Database
	super  *sql.DB
	tables []table
}

// table is one of the record's, as the database itself describes it.
type table struct {
	name    string
	columns []column // in order
	key     []string // primary key
	rows    int
}

type column struct{ name, typ string }

// has reports whether the table's primary key has the column.
func (t table) has(key string) bool { return slices.Contains(t.key, key) }

func newBench(t *testing.T, of ledgertest.Database) *bench {
	t.Helper()
	b := &bench{t: t, db: of.Copy(t)}
	b.super = b.db.Connect(t, localpg.Superuser)
	b.super.SetMaxOpenConns(1)
	b.do(`DO $$
		DECLARE r record;
		BEGIN
			FOR r IN SELECT g.tgname, c.relname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
				WHERE c.relnamespace = 'custody'::regnamespace AND NOT g.tgisinternal LOOP
				EXECUTE format('DROP TRIGGER %I ON custody.%I', r.tgname, r.relname);
			END LOOP;
			FOR r IN SELECT o.conname, c.relname FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
				WHERE c.relnamespace = 'custody'::regnamespace AND o.contype IN ('c', 'f', 'u')
				ORDER BY o.contype = 'u' LOOP
				EXECUTE format('ALTER TABLE custody.%I DROP CONSTRAINT %I', r.relname, r.conname);
			END LOOP;
			FOR r IN SELECT a.attname, c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
				WHERE c.relnamespace = 'custody'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND a.attnotnull
				AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)) LOOP
				EXECUTE format('ALTER TABLE custody.%I ALTER %I DROP NOT NULL', r.relname, r.attname);
			END LOOP;
		END $$`)
	b.do(`CREATE SCHEMA kept`)
	b.tables = b.describe()
	for _, t := range b.tables {
		b.do(`CREATE TABLE kept.` + pq.QuoteIdentifier(t.name) + ` AS TABLE custody.` + pq.QuoteIdentifier(t.name))
	}
	return b
}

func (b *bench) do(statement string) int64 {
	b.t.Helper()
	res, err := b.super.ExecContext(testContext(b.t), statement)
	if err != nil {
		b.t.Fatalf("%s: %v", statement, err)
	}
	n, err := res.RowsAffected()
	need(b.t, err)
	return n
}

// describe asks the database for its tables: none can be forgotten.
func (b *bench) describe() (all []table) {
	b.t.Helper()
	ctx := testContext(b.t)
	rows, err := b.super.QueryContext(ctx, `SELECT table_name, column_name, data_type FROM information_schema.columns
		WHERE table_schema = 'custody' ORDER BY table_name, ordinal_position`)
	need(b.t, err)
	for rows.Next() {
		var name string
		var c column
		need(b.t, rows.Scan(&name, &c.name, &c.typ))
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, table{name: name})
		}
		last := &all[len(all)-1]
		last.columns = append(last.columns, c)
	}
	need(b.t, rows.Err())
	for i := range all {
		var key pq.StringArray
		need(b.t, b.super.QueryRowContext(ctx, `SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey::int[], a.attnum::int)) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
			WHERE i.indisprimary AND i.indrelid = ('custody.' || quote_ident($1))::regclass`, all[i].name).Scan(&key))
		all[i].key = key
		need(b.t, b.super.QueryRowContext(ctx, `SELECT count(*) FROM custody.`+pq.QuoteIdentifier(all[i].name)).Scan(&all[i].rows))
	}
	return all
}

// putBack makes the tables named what they were; without names, all.
func (b *bench) putBack(names ...string) {
	b.t.Helper()
	var statement strings.Builder
	for _, t := range b.tables {
		if t.rows > 0 && (len(names) == 0 || slices.Contains(names, t.name)) {
			q := pq.QuoteIdentifier(t.name)
			fmt.Fprintf(&statement, `DELETE FROM custody.%[1]s; INSERT INTO custody.%[1]s TABLE kept.%[1]s;`, q)
		}
	}
	b.do(statement.String())
}
