package vault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// probeRetention is how long a probe's object is locked: long enough for
	// clocks that differ by minutes, short enough to leave nothing behind for long.
	probeRetention = 5 * time.Minute
	probeCleanup   = 32 // old probes removed per start
)

// Finding is what one check of a store came to.
type Finding struct {
	Check   string `json:"check"`             // as in UnsafeStoreError
	Asks    string `json:"asks"`              // what a safe store does
	Refused string `json:"refused,omitempty"` // why the store is refused; empty: it keeps this promise
	Skipped string `json:"skipped,omitempty"` // why it could not be tried, after another refusal
}

// OK reports whether the store was asked and keeps the promise.
func (f Finding) OK() bool { return f.Refused == "" && f.Skipped == "" }

// Probe stores one object of a few bytes and tries on it what must not work.
// A store that lets it is refused with *UnsafeStoreError, at the first promise
// it doesn't keep; an error of another kind means that the store could not be
// asked. It takes about two dozen small requests, so it is run at every start.
// It never makes a bucket.
//
// Checked: the bucket keeps versions and locks; a part with a wrong checksum
// and parts cut short are not taken; an aborted upload publishes nothing; the
// object reads back as it was sent, under the lock that was asked for; that
// version can neither be deleted nor its retention shortened.
func (s *Store) Probe(ctx context.Context) error {
	p := &probe{Store: s, quick: true}
	return p.run(ctx)
}

// Examine makes all the checks of Probe and goes on after a refusal, and then
// one that takes some seconds: whether a legal hold protects a version whose
// retention has expired. An error means that the store could not be asked; the
// findings until then are returned with it.
func (s *Store) Examine(ctx context.Context) ([]Finding, error) {
	p := &probe{Store: s}
	err := p.run(ctx)
	return p.findings, err
}

// probe is one run of the checks.
type probe struct {
	*Store
	quick    bool // stop at the first refusal, leave out what takes seconds
	findings []Finding

	data    []byte
	until   time.Time
	upload  Upload // to be completed
	aborted Upload // to be aborted
	object  Object // what upload became
	made    bool   // the object exists
}

// checks in the order in which they are made; later ones use what earlier ones
// left in the store.
var checks = []struct {
	name, asks string
	object     bool // needs the object
	slow       bool
	try        func(*probe, context.Context) error
}{
	{"bucket-versioning", "the bucket keeps versions", false, false, (*probe).versioning},
	{"bucket-lock", "the bucket has Object Lock", false, false, (*probe).bucketLock},
	{"wrong-checksum", "a part with a wrong checksum is not taken", false, false, (*probe).wrongChecksum},
	{"truncated-part", "a part cut short is not taken", false, false, (*probe).truncatedPart},
	{"read-back", "an object reads back as it was sent", false, false, (*probe).readBack},
	{"lock-kept", "an object stands under the lock that was asked for", true, false, (*probe).lockKept},
	{"delete-locked", "a locked version is not deleted", true, false, (*probe).deleteLocked},
	{"shorten-locked", "the retention of a locked version is not shortened", true, false, (*probe).shortenLocked},
	{"aborted-part", "an aborted upload publishes nothing", false, false, (*probe).abortedPart},
	{"legal-hold", "a legal hold protects after retention has expired", false, true, (*probe).legalHold},
}

func (p *probe) run(ctx context.Context) error {
	defer p.clean(context.WithoutCancel(ctx))
	for i, c := range checks {
		if c.slow && p.quick {
			continue
		}
		f := Finding{Check: c.name, Asks: c.asks}
		if c.object && !p.made {
			f.Skipped = "there is no object to try it on"
			p.findings = append(p.findings, f)
			continue
		}
		var unsafe *UnsafeStoreError
		switch err := c.try(p, ctx); {
		case errors.As(err, &unsafe) && p.quick:
			return unsafe
		case errors.As(err, &unsafe):
			f.Refused = unsafe.Why
		case err != nil:
			return fmt.Errorf("couldn't probe whether %s: %w", c.asks, classed(err))
		}
		p.findings = append(p.findings, f)
		// Nothing is put into a bucket that has not been found to lock.
		if i == 1 {
			if err := p.begin(ctx); err != nil {
				if refused(err) && !p.quick && !p.sound() {
					p.skip(i+1, "the store takes no object under a lock")
					return nil
				}
				return fmt.Errorf("couldn't probe the store: %w", classed(err))
			}
		}
	}
	return nil
}

func (p *probe) sound() bool {
	for _, f := range p.findings {
		if !f.OK() {
			return false
		}
	}
	return true
}

func (p *probe) skip(from int, why string) {
	for _, c := range checks[from:] {
		p.findings = append(p.findings, Finding{Check: c.name, Asks: c.asks, Skipped: why})
	}
}

// begin opens two uploads: one to complete and one to abort.
func (p *probe) begin(ctx context.Context) error {
	p.removeOldProbes(ctx)
	p.until = p.now().Add(probeRetention).UTC().Truncate(time.Second)
	for _, u := range []*Upload{&p.upload, &p.aborted} {
		key, err := p.newKey(probePrefix)
		if err != nil {
			return err
		}
		p.data = []byte(key)
		if *u, err = p.Store.begin(ctx, key, uint64(len(key)), p.until); err != nil {
			return err
		}
	}
	return nil
}

// clean gives up what is still pending; a completed object is left alone.
func (p *probe) clean(ctx context.Context) {
	for _, u := range []Upload{p.upload, p.aborted} {
		if u.ID != "" {
			_ = p.Abort(ctx, u)
		}
	}
}
