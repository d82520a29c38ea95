// Package ledger is the audit chain in Postgres: it judges, appends, proves and
// reads back. One database is one log.
//
// What was signed is kept to the byte. Everything else in the database is an
// index or a projection that Check can make again and compare. Several
// processes may serve one log: every append locks the one row of log_state, and
// writes only where that has the head that the append was judged at.
package ledger

import (
	"context"
	"crypto"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"filippo.io/mldsa"
	"github.com/lib/pq"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// Config says which log to serve, and with which keys.
type Config struct {
	DSN     string        // connection string of custody_app
	Service seal.Signer   // signs the service's own events
	LogKey  crypto.Signer // Ed25519; signs checkpoints

	// LogMLDSA signs them too, where the log document lists such a key.
	LogMLDSA *mldsa.PrivateKey

	// Signed is the newest checkpoint that this log is known to have signed,
	// kept outside the database; nil where none is. A database that does not
	// hold it is an old copy, and is refused before anything is signed over it.
	Signed []byte
	// Published is told of every checkpoint signed here for the first time, after
	// its commit and before any receipt; it must not block. nil: nobody is.
	Published func(docket.Checkpoint)

	// Witnesses are those whose cosignatures are kept, and Quorum how many
	// different ones make a checkpoint witnessed; 0: it needs none. WitnessWait
	// bounds how long an answer waits for them.
	Witnesses   []note.Verifier
	Quorum      int
	WitnessWait time.Duration
	// Outside compares the log with what is known of it elsewhere, before
	// anything is signed; its error is Open's. nil: nothing is.
	Outside func(context.Context, *Ledger) error

	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // nil: crypto/rand
	Logger *slog.Logger     // nil: discards
}

// Limits of one call and of one transaction.
const (
	maxGroup = 64  // submissions of one Append
	maxBatch = 512 // submissions of one transaction
)

// identity is what genesis fixed. It never changes.
type identity struct {
	id        custody.ID
	document  []byte
	doc       *custody.LogDocument
	signers   []note.Signer // Ed25519 first
	verifiers note.Verifiers
}

// Ledger serves one log. It is safe for concurrent use.
type Ledger struct {
	cfg      Config
	db       *pool   // readers and stores
	appendDB *sql.DB // the appender's own connections, so readers never hold it up
	stmts    *statements

	log    atomic.Pointer[identity] // nil before genesis
	latest atomic.Pointer[docket.Checkpoint]
	fault  atomic.Pointer[docket.Altered] // once set, nothing more is appended
	quorum witnessed

	forest  *forest
	entries *cache[custody.ID, *ruling.Entry]
	keys    *cache[custody.ID, seal.PublicKey]
	roots   roots
	seen    *cache[uint64, evidence.Digest]   // published checkpoints: size → root
	notes   *cache[uint64, docket.Checkpoint] // signed checkpoints

	// The appender's own:
	head    *head
	chains  *cache[custody.ID, *docket.Chain] // their states at head
	company int                               // batches for which another replica is expected to append

	queue     chan *group
	preparing atomic.Int64 // calls of Append that will be in the queue soon
	committed chan *batch
	unkept    chan struct{}   // the newest note is not in the database yet
	verifying chan struct{}   // bounds signature checks to the processors
	observing [256]sync.Mutex // by chain: the service's own events queue up instead of racing

	life   context.Context
	end    context.CancelFunc
	done   sync.WaitGroup
	closed sync.Once

	crashAt atomic.Pointer[func(moment) error] // a test's; nil otherwise
}

// Open connects, compares the database with what this log signed, publishes
// what a dead predecessor committed and did not publish, and starts appending.
// The database must be migrated. A database that was changed or put back is
// refused with *docket.Altered. Close ends it.
func Open(ctx context.Context, cfg Config) (*Ledger, error) {
	l, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	l.done.Add(3)
	go l.appender()
	go l.publisher()
	go l.keeper()
	return l, nil
}

func open(ctx context.Context, cfg Config) (*Ledger, error) {
	if cfg.Service == nil || cfg.LogKey == nil {
		return nil, errors.New("couldn't open the ledger: it needs the service's key and the log's key")
	}
	l, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	if err := l.resume(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// connect makes the ledger; nothing is sent yet.
func connect(cfg Config) (*Ledger, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	pqc, err := pq.NewConfig(cfg.DSN)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the database's connection string: %w", err)
	}
	forgetful(&pqc)
	readers, err := pq.NewConnectorConfig(pqc)
	if err != nil {
		return nil, fmt.Errorf("couldn't use the database's connection string: %w", err)
	}
	readers.Dialer(dialer{newDialer()})
	prompt(&pqc)
	appender, err := pq.NewConnectorConfig(pqc)
	if err != nil {
		return nil, fmt.Errorf("couldn't use the database's connection string: %w", err)
	}
	appender.Dialer(dialer{newDialer()})
	l := &Ledger{cfg: cfg, db: newPool(sql.OpenDB(readers)), appendDB: sql.OpenDB(appender),
		entries: newCache[custody.ID, *ruling.Entry](4096), keys: newCache[custody.ID, seal.PublicKey](4096),
		seen: newCache[uint64, evidence.Digest](4096), notes: newCache[uint64, docket.Checkpoint](4096),
		roots: roots{after: docket.All().After, of: map[custody.ID][]custody.ID{}},
		head:  &head{}, chains: newCache[custody.ID, *docket.Chain](16384),
		queue: make(chan *group, maxBatch), committed: make(chan *batch, 64), unkept: make(chan struct{}, 1),
		verifying: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
	l.db.SetMaxOpenConns(20)
	l.db.SetMaxIdleConns(20)
	l.db.SetConnMaxLifetime(30 * time.Minute)
	l.appendDB.SetMaxOpenConns(underWay + 1) // and one that reads meanwhile
	l.appendDB.SetMaxIdleConns(underWay + 1)
	l.stmts = newStatements(l.appendDB)
	l.forest = newForest(l.db)
	l.life, l.end = context.WithCancel(context.Background())
	return l, nil
}

// Close stops appending and closes the database. Submissions still waiting
// end with docket.ErrClosed; some may be in the log nevertheless, and sending
// them again gives their receipts.
func (l *Ledger) Close() error {
	l.closed.Do(func() {
		l.end()
		l.done.Wait()
		l.stmts.close()
		l.appendDB.Close()
		l.db.Close()
	})
	return nil
}

// Ready reports whether the database answers and the log may be appended to.
func (l *Ledger) Ready(ctx context.Context) error {
	if f := l.fault.Load(); f != nil {
		return f
	}
	if l.log.Load() == nil {
		return docket.ErrUnfounded
	}
	var one int
	if err := l.db.QueryRowContext(ctx, `SELECT 1 FROM custody.log_state`).Scan(&one); err != nil {
		return &docket.Unavailable{Cause: err}
	}
	return nil
}

// Founded reports whether the log has its genesis.
func (l *Ledger) Founded() bool { return l.log.Load() != nil }

// LogDocument returns the log document's exact bytes and its SHA-256, the
// log's id; nothing before genesis.
func (l *Ledger) LogDocument() ([]byte, custody.ID) {
	if i := l.log.Load(); i != nil {
		return append([]byte(nil), i.document...), i.id
	}
	return nil, custody.ID{}
}

// Service returns the service's verifying key.
func (l *Ledger) Service() seal.PublicKey { return l.cfg.Service.Public() }

func (l *Ledger) now() time.Time { return l.cfg.Now() }

// altered remembers that the database isn't ours any more. Only a restart,
// which compares everything again, clears it.
func (l *Ledger) altered(a *docket.Altered) error {
	if l.fault.CompareAndSwap(nil, a) {
		l.cfg.Logger.Error("ledger stopped", "why", a.What)
	}
	return a
}
