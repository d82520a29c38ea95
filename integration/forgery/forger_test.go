package forgery

import (
	"slices"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// forger has the database and every key of the server, and writes dossiers
// that no rule of the server ever saw.
type forger struct {
	keys    stage.Keys
	service seal.Signer
	origin  string
	leaves  []evidence.Digest // of the whole log
}

func newForger(t *testing.T, m *matter) *forger {
	t.Helper()
	f := &forger{keys: stage.OperatorKeys(t, m.data)}
	var err error
	if f.service, err = seal.NewSigner(f.keys.Service); err != nil {
		t.Fatal(err)
	}
	d := decode(t, m.zip)
	doc, err := custody.ParseLogDocument(d.Log)
	if err != nil {
		t.Fatal(err)
	}
	f.origin = doc.Origin
	db := stage.Database(t, m.data, localpg.Superuser)
	// As far as the dossier's checkpoint: what came later is not its matter.
	rows, err := db.QueryContext(stage.Context(t), `SELECT leaf_hash FROM custody.events ORDER BY index`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			t.Fatal(err)
		}
		f.leaves = append(f.leaves, evidence.Digest(b))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return f
}

// seal makes a log of the dossier's events, with the other leaves as they are,
// proves all that has to be proven and signs the checkpoint with the log's key.
func (f *forger) seal(t *testing.T, d *dossier.Dossier) []byte {
	t.Helper()
	leaves := slices.Clone(f.leaves)
	slices.SortFunc(d.Events, func(a, b dossier.Event) int { return int(a.Index) - int(b.Index) })
	for _, e := range d.Events {
		leaf := tlog.LeafHash(tlog.Leaf(e.Envelope, e.Key))
		if e.Index == uint64(len(leaves)) {
			leaves = append(leaves, leaf)
		}
		leaves[e.Index] = leaf
	}
	var tree tlog.Tree
	for _, leaf := range leaves {
		tree.Append(leaf)
	}
	size := uint64(len(leaves))
	root, err := tree.Root(size)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := tlog.NewLogSigner(f.origin, f.keys.Log)
	if err != nil {
		t.Fatal(err)
	}
	postQuantum, err := tlog.NewMLDSASigner(f.origin, f.keys.LogMLDSA)
	if err != nil {
		t.Fatal(err)
	}
	if d.Checkpoint, err = tlog.SignCheckpoint(tlog.Checkpoint{Origin: f.origin, Size: size, Root: root}, signer, postQuantum); err != nil {
		t.Fatal(err)
	}
	d.Consistency = map[uint64][]evidence.Digest{}
	for i, e := range d.Events {
		if d.Events[i].Proof, err = tlog.ProveInclusion(size, e.Index, &tree); err != nil {
			t.Fatal(err)
		}
		st, err := custody.Decode(e.Envelope.Payload)
		if err != nil {
			continue // what can't be read has seen nothing
		}
		seen := st.Predicate.Seen.Size
		if seen == 0 || seen >= size {
			continue
		}
		if d.Consistency[seen], err = tlog.ProveConsistency(seen, size, &tree); err != nil {
			t.Fatal(err)
		}
	}
	zip, err := d.Encode()
	if err != nil {
		t.Fatalf("the forged dossier can't be written: %v", err)
	}
	return zip
}

func statement(t *testing.T, e dossier.Event) *custody.Statement {
	t.Helper()
	st, err := custody.Decode(e.Envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// find returns the place of the first event of a kind.
func find(t *testing.T, d *dossier.Dossier, kind custody.Kind) int {
	t.Helper()
	i := slices.IndexFunc(d.Events, func(e dossier.Event) bool { return statement(t, e).Predicate.Kind == kind })
	if i < 0 {
		t.Fatalf("the dossier has no %s", kind)
	}
	return i
}

// sign signs a statement with one of the server's keys, or a thief's.
func sign(t *testing.T, by seal.Signer, st *custody.Statement) seal.Envelope {
	t.Helper()
	payload, err := custody.Encode(st)
	if err != nil {
		t.Fatal(err)
	}
	env, err := by.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func leafHash(env seal.Envelope, key seal.PublicKey) evidence.Digest {
	return tlog.LeafHash(tlog.Leaf(env, key))
}
