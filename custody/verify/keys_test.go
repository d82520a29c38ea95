package verify_test

import (
	"slices"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
)

// TestContestedEventsAreExactlyThose: from the time a key is said to be
// compromised up to its revocation, each of its events is shown as contested,
// and no other.
func TestContestedEventsAreExactlyThose(t *testing.T) {
	s := rulingtest.NewScene(t)
	since := uint64(len(s.Entries))
	release := s.Act(s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Phone))
	s.Act(s.Analyst, s.Acceptance(s.Phone), release)
	s.Exhibit(s.Officer, s.Case, "another phone")
	s.Act(s.Certifier, &custody.KeyRevoked{CompromisedSince: &since, Key: s.Officer.ID(), Org: s.Agency.ID, Reason: custody.ReasonCompromised}, *s.Officer.Cert)
	b := verifytest.Open(t, s.Story)
	d := b.Dossier(s.Case, s.Phone, s.Disk, s.Image)
	r := run(t, everybody(b, s), d)
	wantVerdict(t, r, verify.Open)
	var got, named []uint64
	for _, e := range r.Readings[0].Events {
		if e.Contested {
			got = append(got, e.Index)
		}
	}
	for _, f := range r.Findings {
		if f.Name == verify.KeyContested {
			named = append(named, *f.Event)
		}
	}
	if want := []uint64{since, since + 2}; !slices.Equal(got, want) || !slices.Equal(named, want) {
		t.Errorf("contested %v, named %v, want %v", got, named, want)
	}
}

// TestRevokedKeys: an event at or after its key's revocation breaks a rule,
// whoever put it into the log.
func TestRevokedKeys(t *testing.T) {
	s := rulingtest.NewScene(t)
	s.Act(s.Certifier, &custody.KeyRevoked{Key: s.Officer.ID(), Org: s.Agency.ID, Reason: custody.ReasonLost}, *s.Officer.Cert)
	b := verifytest.Open(t, s.Story)
	b.Draft(s.Story, s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Phone), nil)
	r := run(t, everybody(b, s), b.Dossier(s.Case, s.Phone))
	wantVerdict(t, r, verify.NotWhole)
	if !slices.ContainsFunc(r.Findings, func(f verify.Finding) bool { return f.Name == verify.RuleBroken && f.Rule == "signer.revoked" }) {
		t.Errorf("%v", r.Findings)
	}
	// The release moved nothing.
	if it := r.Readings[0].Items[s.Phone]; it == nil || it.State.Phase != custody.PhaseHeld {
		t.Errorf("%+v", it)
	}
}

// TestACorrectionShowsBoth: the original keeps its words and names its
// correction.
func TestACorrectionShowsBoth(t *testing.T) {
	c := sit(t)
	r := run(t, c.p, c.d)
	for _, e := range r.Readings[0].Events {
		if e.Kind() != custody.KindOpinion {
			continue
		}
		if e.Details[custody.FieldOpinion] != "no sign of alteration" || len(e.Corrected) != 1 || e.Corrected[0].Details[custody.FieldOpinion] != "no sign of alteration was found" {
			t.Errorf("%+v", e)
		}
		return
	}
	t.Error("no opinion")
}
