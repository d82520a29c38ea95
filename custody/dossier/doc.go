// Package dossier is the portable bundle: one case's or item's record as a
// BagIt 1.0 bag (RFC 8493) in a zip file of one canonical encoding. One
// dossier is one byte string: a reader accepts exactly the bytes that the
// writer makes of what it read, so no bit can be flipped unnoticed and nothing
// can hide between the entries.
//
// Inside, each event is a Sigstore bundle v0.3 that stock cosign verifies,
// digests are in sha256sum's format, and keys are PEM as openssl reads them.
// The package judges form only; package verify judges the evidence.
package dossier
