package faults

import (
	"context"
	"database/sql"
	"io"
	"path/filepath"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/keysafe"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

// wholeCheck holds everything that clients were told to what is there: the
// log to their receipts, the record to itself, the store to the record.
func (s *site) wholeCheck(t *testing.T, c *crowd, receipts []kept, deposits []deposited) {
	t.Helper()
	s.checkReceipts(t, c, receipts, deposits)
	s.checkRecord(t, receipts)
	s.checkStore(t, deposits)
}

// checkReceipts proves each acknowledged event in the newest checkpoint, and
// that checkpoint to go on from the one that the client was given.
func (s *site) checkReceipts(t *testing.T, c *crowd, receipts []kept, deposits []deposited) {
	t.Helper()
	api := s.cast.Clerk.Client(t, s.service.URL())
	msg, err := api.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	head, err := tlog.OpenCheckpoint(msg, c.log.Origin, c.verifiers)
	if err != nil {
		t.Fatal(err)
	}
	all := append([]kept(nil), receipts...)
	for _, d := range deposits {
		all = append(all, kept{event: d.recorded.EventID, leaf: d.recorded.Leaf, index: d.recorded.Index})
	}
	var mu sync.Mutex
	lost, places, roots := 0, map[uint64]bool{}, map[uint64]evidence.Digest{}
	work := make(chan kept)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for r := range work {
				i, err := api.Inclusion(t.Context(), r.index, head.Size)
				var proof []evidence.Digest
				for _, text := range i.Inclusion {
					d, perr := evidence.ParseDigest(text)
					if perr != nil {
						err = perr
					}
					proof = append(proof, d)
				}
				if err == nil {
					err = tlog.VerifyInclusion(r.leaf, r.index, head.Size, proof, head.Root)
				}
				mu.Lock()
				if err != nil {
					if lost++; lost <= 10 {
						t.Errorf("the acknowledged event %d is not in the log of %d: %v", r.index, head.Size, err)
					}
				}
				places[r.index] = true
				mu.Unlock()
			}
		})
	}
	for _, r := range all {
		if before, ok := roots[r.size]; r.size > 0 && ok && before != r.root {
			t.Errorf("two clients were shown two roots of %d leaves", r.size)
		}
		roots[r.size] = r.root
		work <- r
	}
	close(work)
	wg.Wait()
	delete(roots, 0)
	for size, root := range roots {
		if size == head.Size {
			continue
		}
		p, err := api.Consistency(t.Context(), size, head.Size)
		var proof []evidence.Digest
		for _, text := range p.Consistency {
			d, perr := evidence.ParseDigest(text)
			if perr != nil {
				err = perr
			}
			proof = append(proof, d)
		}
		if err == nil {
			err = tlog.VerifyConsistency(size, root, head.Size, head.Root, proof)
		}
		if err != nil {
			t.Errorf("the log of %d does not go on from the checkpoint of %d that a client holds: %v", head.Size, size, err)
			break
		}
	}
	if len(places) != len(all) {
		t.Errorf("%d receipts are for %d places in the log", len(all), len(places))
	}
	t.Logf("%d events acknowledged, %d lost, %d checkpoints held by clients, in a log of %d", len(all), lost, len(roots), head.Size)
}

// checkRecord reads the record again from its bytes, and holds the number of
// handovers in it to that of the receipts: every client went on until it had
// its receipt, so that there is neither one less nor one twice.
func (s *site) checkRecord(t *testing.T, receipts []kept) {
	t.Helper()
	keys := stage.OperatorKeys(t, s.data)
	signer, err := seal.NewSigner(keys.Service)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(stage.Context(t), ledger.Config{DSN: s.dsn(migrations.RoleApp), Service: signer, LogKey: keys.Log, LogMLDSA: keys.LogMLDSA})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Check(stage.Context(t)); err != nil {
		t.Errorf("the record is not whole: %v", err)
	}
	if n := s.count(t, custody.KindReleased) + s.count(t, custody.KindAccepted); n != len(receipts) {
		t.Errorf("%d handovers are in the log, %d were acknowledged", n, len(receipts))
	}
}

func (s *site) count(t *testing.T, kind custody.Kind) (n int) {
	t.Helper()
	if err := s.auditor(t).QueryRow(`SELECT count(*) FROM custody.events WHERE kind = $1`, string(kind)).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *site) auditor(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", s.dsn(migrations.RoleAuditor))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// checkStore reads every recorded artifact whole from the store, and wants one
// deposit recorded for each that was made.
func (s *site) checkStore(t *testing.T, deposits []deposited) {
	t.Helper()
	if a, b := s.count(t, custody.KindDeposited), s.count(t, custody.KindReceived); a != len(deposits) || b != len(deposits) {
		t.Errorf("%d deposits were acknowledged; %d times deposited and %d times received are in the log", len(deposits), a, b)
	}
	store := s.store(t)
	want := map[evidence.Digest]int64{}
	for _, d := range deposits {
		want[d.sha256] = d.size
	}
	rows, err := s.auditor(t).Query(`SELECT sha256, size, block_root, block_leaves, bucket, key, version, md5, encoding FROM custody.artifacts`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	keys := s.keys(t, store)
	found := 0
	for ; rows.Next(); found++ {
		var sum, root, md5 []byte
		a := docket.Artifact{}
		if err := rows.Scan(&sum, &a.Size, &root, &a.Leaves, &a.Bucket, &a.Key, &a.Version, &md5, &a.Encoding); err != nil {
			t.Fatal(err)
		}
		id, size, key, version := evidence.Digest(sum), a.Size, a.Key, a.Version
		a.SHA256, a.BlockRoot = id, evidence.Digest(root)
		if want[id] != int64(size) {
			t.Errorf("the record has an artifact of %d bytes that nobody deposited, or twice: %s", size, id.Short())
		}
		delete(want, id)
		m, err := whole(t.Context(), keys, a)
		if err != nil || a.Encoding != custody.EncodingDARE {
			t.Errorf("a record without its bytes, encrypted: %s, %v", a.Encoding, err)
			continue
		}
		if m.SHA256 != id || md5 != nil || m.Size != size {
			t.Errorf("the store holds other bytes than the record says: %v", err)
		}
		o, err := store.Stat(t.Context(), key, version)
		if err != nil || o.Mode != vault.Compliance || o.Size != strongbox.Sealed(size) {
			t.Errorf("a stored artifact is not locked as it should be: %+v, %v", o, err)
		}
	}
	if err := rows.Err(); err != nil || len(want) > 0 {
		t.Errorf("%d acknowledged deposits have no bytes on record, %v", len(want), err)
	}
	t.Logf("%d artifacts read back whole", found)
}

// opener reads the store and its data keys past the service.
type opener struct {
	*vault.Store
	bucket string
	db     *sql.DB
	place  keysafe.Place
}

// keys is one's own way to what is encrypted.
func (s *site) keys(t *testing.T, store *vault.Store) opener {
	t.Helper()
	db, err := sql.Open("postgres", s.dsn(migrations.RoleApp))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return opener{store, s.config.Bucket, db, keysafe.Place{Dir: filepath.Join(s.data, "keys")}}
}

func (o opener) Bucket() string { return o.bucket }

func (o opener) Size(ctx context.Context, key, version string) (uint64, error) {
	info, err := o.Stat(ctx, key, version)
	return info.Size, err
}

func (o opener) DataKey(ctx context.Context, object string) (*strongbox.DataKey, error) {
	var wrapping string
	var wrapped []byte
	if err := o.db.QueryRowContext(ctx, `SELECT wrapping, wrapped FROM custody.data_keys WHERE object_key = $1`, object).Scan(&wrapping, &wrapped); err != nil {
		return nil, err
	}
	w, err := o.place.FindWrapping(ctx, wrapping)
	if err != nil {
		return nil, err
	}
	return w.Unwrap(ctx, object, wrapped)
}

// whole measures an artifact as the store gives it.
func whole(ctx context.Context, o opener, a docket.Artifact) (evidence.Measured, error) {
	copy, err := fixity.Open(o, a, nil)
	if err != nil {
		return evidence.Measured{}, err
	}
	r, w := io.Pipe()
	go func() {
		memory := fixity.Buffer()
		defer fixity.Return(memory)
		for i := range copy.Count() {
			block, err := copy.Block(ctx, i, memory[:])
			if err == nil {
				_, err = w.Write(block)
			}
			if err != nil {
				w.CloseWithError(err)
				return
			}
		}
		w.Close()
	}()
	m, _, err := evidence.Measure(r)
	return m, err
}
