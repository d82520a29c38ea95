// Package fixity reads stored evidence back and holds every block of it to the
// block tree that its depositor signed. Nothing of an artifact leaves the
// store but through Copy.Block, whoever asks for it: retrieval, the periodic
// check, or whatever else reads. What is not as it was deposited is told as
// Rot, apart from what couldn't be read, which says nothing about the bytes.
package fixity
