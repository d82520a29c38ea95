// Package ledgertest gives tests real ledgers: one private PostgreSQL for the
// test process, and for each test a database of its own, copied from a
// migrated template. A package that uses it runs its tests through Main.
package ledgertest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver

	"filippo.io/mldsa"

	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/migrations"
)

// Origin is the origin of every log founded here, and of rulingtest's stories.
const Origin = "log.example.org"

// patience bounds each step of a test's preparation.
const patience = 2 * time.Minute

var shared struct {
	once   sync.Once
	mu     sync.Mutex
	server *localpg.Server
	remove func() error
	err    error
	n      int
}

// Main runs a package's tests and stops the server they shared.
func Main(m *testing.M) int {
	code := m.Run()
	if shared.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := shared.server.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if shared.remove != nil {
		if err := shared.remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

func start() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := child.NewRunner()
	if shared.err = err; err != nil {
		return
	}
	var dir string
	if dir, shared.remove, shared.err = r.TempState(); shared.err != nil {
		return
	}
	shared.server, shared.err = localpg.Start(ctx, localpg.Options{Dir: filepath.Join(dir, "db"), SocketDir: filepath.Join(dir, "s"), Runner: r})
	if shared.err != nil {
		return
	}
	shared.err = migrations.Up(ctx, shared.server.DSN(localpg.Superuser))
}

// Database is one test's own database.
type Database struct{ name string }

// Name is the database's name.
func (d Database) Name() string { return d.name }

// DSN is the connection string of a role: migrations' roles, or localpg.Superuser.
func (d Database) DSN(role string) string {
	// localpg names the database it made, which is the template here.
	return strings.Replace(shared.server.DSN(role), "dbname="+localpg.Database, "dbname="+d.name, 1)
}

// Connect opens the database as a role, for the test's life.
func (d Database) Connect(t testing.TB, role string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", d.DSN(role))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// NewDatabase makes an empty, migrated database.
func NewDatabase(t testing.TB) Database {
	t.Helper()
	return copyOf(t, localpg.Database)
}

// Copy makes a database like d is now. Nobody may be connected to d.
func (d Database) Copy(t testing.TB) Database {
	t.Helper()
	return copyOf(t, d.name)
}

func copyOf(t testing.TB, template string) Database {
	t.Helper()
	shared.once.Do(start)
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.n++
	d := Database{fmt.Sprintf("test%d", shared.n)}
	admin, err := sql.Open("postgres", strings.Replace(shared.server.DSN(localpg.Superuser), "dbname="+localpg.Database, "dbname=postgres", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	// The names are ours: letters and digits.
	if _, err := admin.Exec(`CREATE DATABASE ` + d.name + ` TEMPLATE ` + template); err != nil {
		t.Fatal(err)
	}
	return d
}

// LogKey is the log's key of every log here, as rulingtest's documents list it.
func LogKey() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("log key " + Origin))
	return ed25519.NewKeyFromSeed(seed[:])
}

// LogMLDSA is the post-quantum key of logs here that list one.
func LogMLDSA() *mldsa.PrivateKey {
	seed := sha256.Sum256([]byte("post-quantum log key " + Origin))
	key, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed[:])
	if err != nil {
		panic(err) // of a seed of 32 bytes
	}
	return key
}

// PostQuantum is that key as a log document lists it.
func PostQuantum(t testing.TB) custody.LogKey {
	t.Helper()
	spki, err := tlog.MLDSASPKI(LogMLDSA().PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return custody.LogKey{Algorithm: custody.LogMLDSA44, Key: spki}
}

type signer struct{ key *rulingtest.Key }

func (s signer) Public() seal.PublicKey { return s.key.Public }
func (s signer) Sign(payload []byte) (seal.Envelope, error) {
	sealed, err := s.key.Seal(payload)
	return sealed.Envelope, err
}

// Service is the service's key of every log here.
func Service() seal.Signer { return signer{rulingtest.NewKey("service " + Origin)} }

// Config is a ledger's on that database.
func (d Database) Config() ledger.Config {
	return ledger.Config{DSN: d.DSN(migrations.RoleApp), Service: Service(), LogKey: LogKey(), LogMLDSA: LogMLDSA()}
}

// Open opens a ledger on the database, for the test's life.
func (d Database) Open(t testing.TB) *ledger.Ledger {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l, err := ledger.Open(ctx, d.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// New opens a ledger on a database of its own and founds a log.
func New(t testing.TB) (*ledger.Ledger, Database) {
	t.Helper()
	d := NewDatabase(t)
	l := d.Open(t)
	Retell(t, l, rulingtest.NewStory(t), 0)
	return l, d
}

// Submission is event i of the story with everything it commits to.
func Submission(s *rulingtest.Story, i int) docket.Submission {
	sub := docket.Submission{Envelope: s.Sealed[i].Envelope}
	p := &s.Entries[i].Statement.Predicate
	for _, id := range p.Details {
		sub.Details = append(sub.Details, s.Details[id])
	}
	for _, id := range introduced(p.Body) {
		sub.Documents = append(sub.Documents, s.Documents[id])
	}
	if b, ok := p.Body.(*custody.KeyRequested); ok {
		sub.Documents = append(sub.Documents, s.Documents[b.Person], s.Sealed[i].Key.SPKI())
	}
	return sub
}

// introduced names the founding documents that come with an event.
func introduced(b custody.Body) []custody.ID {
	switch b := b.(type) {
	case *custody.Genesis:
		return []custody.ID{b.Document}
	case *custody.Founded:
		return []custody.ID{b.Org}
	case *custody.CaseOpened:
		return []custody.ID{b.Case}
	case *custody.ItemRegistered:
		return custody.SortedIDs(append([]custody.ID{b.Item, b.SeizedBy.Person}, b.Witnesses...)...)
	case *custody.Deposited:
		return []custody.ID{b.Item}
	case *custody.Granted:
		return []custody.ID{b.Grant}
	}
	return nil
}

// Retell appends the story's events from index from on, one after the other,
// and returns their receipts. All must be admitted, at their index.
func Retell(t testing.TB, l *ledger.Ledger, s *rulingtest.Story, from int) []docket.Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out []docket.Receipt
	for i := from; i < len(s.Sealed); i++ {
		var r []docket.Receipt
		var err error
		if i == 0 {
			r = make([]docket.Receipt, 1)
			r[0], err = l.FoundWith(ctx, Submission(s, i))
		} else {
			r, err = l.Append(ctx, Submission(s, i))
		}
		if err != nil {
			t.Fatalf("couldn't retell event %d, %s: %v", i, s.Entries[i].Statement.Predicate.Kind, err)
		}
		if r[0].Index != uint64(i) {
			t.Fatalf("event %d of the story got log index %d", i, r[0].Index)
		}
		out = append(out, r[0])
	}
	return out
}
