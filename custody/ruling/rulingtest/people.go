package rulingtest

import (
	"github.com/evidence-custody/custodyd/custody"
)

// OrgDocument writes the document of an organisation with the root key of that name.
func (s *Story) OrgDocument(name string, class custody.OrgClass, owners ...custody.ID) (custody.ID, *Key) {
	s.t.Helper()
	root := NewKey("root of " + name)
	b, _, err := custody.OrgDocument{Class: class, ControlledBy: custody.SortedIDs(owners...), Document: custody.DocOrganisation, Name: name,
		RootKeys: [][]byte{root.Public.SPKI()}, Threshold: 1}.Encode()
	s.need(err)
	return s.Disclose(b), root
}

// Organisation founds an organisation, owned by owners.
func (s *Story) Organisation(name string, class custody.OrgClass, owners ...custody.ID) *Org {
	s.t.Helper()
	id, root := s.OrgDocument(name, class, owners...)
	o := &Org{ID: id, Root: root}
	o.Founded = s.Act(root, &custody.Founded{Org: id})
	root.Cert = &o.Founded
	return o
}

// Person enrols a person of that name with one key, certified by the root key.
func (s *Story) Person(o *Org, name string, rights ...custody.Right) *Key {
	s.t.Helper()
	return s.AnotherKey(o, s.Found(custody.DocPerson, name), name, rights...)
}

// AnotherKey enrols one more key of a person.
func (s *Story) AnotherKey(o *Org, person custody.ID, keyName string, rights ...custody.Right) *Key {
	s.t.Helper()
	k, request := s.Request(o, person, keyName)
	cert := s.Act(o.Root, &custody.KeyCertified{Key: k.ID(), Org: o.ID, Person: person, Rights: rights}, request)
	k.Cert = &cert
	return k
}

// Request asks an organisation to certify a key, and returns the request's leaf.
func (s *Story) Request(o *Org, person custody.ID, keyName string) (*Key, custody.ID) {
	s.t.Helper()
	k := NewKey(keyName)
	k.Party = custody.Party{Org: o.ID, Person: person}
	return k, s.Act(k, &custody.KeyRequested{Key: k.ID(), Org: o.ID, Person: person})
}

// Case opens a case.
func (s *Story) Case(by *Key, name string) custody.ID {
	s.t.Helper()
	id := s.Found(custody.DocCase, name)
	s.ActTelling(by, custody.FieldNote, "opened: "+name, &custody.CaseOpened{Case: id})
	return id
}

// Registration is the body that registers an exhibit under one seal.
func (s *Story) Registration(by *Key, caseID custody.ID, name string) *custody.ItemRegistered {
	s.t.Helper()
	return &custody.ItemRegistered{Case: caseID, Class: custody.ItemDevice, Item: s.Found(custody.DocItem, name), Seals: []custody.SealNumber{"S-1"},
		SeizedBy: by.Party, Witnesses: custody.SortedIDs(s.Found(custody.DocPerson, "first witness"), s.Found(custody.DocPerson, "second witness"))}
}

// Exhibit registers an exhibit.
func (s *Story) Exhibit(by *Key, caseID custody.ID, name string) custody.ID {
	s.t.Helper()
	b := s.Registration(by, caseID, name)
	s.ActTelling(by, custody.FieldPlace, "seized: "+name, b)
	return b.Item
}

// Deposit is the body that deposits an artifact of that name.
func (s *Story) Deposit(caseID custody.ID, parent *custody.ID, name string, role custody.Role) *custody.Deposited {
	s.t.Helper()
	a := Artifact(name)
	return &custody.Deposited{Artifact: a, Case: caseID, Declared: custody.Declared{SHA256: &a.SHA256}, Format: custody.FormatRaw,
		Item: s.Found(custody.DocItem, name), Parent: parent, Role: role}
}

// Handed lists items of a handover, each under its one seal, or unsealed where
// it is digital.
func (s *Story) Handed(items ...custody.ID) []custody.HandedItem {
	out := []custody.HandedItem{}
	for _, id := range custody.SortedIDs(items...) {
		h := custody.HandedItem{Item: id, Seals: []custody.SealNumber{"S-1"}, State: custody.SealIntact}
		if it := s.Item(id); it != nil && it.Class == custody.ItemDigital {
			h.Seals, h.State = []custody.SealNumber{}, custody.SealNone
		}
		out = append(out, h)
	}
	return out
}

// Release is the body that releases items.
func (s *Story) Release(to custody.Recipient, items ...custody.ID) *custody.Released {
	return &custody.Released{Items: s.Handed(items...), Purpose: custody.PurposeExamination, To: to}
}

// Acceptance is the body that accepts items.
func (s *Story) Acceptance(items ...custody.ID) *custody.Accepted {
	return &custody.Accepted{Items: s.Handed(items...)}
}

// Grant is the body that grants the bytes of items.
func (s *Story) Grant(caseID custody.ID, name string, to custody.Recipient, items ...custody.ID) *custody.Granted {
	s.t.Helper()
	return &custody.Granted{Case: caseID, Grant: s.Found(custody.DocGrant, name), Items: custody.SortedIDs(items...), Scope: custody.ScopeBytes, To: to}
}

// Custody returns the leaf of the event that gave the item its holder.
func (s *Story) Custody(item custody.ID) custody.ID { return s.Item(item).Custody }

// To returns the organisation, or the key's person of it, as a recipient.
func To(org custody.ID, person ...*Key) custody.Recipient {
	r := custody.Recipient{Org: org}
	if len(person) > 0 {
		id := person[0].Party.Person
		r.Person = &id
	}
	return r
}
