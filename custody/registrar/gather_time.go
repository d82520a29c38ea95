package registrar

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// most bounds the older checkpoints, and the log.time events, of one dossier. A
// record that needs more shows a gap in its time.
const most = 1000

// notBefore takes, for every event gathered, the newest log.time below the head
// that its signer saw, of each authority, and returns their timestamps. One
// question answers for all events that saw it and no newer one.
func (g *gathering) notBefore() ([]docket.LogTime, error) {
	var sizes []uint64
	for _, e := range g.events {
		sizes = append(sizes, e.Statement.Predicate.Seen.Size)
	}
	slices.Sort(sizes)
	taken := map[evidence.Digest]docket.LogTime{}
	for n := len(sizes) - 1; n >= 0 && sizes[n] > 0 && len(taken) < most; {
		found, err := g.record.LogTimes(g.ctx, sizes[n])
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			break
		}
		var newest uint64
		for _, t := range found {
			newest = max(newest, t.Event.Index)
			taken[t.Stamped.Timestamp.SHA256] = t
			g.take(t.Event)
		}
		for n >= 0 && sizes[n] > newest {
			n--
		}
	}
	// A log.time stands on nothing but the service's key, which genesis names.
	g.todo = nil
	return slices.Collect(maps.Values(taken)), nil
}

// timekeeper attaches what shows when a dossier's events were made.
type timekeeper struct {
	ctx    context.Context
	record Record
	d      *dossier.Dossier
	head   docket.Checkpoint
}

// attach adds the timestamps known already, those of the events' signatures,
// and the first one of a head that includes each event.
func (t *timekeeper) attach(known []docket.LogTime) error {
	t.d.Times, t.d.Checkpoints = map[evidence.Digest][]byte{}, map[uint64][]byte{}
	for _, k := range known {
		if k.Event.Index < t.head.Size {
			t.d.Times[k.Stamped.Timestamp.SHA256] = k.Stamped.Timestamp.Token
		}
	}
	if err := t.signatures(); err != nil {
		return err
	}
	for i := 0; i < len(t.d.Events) && len(t.d.Checkpoints) < most; {
		found, err := t.record.FirstStamped(t.ctx, t.d.Events[i].Index)
		if err != nil {
			return err
		}
		next := t.head.Size
		for _, s := range found {
			if err := t.add(s); err != nil {
				return err
			}
			next = min(next, s.Checkpoint.Size)
		}
		// The same answer serves all events that the smallest of them includes.
		for i < len(t.d.Events) && t.d.Events[i].Index < next {
			i++
		}
	}
	return nil
}

// add attaches a stamped checkpoint, unless the dossier's is older.
func (t *timekeeper) add(s docket.Stamped) error {
	size := s.Checkpoint.Size
	if size > t.head.Size {
		return nil
	}
	t.d.Times[s.Timestamp.SHA256] = s.Timestamp.Token
	if size == t.head.Size || t.d.Checkpoints[size] != nil {
		return nil
	}
	t.d.Checkpoints[size] = s.Checkpoint.Note
	if _, given := t.d.Consistency[size]; given {
		return nil
	}
	var err error
	t.d.Consistency[size], err = t.record.Consistency(t.ctx, size, t.head.Size)
	return err
}

func (t *timekeeper) signatures() error {
	indexes := make([]uint64, len(t.d.Events))
	for i, e := range t.d.Events {
		indexes[i] = e.Index
	}
	stamps, err := t.record.EventTimestamps(t.ctx, indexes...)
	if err != nil {
		return err
	}
	for i := range t.d.Events {
		e := &t.d.Events[i]
		for _, s := range stamps[e.Index] {
			e.Timestamps = append(e.Timestamps, s.Token)
		}
		slices.SortFunc(e.Timestamps, bytes.Compare)
		e.Timestamps = slices.CompactFunc(e.Timestamps, bytes.Equal)
	}
	return nil
}
