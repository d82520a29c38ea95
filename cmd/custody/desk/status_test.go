package desk

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestConfirm: the holder signs the verified head, and nobody else does.
func TestConfirm(t *testing.T) {
	ctx, c := context.Background(), newCast(t)
	items := []evidence.Digest{c.exhibit}
	if _, err := c.clerk.Confirm(ctx, Confirmation{Items: items}); !errors.Is(err, ErrNotHolder) {
		t.Errorf("confirmed by another: %v", err)
	}
	first, err := c.officer.Confirm(ctx, Confirmation{Items: items, Telling: Telling{Details: map[custody.Field]string{custody.FieldPlace: "store 4"}}})
	must(t, err)
	second, err := c.officer.Confirm(ctx, Confirmation{Items: items})
	must(t, err)
	if first.Items[0].Seq != 0 || second.Items[0] != (ConfirmedItem{c.exhibit, 1, first.Leaf}) {
		t.Errorf("first %+v, second %+v", first, second)
	}
	st := c.f.story.Entries[second.Index].Statement
	if l := link(st, c.exhibit); l.Seq != 2 || *l.Prev != first.Leaf {
		t.Errorf("signed the link %+v", l)
	}
	_, err = c.officer.Release(ctx, c.release())
	must(t, err)
	if _, err := c.officer.Confirm(ctx, Confirmation{Items: items}); !errors.Is(err, ErrNotHolder) {
		t.Errorf("confirmed in transit: %v", err)
	}
}

// TestConfirmNothingUnseen: an old dossier is not confirmed for a new head.
func TestConfirmNothingUnseen(t *testing.T) {
	ctx, c := context.Background(), newCast(t)
	old, err := c.f.ItemDossier(ctx, c.exhibit)
	must(t, err)
	_, err = c.officer.Confirm(ctx, Confirmation{Items: []evidence.Digest{c.exhibit}})
	must(t, err)
	c.f.dossier = func([]byte) []byte { return old }
	if _, err := c.officer.Confirm(ctx, Confirmation{Items: []evidence.Digest{c.exhibit}}); !errors.Is(err, ErrMoved) {
		t.Errorf("got %v, want ErrMoved", err)
	}
}

// TestStateKeys: the list is of the organisation's own events.
func TestStateKeys(t *testing.T) {
	ctx, c := context.Background(), newCast(t)
	none, err := c.agency.StateKeys(ctx, Stating{})
	must(t, err)
	if len(none.Revoked) != 0 {
		t.Errorf("revoked before any was: %v", none.Revoked)
	}
	for _, d := range []*Desk{c.clerk, c.officer} {
		_, err = c.agency.RevokeKey(ctx, Revocation{Key: d.Key.KeyID(), Reason: custody.ReasonLeft})
		must(t, err)
		both, err := c.agency.StateKeys(ctx, Stating{}) // reads back to its own last list
		must(t, err)
		if !slices.Contains(both.Revoked, d.Key.KeyID()) {
			t.Errorf("%s is not listed among %v", d.Key.Name, both.Revoked)
		}
	}
	// Another key that certifies reads the whole chain.
	registrar := enrolled(t, sitQuickly(t, c.f, "registrar"), c.agency, custody.RightCertify)
	all, err := registrar.StateKeys(ctx, Stating{})
	must(t, err)
	if want := custody.SortedIDs(c.clerk.Key.KeyID(), c.officer.Key.KeyID()); !slices.Equal(all.Revoked, want) || all.Organisation != c.agency.Key.Organisation {
		t.Errorf("stated %+v, want %v", all, want)
	}
	// The laboratory's analyst may not.
	var no *Answer
	if _, err := c.analyst.StateKeys(ctx, Stating{}); !errors.As(err, &no) || no.Rule != "signer.right" {
		t.Errorf("stated without the right: %v", err)
	}
}

// TestStateKeysBelievesNobody: what the service shows of the organisation's
// chain is held to the chain itself.
func TestStateKeysBelievesNobody(t *testing.T) {
	kind := func(s rulingtest.Sealed) custody.Kind {
		st, err := custody.Decode(s.Envelope.Payload)
		if err != nil {
			return ""
		}
		return st.Predicate.Kind
	}
	for name, tt := range map[string]struct {
		set  func(c *cast)
		want error
	}{
		"another event for the revocation": {func(c *cast) {
			other := c.f.story.Sealed[1]
			c.f.event = func(s rulingtest.Sealed) rulingtest.Sealed {
				if kind(s) == custody.KindRevoked {
					return other
				}
				return s
			}
		}, ErrEvidence},
		"a broken signature": {func(c *cast) {
			c.f.event = func(s rulingtest.Sealed) rulingtest.Sealed {
				s.Envelope.Signature = slices.Clone(s.Envelope.Signature)
				s.Envelope.Signature[len(s.Envelope.Signature)-1] ^= 1
				return s
			}
		}, ErrEvidence},
		"the chain before the revocation": {func(c *cast) {
			// The head shown leaves the revocation out: what is signed on it would
			// fork the chain, and the log, which holds the truth, refuses it.
			chain := c.f.story.Chains[c.agency.Key.Organisation]
			st := c.f.story.Entries[chain.Index].Statement
			prev := *link(st, chain.ID).Prev
			c.f.chain = func(h Head) Head {
				if h.Leaf == chain.Head {
					return Head{Seq: h.Seq - 1, Leaf: prev, Index: h.Index - 1}
				}
				return h
			}
		}, nil},
		"a head at another place": {func(c *cast) {
			c.f.chain = func(h Head) Head { h.Seq++; return h }
		}, ErrEvidence},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, c := context.Background(), newCast(t)
			_, err := c.agency.RevokeKey(ctx, Revocation{Key: c.clerk.Key.KeyID(), Reason: custody.ReasonLeft})
			must(t, err)
			tt.set(c)
			before := len(c.f.story.Entries)
			_, err = c.agency.StateKeys(ctx, Stating{})
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			var no *Answer
			if tt.want == nil && (!errors.As(err, &no) || no.Code != CodeStale) {
				t.Errorf("got %v, want a stale chain", err)
			}
			if len(c.f.story.Entries) != before {
				t.Error("a false list was recorded")
			}
		})
	}
}
