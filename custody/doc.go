// Package custody says what happened: the event statements that people and
// the service sign (in-toto predicates), their strict decoding, the closed
// table of kinds, founding documents and salted details, and the state
// machine that an item's custody follows.
//
// It is pure: no clock, network, database or storage. The record's format is
// described in full in SPEC.md beside this file; section names in comments
// (PAYLOAD, PREDICATE, CUSTODY, …) are that document's.
package custody
