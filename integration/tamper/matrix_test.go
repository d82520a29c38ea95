package tamper

import (
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lib/pq"

	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
)

var update = flag.Bool("update", false, "write MATRIX.md anew")

// row is a line of the matrix.
type row struct {
	table, tampering string
	start, check     string
	audit, witness   string
	why              string // nobody says anything: why that is right
}

func (r row) String() string {
	show := func(s string) string {
		if s == "" {
			return "–"
		}
		return strings.ReplaceAll(s, "|", "\\|")
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s | %s |", r.table, r.tampering, show(r.start), show(r.check), show(r.audit), show(r.witness), show(r.why))
}

// TestMatrix does everything to every table of the record, and asserts who
// notices and what they say.
func TestMatrix(t *testing.T) {
	r := newRecord(t)
	m := &matrix{t: t, record: r, bench: newBench(t, r.db)}
	m.server = serve(t, m.bench.super)
	m.outsider = newOutsider(t, r.document(t), m.bench.super, r.size)
	m.witness = newCosigner(t, r)
	if got := m.judge(publishedFrom...); got != (row{}) {
		t.Fatalf("untouched: %+v", got)
	}
	m.everyTable()
	m.byHand()
	m.histories()
	m.compare()
}

// document is the log's founding document.
func (r *record) document(t *testing.T) []byte {
	_, id := r.scene.Log()
	return r.scene.Documents[id]
}

type matrix struct {
	t        *testing.T
	record   *record
	bench    *bench
	server   *httptest.Server
	outsider *outsider
	witness  *cosigner
	rows     []row
}

// everyTable does the same to every table and column that there is.
func (m *matrix) everyTable() {
	for _, tb := range m.bench.tables {
		if why, apart := notOfTheRecord[tb.name]; apart {
			m.rows = append(m.rows, row{table: tb.name, tampering: "anything", why: why})
			continue
		}
		if tb.rows == 0 {
			m.t.Errorf("the table %s is empty: put something into it (newRecord), or say why it is not of the record", tb.name)
			continue
		}
		name := "custody." + pq.QuoteIdentifier(tb.name)
		// The fourth row, where there are as many: in a log of 262 it is out of
		// what the start hashes again.
		place := min(3, tb.rows-1)
		one := func(offset int) string {
			return fmt.Sprintf(`ctid = (SELECT ctid FROM %s ORDER BY %s OFFSET %d LIMIT 1)`, name, strings.Join(quoted(tb.order()), ", "), offset)
		}
		for _, c := range tb.columns {
			m.try(tb.name, "flip `"+c.name+"`", fmt.Sprintf(`UPDATE %s SET %s = %s WHERE %s`, name, pq.QuoteIdentifier(c.name), flipped(c), one(place)))
		}
		m.try(tb.name, "drop a row", `DELETE FROM `+name+` WHERE `+one(place))
		m.try(tb.name, "truncate", `DELETE FROM `+name)
		m.try(tb.name, "duplicate a row", duplicate(tb, one(place)))
		if tb.rows > 1 && len(tb.key) < len(tb.columns) && tb.name != "parts" { // whose rows differ in their keys alone
			m.try(tb.name, "swap two rows", swap(tb, name, one(place), one(place-1)))
		}
	}
}

// order is one order of the rows in every run: by place in the log, then key.
func (t table) order() (by []string) {
	for _, c := range t.columns {
		if c.name == "index" || c.name == "size" {
			by = append(by, c.name)
		}
	}
	return append(by, t.key...)
}

func quoted(names []string) (out []string) {
	for _, n := range names {
		out = append(out, pq.QuoteIdentifier(n))
	}
	return out
}

// flipped is an expression for a slightly other value of a column.
func flipped(c column) string {
	q := pq.QuoteIdentifier(c.name)
	switch c.typ {
	case "bytea":
		return fmt.Sprintf(`CASE WHEN octet_length(%[1]s) > 0 THEN set_byte(%[1]s, octet_length(%[1]s) / 2, get_byte(%[1]s, octet_length(%[1]s) / 2) # 1) ELSE '\x01' END`, q)
	case "bigint", "integer", "smallint":
		return `coalesce(` + q + `, 0) + 1000`
	case "boolean":
		return `NOT ` + q
	case "json":
		return `'{}'::json`
	case "timestamp with time zone":
		return `coalesce(` + q + `, now()) + interval '1 hour'`
	case "ARRAY":
		return q + ` || 1000::bigint`
	case "text":
		return `coalesce(` + q + `, '') || 'x'`
	}
	panic("no way to change a " + c.typ)
}

// duplicate inserts a row once more, under a primary key of its own.
func duplicate(tb table, where string) string {
	var columns, values []string
	for i, c := range tb.columns {
		columns = append(columns, pq.QuoteIdentifier(c.name))
		values = append(values, pq.QuoteIdentifier(c.name))
		if c.name == tb.key[0] {
			values[i] = flipped(c)
		}
	}
	name := "custody." + pq.QuoteIdentifier(tb.name)
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s FROM %s WHERE %s`, name, strings.Join(columns, ", "), strings.Join(values, ", "), name, where)
}

// swap exchanges all that two rows hold beside their primary keys.
func swap(tb table, name, a, b string) string {
	var set []string
	for _, c := range tb.columns {
		if !tb.has(c.name) {
			q := pq.QuoteIdentifier(c.name)
			set = append(set, q+" = other."+q)
		}
	}
	both := fmt.Sprintf(`SELECT *, ctid AS at FROM %s WHERE %s OR %s`, name, a, b)
	return fmt.Sprintf(`WITH two AS (%s) UPDATE %s AS mine SET %s FROM two AS other WHERE mine.ctid IN (SELECT at FROM two) AND mine.ctid <> other.at`, both, name, strings.Join(set, ", "))
}

// try tampers, asks everybody, and puts back.
func (m *matrix) try(table, tampering, statement string) {
	m.t.Helper()
	if m.bench.do(statement) == 0 {
		m.t.Errorf("%s: %s: nothing was changed", table, tampering)
		return
	}
	got := m.judge(table)
	// A start that goes on signs and keeps a note.
	m.bench.putBack(table, "notes", "checkpoints", "log_state")
	got.table, got.tampering = table, tampering
	m.add(got)
}

func (m *matrix) add(got row) {
	m.t.Helper()
	column, _ := strings.CutPrefix(got.tampering, "flip ")
	got.why = notOfTheRecord[got.table+"."+strings.Trim(column, "`")]
	if noticed := got.start+got.check+got.audit+got.witness != ""; noticed == (got.why != "") {
		m.t.Errorf("%s: %s: noticed %t; %q", got.table, got.tampering, noticed, got.why)
	}
	m.rows = append(m.rows, got)
}

// judge asks everybody about the tables as they are, of which these were
// tampered with: the service's next start,
// which knows the newest checkpoint from beside its keys; the check of the whole
// record; and an auditor outside, who saw the record before.
func (m *matrix) judge(tables ...string) (got row) {
	m.t.Helper()
	ctx := testContext(m.t)
	if slices.ContainsFunc(tables, func(t string) bool { return slices.Contains(publishedFrom, t) }) {
		got.audit = m.outsider.sees(m.t, m.server)
	}
	cfg := m.bench.db.Config()
	cfg.Signed, cfg.Witnesses = m.record.note, witnesses()
	l, err := ledger.Open(ctx, cfg)
	got.start = m.said(err)
	if err != nil { // what the service refuses can still be inspected
		if l, err = ledger.Inspect(ctx, m.bench.db.DSN(localpg.Superuser), nil); err != nil {
			got.check = m.said(err)
			return got
		}
	}
	got.check = m.said(l.Check(ctx))
	l.Close()
	return got
}

var ids = regexp.MustCompile(`\b[0-9a-f]{12,}\b`)

// said is what start and check say: that the database was changed, and never
// that it cannot be reached.
func (m *matrix) said(err error) string {
	m.t.Helper()
	var altered *docket.Altered
	if err != nil && !errors.As(err, &altered) {
		return "(not as a change) " + said(err)
	}
	return said(err)
}

// said is an error without what differs from run to run.
func said(err error) string {
	if err == nil {
		return ""
	}
	s := ids.ReplaceAllString(err.Error(), "…")
	for _, known := range []string{"couldn't confirm the record: ", "the database is not what the log signed: "} {
		s = strings.ReplaceAll(s, known, "")
	}
	return strings.ReplaceAll(s, "\n", " ")
}

const heading = `# What a database superuser can do to the record, and who notices

Written by ` + "`go test ./integration/tamper -update`" + ` and compared by every run. A superuser has dropped all triggers and
constraints but primary keys. *Start*: the next start of the service, which knows the newest checkpoint that it signed
from beside its keys. *Check*: ` + "`custodyd check`" + `, which reads the whole record again. *Audit*: ` + "`custody audit --full`" + ` from
outside, by somebody who saw the record before, of whatever the tables hold now. *Witness*: one that cosigned the
record's head, asked for the new one. –: says nothing, or is not asked: a witness knows heads alone.

| Table | Tampering | Start | Check | Audit | Witness | Why nobody minds |
| --- | --- | --- | --- | --- | --- | --- |
`

// compare holds the matrix to the one written down.
func (m *matrix) compare() {
	m.t.Helper()
	var b strings.Builder
	b.WriteString(heading)
	for _, r := range m.rows {
		b.WriteString(r.String() + "\n")
	}
	if *update {
		need(m.t, os.WriteFile("MATRIX.md", []byte(b.String()), 0o644))
	}
	stored, err := os.ReadFile("MATRIX.md")
	need(m.t, err)
	want := strings.Split(string(stored), "\n")
	for i, line := range strings.Split(b.String(), "\n") {
		if i >= len(want) || want[i] != line {
			was := "nothing"
			if i < len(want) {
				was = want[i]
			}
			m.t.Fatalf("MATRIX.md, line %d, says\n%s\nand now it is\n%s", i+1, was, line)
		}
	}
	if len(m.rows) < 100 {
		m.t.Errorf("a matrix of %d cells", len(m.rows))
	}
}
