package desk

import (
	"context"
	"fmt"
	"io"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// Limits on what is taken into memory, in bytes.
const (
	maxDossier = 1 << 30
	maxBlocks  = 256 << 20 // leaves of 64 TiB
	maxReport  = 1 << 30
)

// Published implements Directory.
func (r *Remote) Published(ctx context.Context) (Published, error) {
	t, err := r.c.Trust(ctx)
	if err != nil {
		return Published{}, answer(err)
	}
	out := Published{Log: t.Log.Document, Witnesses: t.Log.Witnesses, Quorum: t.Log.Quorum}
	for _, o := range t.Organisations {
		out.Organisations = append(out.Organisations, o.Document)
	}
	return out, nil
}

// Organisation implements Directory.
func (r *Remote) Organisation(ctx context.Context, id evidence.Digest) (Organisation, error) {
	o, err := r.c.Organisation(ctx, id)
	if err != nil {
		return Organisation{}, answer(err)
	}
	var p ids
	out := Organisation{ID: p.one(o.Id), Document: o.Document, FoundLeaf: p.one(o.FoundedLeaf)}
	for _, k := range o.Keys {
		out.Keys = append(out.Keys, p.key(k))
	}
	return out, p.err
}

// PersonKey implements Directory.
func (r *Remote) PersonKey(ctx context.Context, id evidence.Digest) (PersonKey, error) {
	k, err := r.c.Key(ctx, id)
	if err != nil {
		return PersonKey{}, answer(err)
	}
	var p ids
	out := p.key(k)
	if p.err == nil && (out.ID != id || evidence.Sum(k.Spki) != id) {
		return PersonKey{}, fmt.Errorf("couldn't use the service's answer: it is about another key than %s: %w", id.Short(), ErrEvidence)
	}
	return out, p.err
}

func (p *ids) key(k wire.Key) PersonKey {
	out := PersonKey{
		ID: p.one(k.Id), Organisation: p.one(k.Org), Person: p.some(k.Person), PersonDocument: k.PersonDocument,
		Standing: string(k.Standing), RequestedLeaf: p.some(k.RequestedLeaf), CertLeaf: p.some(k.CertLeaf),
	}
	for _, right := range k.Rights {
		out.Rights = append(out.Rights, custody.Right(right))
	}
	return out
}

// Invite implements Directory.
func (r *Remote) Invite(ctx context.Context, purpose string, organisation evidence.Digest) (Invitation, error) {
	var of *evidence.Digest
	if !organisation.IsZero() {
		of = &organisation
	}
	inv, err := r.c.Invite(ctx, wire.InvitationPurpose(purpose), of)
	return Invitation{Token: inv.Token, Purpose: string(inv.Purpose), Expires: inv.Expires}, answer(err)
}

// Cases implements Matters.
func (r *Remote) Cases(ctx context.Context) ([]Case, error) {
	list, err := r.c.Cases(ctx)
	if err != nil {
		return nil, answer(err)
	}
	var p ids
	var out []Case
	for _, c := range list {
		out = append(out, p.matter(c))
	}
	return out, p.err
}

// Case implements Matters.
func (r *Remote) Case(ctx context.Context, id evidence.Digest) (Case, error) {
	c, err := r.c.Case(ctx, id)
	if err != nil {
		return Case{}, answer(err)
	}
	var p ids
	out := p.matter(c)
	return out, p.err
}

func (p *ids) matter(c wire.Case) Case {
	return Case{ID: p.one(c.Id), Document: c.Document, Agency: p.one(c.Agency), Items: c.Items}
}

// Items implements Matters.
func (r *Remote) Items(ctx context.Context, ofCase evidence.Digest) ([]Item, error) {
	var of *evidence.Digest
	if !ofCase.IsZero() {
		of = &ofCase
	}
	list, err := r.c.Items(ctx, of)
	if err != nil {
		return nil, answer(err)
	}
	var p ids
	var out []Item
	for _, it := range list {
		out = append(out, p.item(it))
	}
	return out, p.err
}

// Item implements Matters.
func (r *Remote) Item(ctx context.Context, id evidence.Digest) (Item, error) {
	it, err := r.c.Item(ctx, id)
	if err != nil {
		return Item{}, answer(err)
	}
	var p ids
	out := p.item(it)
	return out, p.err
}

func (p *ids) item(it wire.Item) Item {
	out := Item{
		ID: p.one(it.Id), Case: p.one(it.Case), Parent: p.optional(it.Parent), Class: it.Class, State: string(it.State),
		Document: it.Document, Holder: p.party(it.Holder),
	}
	if t := it.Transit; t != nil {
		to := p.party(t.To)
		out.To = &to
	}
	if a := it.Artifact; a != nil {
		out.Artifact = &custody.Artifact{SHA256: p.one(a.Sha256), BlockRoot: p.one(a.BlockRoot), Size: p.count(a.Size)}
		out.Segments = a.Segments
	}
	if f := it.Fixity; f != nil {
		out.Fixity = &Fixity{State: string(f.State), Checked: f.Checked, Event: p.some(f.Event), Reason: f.Reason, Bad: p.count(f.Bad), Looked: p.count(f.Looked), Whole: f.Whole, Due: f.Due}
		for _, n := range f.BadBlocks {
			out.Fixity.Blocks = append(out.Fixity.Blocks, p.count(n))
		}
	}
	if m := it.Media; m != nil {
		out.Media = &Found{State: string(m.State), Event: p.some(m.Event), Reason: m.Reason, Size: p.count(m.Size), Segments: p.count(m.Segments), SHA256: m.Sha256, SHA1: m.Sha1, MD5: m.Md5,
			StoredSHA1: m.StoredSha1, StoredMD5: m.StoredMd5, ChunkSize: p.count(m.ChunkSize), Damaged: p.count(m.Damaged), Flaws: m.Flaws}
		for _, n := range m.DamagedChunks {
			out.Media.Chunks = append(out.Media.Chunks, p.count(n))
		}
	}
	for _, g := range it.Grants {
		out.Grants = append(out.Grants, GrantSummary{ID: p.one(g.Id), Leaf: p.one(g.Leaf), Scope: string(g.Scope), Expires: g.Expires})
	}
	for _, e := range it.Events {
		line := EventLine{ID: p.one(e.Id), Index: p.count(e.Index), Kind: e.Kind, Appended: e.Appended}
		if e.Signer != nil {
			line.Signer = p.party(*e.Signer)
		}
		out.Events = append(out.Events, line)
	}
	return out
}

func (p *ids) party(w wire.Party) custody.Party {
	return custody.Party{Org: p.one(w.Org), Person: p.some(w.Person)}
}

func whole(d *client.Download, err error, limit int64) ([]byte, error) {
	if err != nil {
		return nil, answer(err)
	}
	return d.Bytes(limit)
}

// CaseDossier implements Matters.
func (r *Remote) CaseDossier(ctx context.Context, id evidence.Digest) ([]byte, error) {
	d, err := r.c.CaseDossier(ctx, id)
	return whole(d, err, maxDossier)
}

// ItemDossier implements Matters.
func (r *Remote) ItemDossier(ctx context.Context, id evidence.Digest) ([]byte, error) {
	d, err := r.c.ItemDossier(ctx, id)
	return whole(d, err, maxDossier)
}

// Blocks implements Artifacts.
func (r *Remote) Blocks(ctx context.Context, artifact, request evidence.Digest) ([]byte, error) {
	d, err := r.c.Blocks(ctx, artifact, request)
	return whole(d, err, maxBlocks)
}

// Elsewhere returns what another program, such as curl, needs to read an artifact.
func (r *Remote) Elsewhere(ctx context.Context, artifact, request evidence.Digest) (address, authorization string, err error) {
	address, authorization, err = r.c.Elsewhere(ctx, artifact, request)
	return address, authorization, answer(err)
}

// Content implements Artifacts.
func (r *Remote) Content(ctx context.Context, artifact, request evidence.Digest, offset, length int64) (io.ReadCloser, error) {
	d, err := r.c.ArtifactRange(ctx, artifact, request, offset, length)
	if err != nil {
		return nil, answer(err)
	}
	return d, nil
}

// IssueReport implements Reports.
func (r *Remote) IssueReport(ctx context.Context, ofCase evidence.Digest, items []evidence.Digest) (Report, error) {
	rep, err := r.c.IssueReport(ctx, ofCase, items)
	if err != nil {
		return Report{}, answer(err)
	}
	var p ids
	out := Report{ID: p.one(rep.Id), Receipt: p.receipt(rep.Receipt), Files: map[string]ReportFile{}}
	for _, f := range rep.Files {
		out.Files[f.Name] = ReportFile{SHA256: p.one(f.Sha256), Size: f.Size}
	}
	return out, p.err
}

// ReportFile implements Reports.
func (r *Remote) ReportFile(ctx context.Context, report evidence.Digest, name string) ([]byte, error) {
	d, err := r.c.ReportFile(ctx, report, name)
	return whole(d, err, maxReport)
}
