// Package evidence says what is held: digests, the 8 MiB block tree over an
// artifact's bytes, the pipeline that computes every digest in one pass, and
// the manifests of segmented images.
//
// It imports nothing of this module; everything else may import it.
package evidence
