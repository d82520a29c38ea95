package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// Founding describes an organisation to be founded.
type Founding struct {
	Name         string
	Class        custody.OrgClass
	ControlledBy []evidence.Digest // organisations that own or control it
	// MoreRoots are further root keys; the desk's own key is always one.
	MoreRoots []seal.PublicKey
	Threshold uint64 // root keys that must approve a change of root keys; zero means one
	Telling   Telling
}

// Founded is a founded organisation.
type Founded struct {
	Recorded
	Organisation evidence.Digest `json:"organisation"`
	Document     []byte          `json:"-"`
}

// FoundOrganisation announces an organisation whose root key is the desk's key.
// The service must have been reached with an invitation that permits it.
func (d *Desk) FoundOrganisation(ctx context.Context, in Founding) (Founded, error) {
	if !d.Key.Organisation.IsZero() {
		return Founded{}, fmt.Errorf("couldn't found: the key already belongs to organisation %s", d.Key.Organisation.Short())
	}
	roots := [][]byte{d.Key.Public().SPKI()}
	for _, k := range in.MoreRoots {
		roots = append(roots, k.SPKI())
	}
	doc := custody.OrgDocument{
		Document: custody.DocOrganisation, Class: in.Class, Name: in.Name,
		ControlledBy: custody.SortedIDs(in.ControlledBy...), RootKeys: roots, Threshold: max(in.Threshold, 1),
	}
	b, id, err := doc.Encode()
	if err != nil {
		return Founded{}, err
	}
	r, err := d.perform(ctx, func() (act, error) {
		return act{body: &custody.Founded{Org: id}, telling: in.Telling, documents: [][]byte{b}}, nil
	})
	return Founded{Recorded: r, Organisation: id, Document: b}, err
}

// KeyRequest asks an organisation to certify the desk's key for a person.
type KeyRequest struct {
	Organisation evidence.Digest
	Person       map[string]string // fields of the person document
	Telling      Telling
}

// Requested is a key on its way.
type Requested struct {
	Recorded
	Key            evidence.Digest `json:"key"`
	Person         evidence.Digest `json:"person"`
	PersonDocument []byte          `json:"-"`
}

// RequestKey shows possession of the key and says whose it is. The service
// must have been reached with an invitation of that organisation.
func (d *Desk) RequestKey(ctx context.Context, in KeyRequest) (Requested, error) {
	if !d.Key.Request.IsZero() || d.Key.Root {
		return Requested{}, errors.New("couldn't request: the key is requested already, or is a root key")
	}
	person, id, err := d.found(custody.DocPerson, in.Person)
	if err != nil {
		return Requested{}, err
	}
	key := d.Key.KeyID()
	r, err := d.perform(ctx, func() (act, error) {
		return act{body: &custody.KeyRequested{Key: key, Org: in.Organisation, Person: id},
			telling: in.Telling, documents: [][]byte{person, d.Key.Public().SPKI()}}, nil
	})
	return Requested{Recorded: r, Key: key, Person: id, PersonDocument: person}, err
}

// found makes a founding document with a fresh salt.
func (d *Desk) found(t custody.DocumentType, fields map[string]string) ([]byte, evidence.Digest, error) {
	salt, err := d.salt()
	if err != nil {
		return nil, evidence.Digest{}, err
	}
	clean := map[string]string{}
	for name, v := range fields {
		if v != "" {
			clean[name] = normal(v)
		}
	}
	return custody.Founding{Document: t, Fields: clean, Salt: salt}.Encode()
}

// Certification certifies a requested key.
type Certification struct {
	Key    evidence.Digest // key id; the person read it out, or it was compared otherwise
	Rights []custody.Right
	// Confirm, if set, is shown whom the certificate will name, and may refuse.
	Confirm func(PersonKey) error
	Telling Telling
}

// CertifyKey certifies another person's key, with a root key or one that has
// the right certify. That the key itself asked is what the log's rules hold the
// request to; whom it names is read from the person document, which must hash
// to the person's id. That the key is that person's, the signer has compared.
func (d *Desk) CertifyKey(ctx context.Context, in Certification) (Recorded, error) {
	rights := slices.Clone(in.Rights)
	slices.Sort(rights)
	return d.perform(ctx, func() (act, error) {
		k, err := d.Service.PersonKey(ctx, in.Key)
		if err != nil {
			return act{}, fmt.Errorf("couldn't get key %s: %w", in.Key.Short(), err)
		}
		if k.Organisation != d.Key.Organisation {
			return act{}, fmt.Errorf("couldn't certify: key %s was requested for organisation %s", in.Key.Short(), k.Organisation.Short())
		}
		if evidence.Sum(k.PersonDocument) != k.Person {
			return act{}, fmt.Errorf("couldn't certify: the person document shown is not the one the key was requested for: %w", ErrEvidence)
		}
		doc, err := custody.ParseFounding(k.PersonDocument)
		if err != nil {
			return act{}, fmt.Errorf("couldn't read person document: %w", err)
		}
		k.Names = doc.Fields
		if in.Confirm != nil {
			if err := in.Confirm(k); err != nil {
				return act{}, err
			}
		}
		return act{
			body:  &custody.KeyCertified{Key: in.Key, Org: k.Organisation, Person: k.Person, Rights: slices.Compact(slices.Clone(rights))},
			basis: []evidence.Digest{k.RequestedLeaf}, telling: in.Telling,
		}, nil
	})
}

// Enroll asks what became of the desk's key and remembers its certificate.
// ErrNotCertified means: not yet.
func (d *Desk) Enroll(ctx context.Context) (PersonKey, error) {
	if _, err := d.identifyLog(ctx); err != nil {
		return PersonKey{}, err
	}
	k, err := d.Service.PersonKey(ctx, d.Key.KeyID())
	if err != nil {
		return PersonKey{}, fmt.Errorf("couldn't ask about the key: %w", err)
	}
	if k.CertLeaf.IsZero() {
		return k, ErrNotCertified
	}
	if k.Organisation != d.Key.Organisation || !d.Key.Root && k.Person != d.Key.Person {
		return k, fmt.Errorf("couldn't accept the certificate: it is for another person or organisation: %w", ErrEvidence)
	}
	return k, d.remember(func(m *keyring.Meta) { m.Cert = k.CertLeaf })
}

// Revocation ends a key of the desk's organisation.
type Revocation struct {
	Key              evidence.Digest
	Reason           custody.RevocationReason
	CompromisedSince *uint64 // log index from which its events are contested
	Telling          Telling
}

// RevokeKey ends a key.
func (d *Desk) RevokeKey(ctx context.Context, in Revocation) (Recorded, error) {
	return d.perform(ctx, func() (act, error) {
		k, err := d.Service.PersonKey(ctx, in.Key)
		if err != nil {
			return act{}, fmt.Errorf("couldn't get key %s: %w", in.Key.Short(), err)
		}
		if k.CertLeaf.IsZero() {
			return act{}, fmt.Errorf("couldn't revoke key %s: it was never certified", in.Key.Short())
		}
		return act{
			body:  &custody.KeyRevoked{Key: in.Key, Org: d.Key.Organisation, Reason: in.Reason, CompromisedSince: in.CompromisedSince},
			basis: []evidence.Digest{k.CertLeaf}, telling: in.Telling,
		}, nil
	})
}

// Purposes of an invitation.
const (
	InviteOrganisation = "organisation"
	InviteKey          = "key"
)

// Invite asks for a one-time token with which somebody else may found an
// organisation, or request a key in the desk's organisation.
func (d *Desk) Invite(ctx context.Context, purpose string) (Invitation, error) {
	organisation := d.Key.Organisation
	if purpose == InviteOrganisation {
		organisation = evidence.Digest{}
	}
	inv, err := d.Service.Invite(ctx, purpose, organisation)
	if err != nil {
		return Invitation{}, fmt.Errorf("couldn't get an invitation: %w", err)
	}
	return inv, nil
}
