package verify

import (
	"cmp"
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// Window is between when an event was made, as far as checked timestamps show
// it (SPEC, Time): not before a log.time that its signer had seen, not after
// the first timestamp of its signature or of a head that includes it. The
// authorities' stated accuracies are already allowed for.
type Window struct {
	NotBefore time.Time // zero: not shown
	NotAfter  time.Time // zero: not shown
}

// Stamp is a checked timestamp of a head of the log.
type Stamp struct {
	Size      uint64 // leaves of the head
	Time      time.Time
	Accuracy  time.Duration // 0: not said
	Authority string        // as the policy calls it
}

func (s Stamp) latest() time.Time { return s.Time.Add(s.Accuracy) }

// tolerance is how far a claimed time may lie outside the window: clocks differ.
const tolerance = 5 * time.Minute

// authorities are those that the policy believes about time.
func (p *Policy) authorities() []tlog.Authority {
	if p == nil {
		return nil
	}
	var out []tlog.Authority
	for _, a := range p.TimestampAuthorities {
		t := tlog.Authority{Name: a.Name}
		for _, raw := range a.Certificates {
			if c, err := x509.ParseCertificate(raw); err == nil { // check has read it
				t.Certificates = append(t.Certificates, c)
			}
		}
		out = append(out, t)
	}
	return out
}

// head is a head of the log that a timestamp can be of.
type head struct {
	body   []byte // its three lines
	size   uint64
	proven bool     // a prefix of the dossier's checkpoint
	noted  []*Event // the log.time events that name it
}

// bound says that whatever has seen the leaf at index was made after time.
type bound struct {
	index uint64
	time  time.Time
}

// clock is what a dossier's timestamps show.
type clock struct {
	stamps []Stamp // ascending size; the earliest from each place on in first
	first  []time.Time
	bounds []bound // ascending index and time
}

// checkTime checks every timestamp and derives each event's window from them.
func (r *reader) checkTime() {
	var c clock
	heads := r.heads()
	for _, id := range slices.SortedFunc(maps.Keys(r.d.Times), custody.ID.Compare) {
		r.checkStamp(&c, id, r.d.Times[id], heads)
	}
	c.settle()
	r.out.Stamps = c.stamps
	for _, e := range r.out.Events {
		e.Window = c.window(e, e.source.stamped)
		r.judgeTimes(e)
	}
	r.judgeGaps()
}

// heads lists the heads that timestamps may be of: the dossier's, the older
// ones attached, and those that log.time events name.
func (r *reader) heads() []*head {
	var all []*head
	known := map[string]*head{}
	add := func(h *head) *head {
		if old := known[string(h.body)]; old != nil {
			return old
		}
		all, known[string(h.body)] = append(all, h), h
		return h
	}
	add(&head{body: r.head.Body(), size: r.head.Size, proven: true})
	for _, size := range slices.Sorted(maps.Keys(r.d.Checkpoints)) {
		if c, ok := r.openOlder(size); ok {
			add(&head{body: c.Body(), size: size, proven: r.out.roots[size] == c.Root})
		}
	}
	for _, e := range r.out.Events {
		if b, ok := e.Body().(*custody.LogTime); ok {
			c := tlog.Checkpoint{Origin: r.log.Origin, Size: b.Size, Root: b.Root}
			h := add(&head{body: c.Body(), size: b.Size, proven: r.out.roots[b.Size] == b.Root})
			h.noted = append(h.noted, e)
		}
	}
	return all
}

// openOlder holds an older checkpoint to the log's signature and to its
// history: two heads that the log signed and that contradict each other are
// proof of fraud. False means that the log did not sign it.
func (r *reader) openOlder(size uint64) (tlog.Checkpoint, bool) {
	c, err := tlog.OpenCheckpoint(r.d.Checkpoints[size], r.log.Origin, r.verifiers)
	if err != nil {
		r.find(CheckpointInvalid, Finding{}, "the checkpoint of %d leaves that is attached is not one that this log signed: %v", size, err)
		return c, false
	}
	if root, known := r.out.roots[size]; known {
		if root != c.Root {
			r.find(LogFork, Finding{}, "the log signed two roots for its first %d leaves", size)
		}
		return c, true
	}
	proof, given := r.d.Consistency[size]
	switch {
	case !given && size < r.head.Size:
		r.find(SeenUnproven, Finding{}, "there is no consistency proof from the checkpoint of %d leaves that is attached", size)
	case tlog.VerifyConsistency(size, c.Root, r.head.Size, r.head.Root, proof) != nil:
		r.find(LogFork, Finding{}, "the log signed a head of %d leaves that its head of %d does not continue", size, r.head.Size)
	default:
		r.out.roots[size] = c.Root
	}
	return c, true
}

// checkStamp checks one timestamp of a head.
func (r *reader) checkStamp(c *clock, id custody.ID, raw []byte, heads []*head) {
	token, err := tlog.ParseTimestamp(raw)
	if err != nil {
		r.find(TimestampInvalid, about(id), "a timestamp cannot be read: %v", err)
		return
	}
	var reason error
	for _, h := range heads {
		stamp, err := token.Verify(h.body, r.authorities)
		switch {
		case errors.Is(err, tlog.ErrAuthority):
			r.unidentified(about(id), err)
			return
		case err != nil:
			reason = err
			continue
		}
		r.timed = true
		if h.proven {
			c.stamps = append(c.stamps, Stamp{Size: h.size, Time: stamp.Time, Accuracy: stamp.Accuracy, Authority: stamp.Authority})
		}
		for _, e := range h.noted {
			r.noteTime(c, e, id, stamp)
		}
		return
	}
	r.find(TimestampInvalid, about(id), "a timestamp is of no head that the dossier shows, or its signature does not hold: %v", reason)
}

// noteTime: the log.time event that commits to this very token came after it.
func (r *reader) noteTime(c *clock, e *Event, id custody.ID, stamp tlog.Timestamp) {
	b := e.Body().(*custody.LogTime)
	if b.Digest != id {
		return
	}
	if !b.Time.Std().Equal(stamp.Time.Truncate(time.Second)) {
		r.find(TimestampInvalid, at(e.Index), "log.time says %s, and its timestamp %s", b.Time, stamp.Time.Format(time.RFC3339))
		return
	}
	c.bounds = append(c.bounds, bound{e.Index, stamp.Time.Add(-stamp.Accuracy)})
}

// unidentified notes a timestamp by somebody whom the policy does not name.
// Where it names nobody, that times are claims is said once.
func (r *reader) unidentified(f Finding, err error) {
	if len(r.authorities) > 0 {
		r.find(TimestampUnidentified, f, "a timestamp by somebody whom the policy does not name, or whose certificate was not fit for it: %v", err)
	}
}

// settle puts what was collected into order.
func (c *clock) settle() {
	slices.SortFunc(c.stamps, func(a, b Stamp) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), a.Time.Compare(b.Time), cmp.Compare(a.Authority, b.Authority))
	})
	c.first = make([]time.Time, len(c.stamps))
	for i := len(c.stamps) - 1; i >= 0; i-- {
		c.first[i] = c.stamps[i].latest()
		if i+1 < len(c.stamps) && c.first[i+1].Before(c.first[i]) {
			c.first[i] = c.first[i+1]
		}
	}
	slices.SortFunc(c.bounds, func(a, b bound) int { return cmp.Or(cmp.Compare(a.index, b.index), a.time.Compare(b.time)) })
	for i := 1; i < len(c.bounds); i++ {
		if c.bounds[i].time.Before(c.bounds[i-1].time) {
			c.bounds[i].time = c.bounds[i-1].time
		}
	}
}

// window is what the timestamps show of one event; own is the earliest of its
// own signature.
func (c *clock) window(e *Event, own time.Time) Window {
	w := Window{NotAfter: own}
	i, _ := slices.BinarySearchFunc(c.stamps, e.Index, func(s Stamp, index uint64) int {
		if s.Size > index {
			return 1
		}
		return -1
	})
	if i < len(c.first) && (w.NotAfter.IsZero() || c.first[i].Before(w.NotAfter)) {
		w.NotAfter = c.first[i]
	}
	n, _ := slices.BinarySearchFunc(c.bounds, e.Statement.Predicate.Seen.Size, func(b bound, size uint64) int {
		if b.index >= size {
			return 1
		}
		return -1
	})
	if n > 0 {
		w.NotBefore = c.bounds[n-1].time
	}
	return w
}

// judgeTimes compares what an event claims with what is shown. That an act was
// long before its signing is no contradiction; that it was after is one.
func (r *reader) judgeTimes(e *Event) {
	t := e.Statement.Predicate.Times
	end := t.Act.From
	if t.Act.To != nil {
		end = *t.Act.To
	}
	w := e.Window
	switch {
	case !w.NotBefore.IsZero() && t.Signed.Std().Before(w.NotBefore.Add(-tolerance)):
		r.find(TimeOutsideWindow, at(e.Index), "the event claims to be signed at %s, but its signer had seen a timestamp of %s", t.Signed, w.NotBefore.Format(time.RFC3339))
	case !w.NotAfter.IsZero() && t.Signed.Std().After(w.NotAfter.Add(tolerance)):
		r.find(TimeOutsideWindow, at(e.Index), "the event claims to be signed at %s, but a timestamp shows that it existed by %s", t.Signed, w.NotAfter.Format(time.RFC3339))
	case !w.NotAfter.IsZero() && end.Std().After(w.NotAfter.Add(tolerance)):
		r.find(TimeOutsideWindow, at(e.Index), "the act claims to have been at %s, but a timestamp shows that it was recorded by %s", end, w.NotAfter.Format(time.RFC3339))
	}
}

// judgeGaps says what no timestamp covers, and which signatures no longer
// count by themselves.
func (r *reader) judgeGaps() {
	if r.policy == nil {
		return // nobody is believed about anything
	}
	if !r.timed {
		r.find(Untimed, Finding{}, "no timestamp from an authority that the policy names was checked: times are claims")
	}
	gap, late := counted{}, counted{}
	until, dated := r.policy.until(AlgorithmP256)
	for _, e := range r.out.Events {
		if e.Window.NotAfter.IsZero() {
			gap.add(e.Index)
		}
		if dated && (e.Window.NotAfter.IsZero() || e.Window.NotAfter.After(until)) {
			late.add(e.Index)
		}
	}
	if r.timed && gap.n > 0 {
		r.find(TimeGap, at(gap.first), "no checked timestamp covers %d of %d events, from this one on: when they were made is a claim", gap.n, len(r.out.Events))
	}
	if late.n > 0 {
		r.find(AlgorithmOutdated, at(late.first), "%d of %d events, from this one on, are signed by %s, which the policy believes only where timestamped by %s", late.n, len(r.out.Events), AlgorithmP256, until.Format(time.RFC3339))
	}
	if until, dated := r.policy.until(AlgorithmEd25519); dated && !slices.ContainsFunc(r.out.Stamps, func(s Stamp) bool {
		return s.Size == r.head.Size && !s.latest().After(until)
	}) {
		r.find(AlgorithmOutdated, Finding{}, "the head is signed by %s, which the policy believes only where timestamped by %s", AlgorithmEd25519, until.Format(time.RFC3339))
	}
}

// counted is a number of events and the first of them.
type counted struct {
	n     int
	first uint64
}

func (c *counted) add(index uint64) {
	if c.n == 0 {
		c.first = index
	}
	c.n++
}

// until is the date up to which signatures of an algorithm count by themselves.
func (p *Policy) until(a Algorithm) (time.Time, bool) {
	for _, x := range p.Algorithms {
		if x.Algorithm == a {
			return x.Until.Std(), true
		}
	}
	return time.Time{}, false
}

// stampedSignature checks the timestamps of an event's own signature and
// returns the earliest time by which it existed.
func (r *reader) stampedSignature(stamps [][]byte, signature []byte, refuse func(n Name, rule, format string, args ...any)) (earliest time.Time) {
	for _, raw := range stamps {
		t, err := tlog.VerifyTimestamp(raw, signature, r.authorities)
		switch {
		case errors.Is(err, tlog.ErrAuthority):
			if len(r.authorities) > 0 {
				refuse(TimestampUnidentified, "", "a timestamp of the signature is by somebody whom the policy does not name, or whose certificate was not fit for it: %v", err)
			}
		case err != nil:
			refuse(TimestampInvalid, "", "a timestamp is not of this signature: %v", err)
		default:
			if latest := t.Time.Add(t.Accuracy); earliest.IsZero() || latest.Before(earliest) {
				earliest = latest
			}
		}
	}
	return earliest
}
