package report_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/report/pdf"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestEveryReadingHasAReport: whatever was done to a dossier, the verifier's
// result can be composed, and the document keeps to its own rules.
func TestEveryReadingHasAReport(t *testing.T) {
	s, b, p := told(t)
	whole := b.Dossier(s.Case, s.Phone, s.Disk, s.Image)
	rng := rand.New(rand.NewPCG(1, 2))
	verdicts := map[report.Verdict]int{}
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	for round := range rounds {
		d := copied(whole)
		for range 1 + rng.IntN(3) {
			mangle(rng, d)
		}
		policy := p
		if rng.IntN(4) == 0 {
			policy = nil
		}
		_, doc := compose(t, policy, d)
		verdicts[doc.Result.Verdict]++
		if round%25 == 0 {
			var page bytes.Buffer
			if err := pdf.Render(&page, doc); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
	}
	for _, v := range []report.Verdict{report.Whole, report.Bad, report.Unchecked} {
		if verdicts[v] == 0 {
			t.Errorf("no round ended with verdict %s: %v", v, verdicts)
		}
	}
}

func copied(d *dossier.Dossier) *dossier.Dossier {
	c := *d
	c.Log, c.Checkpoint = bytes.Clone(d.Log), bytes.Clone(d.Checkpoint)
	c.Events, c.Scope.Items = slices.Clone(d.Events), slices.Clone(d.Scope.Items)
	c.Consistency, c.Documents, c.Details = map[uint64][]evidence.Digest{}, map[evidence.Digest][]byte{}, map[evidence.Digest][]byte{}
	for k, v := range d.Consistency {
		c.Consistency[k] = v
	}
	for k, v := range d.Documents {
		c.Documents[k] = v
	}
	for k, v := range d.Details {
		c.Details[k] = v
	}
	return &c
}

// mangle does one thing that a dossier may have suffered.
func mangle(rng *rand.Rand, d *dossier.Dossier) {
	event := func() int { return rng.IntN(max(1, len(d.Events))) }
	any := func(m map[evidence.Digest][]byte) (evidence.Digest, bool) {
		ids := make([]evidence.Digest, 0, len(m))
		for id := range m {
			ids = append(ids, id)
		}
		slices.SortFunc(ids, evidence.Digest.Compare)
		if len(ids) == 0 {
			return evidence.Digest{}, false
		}
		return ids[rng.IntN(len(ids))], true
	}
	if len(d.Events) < 2 {
		return
	}
	switch rng.IntN(16) {
	case 0, 1:
		i := event()
		d.Events = slices.Delete(d.Events, i, i+1)
	case 2:
		i, j := event(), event()
		d.Events[i].Envelope, d.Events[j].Envelope = d.Events[j].Envelope, d.Events[i].Envelope
	case 3:
		i := event()
		d.Events[i].Envelope.Signature = []byte{0x30, 0x06, 2, 1, 1, 2, 1, 1}
	case 4:
		d.Events[event()].Proof = nil
	case 5, 6:
		if id, ok := any(d.Documents); ok {
			delete(d.Documents, id)
		}
	case 7:
		if id, ok := any(d.Documents); ok {
			d.Documents[id] = []byte("{}")
		}
	case 8, 9:
		if id, ok := any(d.Details); ok {
			delete(d.Details, id)
		}
	case 10:
		if id, ok := any(d.Details); ok {
			d.Details[id] = []byte("{}")
		}
	case 11:
		d.Scope.Items = custody.SortedIDs(append(d.Scope.Items, evidence.Sum([]byte("promised")))...)
	case 12:
		d.Scope.Items = d.Scope.Items[:rng.IntN(len(d.Scope.Items)+1)]
	case 13:
		d.Scope.Case = [...]custody.ID{{}, evidence.Sum(nil)}[rng.IntN(2)]
	case 14:
		clear(d.Consistency)
	case 15:
		switch rng.IntN(4) {
		case 0:
			d.Checkpoint = []byte("nothing")
		case 1:
			d.Log = []byte("{}")
		case 2:
			d.Events = nil
		case 3:
			d.Events = d.Events[:1+rng.IntN(len(d.Events)-1)]
		}
	}
}
