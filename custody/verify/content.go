package verify

import (
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// checkDocuments reads every founding document before the replay, so that the
// rules see only organisation documents that hash to their id.
func (r *reader) checkDocuments() {
	for id, b := range r.d.Documents {
		if evidence.Sum(b) != id {
			r.find(DocumentMismatch, about(id), "a founding document does not hash to its id")
			delete(r.d.Documents, id)
			continue
		}
		if f, err := custody.ParseFounding(b); err == nil {
			r.out.Documents[id] = &f
		}
	}
}

// checkScope holds the dossier to what its scope promises.
func (r *reader) checkScope() {
	scope := r.d.Scope
	if c := r.world.chains[scope.Case]; c == nil || c.State.Case == nil {
		r.find(ScopeMissing, about(scope.Case), "the case that the dossier is about is not shown to have been opened")
	} else {
		r.out.CaseState = c.State.Case
	}
	for _, id := range scope.Items {
		c := r.world.chains[id]
		switch {
		case c == nil || c.State.Item == nil:
			r.find(ScopeMissing, about(id), "item %s is promised, but no event founds it", id.Short())
		case c.State.Item.Case != scope.Case:
			r.find(ScopeForeign, about(id), "item %s belongs to another case", id.Short())
		default:
			r.out.Items[id] = &ItemReading{ID: id, State: *c.State.Item, Bytes: NotChecked}
			r.find(CompleteTo, about(id), "item %s is complete to seq %d, at a log of %d leaves", id.Short(), c.Seq, r.head.Size)
		}
	}
	if c := r.world.chains[scope.Case]; c != nil {
		r.find(CompleteTo, about(scope.Case), "case %s is complete to seq %d, at a log of %d leaves", scope.Case.Short(), c.Seq, r.head.Size)
	}
}

// checkContent checks details, founding documents, block trees and
// attachments against the events that commit to them.
func (r *reader) checkContent() {
	details, documents := map[custody.ID]bool{}, map[custody.ID]bool{}
	attached := map[custody.ID]bool{}
	for _, e := range r.out.Events {
		for field, id := range e.Statement.Predicate.Details {
			details[id] = true
			r.readDetail(e, field, id)
		}
		slices.Sort(e.Withheld)
		for _, s := range e.Statement.Subject {
			documents[s.Digest.SHA256] = true
		}
		r.note(e, attached)
	}
	for _, e := range r.out.Events {
		r.checkFounding(e)
	}
	r.followOwners(documents)
	for id := range r.d.Details {
		if !details[id] {
			r.find(ContentUnreferenced, about(id), "a detail is attached that no event commits to")
		}
	}
	for id := range r.d.Documents {
		if !documents[id] {
			r.find(ContentUnreferenced, about(id), "a founding document is attached that no event names")
		}
	}
	for name, b := range r.d.Attachments {
		if !attached[evidence.Sum(b)] {
			r.find(AttachmentUnrecorded, Finding{}, "attachment %q is not a file that the log records as issued", name)
		}
	}
	r.checkBlocks()
}

// readDetail discloses or withholds one detail of an event.
func (r *reader) readDetail(e *Event, field custody.Field, id custody.ID) {
	b, ok := r.d.Details[id]
	if !ok {
		e.Withheld = append(e.Withheld, field)
		f := at(e.Index)
		r.find(Withheld, f, "the detail %s is withheld: not checked", field)
		return
	}
	d, err := custody.ParseDetail(b)
	if err != nil || evidence.Sum(b) != id || d.Field != field {
		r.find(DetailMismatch, at(e.Index), "the detail %s is not what the event commits to", field)
		return
	}
	e.Details[field] = d.Value
}

// note turns events that always belong into a report into findings, and
// collects the digests of issued files.
func (r *reader) note(e *Event, attached map[custody.ID]bool) {
	switch b := e.Body().(type) {
	case *custody.Assumed:
		r.find(CustodyGap, at(e.Index), "custody was assumed without a release by the holder (%s)", b.Authority)
	case *custody.DepositRefused:
		r.find(DepositRefused, at(e.Index), "a deposit was refused: declared %s, received %s", b.Declared.SHA256, b.Received.SHA256)
	case *custody.Verification:
		if b.Result == custody.ResultMismatch {
			r.find(LabMismatch, at(e.Index), "a reader recorded that the bytes received are not the artifact %s", b.Artifact)
		}
	case *custody.Served:
		if b.Outcome == custody.OutcomeFailed {
			r.find(ServeFailed, at(e.Index), "the service aborted a read of artifact %s: the store or its bytes failed", b.Artifact)
		}
	case *custody.Received:
		if it := r.out.Items[b.Item]; it != nil {
			it.Received = b
		}
	case *custody.ReportIssued:
		attached[b.Files.PDF], attached[b.Files.JSON] = true, true
	}
}

// founding says which type of document each id of a body is.
func founding(b custody.Body) map[custody.ID]custody.DocumentType {
	switch b := b.(type) {
	case *custody.CaseOpened:
		return map[custody.ID]custody.DocumentType{b.Case: custody.DocCase}
	case *custody.ItemRegistered:
		out := map[custody.ID]custody.DocumentType{b.Item: custody.DocItem, b.SeizedBy.Person: custody.DocPerson}
		for _, w := range b.Witnesses {
			out[w] = custody.DocPerson
		}
		return out
	case *custody.Deposited:
		return map[custody.ID]custody.DocumentType{b.Item: custody.DocItem}
	case *custody.KeyRequested:
		return map[custody.ID]custody.DocumentType{b.Person: custody.DocPerson}
	case *custody.Granted:
		return map[custody.ID]custody.DocumentType{b.Grant: custody.DocGrant}
	}
	return nil
}

// checkFounding: a disclosed document is of the type its event gives it.
func (r *reader) checkFounding(e *Event) {
	for id, want := range founding(e.Body()) {
		b, ok := r.d.Documents[id]
		if !ok {
			continue // withheld
		}
		if f, err := custody.ParseFounding(b); err != nil || f.Document != want {
			r.find(DocumentMismatch, at(e.Index), "the %s document %s is not one", want, id.Short())
			delete(r.out.Documents, id)
		}
	}
}

// followOwners admits the documents of organisations that own a named one:
// independence is judged by them.
func (r *reader) followOwners(named map[custody.ID]bool) {
	todo := make([]custody.ID, 0, len(named))
	for id := range named {
		todo = append(todo, id)
	}
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		doc, err := custody.ParseOrgDocument(r.d.Documents[id])
		if err != nil {
			continue
		}
		for _, owner := range doc.ControlledBy {
			if !named[owner] {
				named[owner] = true
				todo = append(todo, owner)
			}
		}
	}
}

// checkBlocks holds each block tree to the root that the depositor signed.
func (r *reader) checkBlocks() {
	deposited := map[custody.ID]custody.Artifact{}
	for _, e := range r.out.Events {
		if b, ok := e.Body().(*custody.Deposited); ok {
			deposited[b.Artifact.SHA256] = b.Artifact
		}
	}
	for id, raw := range r.d.Blocks {
		a, ok := deposited[id]
		if !ok {
			r.find(ContentUnreferenced, about(id), "a block tree is attached for an artifact that no event deposits")
			continue
		}
		leaves, err := evidence.SplitLeaves(raw)
		if err != nil || uint64(len(leaves)) != evidence.BlockCount(a.Size) || evidence.BlockRoot(leaves) != a.BlockRoot {
			r.find(BlocksMismatch, about(id), "the block tree attached is not the one that the depositor signed")
		}
	}
}

// checkTrust identifies the organisations under the policy.
func (r *reader) checkTrust() {
	for id, b := range r.d.Documents {
		if doc, err := custody.ParseOrgDocument(b); err == nil {
			r.out.Orgs[id] = &OrgReading{ID: id, Document: &doc, Name: doc.Name}
		}
	}
	signed := map[custody.ID]bool{}
	for _, e := range r.out.Events {
		if !e.Org.IsZero() {
			signed[e.Org] = true
		}
	}
	for id := range signed {
		if r.out.Orgs[id] == nil {
			r.out.Orgs[id] = &OrgReading{ID: id, Name: "organisation " + id.Short()}
		}
	}
	for id, o := range r.out.Orgs {
		if name, ok := r.policy.Organisation(id); ok {
			o.Name, o.Identified = name, true
		} else if signed[id] && r.policy != nil {
			r.find(OrgUnidentified, about(id), "%q signed events of this dossier, but the policy does not name it: its people are unidentified", strings.TrimSpace(o.Name))
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

// limits states what this verification does not show.
func (r *reader) limits() {
	if r.log.Mode == custody.ModeTest {
		r.find(TestLog, Finding{}, "the log is of mode test: its records are not evidence")
	}
	r.find(Untimed, Finding{}, "no timestamp from an independent authority was checked: times are claims")
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
