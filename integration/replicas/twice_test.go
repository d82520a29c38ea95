package replicas

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// impatient sends every part, and the finish, to all replicas at once, as a
// client does that gives up waiting and tries the next.
type impatient struct {
	desk.Service
	all      []desk.Service
	finishes int
}

func (c *impatient) PutPart(ctx context.Context, upload string, n int, content *parcel.Parcel) error {
	errs := make([]error, len(c.all))
	var wg sync.WaitGroup
	for i, s := range c.all {
		wg.Go(func() { errs[i] = s.PutPart(ctx, upload, n, content) })
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			return nil // somebody has it
		}
	}
	return errors.Join(errs...)
}

func (c *impatient) FinishUpload(ctx context.Context, upload string, s desk.Submission) (deposited, received desk.Receipt, err error) {
	type answer struct {
		deposited, received desk.Receipt
		err                 error
	}
	answers := make([]answer, len(c.all))
	var wg sync.WaitGroup
	for i, service := range c.all {
		wg.Go(func() {
			a := &answers[i]
			a.deposited, a.received, a.err = service.FinishUpload(ctx, upload, s)
		})
	}
	wg.Wait()
	for _, a := range answers {
		if a.err != nil {
			return a.deposited, a.received, a.err
		}
		if a.deposited.EventID != answers[0].deposited.EventID || a.deposited.Index != answers[0].deposited.Index || a.received.EventID != answers[0].received.EventID {
			return a.deposited, a.received, errors.New("one deposit has several places")
		}
		c.finishes++
	}
	return answers[0].deposited, answers[0].received, nil
}

// twice deposits with a client that asks every replica for everything.
func (f *fleet) twice(t *testing.T) {
	p := f.cast.Investigator
	kase := p.OpenCase(t)
	calm := p.Desk.Service
	defer func() { p.Desk.Service = calm }()
	c := &impatient{Service: calm}
	for _, svc := range f.services {
		remote, err := desk.Connect(desk.Connection{Server: svc.URL(), Key: p.Desk.Key})
		if err != nil {
			t.Fatal(err)
		}
		c.all = append(c.all, remote)
	}
	p.Desk.Service = c
	const rounds = 3
	var items []evidence.Digest
	for i := range rounds {
		d := p.Deposit(t, kase, nil, stage.File(t, 2*16<<20+int64(i)+1))
		p.Included(t, d.Recorded)
		items = append(items, d.Item)
	}
	if c.finishes != rounds*len(f.services) {
		t.Errorf("%d of %d finishes were answered", c.finishes, rounds*len(f.services))
	}
	v, err := p.Desk.VerifyCase(stage.Context(t), kase)
	if err != nil {
		t.Fatal(err)
	}
	// case.opened, and artifact.deposited with artifact.received for each.
	if n := len(v.Readings[0].Events); n < 1+2*len(items) {
		t.Errorf("the case has %d events", n)
	}
}
