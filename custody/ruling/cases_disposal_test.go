package ruling_test

import (
	"errors"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

// ordered is a disposal that may be signed: approved for the item's holder.
func ordered(s *scene, by *rulingtest.Key, item id, method custody.DisposalMethod) attempt {
	return attempt{By: by, Body: s.Disposal(item, method), Basis: []id{s.Act(s.Approver, s.DisposalApproval(by, item))}}
}

// gone disposes of the phone.
func gone(s *scene) {
	a := ordered(s, s.Officer, s.Phone, custody.DisposeReturned)
	s.Act(a.By, a.Body, a.Basis...)
}

// afterwards tries an act before and after the disposal of the phone.
func afterwards(what string, a func(*scene) attempt) ruleCase {
	return ruleCase{"item.disposed", what, func(s *scene) (error, error) {
		try := a(s)
		admitted := s.Try(try)
		gone(s)
		return admitted, s.Try(try)
	}}
}

// encrypted deposits an image and has it received in this encoding.
func encrypted(s *scene, e custody.Encoding) (item id, a custody.Artifact, received id) {
	d := s.Deposit(s.Case, &s.Disk, fmt.Sprint("another image at ", s.Seen().Size), custody.RoleWorkingCopy)
	deposited := s.Act(s.Officer, d, s.Custody(s.Disk))
	r := s.Reception(d.Item, d.Artifact)
	r.Encoding = e
	return d.Item, d.Artifact, s.Act(s.Service, r, deposited)
}

// erasure is what the service says after an image was disposed of.
func erasure(s *scene, e custody.Encoding) (attempt, *custody.Erased) {
	item, a, received := encrypted(s, e)
	o := ordered(s, s.Officer, item, custody.DisposeKeyDestroyed)
	disposal := s.Act(o.By, o.Body, o.Basis...)
	b := &custody.Erased{Artifact: a.SHA256, Disposal: disposal, Item: item, Retention: s.Reception(item, a).Retention}
	return attempt{By: s.Service, Body: b, Basis: []id{disposal, received}}, b
}

var disposalCases = []ruleCase{
	pair("basis.required", "a disposal without approval", func(s *scene) (attempt, attempt) {
		a := ordered(s, s.Officer, s.Phone, custody.DisposeReturned)
		return a, attempt{By: a.By, Body: a.Body}
	}),
	pair("basis.required", "an approval to assume used for a disposal", func(s *scene) (attempt, attempt) {
		a := ordered(s, s.Officer, s.Phone, custody.DisposeReturned)
		return a, attempt{By: a.By, Body: a.Body, Basis: []id{s.Act(s.Approver, s.Approval(s.Officer, s.Phone))}}
	}),
	pair("basis.required", "an approval to dispose used for an assumption", func(s *scene) (attempt, attempt) {
		b := s.Assumption(s.Officer, s.Phone)
		return attempt{By: s.Second, Body: b, Basis: []id{consent(s, s.Second)}},
			attempt{By: s.Second, Body: b, Basis: []id{s.Act(s.Approver, s.DisposalApproval(s.Second, s.Phone))}}
	}),
	pair("basis.required", "an approval of another item's disposal", func(s *scene) (attempt, attempt) {
		a := ordered(s, s.Officer, s.Phone, custody.DisposeReturned)
		return a, attempt{By: a.By, Body: s.Disposal(s.Disk, custody.DisposeReturned), Basis: a.Basis}
	}),
	pair("custody.not-holder", "a disposal by a colleague", func(s *scene) (attempt, attempt) {
		return ordered(s, s.Officer, s.Phone, custody.DisposeReturned), ordered(s, s.Second, s.Phone, custody.DisposeReturned)
	}),
	{"custody.in-transit", "a disposal of an item in transit", func(s *scene) (error, error) {
		a := ordered(s, s.Officer, s.Phone, custody.DisposeReturned)
		admitted := s.Try(a)
		sent(s)
		return admitted, s.Try(a)
	}},
	{"approve.revoked", "the approver of a disposal lost the key", func(s *scene) (error, error) {
		a := ordered(s, s.Officer, s.Phone, custody.DisposeReturned)
		admitted := s.Try(a)
		s.Act(s.Certifier, &custody.KeyRevoked{Key: s.Approver.ID(), Org: s.Agency.ID, Reason: custody.ReasonCompromised}, *s.Approver.Cert)
		return admitted, s.Try(a)
	}},
	{"approve.stale", "an approval older than the custody", func(s *scene) (error, error) {
		a := ordered(s, s.Officer, s.Phone, custody.DisposeReturned)
		admitted := s.Try(a)
		there := s.Act(s.Officer, s.Release(rulingtest.To(s.Agency.ID), s.Phone))
		s.Act(s.Second, s.Acceptance(s.Phone), there)
		back := s.Act(s.Second, s.Release(rulingtest.To(s.Agency.ID), s.Phone))
		s.Act(s.Officer, s.Acceptance(s.Phone), back)
		return admitted, s.Try(a)
	}},
	pair("item.other-case", "a disposal under another case", func(s *scene) (attempt, attempt) {
		a := ordered(s, s.Officer, s.Phone, custody.DisposeReturned)
		b := s.Disposal(s.Phone, custody.DisposeReturned)
		b.Case = s.OtherCase
		return a, attempt{By: a.By, Body: b, Basis: a.Basis}
	}),
	pair("dispose.method", "the key of a telephone destroyed", func(s *scene) (attempt, attempt) {
		return ordered(s, s.Officer, s.Phone, custody.DisposeDestroyed), ordered(s, s.Officer, s.Phone, custody.DisposeKeyDestroyed)
	}),
	pair("dispose.method", "stored bytes returned", func(s *scene) (attempt, attempt) {
		return ordered(s, s.Officer, s.Image, custody.DisposeKeyDestroyed), ordered(s, s.Officer, s.Image, custody.DisposeReturned)
	}),

	afterwards("released", func(s *scene) attempt {
		return attempt{By: s.Officer, Body: s.Release(rulingtest.To(s.Laboratory.ID), s.Phone)}
	}),
	afterwards("confirmed", func(s *scene) attempt {
		return attempt{By: s.Officer, Body: &custody.Confirmed{Items: []id{s.Phone}}}
	}),
	afterwards("assumed", func(s *scene) attempt {
		return attempt{By: s.Second, Body: s.Assumption(s.Officer, s.Phone), Basis: []id{consent(s, s.Second)}}
	}),
	afterwards("disposed of again", func(s *scene) attempt { return ordered(s, s.Officer, s.Phone, custody.DisposeDestroyed) }),
	afterwards("imaged by its holder", func(s *scene) attempt {
		return attempt{By: s.Officer, Body: s.Deposit(s.Case, &s.Phone, "late image", custody.RoleMaster), Basis: []id{s.Custody(s.Phone)}}
	}),
	{"item.disposed", "an image granted, asked for, and then erased", func(s *scene) (error, error) {
		ask := attempt{By: s.Analyst, Body: s.Ask(), Basis: []id{s.GrantLeaf}}
		grant := attempt{By: s.Officer, Body: s.Story.Grant(s.Case, "late copy", rulingtest.To(s.Laboratory.ID), s.Image), Basis: []id{s.Custody(s.Image)}}
		admitted := errors.Join(s.Try(ask), s.Try(grant))
		a := ordered(s, s.Officer, s.Image, custody.DisposeKeyDestroyed)
		s.Act(a.By, a.Body, a.Basis...)
		if err := s.Try(grant); err == nil {
			return admitted, nil
		}
		// What was read before may still be verified and judged.
		opinion := attempt{By: s.Analyst, Body: &custody.Opinion{Capacity: custody.Section40, Case: s.Case, Items: []id{s.Image}}, Basis: []id{s.GrantLeaf}}
		return errors.Join(admitted, s.Try(opinion)), s.Try(ask)
	}},

	pair("basis.required", "an erasure without the disposal", func(s *scene) (attempt, attempt) {
		a, _ := erasure(s, custody.EncodingDARE)
		return a, attempt{By: a.By, Body: a.Body, Basis: a.Basis[1:]}
	}),
	pair("basis.required", "an erasure without what was received", func(s *scene) (attempt, attempt) {
		a, _ := erasure(s, custody.EncodingDARE)
		return a, attempt{By: a.By, Body: a.Body, Basis: a.Basis[:1]}
	}),
	pair("basis.required", "an erasure of another artifact", func(s *scene) (attempt, attempt) {
		a, b := erasure(s, custody.EncodingDARE)
		other := *b
		other.Artifact[0] ^= 1
		return a, attempt{By: a.By, Body: &other, Basis: a.Basis}
	}),
	pair("basis.required", "an erasure by another item's disposal", func(s *scene) (attempt, attempt) {
		a, _ := erasure(s, custody.EncodingDARE)
		_, other := erasure(s, custody.EncodingDARE)
		b := *a.Body.(*custody.Erased)
		b.Disposal = other.Disposal
		return a, attempt{By: a.By, Body: &b, Basis: []id{other.Disposal, a.Basis[1]}}
	}),
	pair("erased.plain", "an erasure of what was stored in plain", func(s *scene) (attempt, attempt) {
		a, _ := erasure(s, custody.EncodingDARE)
		b, _ := erasure(s, custody.EncodingPlain)
		return a, b
	}),
}
