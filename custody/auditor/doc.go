// Package auditor follows a live log that it does not trust, over the C2SP
// tlog-tiles read API: the head must be signed by the log and cosigned as the
// policy asks, and continue every head seen before, which is computed from the
// log's own tiles and not taken from a proof of its making. It finds every use
// of given keys, and re-hashes the whole log on demand.
//
// A log that signed two histories is refused for ever, and what proves it to
// anybody else is kept (SPEC, "Following a live log").
package auditor
