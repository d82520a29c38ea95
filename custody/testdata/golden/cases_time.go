package golden

import (
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

func (s *scene) time(text string) *custody.Time {
	t, err := custody.ParseTime(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return &t
}

// noted appends the service's log.time of a timestamp of the present head, and
// returns the timestamp. It says saying, or what the timestamp says.
func (s *scene) noted(at time.Time, saying *custody.Time) []byte {
	seen := s.Seen()
	_, log := s.Log()
	stamp := s.clock.Stamp(s.t, tlog.Checkpoint{Origin: origin, Size: seen.Size, Root: seen.Root}.Body(), at)
	if saying == nil {
		t := custody.NewTime(at)
		saying = &t
	}
	s.Act(s.Service, &custody.LogTime{Digest: evidence.Sum(stamp), Log: log, Root: seen.Root, Size: seen.Size, Time: *saying})
	return stamp
}

// showing is the dossier with one more event of the log's observations, which
// an event in scope names in its basis.
func (s *scene) showing(stamp []byte, change func(*custody.Statement)) *dossier.Dossier {
	leaf := s.Entries[len(s.Entries)-1].Leaf
	b := s.book()
	b.Draft(s.Story, s.officer, s.release(), change, leaf)
	d := s.close(b)
	d.Times[evidence.Sum(stamp)] = stamp
	return d
}

func signedAt(t *custody.Time) func(*custody.Statement) {
	return func(st *custody.Statement) { st.Predicate.Times.Signed, st.Predicate.Times.Act.From = *t, *t }
}

// storyTime is when the scene was told, by the story's own times.
var storyTime = time.Date(2026, 3, 2, 4, 7, 0, 0, time.UTC)

// timeCases bring their findings about by timestamps.
var timeCases = []single{
	{verify.CompleteTo, "with-everything-of-time", func(s *scene) exam {
		d := s.showing(s.noted(storyTime, nil), signedAt(s.time("2026-03-02T12:00:00+05:00")))
		d.Proofs = true
		release := &d.Events[len(d.Events)-2]
		release.Timestamps = [][]byte{s.clock.Stamp(s.t, release.Envelope.Signature, now.Add(-12*time.Hour))}
		return s.of(d)
	}},
	{verify.TimestampInvalid, "of-another-head", changed(func(s *scene, d *dossier.Dossier) {
		stamp := s.clock.Stamp(s.t, []byte("another head"), now)
		d.Times[evidence.Sum(stamp)] = stamp
	})},
	{verify.TimestampInvalid, "signature", changed(func(s *scene, d *dossier.Dossier) {
		stamp := s.clock.Stamp(s.t, verifytest.Body(d.Checkpoint), now, tsatest.WrongSignature)
		d.Times[evidence.Sum(stamp)] = stamp
	})},
	{verify.TimestampInvalid, "not-one", changed(func(_ *scene, d *dossier.Dossier) {
		d.Times[evidence.Sum([]byte("time"))] = []byte("time")
	})},
	{verify.TimestampInvalid, "of-another-signature", changed(func(s *scene, d *dossier.Dossier) {
		d.Events[1].Timestamps = [][]byte{s.clock.Stamp(s.t, d.Events[2].Envelope.Signature, now)}
	})},
	{verify.TimestampInvalid, "log-time-says-another", func(s *scene) exam {
		return s.of(s.showing(s.noted(storyTime, s.time("2026-03-01T00:00:00Z")), signedAt(s.time("2026-03-02T12:00:00+05:00"))))
	}},
	{verify.TimestampUnidentified, "", changed(func(s *scene, d *dossier.Dossier) {
		stamp := tsatest.New(s.t, "other.clock.example").Stamp(s.t, verifytest.Body(d.Checkpoint), now)
		d.Times[evidence.Sum(stamp)] = stamp
	})},
	{verify.TimeOutsideWindow, "before", func(s *scene) exam {
		return s.of(s.showing(s.noted(now.Add(-2*time.Hour), nil), signedAt(s.time("2026-03-02T12:00:00Z"))))
	}},
	{verify.TimeOutsideWindow, "after", written(func(s *scene, b *verifytest.Book) {
		b.Draft(s.Story, s.officer, s.release(), signedAt(s.time("2026-03-04T00:00:00Z")))
	})},
	{verify.TimeOutsideWindow, "act", written(func(s *scene, b *verifytest.Book) {
		b.Draft(s.Story, s.officer, s.release(), func(st *custody.Statement) { st.Predicate.Times.Act.From = *s.time("2026-03-04T00:00:00Z") })
	})},
	{verify.TimeOutsideWindow, "after-its-own-timestamp", func(s *scene) exam {
		b := s.book()
		b.Draft(s.Story, s.officer, s.release(), signedAt(s.time("2026-03-02T20:00:00Z")))
		d := s.close(b)
		release := &d.Events[len(d.Events)-2]
		release.Timestamps = [][]byte{s.clock.Stamp(s.t, release.Envelope.Signature, now.Add(-10*time.Hour))}
		return s.of(d)
	}},
	{verify.TimeGap, "", changed(func(s *scene, d *dossier.Dossier) {
		seen := d.Events[len(d.Events)-2].Index
		tree := s.book().Tree()
		root, err := tree.Root(seen)
		if err != nil {
			s.t.Fatal(err)
		}
		older := tlog.Checkpoint{Origin: origin, Size: seen, Root: root}
		stamp := s.clock.Stamp(s.t, older.Body(), now)
		d.Checkpoints = map[uint64][]byte{seen: s.book().Certify(older)}
		d.Times = map[custody.ID][]byte{evidence.Sum(stamp): stamp}
	})},
	{verify.SeenUnproven, "older-checkpoint", changed(func(s *scene, d *dossier.Dossier) {
		// Its proof is withheld: its timestamp is no fault, and shows nothing.
		seen := d.Events[len(d.Events)-2].Index
		root, err := s.book().Tree().Root(seen)
		if err != nil {
			s.t.Fatal(err)
		}
		older := tlog.Checkpoint{Origin: origin, Size: seen, Root: root}
		stamp := s.clock.Stamp(s.t, older.Body(), now)
		d.Checkpoints = map[uint64][]byte{seen: s.book().Certify(older)}
		d.Times[evidence.Sum(stamp)] = stamp
		delete(d.Consistency, seen)
	})},
}
