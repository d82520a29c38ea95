package report

import (
	"slices"

	"github.com/evidence-custody/custodyd/evidence"
)

func (c *checker) people() {
	for i, o := range c.d.Organisations {
		c.must(o.Number == i+1, "numbering", "organisations[%d].number", i)
		c.text(o.Name, "organisations[%d].name", i)
		c.must(o.NamedBy != "policy" || c.d.Policy.Given, "named-by-absent-policy", "organisations[%d].namedBy", i)
	}
	for i, p := range c.d.People {
		c.must(p.Number == i+1, "numbering", "people[%d].number", i)
		c.organisation(p.Organisation, "people[%d].organisation", i)
		for j, n := range p.Names {
			c.text(n, "people[%d].names[%d]", i, j)
		}
		c.text(p.Rank, "people[%d].rank", i)
		c.text(p.Role, "people[%d].role", i)
		c.text(p.Badge, "people[%d].badge", i)
		c.span(p.Active, "people[%d].active", i)
		for j, k := range p.Keys {
			c.must(slices.Contains([]string{KeyValid, KeyRevoked, KeyContested, KeyNotChecked}, k.Status),
				"key-status", "people[%d].keys[%d].status", i, j)
			c.act(k.CertifiedBy, false, "people[%d].keys[%d].certifiedBy", i, j)
			c.act(k.RevokedBy, false, "people[%d].keys[%d].revokedBy", i, j)
		}
	}
}

func (c *checker) things() {
	for i, it := range c.d.Items {
		c.must(it.Number == i+1, "numbering", "items[%d].number", i)
		c.text(it.Exhibit, "items[%d].exhibit", i)
		c.text(it.Description, "items[%d].description", i)
		c.text(it.Place, "items[%d].place", i)
		c.facts(it.Marks, "items[%d].marks", i)
		c.item(it.Parent, false, "items[%d].parent", i)
		c.must(it.Parent != it.Number, "own-parent", "items[%d].parent", i)
		c.party(it.SeizedBy, "items[%d].seizedBy", i)
		c.items(it.Derived, "items[%d].derived", i)
		for _, w := range it.Witnesses {
			c.person(w, "items[%d].witnesses", i)
		}
		for _, a := range it.Artifacts {
			c.number(a, len(c.d.Artifacts), true, "items[%d].artifacts", i)
		}
	}
	for i, a := range c.d.Artifacts {
		c.must(a.Number == i+1, "numbering", "artifacts[%d].number", i)
		c.item(a.Item, true, "artifacts[%d].item", i)
		c.text(a.FileName, "artifacts[%d].fileName", i)
		c.facts(a.Acquisition, "artifacts[%d].acquisition", i)
		c.segments(i, a)
		c.measurements(i, a)
		c.copies(i, a)
		c.media(i, a)
		for j, l := range a.Logs {
			c.number(l.Artifact, len(c.d.Artifacts), true, "artifacts[%d].logs[%d].artifact", i, j)
			c.must(l.Artifact != a.Number, "own-log", "artifacts[%d].logs[%d].artifact", i, j)
			c.outcome(l.Read, "artifacts[%d].logs[%d].read", i, j)
			c.must(l.Read == Pass || len(l.Facts)+len(l.Beside) == 0, "log-not-read", "artifacts[%d].logs[%d]", i, j)
			c.facts(l.Facts, "artifacts[%d].logs[%d].facts", i, j)
		}
	}
}

// segments holds the files of an image to the digest that is of their manifest.
func (c *checker) segments(i int, a Artifact) {
	c.must(a.Of == OfFile && a.Segments == nil || a.Of == OfManifest && len(a.Segments) > 1, "digest-of", "artifacts[%d].sha256Of", i)
	var sizes []uint64
	for j, s := range a.Segments {
		c.text(s.Name, "artifacts[%d].segments[%d].name", i, j)
		c.must((s.Name.State == Given) == !s.SHA256.IsZero(), "segment-digest", "artifacts[%d].segments[%d].sha256", i, j)
		sizes = append(sizes, s.Size)
	}
	if a.Of == OfManifest {
		c.must(evidence.CheckSegments(sizes, a.Size) == nil, "segment-sizes", "artifacts[%d].segments", i)
		m := a.Manifest()
		c.must(m == nil || m.Digest() == a.SHA256, "manifest", "artifacts[%d].segments", i)
	}
}

// measurements holds the word on the bytes to a measurement made for it.
func (c *checker) measurements(i int, a Artifact) {
	c.outcome(a.Bytes, "artifacts[%d].bytes", i)
	read, differs := false, false
	for j, m := range a.Measurements {
		c.must(slices.Contains([]MeasurementKind{Declared, MeasuredByService, RecomputedByReader, RecomputedForReport}, m.Kind),
			"measurement-kind", "artifacts[%d].measurements[%d].kind", i, j)
		c.party(m.By, "artifacts[%d].measurements[%d].by", i, j)
		c.act(m.Act, false, "artifacts[%d].measurements[%d].act", i, j)
		c.outcome(m.Agrees, "artifacts[%d].measurements[%d].agrees", i, j)
		want := Fail
		switch m.SHA256 {
		case "":
			want = NotChecked
		case a.SHA256.String():
			want = Pass
		}
		c.must(m.Agrees == want, "agreement", "artifacts[%d].measurements[%d].agrees", i, j)
		differs = differs || m.Agrees == Fail
		read = read || m.Kind == RecomputedForReport && m.Agrees == Pass
	}
	c.must(a.Bytes != Pass || read, "bytes-not-read", "artifacts[%d].bytes", i)
	c.must(!differs || c.d.Result.Hashes != Pass, "hashes-despite-difference", "result.hashes")
}

// copies holds the word on the service's copy to the acts that say it.
func (c *checker) copies(i int, a Artifact) {
	c.outcome(a.Copy.Last, "artifacts[%d].copy.last", i)
	said := func(act int, kinds ...string) bool {
		return act > 0 && act <= len(c.d.Acts) && slices.Contains(kinds, c.d.Acts[act-1].Kind)
	}
	want := map[Outcome]string{Pass: "fixity.passed", Fail: "fixity.failed", NotChecked: "fixity.unchecked"}[a.Copy.Last]
	c.must(a.Copy.Act == 0 && a.Copy.Last == NotChecked || said(a.Copy.Act, want), "copy-without-act", "artifacts[%d].copy.act", i)
	for _, n := range a.Copy.Failures {
		c.must(said(n, "fixity.failed"), "copy-without-act", "artifacts[%d].copy.failures", i)
	}
	c.must(a.Copy.Last != Fail || slices.Contains(a.Copy.Failures, a.Copy.Act), "copy-failure-unsaid", "artifacts[%d].copy.failures", i)
	if w := a.Whole; w.Act > 0 {
		c.party(w.By, "artifacts[%d].whole.by", i)
		c.must(said(w.Act, "artifact.received", "fixity.passed", "verification.recorded"), "copy-without-act", "artifacts[%d].whole.act", i)
	}
}

// media holds the word on the media data to the act that says it.
func (c *checker) media(i int, a Artifact) {
	m := a.Media
	if m == nil {
		return
	}
	c.outcome(m.Read, "artifacts[%d].media.read", i)
	c.outcome(m.Stored, "artifacts[%d].media.stored", i)
	c.facts(m.Facts, "artifacts[%d].media.facts", i)
	c.facts(m.Told, "artifacts[%d].media.told", i)
	said := m.Act > 0 && m.Act <= len(c.d.Acts) && c.d.Acts[m.Act-1].Kind == "image.read"
	c.must(said || m.Act == 0 && m.Read == NotChecked, "media-without-act", "artifacts[%d].media.act", i)
	hashed := m.SHA256 != "" && m.SHA1 != "" && m.MD5 != ""
	c.must(m.Damaged == 0 && hashed == (m.Read != NotChecked) || m.Damaged > 0 && m.SHA256+m.SHA1+m.MD5 == "", "hash-of-damaged-media", "artifacts[%d].media.sha256", i)
	differs := m.StoredMD5 != "" && m.StoredMD5 != m.MD5 || m.StoredSHA1 != "" && m.StoredSHA1 != m.SHA1
	want := NotChecked
	switch {
	case !hashed || m.StoredMD5+m.StoredSHA1 == "":
	case differs:
		want = Fail
	default:
		want = Pass
	}
	c.must(m.Stored == want, "stored-hash", "artifacts[%d].media.stored", i)
	c.must(m.Read != Pass || m.Damaged == 0 && m.Stored != Fail, "media-despite-damage", "artifacts[%d].media.read", i)
	c.must(m.Read != Fail || m.Damaged > 0 || m.Stored == Fail, "damage-unsaid", "artifacts[%d].media.read", i)
	c.must(uint64(len(m.Chunks)) <= m.Damaged && (m.Damaged == 0 || len(m.Chunks) > 0), "damage-unsaid", "artifacts[%d].media.chunks", i)
}

func (c *checker) acts() {
	for i, a := range c.d.Acts {
		c.must(a.No == i+1, "numbering", "acts[%d].no", i)
		c.must(i == 0 || c.d.Acts[i-1].Index < a.Index, "log-order", "acts[%d].index", i)
		c.must(a.Index < c.d.Log.Size, "beyond-log-head", "acts[%d].index", i)
		c.must(a.Class == ClassPerson || a.Class == ClassService, "class", "acts[%d].class", i)
		c.items(a.Items, "acts[%d].items", i)
		c.span(a.Claimed, "acts[%d].claimed", i)
		c.party(a.From, "acts[%d].from", i)
		c.party(a.To, "acts[%d].to", i)
		c.party(a.Signer, "acts[%d].signer", i)
		c.text(a.Place, "acts[%d].place", i)
		c.text(a.Purpose, "acts[%d].purpose", i)
		c.text(a.Condition, "acts[%d].condition", i)
		c.facts(a.Notes, "acts[%d].notes", i)
		for _, n := range a.CorrectedBy {
			c.act(n, true, "acts[%d].correctedBy", i)
		}
	}
	for i, p := range c.d.Annex.Proofs {
		c.act(p.Act, true, "annex.proofs[%d].act", i)
		c.outcome(p.Outcome, "annex.proofs[%d].outcome", i)
	}
}

func (c *checker) rest() {
	for i, g := range c.d.Gaps {
		c.item(g.Item, true, "gaps[%d].item", i)
		c.must(g.Kind.Words() != "unknown", "gap-kind", "gaps[%d].kind", i)
		c.span(g.Span, "gaps[%d].span", i)
	}
	for i, p := range c.d.Periods {
		c.item(p.Item, true, "periods[%d].item", i)
		c.must(slices.Contains([]PeriodState{Held, InTransit, NoCustodian, EndOfCustody}, p.State), "period-state", "periods[%d].state", i)
		c.must(p.State != NoCustodian || p.Gap, "gap-unsaid", "periods[%d].gap", i)
		c.party(p.Holder, "periods[%d].holder", i)
		c.party(p.To, "periods[%d].to", i)
		c.span(p.Span, "periods[%d].span", i)
		c.act(p.FromAct, false, "periods[%d].fromAct", i)
		c.act(p.ToAct, false, "periods[%d].toAct", i)
	}
	for i, a := range c.d.Access {
		c.item(a.Item, true, "access[%d].item", i)
		c.number(a.Artifact, len(c.d.Artifacts), false, "access[%d].artifact", i)
		c.party(a.Reader, "access[%d].reader", i)
		c.text(a.Purpose, "access[%d].purpose", i)
		for _, n := range []int{a.Grant, a.Requested, a.Served, a.Verified} {
			c.act(n, false, "access[%d]", i)
		}
		c.outcome(a.Result, "access[%d].result", i)
		c.must(a.Result == NotChecked || a.Verified > 0, "result-without-verification", "access[%d].result", i)
	}
	for i, o := range c.d.Opinions {
		c.act(o.Act, true, "opinions[%d].act", i)
		c.party(o.By, "opinions[%d].by", i)
		c.items(o.Items, "opinions[%d].items", i)
		c.text(o.Summary, "opinions[%d].summary", i)
		c.must(o.Capacity == CapacityInHouse || o.Capacity == CapacitySection40, "capacity", "opinions[%d].capacity", i)
	}
	for i, k := range c.d.Corrections {
		c.act(k.Act, true, "corrections[%d].act", i)
		c.act(k.Corrects, true, "corrections[%d].corrects", i)
		c.party(k.By, "corrections[%d].by", i)
		c.text(k.Reason, "corrections[%d].reason", i)
		for j, f := range k.Fields {
			c.text(f.Original, "corrections[%d].fields[%d].original", i, j)
			c.text(f.Corrected, "corrections[%d].fields[%d].corrected", i, j)
		}
	}
}
