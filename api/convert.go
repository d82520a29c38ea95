package api

import (
	"encoding/json"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
)

// each converts a list; the empty list is [] on the wire, never null.
func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, v := range in {
		out = append(out, f(v))
	}
	return out
}

func hexOf(d evidence.Digest) wire.Digest { return d.String() }

// optional leaves out the zero digest.
func optional(d evidence.Digest) wire.Digest {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func optionalPointer(d *evidence.Digest) wire.Digest {
	if d == nil {
		return ""
	}
	return d.String()
}

// digest reads an id the validator has let through.
func digest(field string, s wire.Digest) (evidence.Digest, error) {
	d, err := evidence.ParseDigest(s)
	if err != nil {
		return d, malformed("request.digest", field, "not 64 lowercase hex digits")
	}
	return d, nil
}

func optionalDigest(field string, s wire.Digest) (evidence.Digest, error) {
	if s == "" {
		return evidence.Digest{}, nil
	}
	return digest(field, s)
}

// given is the parameter, or the zero value where it is absent.
func given[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func page(cursor *string, limit *int) registrar.Page {
	p := registrar.Page{Cursor: registrar.Next(given(cursor)), Limit: given(limit)}
	if p.Limit == 0 {
		p.Limit = 50
	}
	return p
}

func receipt(r registrar.Receipt) wire.Receipt {
	return wire.Receipt{EventId: hexOf(r.EventID), Index: int64(r.Index), LeafHash: hexOf(r.LeafHash),
		Inclusion: each(r.Inclusion, hexOf), Checkpoint: string(r.Checkpoint), Timestamps: r.Timestamps, Witnessed: r.Witnessed}
}

func submission(b *wire.Submission) registrar.Submission {
	return registrar.Submission{Envelope: b.Envelope, Details: b.Details, Documents: b.Documents}
}

func head(h registrar.Head) wire.Head {
	return wire.Head{Id: hexOf(h.ID), Seq: int64(h.Seq), Leaf: hexOf(h.Leaf)}
}

func party(p registrar.Party) wire.Party {
	return wire.Party{Org: hexOf(p.Org), Person: optional(p.Person)}
}

// signer is absent for the service.
func signer(p registrar.Party) *wire.Party {
	if p.Org.IsZero() {
		return nil
	}
	w := party(p)
	return &w
}

func detail(d registrar.Detail) wire.Detail {
	return wire.Detail{Event: hexOf(d.Event), Field: d.Field, Sha256: hexOf(d.SHA256), Bytes: d.Bytes, Value: d.Value}
}

func document(d registrar.Document) wire.Document {
	return wire.Document{Id: hexOf(d.ID), Bytes: d.Bytes}
}

func event(e registrar.Event) wire.Event {
	return wire.Event{Receipt: receipt(e.Receipt), Kind: e.Kind, Class: e.Class, Key: hexOf(e.Key), Signer: signer(e.Signer),
		PublicKey: e.PublicKey, Envelope: e.Envelope, Details: each(e.Details, detail),
		Documents: each(e.Documents, document), Appended: e.Appended.UTC()}
}

func logDocument(l registrar.LogDocument) wire.LogDocument {
	out := wire.LogDocument{Id: hexOf(l.ID), Document: l.Document, Origin: l.Origin}
	if len(l.Witnesses) > 0 {
		out.Witnesses, out.Quorum = l.Witnesses, l.Quorum
	}
	return out
}

func published(o registrar.PublishedOrganisation) wire.PublishedOrganisation {
	return wire.PublishedOrganisation{Id: hexOf(o.ID), Document: o.Document, Name: o.Name, Class: o.Class}
}

func organisation(o registrar.Organisation) wire.Organisation {
	return wire.Organisation{Id: hexOf(o.ID), Document: o.Document, Name: o.Name, Class: o.Class,
		Founded: int64(o.Founded), FoundedLeaf: hexOf(o.FoundLeaf), Head: head(o.Head), Keys: each(o.Keys, key)}
}

func key(k registrar.Key) wire.Key {
	w := wire.Key{Id: hexOf(k.ID), Spki: k.SPKI, Org: hexOf(k.Org), Person: optional(k.Person), PersonDocument: k.PersonDocument,
		Standing: wire.Standing(k.Standing), Rights: each(k.Rights, func(r registrar.Right) wire.Right { return wire.Right(r) }),
		RequestedLeaf: optionalPointer(k.RequestedLeaf), CertLeaf: optionalPointer(k.CertLeaf)}
	if !k.Head.ID.IsZero() {
		h := head(k.Head)
		w.Head = &h
	}
	if k.RevokedIndex != nil {
		w.RevokedIndex = int64(*k.RevokedIndex)
	}
	return w
}

func caseOf(c registrar.Case) wire.Case {
	o := c.Opened
	return wire.Case{Id: hexOf(c.ID), Document: c.Document, Agency: hexOf(c.Agency), Head: head(c.Head),
		Opened:  summary(registrar.EventSummary{ID: o.EventID, Index: o.Index, Kind: o.Kind, LeafHash: o.LeafHash, Signer: o.Signer, Appended: o.Appended}),
		Details: each(c.Details, detail), Items: c.Items}
}

func summary(s registrar.EventSummary) wire.EventSummary {
	return wire.EventSummary{Id: hexOf(s.ID), Index: int64(s.Index), Kind: s.Kind, LeafHash: hexOf(s.LeafHash),
		Signer: signer(s.Signer), Appended: s.Appended.UTC()}
}

func grant(g registrar.Grant) wire.Grant {
	w := wire.Grant{Id: hexOf(g.ID), Leaf: hexOf(g.Leaf), To: party(g.To), Scope: g.Scope}
	if g.Expires != nil {
		at := g.Expires.UTC()
		w.Expires = &at
	}
	return w
}

func fixity(f *registrar.Fixity) *wire.Fixity {
	if f == nil {
		return nil
	}
	moment := func(at time.Time) *time.Time {
		if at.IsZero() {
			return nil
		}
		at = at.UTC()
		return &at
	}
	return &wire.Fixity{State: wire.FixityState(f.State), Event: optional(f.Event), Checked: moment(f.Checked), Reason: f.Reason, Bad: int64(f.Bad), Looked: int64(f.Looked),
		BadBlocks: each(f.Blocks, func(n uint64) int64 { return int64(n) }), Whole: f.Whole.UTC(), Due: moment(given(f.Due))}
}

func media(m *registrar.Media) *wire.Media {
	if m == nil {
		return nil
	}
	w := &wire.Media{State: wire.MediaState(m.State), Event: optional(m.Event), Reason: m.Reason}
	f := m.Found
	if f == nil {
		return w
	}
	w.Size, w.ChunkSize, w.Segments, w.Damaged = int64(f.Size), int64(f.ChunkSize), int64(f.Segments), int64(f.Damaged.Count)
	w.DamagedChunks = each(f.Damaged.First, func(n uint64) int64 { return int64(n) })
	w.Md5, w.Sha1, w.StoredMd5, w.StoredSha1 = f.MD5, f.SHA1, f.Stored.MD5, f.Stored.SHA1
	if f.SHA256 != nil {
		w.Sha256 = f.SHA256.String()
	}
	for _, flaw := range f.Flaws {
		w.Flaws = append(w.Flaws, string(flaw))
	}
	return w
}

func item(i registrar.Item) wire.Item {
	w := wire.Item{Id: hexOf(i.ID), Case: hexOf(i.Case), Class: i.Class, Parent: optionalPointer(i.Parent), Document: i.Document,
		Founding: hexOf(i.Founding), State: i.State, Holder: party(i.Holder), CustodyLeaf: hexOf(i.CustodyLeaf), Head: head(i.Head),
		Grants: each(i.Grants, grant), Details: each(i.Details, detail), Events: each(i.Events, summary)}
	if t := i.Transit; t != nil {
		w.Transit = &wire.Transit{From: party(t.From), To: party(t.To), Released: hexOf(t.Released)}
	}
	if a := i.Artifact; a != nil {
		w.Artifact = &wire.ArtifactSummary{Sha256: hexOf(a.SHA256), Size: a.Size, BlockRoot: hexOf(a.BlockRoot), Segments: a.Segments, Format: a.Format, Received: a.Received}
	}
	w.Fixity, w.Media = fixity(i.Fixity), media(i.Media)
	return w
}

func upload(u registrar.Upload) wire.Upload {
	return wire.Upload{Id: hexOf(u.ID), Case: hexOf(u.Case), Parent: optionalPointer(u.Parent), FileName: u.FileName, Size: u.Size,
		Segments: each(u.Segments, func(n uint64) int64 { return int64(n) }),
		Digests:  each(u.Legacy.Names(), func(n string) wire.UploadDigests { return wire.UploadDigests(n) }),
		PartSize: u.PartSize, Parts: u.Parts, Received: each(u.Received, func(n int) int { return n }),
		Next: u.Next, Window: u.Window, Expires: u.Expires.UTC().Truncate(time.Second)}
}

func asMap(doc *openapi3.T) (map[string]any, error) {
	b, err := doc.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(b, &m)
}
