// Package witness is both ends of the C2SP tlog-witness protocol: a witness,
// which cosigns the heads of logs and remembers the newest of each, so that no
// log can show two histories to people who ask for its cosignature; and the
// client by which a log obtains cosignatures.
//
// A witness needs no trust in the log and keeps nothing of its content: a head
// goes on from the one cosigned before, or it is refused, for ever. What it has
// cosigned is on disk for good before the cosignature leaves.
package witness
