package faults

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// deposited is a deposit that its client holds a receipt of.
type deposited struct {
	recorded desk.Recorded
	sha256   evidence.Digest
	size     int64
}

// depositor deposits one file after another in a case of its own.
type depositor struct {
	who     *stage.Person
	kase    evidence.Digest
	exhibit evidence.Digest
	done    []deposited
	again   int // attempts beyond the first
}

func newDepositor(t *testing.T, s *site, name string) *depositor {
	t.Helper()
	d := &depositor{who: s.cast.Enrol(t, s.cast.Agency, name, custody.RightInvestigate, custody.RightHold)}
	d.kase = d.who.OpenCase(t)
	d.exhibit = d.who.Register(t, d.kase)
	d.who.Desk.Service = slow{d.who.Desk.Service}
	return d
}

// slow takes its time over each step, so that a fault finds some of them done
// and others not.
type slow struct{ desk.Service }

func (s slow) PutPart(ctx context.Context, upload string, n int, content *parcel.Parcel) error {
	pause(ctx, time.Duration(rand.IntN(2500))*time.Millisecond)
	return s.Service.PutPart(ctx, upload, n, content)
}

func (s slow) FinishUpload(ctx context.Context, upload string, sub desk.Submission) (deposited, received desk.Receipt, err error) {
	pause(ctx, time.Duration(rand.IntN(1000))*time.Millisecond)
	return s.Service.FinishUpload(ctx, upload, sub)
}

// deposit deposits a file of three parts, as often as it takes.
func (d *depositor) deposit(t *testing.T) {
	t.Helper()
	path := stage.File(t, 2*16<<20+1<<20+int64(len(d.done)))
	defer os.Remove(path)
	f, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	m, _, err := evidence.Measure(f)
	f.Close()
	if err != nil {
		t.Error(err)
		return
	}
	ctx := stage.Context(t)
	for try := 0; ; try++ {
		got, err := d.who.Desk.Deposit(ctx, desk.Depositing{Path: path, Case: d.kase, Parent: &d.exhibit, Role: custody.RoleMaster, Fields: map[string]string{"exhibit": "MA/1/1"}})
		if err != nil {
			// As the people's command does at its next start: what was signed
			// is sent again, and only where that wasn't it, the deposit goes on.
			sent, _ := d.who.Desk.Resend(ctx)
			for _, r := range sent {
				if r.Err == nil {
					got, err = desk.Deposited{Recorded: r.Recorded}, nil
				}
			}
		}
		if err == nil {
			d.done = append(d.done, deposited{got.Recorded, m.SHA256, int64(m.Size)})
			d.again += try
			return
		}
		if pause(ctx, 500*time.Millisecond); ctx.Err() != nil {
			t.Errorf("the deposit does not come to its end: %v", err)
			return
		}
	}
}
