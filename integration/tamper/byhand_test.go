package tamper

import (
	"bytes"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Why nobody minds.
const (
	own      = "the operator's own note; times of the record are signed or timestamped"
	place    = "where the bytes lie: `custodyd check` looks at each object, and hashes it with `--bytes`"
	derived  = "any replica makes the same note from the checkpoint again"
	reissued = "its digests are in the record; whoever has it can show it"
	counts   = "whose cosignature counts is the verifier's policy to say, and one under another name does not"
	lost     = "a cosignature that is gone is a quorum unmet: the finding `quorum-unmet`"
	unproven = "a token that is gone is time evidence lost: the finding `untimed`"
	opens    = "opens the API and gives no trust"
	wrapped  = "each is bound to its object and its key-encryption key: `custodyd check` unwraps every one, and opens with it what it encrypts with `--bytes`"
	reading  = "what is to be read back next, or how far that is: what nobody reads shows as not found whole for long (metrics, `custodyd fixity`)"
	turn     = "what is to be decoded next: of what nobody decodes there is no `image.read`, and reports say that its media data was not checked"
	progress = "work in progress: what is finished is hashed and signed anew"
)

// notOfTheRecord names tables, and cells as table.column or table.tampering, on
// which nothing rests that anybody is shown as evidence, and says why.
var notOfTheRecord = map[string]string{
	"migrations":   "which migrations ran; every start compares the schema itself",
	"uploads":      progress,
	"upload_parts": progress,
	"tokens":       opens,
	"invitations":  opens,
	"assertions":   "keeps an assertion from being used twice",
	"auditors":     opens,
	"shelved":      "what is in the object store can be found again by looking there",
	"idempotency":  "keeps an answer for a repeated request",

	"data_keys":         wrapped,
	"wrapping_keys":     wrapped,
	"fixity.turn":       reading,
	"fixity.not_before": reading,
	"fixity.holder":     reading,
	"fixity.held_until": reading,
	"fixity.began":      reading,
	"fixity.next_block": reading,
	"fixity.bad_count":  reading,
	"fixity.bad":        reading,
	"fixity.short":      reading,
	"images.not_before": turn,
	"images.tries":      turn,
	"images.holder":     turn,
	"images.held_until": turn,

	"events.appended_at":               own,
	"checkpoints.published_at":         own,
	"notes.kept_at":                    own,
	"reports.made":                     own,
	"event_timestamps.kept_at":         own,
	"checkpoint_timestamps.kept_at":    own,
	"event_timestamps.authority":       "as configured; the token says who signed it",
	"checkpoint_timestamps.authority":  "as configured; the token says who signed it",
	"artifacts.stored_at":              own,
	"artifacts.bucket":                 place,
	"artifacts.key":                    place,
	"artifacts.version":                place,
	"artifacts.retain_until":           place,
	"cosignatures.name":                counts,
	"cosignatures.key_hash":            counts,
	"cosignatures.kept_at":             own,
	"cosignatures.drop a row":          lost,
	"cosignatures.truncate":            lost,
	"notes.drop a row":                 derived,
	"reports.drop a row":               reissued,
	"reports.truncate":                 reissued,
	"report_files.drop a row":          reissued,
	"report_files.truncate":            reissued,
	"event_timestamps.drop a row":      unproven,
	"event_timestamps.truncate":        unproven,
	"checkpoint_timestamps.drop a row": unproven,
	"checkpoint_timestamps.truncate":   unproven,
}

// byHand are changes that fit together: of one event as whoever signs it anew
// makes it, of everything that is computed from it, with and without the log's
// key.
func (m *matrix) byHand() {
	t := m.t
	thief := rulingtest.NewKey("thief")
	var payload []byte
	var index int64
	need(t, m.bench.super.QueryRowContext(testContext(t), `SELECT index, payload FROM custody.events WHERE kind = 'case.opened' ORDER BY index OFFSET 20 LIMIT 1`).Scan(&index, &payload))
	event := func(tampering string, payload []byte, after func(tree *tlog.Tree)) {
		t.Helper()
		sealed, err := thief.Seal(payload)
		need(t, err)
		leaf := tlog.LeafHash(tlog.Leaf(sealed.Envelope, sealed.Key))
		id := sealed.Envelope.EventID()
		_, err = m.bench.super.ExecContext(testContext(t), `UPDATE custody.events SET payload = $2, signature = $3, spki = $4, event_id = $5, leaf_hash = $6 WHERE index = $1`,
			index, payload, sealed.Envelope.Signature, sealed.Key.SPKI(), id[:], leaf[:])
		need(t, err)
		if after != nil {
			after(m.rehash())
		}
		got := m.judge(publishedFrom...)
		m.bench.putBack()
		got.table, got.tampering = "events", tampering
		m.add(got)
	}
	var signer string
	st, err := custody.Decode(payload)
	need(t, err)
	signer = st.Predicate.Signer.Key.String()
	named := bytes.Replace(payload, []byte(signer), []byte(thief.ID().String()), 1)
	holder := `UPDATE custody.chains SET state = jsonb_set(state::jsonb, '{item,holder,person}', to_jsonb(repeat('ab', 32)))::json WHERE type = 'item'`
	m.try("chains", "another holder of every item", holder)
	m.try("parts", "a part for somebody else", `INSERT INTO custody.parts SELECT case_id, '', sha256('x'), '', 'agency', 1, NULL FROM custody.parts LIMIT 1`)
	m.try("events", "drop the newest row", `DELETE FROM custody.events WHERE index = (SELECT max(index) FROM custody.events)`)
	m.try("events", "a signature of another event", `UPDATE custody.events SET signature = (SELECT signature FROM custody.events WHERE index = 3) WHERE index = 20`)
	event("re-sign by another key", payload, nil)
	event("re-sign by another key, which the statement names", named, nil)
	event("re-sign by another key and re-hash everything", named, func(*tlog.Tree) {})
	event("re-sign by another key, re-hash everything, and sign every checkpoint anew by the log's key", named, m.resign)
}

// rehash computes tiles, the log's state and the roots of all checkpoints from
// the leaf hashes that the events have now, and puts them into their tables.
func (m *matrix) rehash() *tlog.Tree {
	t, ctx := m.t, testContext(m.t)
	t.Helper()
	tree, frontier := &tlog.Tree{}, &tlog.Frontier{}
	rows, err := m.bench.super.QueryContext(ctx, `SELECT leaf_hash FROM custody.events ORDER BY index`)
	need(t, err)
	var leaves []evidence.Digest
	for rows.Next() {
		var b []byte
		need(t, rows.Scan(&b))
		leaves = append(leaves, evidence.Digest(b))
		tree.Append(evidence.Digest(b))
		frontier.Append(evidence.Digest(b))
	}
	need(t, rows.Err())
	put := func(query string, args ...any) {
		t.Helper()
		_, err := m.bench.super.ExecContext(ctx, query, args...)
		need(t, err)
	}
	full, err := tree.Root(tlog.TileWidth)
	need(t, err)
	put(`UPDATE custody.tiles SET root = $1, hashes = $2 WHERE level = 0 AND n = 0`, full[:], tlog.EncodeTile(leaves[:tlog.TileWidth]))
	root, edge := frontier.Root(), must(frontier.MarshalBinary())
	put(`UPDATE custody.log_state SET root = $1, frontier = $2`, root[:], edge)
	for _, size := range m.sizes(`SELECT size FROM custody.checkpoints`) {
		root, err := tree.Root(size)
		need(t, err)
		put(`UPDATE custody.checkpoints SET root = $1 WHERE size = $2`, root[:], int64(size))
	}
	return tree
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func (m *matrix) sizes(query string) (out []uint64) {
	m.t.Helper()
	rows, err := m.bench.super.QueryContext(testContext(m.t), query)
	need(m.t, err)
	for rows.Next() {
		var n uint64
		need(m.t, rows.Scan(&n))
		out = append(out, n)
	}
	need(m.t, rows.Err())
	return out
}

// resign signs every note anew, as only the operator can.
func (m *matrix) resign(tree *tlog.Tree) {
	t := m.t
	t.Helper()
	signer, err := tlog.NewLogSigner(ledgertest.Origin, ledgertest.LogKey())
	need(t, err)
	for _, size := range m.sizes(`SELECT size FROM custody.notes`) {
		root, err := tree.Root(size)
		need(t, err)
		note, err := tlog.SignCheckpoint(tlog.Checkpoint{Origin: ledgertest.Origin, Size: size, Root: root}, signer)
		need(t, err)
		_, err = m.bench.super.ExecContext(testContext(t), `UPDATE custody.notes SET note = $1 WHERE size = $2`, note, int64(size))
		need(t, err)
	}
}
