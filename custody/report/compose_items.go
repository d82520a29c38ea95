package report

import (
	"strings"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// numbersOf returns the numbers of those items that are in scope, and how many
// are not.
func (c *composer) numbersOf(ids []custody.ID) (in []int, outside int) {
	for _, id := range ids {
		if n := c.items[id]; n > 0 {
			in = append(in, n)
		} else {
			outside++
		}
	}
	return in, outside
}

// things lists the items in scope and their artifacts.
func (c *composer) things() {
	founding := map[custody.ID]*verify.Event{}
	for _, e := range c.r.Events {
		switch b := e.Body().(type) {
		case *custody.ItemRegistered:
			founding[b.Item] = e
		case *custody.Deposited:
			founding[b.Item] = e
		}
	}
	for _, id := range sortedByNumber(c.items) {
		c.thing(id, founding[id])
	}
	for i := range c.doc.Items {
		if p := c.doc.Items[i].Parent; p > 0 {
			c.doc.Items[p-1].Derived = append(c.doc.Items[p-1].Derived, i+1)
		}
	}
}

func (c *composer) thing(id custody.ID, e *verify.Event) {
	state := c.r.Items[id].State
	it := Item{Number: c.items[id], ID: id, Class: string(state.Class)}
	if state.Parent != nil {
		it.Parent = c.items[*state.Parent]
	}
	if f := c.document(id, custody.DocItem); f == nil {
		it.Description = WithheldAs(id)
	} else {
		it.Exhibit, it.Description = said(f, "exhibit"), said(f, "description")
		for _, field := range custody.FoundingFields(custody.DocItem) {
			if t := said(f, field); field != "exhibit" && field != "description" && !t.IsZero() {
				it.Marks = append(it.Marks, Fact{Name: spaced(field), Value: t})
			}
		}
	}
	if e != nil {
		if b, ok := e.Body().(*custody.ItemRegistered); ok {
			it.Seals, it.SeizedBy, it.Place = sealWords(b.Seals), c.party(b.SeizedBy), text(e, custody.FieldPlace)
			it.SeizedAt = At(e.Statement.Predicate.Times.Act.From.Std())
			for _, w := range b.Witnesses {
				it.Witnesses = append(it.Witnesses, c.person(w))
			}
		}
		if b, ok := e.Body().(*custody.Deposited); ok {
			it.Artifacts = []int{c.artifact(it, b, e)}
		}
	}
	c.doc.Items = append(c.doc.Items, it)
}

// artifact lists the item's stored object with every measurement of it on
// record, each with who made it.
func (c *composer) artifact(it Item, b *custody.Deposited, e *verify.Event) int {
	reading := c.r.Items[it.ID]
	a := Artifact{Number: len(c.doc.Artifacts) + 1, Item: it.Number, FileName: text(e, custody.FieldFileName), Format: string(b.Format), Role: string(b.Role),
		SHA256: b.Artifact.SHA256, Of: OfFile, Size: b.Artifact.Size, BlockRoot: b.Artifact.BlockRoot, Bytes: NotChecked}
	c.segments(&a, b)
	for _, field := range []custody.Field{custody.FieldExaminer, custody.FieldTool, custody.FieldWriteBlocker, custody.FieldSource, custody.FieldErrors, custody.FieldAuthority} {
		if t := text(e, field); !t.IsZero() {
			a.Acquisition = append(a.Acquisition, Fact{Name: spaced(string(field)), Value: t})
		}
	}
	measure := func(k MeasurementKind, by *verify.Event, m Measurement) {
		m.Kind, m.Agrees = k, Fail
		if m.SHA256 == a.SHA256.String() {
			m.Agrees = Pass
		}
		if by != nil {
			m.By, m.Act, m.At = c.signer(by), c.acts[by.Leaf], At(by.Statement.Predicate.Times.Act.From.Std())
		}
		a.Measurements = append(a.Measurements, m)
	}
	measure(Declared, e, Measurement{SHA256: b.Artifact.SHA256.String(), SHA1: b.Declared.SHA1, MD5: b.Declared.MD5})
	for _, o := range c.index.measured[it.ID] {
		switch m := o.Body().(type) {
		case *custody.Received:
			measure(MeasuredByService, o, Measurement{SHA256: m.Artifact.SHA256.String(), SHA1: m.SHA1, MD5: m.MD5, Method: "on receipt, before the deposit was acknowledged"})
		case *custody.Verification:
			measure(RecomputedByReader, o, Measurement{SHA256: m.Computed.SHA256.String(), Method: "over the bytes received: " + string(m.Result)})
		}
	}
	a.Copy, a.Whole = c.copyOf(it.ID)
	a.Media = c.mediaOf(b)
	switch reading.Bytes {
	case verify.Match:
		a.Bytes = Pass
		measure(RecomputedForReport, nil, Measurement{SHA256: a.SHA256.String(), At: c.doc.GeneratedAt, Method: givenMethod(a)})
	case verify.Mismatch:
		a.Bytes = Fail
	case verify.NotChecked:
	}
	c.doc.Artifacts = append(c.doc.Artifacts, a)
	return a.Number
}

// segments lists the files of a segmented image, by name and digest where the
// dossier shows its manifest.
func (c *composer) segments(a *Artifact, b *custody.Deposited) {
	if b.Segments == nil {
		return
	}
	a.Of = OfManifest
	manifest := c.r.Manifests[b.Artifact.SHA256]
	for i, size := range b.Segments {
		s := Segment{Name: WithheldAs(b.Artifact.SHA256), Size: size}
		if len(manifest) == len(b.Segments) {
			s.Name, s.SHA256 = SaidIn(manifest[i].Name, b.Artifact.SHA256), manifest[i].SHA256
		}
		a.Segments = append(a.Segments, s)
	}
}

func givenMethod(a Artifact) string {
	if a.Of == OfManifest {
		return "SHA-256 of each segment, size and block tree over the files given to the verifier"
	}
	return "SHA-256, size and block tree over the file given to the verifier"
}

// signer is who signed: for the service nobody, for a root key the
// organisation alone.
func (c *composer) signer(e *verify.Event) Party {
	return c.party(custody.Party{Org: e.Org, Person: e.Signer.Person})
}

// spaced writes a field's name as words: storeRegister as "store register".
func spaced(field string) string {
	var b strings.Builder
	for _, r := range field {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func sealWords(seals []custody.SealNumber) []string {
	out := make([]string, len(seals))
	for i, s := range seals {
		out[i] = string(s)
	}
	return out
}
