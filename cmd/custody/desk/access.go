package desk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// Granting lets an organisation, or one person of it, read.
type Granting struct {
	Case    evidence.Digest
	Items   []evidence.Digest // none for scope record
	To      custody.Recipient
	Scope   custody.Scope
	Expires time.Time // zero: never
	Fields  map[string]string
	Telling Telling
}

// Granted is a grant that was given.
type Granted struct {
	Recorded
	Grant evidence.Digest `json:"grant"`
}

// Grant signs an access grant. Giving bytes is no change of custody.
func (d *Desk) Grant(ctx context.Context, in Granting) (Granted, error) {
	doc, id, err := d.found(custody.DocGrant, in.Fields)
	if err != nil {
		return Granted{}, err
	}
	body := &custody.Granted{Case: in.Case, Grant: id, Items: custody.SortedIDs(in.Items...), Scope: in.Scope, To: in.To}
	if !in.Expires.IsZero() {
		t := custody.NewTime(in.Expires)
		body.Expires = &t
	}
	r, err := d.perform(ctx, func() (act, error) {
		a := act{body: body, telling: in.Telling, documents: [][]byte{doc}}
		if in.Scope == custody.ScopeRecord {
			a.verified, err = d.VerifyCase(ctx, in.Case)
			return a, err
		}
		if a.verified, err = d.VerifyItems(ctx, in.Items...); err != nil {
			return act{}, err
		}
		for _, item := range in.Items {
			it, err := a.verified.item(item)
			if err != nil {
				return act{}, err
			}
			if it.Holder != d.Identity() {
				return act{}, fmt.Errorf("couldn't grant access to item %s: %w", item.Short(), ErrNotHolder)
			}
			a.basis = append(a.basis, it.Custody)
		}
		return a, nil
	})
	return Granted{Recorded: r, Grant: id}, err
}

// Reading asks to read one item's bytes.
type Reading struct {
	Item    evidence.Digest
	Purpose custody.Purpose
	Telling Telling
}

// Reader is a permitted read: a recorded request and what it is for.
type Reader struct {
	Recorded
	Item     evidence.Digest  `json:"item"`
	Artifact custody.Artifact `json:"artifact"`
	// Segments are the sizes of a segmented image's files, as its depositor
	// signed them; none of one file.
	Segments []uint64 `json:"segments,omitempty"`

	manifest evidence.Manifest // of the segments; nil where it is withheld
}

// Manifest lists the segments of a segmented image; empty of one file, and where it
// is withheld.
func (r Reader) Manifest() evidence.Manifest { return r.manifest }

// RequestAccess signs access.requested, resting on the grant or the custody
// that the item's verified dossier shows.
func (d *Desk) RequestAccess(ctx context.Context, in Reading) (Reader, error) {
	var artifact custody.Artifact
	var sizes []uint64
	var manifest evidence.Manifest
	r, err := d.perform(ctx, func() (act, error) {
		verified, err := d.VerifyItems(ctx, in.Item)
		if err != nil {
			return act{}, err
		}
		it, err := verified.item(in.Item)
		if err != nil {
			return act{}, err
		}
		if it.Artifact == nil {
			return act{}, fmt.Errorf("couldn't read item %s: it is a thing, not stored bytes", in.Item.Short())
		}
		artifact = *it.Artifact
		if sizes, manifest, err = verified.segments(in.Item); err != nil {
			return act{}, err
		}
		leaf, grant, err := d.standing(verified, in.Item)
		if err != nil {
			return act{}, err
		}
		return act{body: &custody.AccessRequested{Artifact: artifact.SHA256, Grant: grant, Item: in.Item, Purpose: in.Purpose},
			basis: []evidence.Digest{leaf}, telling: in.Telling, verified: verified}, nil
	})
	return Reader{Recorded: r, Item: in.Item, Artifact: artifact, Segments: sizes, manifest: manifest}, err
}

// standing finds what lets the desk's person work on an item's bytes: its
// organisation's custody, else a grant.
func (d *Desk) standing(v *Dossier, item evidence.Digest) (leaf evidence.Digest, grant *evidence.Digest, err error) {
	it, err := v.item(item)
	if err != nil {
		return leaf, nil, err
	}
	if it.Holder.Org == d.Key.Organisation {
		return it.Custody, nil, nil
	}
	if leaf, grant = d.grant(v, item); grant == nil {
		return leaf, nil, fmt.Errorf("couldn't find custody or a grant of item %s: %w", item.Short(), ErrNotHolder)
	}
	return leaf, grant, nil
}

// grant finds the newest grant of an item's bytes to the desk's person that has
// not run out; nil if there is none.
func (d *Desk) grant(v *Dossier, item evidence.Digest) (leaf evidence.Digest, grant *evidence.Digest) {
	for _, r := range v.Readings {
		for _, e := range r.Events { // in the order of the log: the newest wins
			g, ok := e.Body().(*custody.Granted)
			if !ok || g.Scope != custody.ScopeBytes || !slices.Contains(g.Items, item) || !g.To.Admits(d.Identity()) ||
				g.Expires != nil && g.Expires.Std().Before(d.Clock()) {
				continue
			}
			id := g.Grant
			leaf, grant = e.Leaf, &id
		}
	}
	return leaf, grant
}

// RecordVerification signs what the person recomputed over the bytes received
// by a read.
func (d *Desk) RecordVerification(ctx context.Context, read Retrieved, telling Telling) (Recorded, error) {
	return d.perform(ctx, func() (act, error) {
		result := custody.ResultMatch
		if read.Computed != read.Reader.Artifact {
			result = custody.ResultMismatch
		}
		return act{body: &custody.Verification{Artifact: read.Reader.Artifact.SHA256, Computed: read.Computed, Item: read.Reader.Item, Result: result},
			basis: []evidence.Digest{read.Reader.Leaf}, telling: telling}, nil
	})
}
