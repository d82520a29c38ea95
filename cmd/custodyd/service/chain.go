package service

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/keysafe"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/witness"
)

// place is where the configuration has the service's keys.
func (s *Service) place() keysafe.Place {
	dir := s.o.KeysDir
	if dir == "" {
		dir = filepath.Join(s.data, "keys")
	}
	return keysafe.Place{Dir: dir, Service: s.o.ServiceKey, Log: s.o.LogKey, LogMLDSA: s.o.LogMLDSAKey, TokenFile: s.o.KMSTokenFile}
}

// openLedger opens the chain with the service's keys, and founds it if it is
// new. Keys are made for a new log only: a replica without the keys of the log
// that it is to serve is told where to get them, and nothing is left behind.
func (s *Service) openLedger(ctx context.Context, dsn string) error {
	document, err := founding(ctx, dsn)
	if err != nil {
		return err
	}
	place := s.place()
	mark, err := keysafe.OpenMark(s.o.Log, place.Dir, s.data)
	if err != nil {
		return err
	}
	k, err := keysafe.Open(ctx, place, document == nil && mark.Signed() == nil)
	if err == nil && document != nil {
		err = k.Fit(document)
	}
	if err != nil {
		return explainKeys(err, place, document)
	}
	for _, p := range s.o.Witnesses {
		s.say("witness:        %s, %s", p.Name(), p.URL)
	}
	n := &notary{}
	s.gatherer = witness.NewGatherer(n, s.o.Witnesses, witness.Options{Log: s.o.Log})
	l, err := ledger.Open(ctx, ledger.Config{DSN: named(dsn, s.name), Service: k.Service, LogKey: k.Log, LogMLDSA: k.LogMLDSA, Logger: s.o.Log, Now: s.o.Now,
		Witnesses: verifiers(s.o.Witnesses), Quorum: s.o.Quorum, WitnessWait: s.o.WitnessWait,
		Signed: mark.Signed(), Outside: func(ctx context.Context, l *ledger.Ledger) error { return askWitnesses(ctx, n, l, s.gatherer) },
		Published: func(cp docket.Checkpoint) {
			mark.Note(cp.Size, cp.Note)
			s.gatherer.Wake()
		}})
	if err != nil {
		return explainAltered(err)
	}
	s.ledger = l
	n.ledger.Store(l)
	s.tasks.Go(func() { mark.Run(s.life) })
	s.tasks.Go(func() { s.gatherer.Run(s.life) })
	s.started("ledger", func(context.Context) error { return errors.Join(l.Close(), mark.Write()) })
	if l.Founded() {
		return nil
	}
	if document, err = s.newDocument(k); err != nil {
		return err
	}
	if _, err := l.Found(ctx, document); err != nil {
		// Another replica may have been first, with keys of its own.
		if document, again := founding(ctx, dsn); again == nil && document != nil && k.Fit(document) != nil {
			return explainKeys(k.Fit(document), place, document)
		}
		return fmt.Errorf("couldn't found the log: %w", err)
	}
	return nil
}

// founding reads the log document that the database holds; nil for none.
func founding(ctx context.Context, dsn string) ([]byte, error) {
	l, err := ledger.Inspect(ctx, dsn, nil)
	if err != nil {
		return nil, err
	}
	document, _ := l.LogDocument()
	return document, l.Close()
}

// explainKeys says what to do about keys that are not those of the log.
func explainKeys(err error, place keysafe.Place, document []byte) error {
	if document == nil {
		return err
	}
	return fmt.Errorf("couldn't go on: the database holds a log, and its keys are not here: %w. Every replica serves one log with the same keys: "+
		"copy service.pem and log.pem, and log-mldsa.pem and kek-….pem where there are such (mode 600), from the keys_dir of a running replica, or from the backup of the keys, into %s; or name with keys_dir, service_key, log_key and log_mldsa_key where they are", err, place.Dir)
}

// explainAltered says what to do about a database that was put back.
func explainAltered(err error) error {
	var altered *docket.Altered
	if !errors.As(err, &altered) {
		return err
	}
	return fmt.Errorf("couldn't open the log; nothing was signed: %w. Restore the newest copy of the database there is (migrations/BACKUP.md says how). Where there is none, custodyd recover shows what is lost, and lets the log go on with a signed record of the loss", err)
}

// newDocument makes the log document of a new log. Without a configured origin
// one is drawn, which no name server will ever answer for.
func (s *Service) newDocument(k keysafe.Keys) ([]byte, error) {
	origin := s.o.Origin
	if origin == "" {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, fmt.Errorf("couldn't draw origin: %w", err)
		}
		origin = "log-" + hex.EncodeToString(b[:]) + ".custody.invalid"
	}
	public, ok := k.Log.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("couldn't found the log: its key is a %T", k.Log.Public())
	}
	return ledger.NewLogDocument(origin, s.o.Mode, public, k.PostQuantum(), k.Service.Public(), rand.Reader)
}

// expire gives up deposits that nobody goes on with, and forgets what has
// expired. Every replica does; each finds what another left.
func (s *Service) expire() {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-tick.C:
		}
		s.tidy(s.life)
	}
}

func (s *Service) tidy(ctx context.Context) {
	if n, err := s.registrar.ExpireUploads(ctx); err != nil {
		s.o.Log.Warn("couldn't expire uploads", "error", err)
	} else if n > 0 {
		s.o.Log.Info("expired uploads", "count", n)
	}
	s.finishDisposals(ctx)
	if err := s.ledger.Forget(ctx); err != nil {
		s.o.Log.Warn("couldn't forget expired tokens", "error", err)
	}
}

// finishDisposals does what a crash left of disposals.
func (s *Service) finishDisposals(ctx context.Context) {
	if n, err := s.registrar.FinishDisposals(ctx); err != nil {
		s.o.Log.Error("couldn't destroy the keys of all disposed items' bytes", "error", err)
	} else if n > 0 {
		s.o.Log.Info("carried out disposals that were interrupted", "count", n)
	}
}
