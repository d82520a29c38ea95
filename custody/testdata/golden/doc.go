// Package golden makes the golden vectors below custody/testdata: statements,
// documents and details; keys, signatures, leaves, notes and timestamps (of the
// packages below it); dossiers, policies and artifacts as files, with what
// verification must find in them. Keys, salts, nonces, times and signatures
// follow from names, so it makes the same bytes every time. The program beside
// it (testdata/generate) writes them, and tests hold them to what stands there.
package golden
