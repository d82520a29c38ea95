// Package report holds what a custody report says: the model that report.json
// spells out and that report/pdf prints, from one verified result.
//
// A report is read in court, so the model is built to make overstatement hard.
// Every outcome has three values, pass, fail and not checked; the one-sentence
// result is computed, never composed by hand; and [Document.Check], which
// [JSON] and the PDF renderer both call, refuses a document whose verdict
// claims more than its own checks and findings support.
//
// Times are RFC 3339 in UTC with whole seconds; [Document.Zone] says which
// offset a reader is shown beside them. Digests are 64 lowercase hex digits.
// Items, artifacts, people, organisations and acts are numbered from 1 in the
// order they are listed, and refer to each other by these numbers; 0 or an
// absent member means none. The package is pure: no clock, network, database
// or process; the caller says when the report is made.
package report
