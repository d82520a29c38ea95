package speed

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lib/pq"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// sizes are those of the curve, in leaves.
var sizes = []uint64{1e3, 1e4, 1e5, 1e6, 1e7}

const tileWidth = 256

// newest is how many of the newest events are there in full: a start hashes
// that many again.
const newest = tileWidth

// every so many complete tiles of level 0 one is there in full, to be proved from.
const every = 1024

// grove plants a tree of a size that no test waits for: all its leaves are
// hashed, but events stand behind its first and its newest ones alone. Of its
// tiles all are there above level 0, and there those that its right edge needs.
type grove struct {
	t      testing.TB
	front  tlog.Frontier
	tails  [][]evidence.Digest
	rows   [][]any
	size   uint64
	proofs []uint64 // leaves of the tiles that are there
}

func (g *grove) plant(h evidence.Digest) {
	n := g.front.Size()
	g.front.Append(h)
	for level := 0; ; level++ {
		if level == len(g.tails) {
			g.tails = append(g.tails, nil)
		}
		g.tails[level] = append(g.tails[level], h)
		if len(g.tails[level]) < tileWidth {
			return
		}
		row := append([]evidence.Digest(nil), g.tails[level]...)
		hashes := make([]byte, 0, tileWidth*len(h))
		for _, d := range row {
			hashes = append(hashes, d[:]...)
		}
		for len(row) > 1 {
			for i := range len(row) / 2 {
				row[i] = tlog.NodeHash(row[2*i], row[2*i+1])
			}
			row = row[:len(row)/2]
		}
		h = row[0]
		g.tails[level] = g.tails[level][:0]
		tile := n >> (8 * (level + 1))
		if level > 0 || tile%every == 0 || tile >= g.size/tileWidth/tileWidth*tileWidth {
			g.rows = append(g.rows, []any{level, int64(tile), h[:], hashes})
			if level == 0 {
				g.proofs = append(g.proofs, tile*tileWidth+uint64(len(g.rows)%tileWidth))
			}
		}
	}
}

// plantTree grows the log in d, whose events are few, to size leaves.
func plantTree(t testing.TB, d ledgertest.Database, play *stageplay, size uint64) *grove {
	t.Helper()
	db := d.Connect(t, localpg.Superuser)
	run := func(query string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	g := &grove{t: t, size: size}
	var first pq.ByteaArray
	if err := db.QueryRowContext(t.Context(), `SELECT array_agg(leaf_hash ORDER BY index) FROM custody.events`).Scan(&first); err != nil {
		t.Fatal(err)
	}
	events := pq.Int64Array{}
	var ids, hashes, payloads, sigs pq.ByteaArray
	for i := range size {
		h := evidence.Sum(binary.BigEndian.AppendUint64([]byte("leaf"), i))
		switch {
		case i < uint64(len(first)):
			h = evidence.Digest(first[i])
		case i+newest >= size:
			sub := play.begin(t, fmt.Sprint("planted ", i)).next()
			id := sub.Envelope.EventID()
			h = tlog.LeafHash(tlog.Leaf(sub.Envelope, play.officer.public))
			events, ids, hashes = append(events, int64(i)), append(ids, id[:]), append(hashes, h[:])
			payloads, sigs = append(payloads, sub.Envelope.Payload), append(sigs, sub.Envelope.Signature)
		}
		g.plant(h)
	}
	run(`INSERT INTO custody.events (index, event_id, leaf_hash, payload, signature, spki, kind, appended_at)
		SELECT x.*, $6, 'case.opened', now() FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[]) AS x`,
		events, ids, hashes, payloads, sigs, play.officer.public.SPKI())
	for _, row := range g.rows {
		run(`INSERT INTO custody.tiles (level, n, root, hashes) VALUES ($1, $2, $3, $4)`, row...)
	}
	frontier, err := g.front.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	root := g.front.Root()
	run(`UPDATE custody.log_state SET size = $1, root = $2, frontier = $3`, int64(size), root[:], frontier)
	run(`INSERT INTO custody.checkpoints (size, root, published_at) VALUES ($1, $2, now())`, int64(size), root[:])
	return g
}

// BenchmarkProofs shows what an inclusion proof of any leaf, a consistency
// proof, and the receipt of a known event cost as the log grows.
func BenchmarkProofs(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d, play := rehearse(b)
			g := plantTree(b, d, play, size)
			l := d.Open(b)
			sub := play.begin(b, "receipt").next()
			if _, err := l.Append(b.Context(), sub); err != nil {
				b.Fatal(err)
			}
			leaves := append(g.proofs, size-1, size-newest/2, 0)
			rng := rand.New(rand.NewPCG(1, 1))
			for _, leaf := range leaves { // tiles are read once
				if _, err := l.Inclusion(b.Context(), leaf, size); err != nil {
					b.Fatal(err)
				}
			}
			mean := map[string]time.Duration{}
			each := func(name string, do func() error) {
				began := time.Now()
				for range 500 {
					if err := do(); err != nil {
						b.Fatal(err)
					}
				}
				mean[name] += time.Since(began) / 500
			}
			n := 0
			for b.Loop() {
				n++
				each("inclusion", func() error {
					_, err := l.Inclusion(b.Context(), leaves[rng.IntN(len(leaves))], size)
					return err
				})
				each("consistency", func() error {
					_, err := l.Consistency(b.Context(), size-uint64(rng.IntN(newest)), size+1)
					return err
				})
				each("receipt", func() error {
					_, err := l.Receipt(b.Context(), sub.Envelope.EventID())
					return err
				})
			}
			b.ReportMetric(0, "ns/op")
			for name, took := range mean {
				b.ReportMetric(float64(took.Microseconds())/float64(n), "us/"+name)
			}
		})
	}
}

// BenchmarkAppend1000 shows what a thousand events cost as the log grows.
func BenchmarkAppend1000(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d, play := rehearse(b)
			plantTree(b, d, play, size)
			l := d.Open(b)
			var m measure
			for b.Loop() {
				b.StopTimer()
				subs := make([]docket.Submission, 1000)
				for i := range subs {
					subs[i] = play.begin(b, fmt.Sprint("thousand ", m.n, i)).next()
				}
				b.StartTimer()
				m.turn(256, len(subs), func(i int, step func(func())) {
					step(func() {
						if _, err := l.Append(b.Context(), subs[i]); err != nil {
							b.Error(err)
						}
					})
				})
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(milliseconds(m.took)*1000/float64(m.n), "ms/1000-events")
			b.ReportMetric(float64(m.cpu.Milliseconds())*1000/float64(m.n), "cpu-ms/1000-events")
		})
	}
}
