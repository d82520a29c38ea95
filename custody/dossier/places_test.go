package dossier

// Places are all places of files that a dossier can have, for tests.
func Places() []string {
	return []string{bagInfoPath, bagitPath, manifestPath, tagManifestPath, readmePath, scopePath, logPath, checkpointPath,
		consistency, checkpoints, times, proofs, bundles, keysDir, documents, details, blocks, attachments}
}
