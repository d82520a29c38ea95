package service

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/migrations"
)

// Auditor is an auditor's token as it is listed: never with its secret.
type Auditor struct {
	ID      evidence.Digest `json:"id"` // SHA-256 of the token
	Name    string          `json:"name"`
	Issued  time.Time       `json:"issued"`
	Expires time.Time       `json:"expires"`
	Revoked *time.Time      `json:"revoked,omitempty"`
}

// Bounds of an auditor's token.
const (
	maxAuditorName = 128 // characters
	maxAuditorLife = 10 * 366 * 24 * time.Hour
)

// IssueAuditor makes a token that opens the log's entries and nothing else. The
// secret exists in this answer only: the database keeps its SHA-256.
func IssueAuditor(ctx context.Context, o Options, name string, life time.Duration) (secret string, a Auditor, err error) {
	if n := len([]rune(name)); n < 1 || n > maxAuditorName {
		return "", a, fmt.Errorf("couldn't issue a token: the auditor's name must have 1 to %d characters", maxAuditorName)
	}
	if life < time.Minute || life > maxAuditorLife {
		return "", a, errors.New("couldn't issue a token: it must last from a minute to ten years")
	}
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", a, fmt.Errorf("couldn't make a token: %w", err)
	}
	secret = registrar.AuditorPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	now := time.Now().UTC().Truncate(time.Second)
	a = Auditor{ID: evidence.Sum([]byte(secret)), Name: name, Issued: now, Expires: now.Add(life)}
	err = withAuditors(ctx, o, func(l *ledger.Ledger) error {
		return l.SaveAuditor(ctx, docket.Auditor{Hash: a.ID, Name: a.Name, Issued: a.Issued, Expires: a.Expires})
	})
	return secret, a, err
}

// Auditors lists all auditors' tokens, oldest first.
func Auditors(ctx context.Context, o Options) (all []Auditor, err error) {
	all = []Auditor{}
	err = withAuditors(ctx, o, func(l *ledger.Ledger) error {
		list, err := l.Auditors(ctx)
		for _, a := range list {
			all = append(all, Auditor{ID: a.Hash, Name: a.Name, Issued: a.Issued.UTC(), Expires: a.Expires.UTC(), Revoked: a.Revoked})
		}
		return err
	})
	return all, err
}

// RevokeAuditor ends a token at once, on every replica.
func RevokeAuditor(ctx context.Context, o Options, id evidence.Digest) error {
	return withAuditors(ctx, o, func(l *ledger.Ledger) error {
		err := l.RevokeAuditor(ctx, id)
		if errors.Is(err, docket.ErrNotFound) {
			err = fmt.Errorf("no auditor's token has the id %s", id)
		}
		return err
	})
}

// withAuditors reaches the service's tokens, which come and go while it serves.
func withAuditors(ctx context.Context, o Options, do func(*ledger.Ledger) error) error {
	return withRecord(ctx, o, func(_ *Service, l *ledger.Ledger) error { return do(l) })
}

// withRecord reaches the service's database, whether or not it serves.
func withRecord(ctx context.Context, o Options, do func(*Service, *ledger.Ledger) error) (err error) {
	s := fresh(o)
	defer func() { err = errors.Join(err, s.leave(ctx)) }()
	if err := s.prepare(); err != nil {
		return err
	}
	if err := s.lived(); err != nil {
		return err
	}
	l, err := s.reach(ctx)
	if err != nil {
		return err
	}
	s.started("ledger", func(context.Context) error { return l.Close() })
	return do(s, l)
}

// reach opens the configured database, or the private one: over its socket
// where a running service has started it, and else by starting it.
func (s *Service) reach(ctx context.Context) (*ledger.Ledger, error) {
	if db := s.o.Database; db != nil {
		return ledger.Inspect(ctx, named(db.App, s.name), s.o.Log)
	}
	sockets, err := s.runner.RuntimeDir(s.data)
	if err != nil {
		return nil, err
	}
	running := named(localpg.DSN(filepath.Join(sockets, "pg"), migrations.RoleApp), s.name)
	if l, err := ledger.Inspect(ctx, running, s.o.Log); err == nil {
		return l, nil
	}
	dsn, err := s.startDatabase(ctx)
	if err != nil {
		return nil, err
	}
	return ledger.Inspect(ctx, named(dsn, s.name), s.o.Log)
}
