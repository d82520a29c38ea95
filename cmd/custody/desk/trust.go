package desk

import (
	"context"
	"errors"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// Published organisations and the log, read and measured: what a person
// compares with what organisations say of themselves over another channel.
type PublishedTrust struct {
	Log           evidence.Digest         `json:"log"`
	Origin        string                  `json:"origin"`
	Mode          custody.Mode            `json:"mode"`
	Organisations []PublishedOrganisation `json:"organisations"`
}

// PublishedOrganisation is an organisation as its own document describes it.
type PublishedOrganisation struct {
	ID       evidence.Digest  `json:"id"`
	Name     string           `json:"name"`
	Class    custody.OrgClass `json:"class"`
	RootKeys int              `json:"rootKeys"`
}

// ReadPublished fetches what the log and its organisations published; further
// documents of organisations may be at hand. Ids are computed here, from the
// documents.
func ReadPublished(ctx context.Context, s Directory, documents ...[]byte) (PublishedTrust, error) {
	raw, err := s.Published(ctx)
	if err != nil {
		return PublishedTrust{}, fmt.Errorf("couldn't get what was published: %w", err)
	}
	return Measured(raw.Log, append(raw.Organisations, documents...))
}

// Measured reads a log's document and those of organisations, each once.
func Measured(log []byte, organisations [][]byte) (PublishedTrust, error) {
	l, err := custody.ParseLogDocument(log)
	if err != nil {
		return PublishedTrust{}, fmt.Errorf("couldn't read the log's document: %w", err)
	}
	out := PublishedTrust{Log: evidence.Sum(log), Origin: l.Origin, Mode: l.Mode}
	known := map[evidence.Digest]bool{}
	for _, b := range organisations {
		doc, err := custody.ParseOrgDocument(b)
		if err != nil {
			return PublishedTrust{}, fmt.Errorf("couldn't read an organisation's document: %w", err)
		}
		if id := evidence.Sum(b); !known[id] {
			known[id] = true
			out.Organisations = append(out.Organisations, PublishedOrganisation{ID: id, Name: doc.Name, Class: doc.Class, RootKeys: len(doc.RootKeys)})
		}
	}
	return out, nil
}

// MakePolicy writes a trust policy for the log and the organisations named; no
// names mean all that were published. The quorum of witnesses is written out as
// 0: verdicts carry the limitation "unwitnessed".
//
// Making a policy trusts nobody: it has to be compared, then accepted.
func (t PublishedTrust) MakePolicy(organisations ...evidence.Digest) (*verify.Policy, error) {
	quorum := 0
	p := &verify.Policy{Format: verify.PolicyFormat, Quorum: &quorum, Logs: []verify.PolicyLog{{ID: t.Log, Origin: t.Origin}}}
	wanted := map[evidence.Digest]bool{}
	for _, id := range organisations {
		wanted[id] = true
	}
	for _, o := range t.Organisations {
		if len(organisations) > 0 && !wanted[o.ID] {
			continue
		}
		delete(wanted, o.ID)
		p.Organisations = append(p.Organisations, verify.PolicyOrg{ID: o.ID, Name: o.Name})
	}
	for id := range wanted {
		return nil, fmt.Errorf("couldn't find organisation %s among those published: %w", id.Short(), ErrUnknown)
	}
	if len(p.Organisations) == 0 {
		return nil, errors.New("couldn't make a policy: no organisation has published anything")
	}
	return p, nil
}
