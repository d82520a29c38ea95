package metrics

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

// Ledger is l, counted.
func (s *Set) Ledger(l registrar.Ledger) registrar.Ledger { return countedLedger{l, s} }

type countedLedger struct {
	registrar.Ledger
	set *Set
}

func (l countedLedger) Append(ctx context.Context, group ...docket.Submission) ([]docket.Receipt, error) {
	began := time.Now()
	receipts, err := l.Ledger.Append(ctx, group...)
	l.appended(began, receipts, err)
	for i, r := range receipts {
		if r.Created && i < len(group) {
			l.set.event(group[i])
		}
	}
	return receipts, err
}

func (l countedLedger) Deposit(ctx context.Context, s docket.Submission, received docket.Act) ([]docket.Receipt, error) {
	began := time.Now()
	receipts, err := l.Ledger.Deposit(ctx, s, received)
	l.appended(began, receipts, err)
	for i, r := range receipts {
		switch {
		case !r.Created:
		case i == 0:
			l.set.event(s)
			if s.Effects.Upload != nil {
				l.set.uploads.WithLabelValues("finished").Inc()
			}
		default:
			l.set.events.WithLabelValues(string(received.Body.Kind())).Inc()
		}
	}
	return receipts, err
}

func (l countedLedger) Observe(ctx context.Context, act docket.Act, effects docket.Effects) (docket.Receipt, error) {
	began := time.Now()
	r, err := l.Ledger.Observe(ctx, act, effects)
	l.appended(began, []docket.Receipt{r}, err)
	if err == nil && r.Created {
		l.set.events.WithLabelValues(string(act.Body.Kind())).Inc()
	}
	return r, err
}

func (l countedLedger) BeginUpload(ctx context.Context, u docket.Upload) error {
	err := l.Ledger.BeginUpload(ctx, u)
	if err == nil {
		l.set.uploads.WithLabelValues("begun").Inc()
	}
	return err
}

func (l countedLedger) SetUpload(ctx context.Context, id custody.ID, status docket.UploadStatus, finish []byte, version string) error {
	err := l.Ledger.SetUpload(ctx, id, status, finish, version)
	if err == nil && status == docket.UploadAborted {
		l.set.uploads.WithLabelValues("aborted").Inc()
	}
	return err
}

func (l countedLedger) appended(began time.Time, receipts []docket.Receipt, err error) {
	outcome := "repeated"
	for _, r := range receipts {
		if r.Created {
			outcome = "appended"
		}
	}
	var (
		stale       *docket.Stale
		refusal     *custody.Refusal
		unavailable *docket.Unavailable
	)
	switch {
	case err == nil:
	case errors.As(err, &stale):
		outcome = "stale"
	case errors.As(err, &refusal):
		outcome = "refused"
	case errors.As(err, &unavailable):
		outcome = "unavailable"
	default:
		outcome = "failed"
	}
	l.set.appendTime.WithLabelValues(outcome).Observe(time.Since(began).Seconds())
}

// event counts a submission that is in the log, so its payload decodes and its
// kind is one of the closed table.
func (s *Set) event(sub docket.Submission) {
	if st, err := custody.Decode(sub.Envelope.Payload); err == nil {
		s.events.WithLabelValues(string(st.Predicate.Kind)).Inc()
	}
}

// Vault is v, counted.
func (s *Set) Vault(v registrar.Vault) registrar.Vault { return countedVault{v, s} }

type countedVault struct {
	registrar.Vault
	set *Set
}

// done counts an operation that began then and ended with *err.
func (v countedVault) done(ctx context.Context, operation string, began time.Time, err *error) {
	v.set.storeTime.WithLabelValues(operation).Observe(time.Since(began).Seconds())
	v.failed(ctx, operation, *err)
}

func (v countedVault) failed(ctx context.Context, operation string, err error) {
	class := "failed"
	switch {
	case err == nil:
		return
	case errors.Is(err, registrar.ErrVaultFull):
		class = "full"
	case ctx.Err() != nil:
		class = "given-up"
	}
	v.set.storeErrors.WithLabelValues(operation, class).Inc()
}

func (v countedVault) Begin(ctx context.Context, size uint64) (o registrar.Object, err error) {
	defer v.done(ctx, "begin", time.Now(), &err)
	return v.Vault.Begin(ctx, size)
}

func (v countedVault) PutPart(ctx context.Context, o registrar.Object, n int, content *parcel.Parcel) (p registrar.StoredPart, err error) {
	defer v.done(ctx, "put-part", time.Now(), &err)
	return v.Vault.PutPart(ctx, o, n, content)
}

func (v countedVault) Complete(ctx context.Context, o registrar.Object, parts []registrar.StoredPart) (s registrar.StoredObject, err error) {
	defer v.done(ctx, "complete", time.Now(), &err)
	return v.Vault.Complete(ctx, o, parts)
}

func (v countedVault) Abort(ctx context.Context, o registrar.Object) (err error) {
	defer v.done(ctx, "abort", time.Now(), &err)
	return v.Vault.Abort(ctx, o)
}

func (v countedVault) Ready(ctx context.Context) (err error) {
	defer v.done(ctx, "ready", time.Now(), &err)
	return v.Vault.Ready(ctx)
}

func (v countedVault) ReadRange(ctx context.Context, key, version string, off, n uint64) (r io.ReadCloser, err error) {
	defer v.done(ctx, "read", time.Now(), &err)
	if r, err = v.Vault.ReadRange(ctx, key, version, off, n); err != nil {
		return nil, err
	}
	return countedRead{r, ctx, v}, nil
}

// countedRead also counts reading that fails after it began well.
type countedRead struct {
	io.ReadCloser
	ctx context.Context
	v   countedVault
}

func (r countedRead) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		r.v.failed(r.ctx, "read", err)
	}
	return n, err
}
