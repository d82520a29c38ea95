package service

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/evidence-custody/custodyd/api"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// checks are what the service can't work without.
func (s *Service) checks() []api.Check {
	head := &logHead{ledger: s.ledger}
	return []api.Check{
		{Name: "database", Problem: "it does not answer", Ask: s.databaseAnswers},
		{Name: "object store", Problem: "it does not answer, or does not protect evidence", Ask: s.shelf.Ready},
		{Name: "log head", Problem: "it cannot be read, or nothing may be appended to it", Ask: head.ask},
	}
}

// databaseAnswers leaves to the log head what is wrong with what it answers.
func (s *Service) databaseAnswers(ctx context.Context) error {
	err := s.ledger.Ready(ctx)
	var altered *docket.Altered
	if errors.As(err, &altered) || errors.Is(err, docket.ErrUnfounded) {
		return nil
	}
	return err
}

// logHead holds the newest checkpoint to the log's key and to those shown
// before: a head that went back is a database that was put back.
type logHead struct {
	ledger *ledger.Ledger
	shown  atomic.Uint64 // events
}

func (h *logHead) ask(ctx context.Context) error {
	if err := h.ledger.Ready(ctx); err != nil {
		return err
	}
	document, _ := h.ledger.LogDocument()
	cp, err := h.ledger.Checkpoint(ctx)
	if err != nil {
		return err
	}
	return h.hold(document, cp)
}

func (h *logHead) hold(document []byte, cp docket.Checkpoint) error {
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		return err
	}
	keys, err := tlog.LogVerifiers(doc)
	if err != nil {
		return err
	}
	signed, err := tlog.OpenCheckpoint(cp.Note, doc.Origin, keys)
	if err != nil {
		return fmt.Errorf("the newest checkpoint is not one of this log: %w", err)
	}
	if before := h.shown.Load(); signed.Size < before || signed.Size != cp.Size {
		return fmt.Errorf("the newest checkpoint is of %d events (its row says %d), and one of %d was shown before", signed.Size, cp.Size, before)
	}
	for before := h.shown.Load(); signed.Size > before && !h.shown.CompareAndSwap(before, signed.Size); before = h.shown.Load() {
	}
	return nil
}
