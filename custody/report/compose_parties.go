package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/standing"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// organisation returns the organisation's number; the zero id is nobody.
func (c *composer) organisation(id custody.ID) int { return c.numbered(c.orgs, id) }

func (c *composer) person(id custody.ID) int { return c.numbered(c.people, id) }

func (c *composer) party(p custody.Party) Party {
	return Party{Organisation: c.organisation(p.Org), Person: c.person(p.Person)}
}

func (c *composer) recipient(r custody.Recipient) Party {
	p := Party{Organisation: c.organisation(r.Org)}
	if r.Person != nil {
		p.Person = c.person(*r.Person)
	}
	return p
}

// numbered gives a number on first sight, until the lists are written.
func (c *composer) numbered(numbers map[custody.ID]int, id custody.ID) int {
	if id.IsZero() {
		return 0
	}
	if numbers[id] == 0 && !c.listed {
		numbers[id] = len(numbers) + 1
	}
	return numbers[id]
}

func sortedByNumber(numbers map[custody.ID]int) []custody.ID {
	return slices.SortedFunc(maps.Keys(numbers), func(a, b custody.ID) int { return cmp.Compare(numbers[a], numbers[b]) })
}

// named lists the parties that a body names, in the order of its words.
func named(b custody.Body) []custody.Party {
	to := func(r custody.Recipient) []custody.Party {
		if r.Person == nil {
			return []custody.Party{{Org: r.Org}}
		}
		return []custody.Party{{Org: r.Org, Person: *r.Person}}
	}
	switch b := b.(type) {
	case *custody.KeyRequested:
		return []custody.Party{{Org: b.Org, Person: b.Person}}
	case *custody.KeyCertified:
		return []custody.Party{{Org: b.Org, Person: b.Person}}
	case *custody.ItemRegistered:
		out := []custody.Party{b.SeizedBy}
		for _, w := range b.Witnesses {
			out = append(out, custody.Party{Person: w})
		}
		return out
	case *custody.Released:
		return to(b.To)
	case *custody.Granted:
		return to(b.To)
	case *custody.Approved:
		return []custody.Party{b.For}
	case *custody.Assumed:
		return []custody.Party{b.From}
	case *custody.ReportIssued:
		return []custody.Party{b.For}
	}
	return nil
}

// organisations lists them by number. A name is the policy's, or what the
// organisation calls itself; without either there is none.
func (c *composer) organisations() {
	for _, id := range sortedByNumber(c.orgs) {
		o := Organisation{Number: c.orgs[id], ID: id}
		if known := c.r.Orgs[id]; known != nil {
			if known.Document != nil {
				o.Class, o.Name, o.NamedBy = string(known.Document.Class), Said(known.Document.Name), "own document"
			}
			if known.Identified {
				o.Name, o.NamedBy = Said(known.Name), "policy"
			}
		}
		c.doc.Organisations = append(c.doc.Organisations, o)
	}
}

// orgWords names an organisation of the list.
func (c *composer) orgWords(number int) string {
	if number > 0 && c.doc.Organisations[number-1].Name.Value != "" {
		return c.doc.Organisations[number-1].Name.Value
	}
	return fmt.Sprintf("organisation %d", number)
}

// partyWords names a party by the numbers of the lists.
func (c *composer) partyWords(p custody.Party) string {
	return fmt.Sprintf("person %d of %s", c.people[p.Person], c.orgWords(c.orgs[p.Org]))
}

// persons lists them by number, with what their documents tell.
func (c *composer) persons() {
	for _, id := range sortedByNumber(c.people) {
		p := Person{Number: c.people[id], ID: id}
		if f := c.document(id, custody.DocPerson); f == nil {
			p.Names = []Text{WithheldAs(id)}
		} else {
			for _, field := range []string{"name", "nameNative"} {
				if t := said(f, field); !t.IsZero() {
					p.Names = append(p.Names, t)
				}
			}
			p.Rank, p.Role, p.Badge = said(f, "rank"), said(f, "role"), said(f, "badge")
		}
		c.doc.People = append(c.doc.People, p)
	}
	for _, e := range c.r.Events {
		for _, p := range append([]custody.Party{{Org: e.Org, Person: e.Signer.Person}}, named(e.Body())...) {
			if n := c.people[p.Person]; n > 0 && c.doc.People[n-1].Organisation == 0 {
				c.doc.People[n-1].Organisation = c.orgs[p.Org]
			}
		}
		if n := c.people[e.Signer.Person]; n > 0 {
			c.doc.People[n-1].Active = widen(c.doc.People[n-1].Active, At(e.Statement.Predicate.Times.Act.From.Std()))
		}
	}
	c.keys()
}

// widen makes the span hold the instant.
func widen(s Span, at Instant) Span {
	switch {
	case at.IsZero():
		return s
	case s.IsZero():
		return SpanOf(at, at)
	case at.Time().Before(s.From.Time()):
		return SpanOf(at, s.To)
	case at.Time().After(s.To.Time()):
		return SpanOf(s.From, at)
	}
	return s
}

// keys gives each person the keys of which the dossier has the chain.
func (c *composer) keys() {
	ids := slices.SortedFunc(maps.Keys(c.r.Keys), custody.ID.Compare)
	for _, id := range ids {
		k := c.r.Keys[id]
		n := c.people[k.Person]
		if n == 0 {
			continue
		}
		out := Key{ID: id, Status: c.status(k)}
		for _, r := range k.Rights {
			out.Rights = append(out.Rights, string(r))
		}
		if k.Cert != nil {
			out.CertifiedBy = c.acts[*k.Cert]
		}
		if k.Revocation != nil {
			out.RevokedBy = c.acts[k.Revocation.Leaf]
		}
		c.doc.People[n-1].Keys = append(c.doc.People[n-1].Keys, out)
	}
}

// status says how far a key could be trusted. A key of an organisation that no
// policy names is nobody's in particular.
func (c *composer) status(k *standing.Key) string {
	org := c.r.Orgs[k.Org]
	switch {
	case c.index.contested[k.ID]:
		return KeyContested
	case k.Revocation != nil:
		return KeyRevoked
	case org == nil || !org.Identified || k.Status != standing.Certified:
		return KeyNotChecked
	}
	return KeyValid
}

// document returns a disclosed founding document of that type, or nil.
func (c *composer) document(id custody.ID, want custody.DocumentType) *custody.Founding {
	if f := c.r.Documents[id]; f != nil && f.Document == want {
		return f
	}
	return nil
}

// said returns a field of a document; an empty one was not recorded.
func said(f *custody.Founding, field string) Text {
	if v := f.Fields[field]; strings.TrimSpace(v) != "" {
		return Said(v)
	}
	return Text{}
}

// text returns one detail of an event: given, withheld, or never recorded. A
// detail that does not match what the event commits to is shown as withheld,
// and stands among the findings.
func text(e *verify.Event, field custody.Field) Text {
	digest, recorded := e.Statement.Predicate.Details[field]
	if !recorded {
		return Text{}
	}
	if v, ok := e.Details[field]; ok {
		return SaidIn(v, digest)
	}
	return WithheldAs(digest)
}
