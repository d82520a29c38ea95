package desk

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/text/unicode/norm"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

func normal(s string) string { return norm.NFC.String(s) }

// Opening opens a case.
type Opening struct {
	Fields  map[string]string // of the case document
	Telling Telling
}

// Opened is a case that was opened.
type Opened struct {
	Recorded
	Case     evidence.Digest `json:"case"`
	Document []byte          `json:"-"`
}

// OpenCase founds a case of the desk's organisation.
func (d *Desk) OpenCase(ctx context.Context, in Opening) (Opened, error) {
	doc, id, err := d.found(custody.DocCase, in.Fields)
	if err != nil {
		return Opened{}, err
	}
	r, err := d.perform(ctx, func() (act, error) {
		return act{body: &custody.CaseOpened{Case: id}, telling: in.Telling, documents: [][]byte{doc}}, nil
	})
	return Opened{Recorded: r, Case: id, Document: doc}, err
}

// Registration registers a seized thing (seizure list: who, when, where,
// before which witnesses, under which seals).
type Registration struct {
	Case      evidence.Digest
	Class     custody.ItemClass
	Parent    *evidence.Digest
	Fields    map[string]string // of the item document
	Seals     []custody.SealNumber
	SeizedBy  custody.Party       // zero: the desk's own person
	Witnesses []map[string]string // fields of at least two person documents
	Telling   Telling             // From is the time of seizure; detail place its place
}

// Registered is an item that was registered.
type Registered struct {
	Recorded
	Item      evidence.Digest   `json:"item"`
	Document  []byte            `json:"-"`
	Witnesses []evidence.Digest `json:"witnesses"`
}

// RegisterItem takes a seized thing under control; the signer holds it.
func (d *Desk) RegisterItem(ctx context.Context, in Registration) (Registered, error) {
	if len(in.Witnesses) < 2 {
		return Registered{}, errors.New("couldn't register: a seizure list names at least two witnesses")
	}
	doc, id, err := d.found(custody.DocItem, in.Fields)
	if err != nil {
		return Registered{}, err
	}
	documents := [][]byte{doc}
	var witnesses []evidence.Digest
	for _, w := range in.Witnesses {
		b, person, err := d.found(custody.DocPerson, w)
		if err != nil {
			return Registered{}, err
		}
		documents, witnesses = append(documents, b), append(witnesses, person)
	}
	if in.SeizedBy.IsZero() {
		in.SeizedBy = d.Identity()
	}
	body := &custody.ItemRegistered{
		Case: in.Case, Class: in.Class, Item: id, Parent: in.Parent,
		Seals: sortedSeals(in.Seals), SeizedBy: in.SeizedBy, Witnesses: custody.SortedIDs(witnesses...),
	}
	r, err := d.perform(ctx, func() (act, error) {
		verified, err := d.VerifyCase(ctx, in.Case)
		if err != nil {
			return act{}, err
		}
		return act{body: body, telling: in.Telling, documents: documents, verified: verified}, nil
	})
	return Registered{Recorded: r, Item: id, Document: doc, Witnesses: body.Witnesses}, err
}

func sortedSeals(seals []custody.SealNumber) []custody.SealNumber {
	out := append([]custody.SealNumber{}, seals...)
	slices.Sort(out)
	return slices.Compact(out)
}
