package verify

import (
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// sight is what signers saw of the log at one size.
type sight struct {
	proof   []evidence.Digest // from there to the dossier's checkpoint
	given   bool              // the dossier has one
	claimed bool              // an event that holds says something of it
	claim   custody.Seen      // the first that does
	held    bool              // the proof shows what that says
	judged  bool
	root    evidence.Digest // of the claim judged first
}

// sights collects what signers saw, by size, and verifies on all cores the
// consistency proof given for each.
func (r *reader) sights() (places map[uint64]int, all []sight) {
	places, all = make(map[uint64]int, len(r.d.Consistency)+1), make([]sight, 0, len(r.d.Consistency)+1)
	for i := range r.opened {
		o := &r.opened[i]
		if o.entry.Statement == nil {
			continue
		}
		for _, seen := range custody.HeadsOf(&o.entry.Statement.Predicate) {
			n, known := places[seen.Size]
			if !known {
				n = len(all)
				proof, given := r.d.Consistency[seen.Size]
				places[seen.Size], all = n, append(all, sight{proof: proof, given: given})
			}
			if s := &all[n]; o.ok && s.given && !s.claimed && seen.Size <= r.head.Size {
				s.claimed, s.claim = true, seen
			}
		}
	}
	inParallel(len(all), func() func(int) {
		proofs := tlog.NewConsistencies(r.head.Size, r.head.Root)
		return func(i int) {
			if s := &all[i]; s.claimed {
				s.held = proofs.Verify(s.claim.Size, s.claim.Root, s.proof) == nil
			}
		}
	})
	return places, all
}

// checkSeen holds every checkpoint that a signer saw to be a prefix of the
// dossier's checkpoint: otherwise the signer was shown another history.
func (r *reader) checkSeen() {
	places, sights := r.sights()
	for i := range r.opened {
		o := &r.opened[i]
		if !o.ok {
			continue
		}
		for _, seen := range custody.HeadsOf(&o.entry.Statement.Predicate) {
			r.judgeSeen(o.entry.Index, seen, &sights[places[seen.Size]])
		}
	}
	r.out.roots[r.head.Size] = r.head.Root
	for size := range r.d.Consistency {
		_, used := places[size]
		if _, attached := r.d.Checkpoints[size]; !used && !attached {
			r.find(ContentUnreferenced, Finding{}, "a consistency proof from %d leaves is attached, which no signer saw", size)
		}
	}
}

// judgeSeen judges what one signer saw, beside what others saw at that size.
func (r *reader) judgeSeen(index uint64, seen custody.Seen, s *sight) {
	switch {
	case s.judged:
		if s.root != seen.Root {
			r.find(SeenInconsistent, at(index), "the signer saw a checkpoint of %d leaves with another root than another signer, or than the one proven", seen.Size)
		}
		return
	case seen.Size > r.head.Size:
		r.find(SeenInconsistent, at(index), "the signer saw %d leaves, the dossier's checkpoint has %d", seen.Size, r.head.Size)
		return
	case !s.given && seen.Size != 0 && seen.Size != r.head.Size:
		r.find(SeenUnproven, at(index), "there is no consistency proof from the %d leaves that the signer saw", seen.Size)
	default:
		held := s.held
		if !s.claimed || s.claim != seen {
			held = tlog.VerifyConsistency(seen.Size, seen.Root, r.head.Size, r.head.Root, s.proof) == nil
		}
		if !held {
			r.find(SeenInconsistent, at(index), "the signer saw a log of %d leaves that this one does not continue", seen.Size)
			return
		}
		r.out.roots[seen.Size] = seen.Root
	}
	s.judged, s.root = true, seen.Root
}
