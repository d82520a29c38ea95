package ledger

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// introduced is a founding document that an event brings with it.
type introduced struct {
	typ   string
	known bool // may be left out where an earlier event brought it
}

// introduces lists the founding documents that come with an event of this body.
func introduces(b custody.Body) map[custody.ID]introduced {
	out := map[custody.ID]introduced{}
	person := func(ids ...custody.ID) {
		for _, id := range ids {
			out[id] = introduced{string(custody.DocPerson), true}
		}
	}
	switch b := b.(type) {
	case *custody.Genesis:
		out[b.Document] = introduced{typ: string(custody.DocLog)}
	case *custody.Founded:
		out[b.Org] = introduced{typ: string(custody.DocOrganisation)}
	case *custody.KeyRequested:
		person(b.Person)
		out[b.Key] = introduced{typ: typeKey}
	case *custody.CaseOpened:
		out[b.Case] = introduced{typ: string(custody.DocCase)}
	case *custody.ItemRegistered:
		person(b.SeizedBy.Person)
		person(b.Witnesses...)
		out[b.Item] = introduced{typ: string(custody.DocItem)}
	case *custody.Deposited:
		out[b.Item] = introduced{typ: string(custody.DocItem)}
		if b.Segments != nil {
			out[b.Artifact.SHA256] = introduced{string(custody.DocManifest), true}
		}
	case *custody.Granted:
		out[b.Grant] = introduced{typ: string(custody.DocGrant)}
	}
	return out
}

// readDocuments: each document that the event introduces, none besides, each
// of the type that its place asks for. known returns the type of an earlier
// event's document, or "".
func (p *prepared) readDocuments(given [][]byte, known func(custody.ID) (string, error)) error {
	want := introduces(p.statement.Predicate.Body)
	p.documents = make(map[custody.ID]docket.Blob, len(given))
	for _, b := range given {
		id := evidence.Sum(b)
		w, ok := want[id]
		if !ok {
			return custody.Refuse("document.superfluous", "documents", "the event introduces no document with digest %s", id.Short())
		}
		if err := p.readDocument(w.typ, b); err != nil {
			return err
		}
		p.documents[id] = docket.Blob{SHA256: id, Type: w.typ, Bytes: b}
	}
	for id, w := range want {
		if _, ok := p.documents[id]; ok {
			continue
		}
		if w.known {
			typ, err := known(id)
			if err != nil {
				return err
			}
			if typ == w.typ {
				continue
			}
		}
		return custody.Refuse("document.missing", "documents", "the %s document %s is missing", w.typ, id.Short())
	}
	return nil
}

// readDocument reads one document strictly and keeps the keys it brings.
func (p *prepared) readDocument(typ string, b []byte) error {
	switch typ {
	case typeKey:
		return p.introduce(b)
	case string(custody.DocLog):
		doc, err := custody.ParseLogDocument(b)
		if err != nil {
			return err
		}
		if _, err := tlog.LogVerifiers(doc); err != nil {
			return custody.Refuse("document.keys", "keys", "%v", err)
		}
		return p.introduce(doc.ServiceKeys...)
	case string(custody.DocOrganisation):
		doc, err := custody.ParseOrgDocument(b)
		if err != nil {
			return err
		}
		return p.introduce(doc.RootKeys...)
	}
	return custody.CheckFounding(p.statement.Predicate.Body, custody.DocumentType(typ), b)
}

func (p *prepared) introduce(spkis ...[]byte) error {
	for _, spki := range spkis {
		k, err := seal.ParseSPKI(spki)
		if err != nil {
			return refusal(err, "documents")
		}
		p.keys = append(p.keys, k)
	}
	return nil
}

// documentType returns a known document's type, "" where it is unknown.
// Documents are never taken back, so what is known stays known.
func (l *Ledger) documentType(ctx context.Context, id custody.ID) (string, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT type FROM custody.documents WHERE sha256 = $1`, id[:])
	types, err := collect(rows, err, scanText)
	if err != nil {
		return "", fmt.Errorf("couldn't look for document %s: %w", id.Short(), err)
	}
	if len(types) == 0 {
		return "", nil
	}
	return types[0], nil
}
