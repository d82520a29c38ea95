package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// record lists acts, proofs, accesses, opinions and corrections.
func (c *composer) record() {
	for i, e := range c.r.Events {
		c.doc.Acts = append(c.doc.Acts, c.act(i+1, e))
		// The verifier admits no event whose inclusion does not hold.
		c.doc.Annex.Proofs = append(c.doc.Annex.Proofs, Proof{Act: i + 1, Leaf: e.Leaf, Hashes: uint64(len(c.r.Proofs[e.Index])), Outcome: Pass})
		switch b := e.Body().(type) {
		case *custody.AccessRequested:
			c.access(e, b)
		case *custody.Opinion:
			in, _ := c.numbersOf(b.Items)
			c.doc.Opinions = append(c.doc.Opinions, Opinion{Act: i + 1, By: c.signer(e), Items: in, Capacity: string(b.Capacity), At: claimed(e), Summary: text(e, custody.FieldOpinion)})
		case *custody.Correction:
			c.correction(e, b)
		}
	}
}

func (c *composer) act(no int, e *verify.Event) Act {
	p := &e.Statement.Predicate
	a := Act{No: no, Index: e.Index, Kind: string(p.Kind), Words: KindWords(string(p.Kind)),
		Signed: At(p.Times.Signed.Std()), Claimed: SpanOf(claimed(e), Instant{}),
		Place: text(e, custody.FieldPlace), Purpose: text(e, custody.FieldPurpose), Condition: text(e, custody.FieldCondition),
		Class: string(p.Signer.Class), Signer: c.signer(e), Key: p.Signer.Key, Event: e.ID, Contested: e.Contested}
	if p.Times.Act.To != nil {
		a.Claimed = SpanOf(claimed(e), At(p.Times.Act.To.Std()))
	}
	for _, adv := range p.Advances() {
		i := slices.IndexFunc(p.Chains, func(l custody.Link) bool { return l.ID == adv.ID })
		if i >= 0 {
			a.Chains = append(a.Chains, Place{Type: string(adv.Type), Chain: adv.ID, Seq: p.Chains[i].Seq})
		}
	}
	var outside int
	a.Items, outside = c.numbersOf(custody.ItemsOf(e.Body()))
	a.From, a.To = c.between(e)
	for _, h := range handed(e.Body()) {
		if c.items[h.Item] == 0 {
			continue
		}
		a.SealsAfter = append(a.SealsAfter, sealWords(h.Seals)...)
		if was := c.before(h.Item, e); was != nil {
			a.SealsBefore = append(a.SealsBefore, sealWords(was.Seals)...)
		}
		if h.State == custody.SealBroken {
			a.Notes = append(a.Notes, stated("seal", fmt.Sprintf("item %d: found broken", c.items[h.Item])))
		}
	}
	if b, ok := e.Body().(*custody.ItemRegistered); ok {
		a.SealsAfter = sealWords(b.Seals)
	}
	a.Notes = append(a.Notes, c.notes(e)...)
	if outside > 0 && p.Kind != custody.KindRefused {
		a.Notes = append(a.Notes, stated("also about", count(outside, "item", "items")+" outside this report"))
	}
	for _, field := range fieldsOf(p.Details) {
		switch field {
		case custody.FieldPlace, custody.FieldPurpose, custody.FieldCondition:
		default:
			a.Notes = append(a.Notes, Fact{Name: spaced(string(field)), Value: text(e, field)})
		}
	}
	for _, k := range e.Corrected {
		if n := c.acts[k.Leaf]; n > 0 {
			a.CorrectedBy = append(a.CorrectedBy, n)
		}
	}
	return a
}

func fieldsOf(details map[custody.Field]custody.ID) []custody.Field {
	out := make([]custody.Field, 0, len(details))
	for f := range details {
		out = append(out, f)
	}
	slices.Sort(out)
	return out
}

// stated is a fact that the signed body itself states.
func stated(name, value string) Fact { return Fact{Name: name, Value: Said(value)} }

// between says from whom to whom an act goes.
func (c *composer) between(e *verify.Event) (from, to Party) {
	signer := c.signer(e)
	holder := func(ids []custody.ID) Party {
		for _, id := range ids {
			if was := c.before(id, e); was != nil {
				return c.party(was.Holder)
			}
		}
		return Party{}
	}
	switch b := e.Body().(type) {
	case *custody.KeyRequested:
		return Party{}, c.party(custody.Party{Org: b.Org})
	case *custody.KeyCertified:
		return signer, c.party(custody.Party{Org: b.Org, Person: b.Person})
	case *custody.KeyRevoked:
		if k := c.r.Keys[b.Key]; k != nil {
			return signer, c.party(k.Party())
		}
	case *custody.ItemRegistered, *custody.Deposited:
		return Party{}, signer
	case *custody.Released:
		return signer, c.recipient(b.To)
	case *custody.Accepted:
		return holder(custody.ItemsOf(b)), signer
	case *custody.Declined:
		return signer, holder(b.Items)
	case *custody.Recalled:
		return Party{}, signer
	case *custody.Approved:
		return signer, c.party(b.For)
	case *custody.Assumed:
		return c.party(b.From), signer
	case *custody.Granted:
		return signer, c.recipient(b.To)
	case *custody.ReportIssued:
		return Party{}, c.party(b.For)
	}
	return Party{}, Party{}
}

// sum states a digest of an artifact by what it is of: no file of a segmented
// image has the artifact's, and neither have its bytes as a whole.
func (c *composer) sum(which string, artifact, value custody.ID) Fact {
	name := which + "SHA-256"
	if n := len(c.index.segments[artifact]); n > 0 {
		name += fmt.Sprintf(" of the manifest of %d segments", n)
	}
	return stated(name, value.String())
}

// notes are the facts that a body states besides parties, items and seals.
func (c *composer) notes(e *verify.Event) []Fact {
	switch b := e.Body().(type) {
	case *custody.KeyRequested:
		return []Fact{stated("key", b.Key.String())}
	case *custody.KeyCertified:
		var rights []string
		for _, r := range b.Rights {
			rights = append(rights, string(r))
		}
		return []Fact{stated("key", b.Key.String()), stated("rights", strings.Join(rights, ", "))}
	case *custody.KeyRevoked:
		out := []Fact{stated("key", b.Key.String()), stated("reason", string(b.Reason))}
		if b.CompromisedSince != nil {
			out = append(out, stated("compromised since log index", strconv.FormatUint(*b.CompromisedSince, 10)))
		}
		return out
	case *custody.OrgStatus:
		words := "none"
		if len(b.Revoked) > 0 {
			words = count(len(b.Revoked), "key", "keys")
		}
		out := []Fact{stated("revoked so far", words), stated("as of log size", strconv.FormatUint(e.Statement.Predicate.Seen.Size, 10))}
		for _, key := range b.Revoked {
			if c.r.Keys[key] != nil { // the others signed nothing here
				out = append(out, stated("revoked key", key.String()))
			}
		}
		return out
	case *custody.Confirmed:
		return c.confirmed(e)
	case *custody.LogTime:
		return []Fact{stated("over log size", strconv.FormatUint(b.Size, 10)), stated("time", b.Time.String()), stated("timestamp SHA-256", b.Digest.String())}
	case *custody.LogRecovered:
		return []Fact{stated("cause", string(b.Cause)), stated("log size once signed", strconv.FormatUint(b.Signed.Size, 10)), stated("log size after the loss", strconv.FormatUint(e.Index, 10))}
	case *custody.Deposited:
		return []Fact{c.sum("", b.Artifact.SHA256, b.Artifact.SHA256), stated("size", strconv.FormatUint(b.Artifact.Size, 10)+" bytes"), stated("role", string(b.Role))}
	case *custody.Received:
		return []Fact{c.sum("", b.Artifact.SHA256, b.Artifact.SHA256), stated("retention", string(b.Retention.Mode)+" until "+b.Retention.Until.String())}
	case *custody.DepositRefused:
		// Nothing here says whether a file was offered or a segmented image.
		return []Fact{stated("reason", string(b.Reason)), stated("declared SHA-256, of the file or of the segments' manifest", b.Declared.SHA256.String()),
			stated("received SHA-256, of the same", b.Received.SHA256.String())}
	case *custody.Released:
		return []Fact{stated("purpose", string(b.Purpose))}
	case *custody.Declined:
		return []Fact{stated("reason", string(b.Reason))}
	case *custody.Assumed:
		return []Fact{stated("reason", string(b.Authority))}
	case *custody.Disposed:
		return []Fact{stated("authority", string(b.Authority)), stated("method", string(b.Method))}
	case *custody.Erased:
		return []Fact{c.sum("artifact ", b.Artifact, b.Artifact),
			stated("destroyed", "every wrapped copy of the key of the stored bytes that the service knew of"),
			stated("ciphertext", "stays in the store under "+string(b.Retention.Mode)+" until "+b.Retention.Until.String()),
			stated("not covered", "copies handed out, copies others kept, and backups of the database or of keys")}
	case *custody.Granted:
		out := []Fact{stated("opens", string(b.Scope))}
		if b.Expires != nil {
			out = append(out, stated("expires", b.Expires.String()))
		}
		return out
	case *custody.AccessRequested:
		return []Fact{stated("purpose", string(b.Purpose))}
	case *custody.Served:
		return []Fact{stated("bytes", strconv.FormatUint(b.Bytes, 10)), stated("outcome", string(b.Outcome))}
	case *custody.FixityPassed:
		return []Fact{stated("read back", strconv.FormatUint(b.Bytes, 10)+" bytes")}
	case *custody.FixityFailed:
		return []Fact{stated("reason", string(b.Reason)), stated("bad blocks", badBlocks(b))}
	case *custody.FixityUnchecked:
		return []Fact{stated("reason", string(b.Reason))}
	case *custody.ImageRead:
		_, words := mediaWords(b)
		out := []Fact{stated("outcome", string(b.Outcome)+": "+words)}
		if f := b.Found; f != nil && f.SHA256 != nil {
			out = append(out, stated("media data SHA-256", f.SHA256.String()))
		}
		return out
	case *custody.Verification:
		return []Fact{stated("result", string(b.Result)), c.sum("computed ", b.Artifact, b.Computed.SHA256)}
	case *custody.Opinion:
		return []Fact{stated("capacity", string(b.Capacity))}
	case *custody.ReportIssued:
		return []Fact{stated("over log size", strconv.FormatUint(b.Over.Size, 10)), stated("report.json SHA-256", b.Files.JSON.String()), stated("report.pdf SHA-256", b.Files.PDF.String())}
	}
	return nil
}

// confirmed says up to where the custodian confirms each item's record.
func (c *composer) confirmed(e *verify.Event) []Fact {
	var out []Fact
	for _, l := range e.Statement.Predicate.Chains {
		if n := c.items[l.ID]; n > 0 && l.Prev != nil {
			out = append(out, stated("confirms", fmt.Sprintf("item %d up to seq %d, leaf %s", n, l.Seq-1, l.Prev)))
		}
	}
	return out
}

// access joins a request with what the service says it served and what the
// reader signed about the bytes.
func (c *composer) access(e *verify.Event, b *custody.AccessRequested) {
	item := c.items[b.Item]
	if item == 0 {
		return // outside this report; the act itself is listed
	}
	a := Access{Item: item, Reader: c.signer(e), Purpose: text(e, custody.FieldPurpose), Requested: c.acts[e.Leaf], RequestedAt: claimed(e), Result: NotChecked}
	if a.Purpose.IsZero() {
		a.Purpose = Said(string(b.Purpose))
	}
	if of := c.doc.Items[item-1].Artifacts; len(of) > 0 {
		a.Artifact = of[0]
	}
	if b.Grant != nil {
		a.Grant = c.acts[c.index.grants[*b.Grant]]
	}
	var outcomes []string
	for _, o := range c.index.served[e.Leaf] {
		x := o.Body().(*custody.Served)
		a.Served, a.ServedAt = c.acts[o.Leaf], claimed(o)
		a.Bytes += x.Bytes
		outcomes = append(outcomes, string(x.Outcome))
	}
	for _, o := range c.index.measured[b.Item] {
		x, ok := o.Body().(*custody.Verification)
		if !ok || !slices.Contains(o.Statement.Predicate.Basis, e.Leaf) {
			continue
		}
		a.Verified, a.VerifiedAt, a.Result = c.acts[o.Leaf], claimed(o), Fail
		if x.Result == custody.ResultMatch {
			a.Result = Pass
		}
	}
	switch n := len(outcomes); {
	case n == 1:
		a.Outcome = outcomes[0]
	case n > 1:
		a.Outcome = fmt.Sprintf("%d transfers, %d of them failed, the last %s", n, len(slices.DeleteFunc(slices.Clone(outcomes), func(s string) bool { return s != string(custody.OutcomeFailed) })), outcomes[n-1])
	}
	c.doc.Access = append(c.doc.Access, a)
}

// correction shows both words of each field, side by side.
func (c *composer) correction(e *verify.Event, b *custody.Correction) {
	i := c.acts[b.Corrects] - 1
	if i < 0 {
		return
	}
	k := Correction{Act: c.acts[e.Leaf], Corrects: i + 1, By: c.signer(e), At: claimed(e)}
	for _, field := range fieldsOf(e.Statement.Predicate.Details) {
		k.Fields = append(k.Fields, CorrectedField{Field: spaced(string(field)), Original: text(c.r.Events[i], field), Corrected: text(e, field)})
	}
	c.doc.Corrections = append(c.doc.Corrections, k)
}
