// Package golden makes the golden vectors of verification: dossiers, policies
// and artifacts as files, and what verification must find in them. Keys,
// salts, nonces, times and signatures follow from names, so it makes the same
// bytes every time. The program beside it (testdata/generate) writes them, and
// a test of package verify holds them to what stands in testdata/verify.
package golden
