// Package docket holds the ledger's words: what is submitted to it, what comes
// back, and how it refuses. It links no database, so that the use cases and
// their fakes can speak of the record without one.
package docket
