package verify

import (
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/evidence"
)

// checkDocuments reads every founding document before the replay, so that the
// rules see only organisation documents that hash to their id.
func (r *reader) checkDocuments() {
	r.documents, r.withheld = map[custody.ID][]byte{}, map[custody.ID]bool{}
	for id, b := range r.d.Documents {
		if evidence.Sum(b) != id {
			r.find(DocumentMismatch, about(id), "a founding document does not hash to its id")
			continue
		}
		r.documents[id] = b
		if f, err := custody.ParseFounding(b); err == nil {
			r.out.Documents[id] = &f
		} else if _, err := custody.ParseOrgDocument(b); err != nil && !manifest(b) {
			r.find(DocumentMismatch, about(id), "a founding document is attached that cannot be read: %v", err)
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
	details, documents, attached := r.referenced()
	for _, e := range r.out.Events {
		for _, told := range e.source.details {
			r.disclose(e, told)
		}
		slices.Sort(e.Withheld)
		r.note(e)
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
	for id := range r.documents {
		if !documents[id] {
			r.find(ContentUnreferenced, about(id), "a founding document is attached that no event names")
		}
	}
	r.checkAttachments(attached)
	r.checkBlocks()
	for id, it := range r.out.Items {
		if it.State.Artifact != nil && it.Received == nil {
			r.find(ReceptionMissing, about(id), "the dossier shows no measurement by the service of the bytes deposited as item %s", id.Short())
		}
	}
}

// checkAttachments holds each attachment to the event that its name gives: an
// earlier report under a later one's name would be believed to be that.
func (r *reader) checkAttachments(recorded map[string]custody.ID) {
	for name, b := range r.d.Attachments {
		sum := evidence.Sum(b)
		if id, ok := recorded[name]; ok && id == sum {
			continue
		}
		for other, id := range recorded {
			if id == sum {
				r.find(AttachmentUnrecorded, Finding{}, "attachment %q is what the log records as issued under another name, %s", name, other)
				sum = custody.ID{}
				break
			}
		}
		if !sum.IsZero() {
			r.find(AttachmentUnrecorded, Finding{}, "attachment %q is not a file that the log records as issued", name)
		}
	}
}

// referenced collects what statements commit to; attached are files by the names
// that they must have. An event that does not hold, or breaks a rule, is a finding
// already; its content is not another.
func (r *reader) referenced() (details, documents map[custody.ID]bool, attached map[string]custody.ID) {
	details, documents, attached = map[custody.ID]bool{}, map[custody.ID]bool{}, map[string]custody.ID{}
	for i := range r.opened {
		o := &r.opened[i]
		st := o.entry.Statement
		if st == nil {
			continue
		}
		for _, id := range st.Predicate.Details {
			details[id] = true
		}
		for _, s := range st.Subject {
			documents[s.Digest.SHA256] = true
		}
		if b, ok := st.Predicate.Body.(*custody.ReportIssued); ok {
			attached[dossier.ReportFile(o.entry.Index, "pdf")], attached[dossier.ReportFile(o.entry.Index, "json")] = b.Files.PDF, b.Files.JSON
		}
	}
	return details, documents, attached
}

// disclosure is one detail that an event commits to, as far as it is shown.
type disclosure struct {
	field    custody.Field
	value    string
	withheld bool
	mismatch bool // it is not what the event commits to
}

// readDetail looks at one detail of an event.
func (r *reader) readDetail(field custody.Field, id custody.ID) disclosure {
	b, ok := r.d.Details[id]
	if !ok {
		return disclosure{field: field, withheld: true}
	}
	d, err := custody.ParseDetail(b)
	if err != nil || evidence.Sum(b) != id || d.Field != field {
		return disclosure{field: field, mismatch: true}
	}
	return disclosure{field: field, value: d.Value}
}

// disclose adds one detail to an admitted event, or says why not.
func (r *reader) disclose(e *Event, told disclosure) {
	switch {
	case told.withheld:
		e.Withheld = append(e.Withheld, told.field)
		r.find(Withheld, at(e.Index), "the detail %s is withheld: not checked", told.field)
	case told.mismatch:
		r.find(DetailMismatch, at(e.Index), "the detail %s is not what the event commits to", told.field)
	default:
		if e.Details == nil {
			e.Details = map[custody.Field]string{}
		}
		e.Details[told.field] = told.value
	}
}

// note turns events that always belong into a report into findings.
func (r *reader) note(e *Event) {
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
	case *custody.FixityFailed:
		r.find(FixityFailed, at(e.Index), "the service found its copy of artifact %s not as it was deposited (%s; %d of %d blocks looked at): get the bytes from another copy, the record stands", b.Artifact, b.Reason, b.Count, b.Checked)
	case *custody.Deposited, *custody.ImageRead:
		r.image(e)
	case *custody.Received:
		if it := r.out.Items[b.Item]; it != nil {
			it.Received = b
		}
	case *custody.LogRecovered:
		r.recovered(e, b)
	}
}

func manifest(b []byte) bool {
	_, err := evidence.ParseManifest(b)
	return err == nil
}

// checkFounding: a disclosed document is of the type its event gives it.
func (r *reader) checkFounding(e *Event) {
	for id, want := range custody.FoundingOf(e.Body()) {
		b, ok := r.documents[id]
		if !ok {
			if !r.withheld[id] && r.d.Documents[id] == nil {
				f := about(id)
				f.Event = &e.Index
				r.find(Withheld, f, "the %s document %s is withheld: not checked", want, id.Short())
			}
			r.withheld[id] = true
			continue
		}
		if custody.CheckFounding(e.Body(), want, b) != nil {
			r.find(DocumentMismatch, at(e.Index), "the %s document %s is not one", want, id.Short())
			delete(r.out.Documents, id)
			continue
		}
		if m, err := evidence.ParseManifest(b); err == nil && want == custody.DocManifest {
			r.out.Manifests[id] = m
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
		doc, err := custody.ParseOrgDocument(r.documents[id])
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
	deposited := map[custody.ID][]custody.Artifact{}
	for i := range r.opened {
		o := &r.opened[i]
		if o.entry.Statement == nil {
			continue
		}
		if b, ok := o.entry.Statement.Predicate.Body.(*custody.Deposited); ok {
			deposited[b.Artifact.SHA256] = append(deposited[b.Artifact.SHA256], b.Artifact)
		}
	}
	for id, raw := range r.d.Blocks {
		if deposited[id] == nil {
			r.find(ContentUnreferenced, about(id), "a block tree is attached for an artifact that no event deposits")
			continue
		}
		leaves, err := evidence.SplitLeaves(raw)
		// Two deposits of the same bytes have the same tree; the one tree attached
		// must be theirs all.
		if err != nil || slices.ContainsFunc(deposited[id], func(a custody.Artifact) bool {
			return uint64(len(leaves)) != evidence.BlockCount(a.Size) || evidence.BlockRoot(leaves) != a.BlockRoot
		}) {
			r.find(BlocksMismatch, about(id), "the block tree attached is not the one that the depositor signed")
		}
	}
}
