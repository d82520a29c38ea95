package verify

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// Source is the bytes of a dossier.
type Source struct {
	Name   string // for errors
	Reader io.ReaderAt
	Size   int64 // bytes
}

// Sources reads dossiers and verifies them, as Read and Dossiers do together. It
// is the way for long records: each event is looked at while its bytes are at
// hand, and its payload is not kept.
//
// Where any is malformed, the findings say so of each that is, and nothing else
// is said: the result has no readings.
func Sources(ctx context.Context, policy *Policy, lim dossier.Limits, sources []Source, files ...File) (*Result, error) {
	if err := checkGiven(policy, len(sources)); err != nil {
		return nil, err
	}
	var readers []*reader
	malformed := &Result{Verdict: NotWhole}
	for i, s := range sources {
		r := &reader{ctx: ctx, policy: policy, position: i}
		d, err := dossier.DecodeEach(s.Reader, s.Size, lim, r.visit)
		bad, err := asMalformed(err)
		switch {
		case err != nil:
			return nil, fmt.Errorf("couldn't read %s: %w", s.Name, err)
		case bad != nil:
			bad.Dossier = i
			malformed.Findings = append(malformed.Findings, *bad)
			continue
		}
		r.d = d
		readers = append(readers, r)
	}
	if len(malformed.Findings) > 0 {
		return malformed, nil
	}
	return verifyAll(ctx, readers, files)
}

// asMalformed turns the error of a malformed dossier into its finding; others it
// returns.
func asMalformed(err error) (*Finding, error) {
	var malformed *dossier.MalformedError
	if errors.As(err, &malformed) {
		return &Finding{Name: DossierMalformed, Severity: Bad, Rule: malformed.Rule, Detail: malformed.Error()}, nil
	}
	return nil, err
}

// visit looks at each event as it is read, on the core that reads it. Where the
// checkpoint is none that the log signed there is nothing to look for: read will
// say so.
func (r *reader) visit(log, checkpoint []byte, events int) func() func(dossier.Shown) {
	r.opened = nil
	doc, err := custody.ParseLogDocument(log)
	if err != nil {
		return nil
	}
	verifiers, err := tlog.LogVerifiers(doc)
	if err != nil {
		return nil
	}
	if r.lookedAt, err = tlog.OpenCheckpoint(checkpoint, doc.Origin, verifiers); err != nil {
		return nil
	}
	r.opened = make([]openedEvent, events)
	return func() func(dossier.Shown) {
		inclusions := tlog.NewInclusions(r.lookedAt.Size, r.lookedAt.Root)
		return func(s dossier.Shown) { r.opened[s.Place].look(s, inclusions) }
	}
}
