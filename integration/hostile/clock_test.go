package hostile

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// dated signs what goes to the store by the service's clock, as the service does
// where the machine's clock is wrong. The store judges by its own, which is right.
type dated struct {
	http.RoundTripper
	store vault.Config
	skew  *atomic.Int64
}

func (d *dated) RoundTrip(req *http.Request) (*http.Response, error) {
	by := time.Duration(d.skew.Load())
	if by == 0 {
		return d.RoundTripper.RoundTrip(req)
	}
	req = req.Clone(req.Context())
	req.Header.Del("Authorization")
	who := aws.Credentials{AccessKeyID: d.store.AccessKey, SecretAccessKey: d.store.SecretKey}
	if err := v4.NewSigner().SignHTTP(req.Context(), who, req, req.Header.Get("X-Amz-Content-Sha256"), "s3", d.store.Region, time.Now().Add(by),
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }); err != nil {
		return nil, err
	}
	return d.RoundTripper.RoundTrip(req)
}

// tolerated is how far a clock may be off before a store refuses its requests.
const tolerated = 15 * time.Minute

// jumps sets the service's clock, all of it, ahead and back in the middle of
// deposits and reads. What fails goes on where it was once the clock is right,
// what was acknowledged is there, and the record's times are in order.
func (b *badly) jumps(t *testing.T) {
	for _, tt := range []struct {
		name string
		by   time.Duration
	}{
		{"ten minutes ahead", 10 * time.Minute}, {"ten minutes back", -10 * time.Minute},
		{"a fortnight ahead", 14 * 24 * time.Hour}, {"a fortnight back", -14 * 24 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			began := time.Now()
			who := b.Investigator
			kase := who.OpenCase(t)
			defer b.skew.Store(0)
			api := who.Client(t, b.URL)
			if _, err := api.Cases(stage.Context(t)); err != nil { // it has a token now, as the desk has
				t.Fatal(err)
			}
			in := desk.Depositing{Path: stage.File(t, 2*16<<20+int64(len(tt.name))), Case: kase, Role: custody.RoleMaster}
			calm := who.Desk.Service
			who.Desk.Service = &counted{Service: calm, after: func(n int64) {
				if n == 1 {
					b.skew.Store(int64(tt.by))
				}
			}}
			ctx, cancel := context.WithCancel(stage.Context(t))
			defer cancel()
			b.store.tired = cancel
			b.store.set(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
				if b.skew.Load() == 0 || tt.by.Abs() < tolerated {
					return nil, nil
				}
				return next.RoundTrip(req)
			})
			d, err := who.Desk.Deposit(ctx, in)
			who.Desk.Service = calm
			t.Logf("told: %v", err)
			if tt.by.Abs() < tolerated {
				if err != nil {
					t.Fatalf("a clock that is a little wrong stops a deposit: %v", err)
				}
				b.store.set(nil)
				b.readsAcross(t, api, d)
			} else {
				if err == nil {
					t.Fatal("a deposit went well by a clock that the store refuses")
				}
				if _, err := api.BeginUpload(stage.Context(t), kase, nil, 1000, "another.dd"); err == nil {
					t.Error("another was begun")
				}
				b.skew.Store(0)
				b.store.set(nil)
				b.none(t, kase)
				b.goesOn(t, in, 2) // the first part was acknowledged, and is kept
			}
			b.skew.Store(0)
			b.inOrder(t, kase, began.Add(min(tt.by, 0)), time.Now().Add(max(tt.by, 0)), tt.by.Abs() < tolerated)
			b.inOrder(t, who.OpenCase(t), began, time.Now(), false) // and the log goes on
		})
	}
}

// readsAcross reads half of an artifact by the wrong clock and half by the right
// one, so that one of the two is a jump back: what went out is recorded, whole.
func (b *badly) readsAcross(t *testing.T, api *client.Client, d desk.Deposited) {
	ctx := stage.Context(t)
	r, err := b.Investigator.Desk.RequestAccess(ctx, desk.Reading{Item: d.Item, Purpose: custody.PurposeExamination})
	if err != nil {
		t.Fatal(err)
	}
	size := int64(d.Artifact.Size)
	read := func(offset, length int64) {
		t.Helper()
		down, err := api.ArtifactRange(ctx, d.Artifact.SHA256, r.EventID, offset, length)
		if err != nil {
			t.Fatal(err)
		}
		defer down.Close()
		if n, err := io.Copy(io.Discard, down); err != nil || n != length {
			t.Fatalf("%d of %d bytes: %v", n, length, err)
		}
	}
	read(0, size/2)
	b.skew.Store(0)
	read(size/2, size-size/2)
	var served []*custody.Served
	for end := time.Now().Add(30 * time.Second); len(served) == 0 && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		v, err := b.Investigator.Desk.VerifyItems(ctx, d.Item)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range v.Readings[0].Events {
			if s, ok := e.Body().(*custody.Served); ok && s.Request == r.Leaf {
				served = append(served, s)
			}
		}
	}
	if len(served) != 1 || served[0].Bytes != uint64(size) || served[0].Outcome != custody.OutcomeWhole {
		t.Errorf("recorded as served: %+v", served)
	}
}

// inOrder holds a verified case's times to what a statement can say, and to the
// clocks that there were.
func (b *badly) inOrder(t *testing.T, kase evidence.Digest, from, to time.Time, skewed bool) {
	t.Helper()
	v, err := b.Investigator.Desk.VerifyCase(stage.Context(t), kase)
	if err != nil {
		t.Fatal(err)
	}
	const apart = time.Minute // that a busy machine takes between two looks
	kinds := []custody.Kind{}
	for _, e := range v.Readings[0].Events {
		p := e.Statement.Predicate
		if ids := custody.ItemsOf(p.Body); p.Kind != custody.KindReceived && p.Kind != custody.KindServed || len(ids) == 0 {
			continue
		}
		kinds = append(kinds, p.Kind)
		signed := p.Times.Signed.Std()
		if signed.Before(from.Add(-apart)) || signed.After(to.Add(apart)) || p.Times.Act.From.Std().After(signed) || p.Times.Act.To != nil && p.Times.Act.To.Std().After(signed) {
			t.Errorf("%s: %+v, and the clocks said %s to %s", p.Kind, p.Times, from, to)
		}
		if r, ok := p.Body.(*custody.Received); ok && r.Retention.Until.Std().Before(time.Now().Add(24*time.Hour-tolerated)) {
			t.Errorf("by a wrong clock it is locked until %s alone", r.Retention.Until)
		}
	}
	if skewed && !slices.Contains(kinds, custody.KindServed) {
		t.Error(errors.New("no event says what was served"))
	}
}
