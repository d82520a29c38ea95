package dossier

import (
	"bytes"
	"io"
)

// Places are all places of files that a dossier can have, for tests.
func Places() []string {
	return []string{bagInfoPath, bagitPath, manifestPath, tagManifestPath, readmePath, scopePath, logPath, checkpointPath,
		consistency, checkpoints, times, proofs, bundles, keysDir, documents, details, blocks, attachments}
}

// DecodeLong is Decode without the short way to the places.
func DecodeLong(r io.ReaderAt, size int64, lim Limits) (*Dossier, error) {
	return decode(r, size, lim, func(io.ReaderAt, int64, Limits) ([]file, bool) { return nil, false }, nil)
}

// Directed reports whether the central directory alone shows the places.
func Directed(b []byte) bool {
	_, ok := indexDirectory(bytes.NewReader(b), int64(len(b)), DefaultLimits)
	return ok
}
