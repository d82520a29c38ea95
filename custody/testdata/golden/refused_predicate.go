package golden

import (
	"slices"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

func said(rule, name string, kind custody.Kind, change func(*custody.Statement)) refusedStatement {
	return refusedStatement{rule: rule, name: name, kind: kind, change: change}
}

func some(n int) []custody.ID {
	out := make([]custody.ID, n)
	for i := range out {
		out[i] = evidence.Sum([]byte{byte(i), byte(i >> 8)})
	}
	return custody.SortedIDs(out...)
}

var other = evidence.Sum([]byte("other"))

// refusedPredicates spoil what every kind has.
var refusedPredicates = []refusedStatement{
	said("statement.form", "zero-nonce", released, func(s *custody.Statement) { s.Predicate.Nonce = custody.ID{} }),
	said("statement.form", "zero-key", released, func(s *custody.Statement) { s.Predicate.Signer.Key = custody.ID{} }),
	said("statement.log", "absent", released, func(s *custody.Statement) { s.Predicate.Log = nil }),
	said("statement.log", "in-genesis", custody.KindGenesis, func(s *custody.Statement) { s.Predicate.Log = &other }),
	said("statement.log", "time-of-another", custody.KindTime, func(s *custody.Statement) {
		s.Predicate.Body.(*custody.LogTime).Log = other
		s.Subject = custody.SubjectsOf(s.Predicate.Body)
	}),
	said("statement.log", "recovery-of-another", custody.KindRecovered, func(s *custody.Statement) {
		s.Predicate.Body.(*custody.LogRecovered).Log = other
		s.Subject = custody.SubjectsOf(s.Predicate.Body)
	}),
	said("signer.class", "time-by-a-person", custody.KindTime, func(s *custody.Statement) { s.Predicate.Signer.Class = custody.ClassPerson }),
	said("signer.class", "recovery-by-a-person", custody.KindRecovered, func(s *custody.Statement) { s.Predicate.Signer.Class = custody.ClassPerson }),
	said("signer.class", "status-by-the-service", custody.KindStatus, func(s *custody.Statement) { s.Predicate.Signer.Class = custody.ClassService }),
	said("signer.class", "disposal-by-the-service", custody.KindDisposed, func(s *custody.Statement) { s.Predicate.Signer.Class = custody.ClassService }),
	said("signer.class", "erasure-by-a-person", custody.KindErased, func(s *custody.Statement) { s.Predicate.Signer.Class = custody.ClassPerson }),
	said("signer.class", "image-read-by-a-person", custody.KindImageRead, func(s *custody.Statement) { s.Predicate.Signer.Class = custody.ClassPerson }),
	said("signer.class", "confirmed-by-the-service", custody.KindConfirmed, func(s *custody.Statement) { s.Predicate.Signer.Class = custody.ClassService }),
	said("signer.cert", "of-a-timestamp", custody.KindTime, func(s *custody.Statement) { s.Predicate.Signer.Cert = &other }),
	said("signer.cert", "absent", released, func(s *custody.Statement) { s.Predicate.Signer.Cert = nil }),
	said("signer.cert", "of-the-service", served, func(s *custody.Statement) { s.Predicate.Signer.Cert = &other }),
	said("signer.cert", "of-a-founder", custody.KindFounded, func(s *custody.Statement) { s.Predicate.Signer.Cert = &other }),
	said("signer.cert", "of-a-request", custody.KindRequested, func(s *custody.Statement) { s.Predicate.Signer.Cert = &other }),
	said("statement.time", "ends-before-it-begins", released, func(s *custody.Statement) {
		before := custody.NewTime(s.Predicate.Times.Act.From.Std().Add(-time.Second))
		s.Predicate.Times.Act.To = &before
	}),
	said("statement.basis", "unsorted", custody.KindAccepted, func(s *custody.Statement) {
		s.Predicate.Basis = slices.Clone(some(2))
		slices.Reverse(s.Predicate.Basis)
	}),
	said("statement.basis", "twice", custody.KindAccepted, func(s *custody.Statement) { s.Predicate.Basis = []custody.ID{other, other} }),
	said("statement.basis", "too-many", custody.KindRecalled, func(s *custody.Statement) { s.Predicate.Basis = some(custody.MaxBasis + 1) }),

	said("chain.count", "none", released, func(s *custody.Statement) { s.Predicate.Chains = []custody.Link{} }),
	said("chain.count", "too-many", custody.KindRecalled, func(s *custody.Statement) {
		s.Predicate.Chains = nil
		for _, id := range some(custody.MaxChains + 1) {
			s.Predicate.Chains = append(s.Predicate.Chains, custody.Link{ID: id, Prev: &other, Seq: 1})
		}
	}),
	said("chain.order", "unsorted", custody.KindGranted, func(s *custody.Statement) { slices.Reverse(s.Predicate.Chains) }),
	said("chain.order", "twice", custody.KindGranted, func(s *custody.Statement) { s.Predicate.Chains[1] = s.Predicate.Chains[0] }),
	said("chain.link", "seq-0-with-prev", released, func(s *custody.Statement) { s.Predicate.Chains[0].Seq = 0 }),
	said("chain.link", "seq-without-prev", released, func(s *custody.Statement) { s.Predicate.Chains[0].Prev = nil }),
	said("chain.set", "missing", custody.KindGranted, func(s *custody.Statement) { s.Predicate.Chains = s.Predicate.Chains[:1] }),
	said("chain.set", "extra", released, func(s *custody.Statement) {
		s.Predicate.Chains = append(s.Predicate.Chains, custody.Link{ID: custody.ID{0xff, 0xff}, Prev: &other, Seq: 1})
		slices.SortFunc(s.Predicate.Chains, func(a, b custody.Link) int { return a.ID.Compare(b.ID) })
	}),
	said("chain.set", "another", released, func(s *custody.Statement) { s.Predicate.Chains[0].ID = other }),
	said("chain.set", "item-for-its-observations", served, func(s *custody.Statement) {
		s.Predicate.Chains[0].ID = s.Predicate.Body.(*custody.Served).Item
	}),
	said("chain.founding", "founded-at-seq-1", custody.KindCaseOpened, func(s *custody.Statement) { s.Predicate.Chains[0].Seq, s.Predicate.Chains[0].Prev = 1, &other }),
	said("chain.founding", "release-founds-an-item", released, func(s *custody.Statement) { s.Predicate.Chains[0].Seq, s.Predicate.Chains[0].Prev = 0, nil }),
	said("chain.founding", "item-is-its-own-case", custody.KindRegistered, func(s *custody.Statement) {
		b := s.Predicate.Body.(*custody.ItemRegistered)
		b.Item = b.Case
		s.Subject = custody.SubjectsOf(b)
		s.Predicate.Chains = []custody.Link{{ID: b.Case}}
	}),
	said("detail.field", "not-of-this-kind", released, func(s *custody.Statement) { s.Predicate.Details[custody.FieldOpinion] = other }),
	said("detail.field", "unknown", released, func(s *custody.Statement) { s.Predicate.Details["colour"] = other }),
	said("detail.field", "case-variant", released, func(s *custody.Statement) { s.Predicate.Details["Note"] = other }),
	said("detail.field", "where-none-is-allowed", served, func(s *custody.Statement) { s.Predicate.Details[custody.FieldNote] = other }),
	said("statement.subject", "none", released, func(s *custody.Statement) { s.Subject = []custody.Subject{} }),
	said("statement.subject", "another", released, func(s *custody.Statement) { s.Subject = custody.Subjects(other) }),
	said("statement.subject", "extra", released, func(s *custody.Statement) { s.Subject = custody.Subjects(s.Subject[0].Digest.SHA256, other) }),
	said("statement.subject", "unsorted", custody.KindGranted, func(s *custody.Statement) { slices.Reverse(s.Subject) }),
	said("statement.subject", "twice", custody.KindCaseOpened, func(s *custody.Statement) { s.Subject = append(s.Subject, s.Subject[0]) }),
}
