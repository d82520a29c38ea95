// Package tlog is the append-only log's mathematics: leaves, checkpoints,
// inclusion and consistency proofs, and the compact right edge from which an
// appender goes on.
//
// A leaf is the canonical JSON of a Rekor v2 hashedrekord 0.0.2 entry, so that
// stock Sigstore tools verify inclusion in this log; it commits to an event
// and gives nothing of it away. The tree is RFC 6962's; checkpoints are
// C2SP tlog-checkpoint signed notes without extension lines.
package tlog
