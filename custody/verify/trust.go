package verify

import (
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// checkTrust identifies the organisations under the policy.
func (r *reader) checkTrust() {
	for id, b := range r.documents {
		if doc, err := custody.ParseOrgDocument(b); err == nil {
			r.out.Orgs[id] = &OrgReading{ID: id, Document: &doc, Name: doc.Name}
		}
	}
	signed, inScope := map[custody.ID]bool{}, map[custody.ID]bool{}
	for _, e := range r.out.Events {
		if !e.Org.IsZero() {
			signed[e.Org] = true
			inScope[e.Org] = inScope[e.Org] || r.concerns(e)
		}
	}
	for id := range signed {
		if r.out.Orgs[id] == nil {
			r.out.Orgs[id] = &OrgReading{ID: id, Name: "organisation " + id.Short()}
		}
	}
	for _, e := range r.out.Events {
		if b, ok := e.Body().(*custody.OrgStatus); ok {
			r.out.Orgs[b.Org].Status = &Status{Event: e, Size: e.Statement.Predicate.Seen.Size, Revoked: len(b.Revoked)}
		}
	}
	for id, o := range r.out.Orgs {
		if name, ok := r.policy.Organisation(id); ok {
			o.Name, o.Identified = name, true
			continue
		}
		switch {
		case r.policy == nil || !signed[id]:
		case inScope[id]:
			r.find(OrgUnidentified, about(id), "%q signed events of this dossier, but the policy does not name it: its people are unidentified", strings.TrimSpace(o.Name))
		default:
			// Anybody may name a stranger's event in a basis: that must not keep a
			// record from being whole.
			r.find(OutsideScope, about(id), "%q, which the policy does not name, signed events that stand on no chain in scope", strings.TrimSpace(o.Name))
		}
	}
	for _, e := range r.out.Events {
		p := &e.Statement.Predicate
		if k := r.out.Keys[p.Signer.Key]; k != nil && p.Signer.Cert != nil && k.Revocation != nil && e.Index >= k.Revocation.Contested && e.Index < k.Revocation.Index {
			e.Contested = true
			f := at(e.Index)
			f.Subject = &k.ID
			r.find(KeyContested, f, "signed by a key that was revoked at index %d (%s) and is contested from index %d", k.Revocation.Index, k.Revocation.Reason, k.Revocation.Contested)
		}
	}
}

// concerns reports whether the event advances a chain of the case or of an
// item in scope, or what runs beside them.
func (r *reader) concerns(e *Event) bool {
	for _, a := range e.Statement.Predicate.Advances() {
		switch a.Type {
		case custody.ChainCase, custody.ChainItem, custody.ChainObservations, custody.ChainAccess:
			if r.world.whole[a.ID] {
				return true
			}
		case custody.ChainLog, custody.ChainOrg, custody.ChainKey, custody.ChainGrant:
			// founding an organisation or a key, or granting, is no part in the case
			// by itself; a grant stands on its case's chain too
		}
	}
	return false
}

// limits states what this verification does not show.
func (r *reader) limits() {
	if r.log.Mode == custody.ModeTest {
		r.find(TestLog, Finding{}, "the log is of mode test: its records are not evidence")
	}
}

// checkQuorum counts the policy's witnesses on the dossier's checkpoint.
func (r *reader) checkQuorum() {
	if r.policy == nil {
		return
	}
	r.out.Quorum = *r.policy.Quorum
	if *r.policy.Quorum == 0 {
		r.find(Unwitnessed, Finding{}, "the policy asks for no witness: that others were shown the same log is not checked")
		return
	}
	var witnesses []note.Verifier
	for _, w := range r.policy.Witnesses {
		v, err := tlog.NewWitnessVerifier(w.Key)
		if err != nil {
			r.find(QuorumUnmet, Finding{}, "%v", err)
			return
		}
		witnesses = append(witnesses, v)
	}
	for i, w := range witnesses {
		// The count is of different keys: a witness listed twice counts once.
		if tlog.CountWitnesses(r.d.Checkpoint, witnesses[:i+1]) > tlog.CountWitnesses(r.d.Checkpoint, witnesses[:i]) {
			r.out.Witnesses = append(r.out.Witnesses, w.Name())
		}
	}
	if n := len(r.out.Witnesses); n < *r.policy.Quorum {
		r.find(QuorumUnmet, Finding{}, "%d of %d witnesses cosigned the checkpoint; the policy asks for %d", n, len(witnesses), *r.policy.Quorum)
	}
}
