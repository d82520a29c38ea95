package tlog_test

import "github.com/evidence-custody/custodyd/custody/testdata/golden/notes"

// What the vectors are made of, and other tests use.
type (
	checkpointVector = notes.CheckpointVector
	leafVector       = notes.LeafVector
)

const (
	origin      = notes.Origin
	leafPayload = notes.LeafPayload
	knownLeaf   = notes.KnownLeaf
)

var (
	edKey              = notes.EdKey
	edPublic           = notes.EdPublic
	signature          = notes.Signature
	signed             = notes.Signed
	witnessKey         = notes.WitnessKey
	cosigned           = notes.Cosigned
	logKey             = notes.LogKey
	head               = notes.Head
	checkpointVectors  = notes.CheckpointVectors
	witnessVectors     = notes.WitnessVectors
	mldsaVerifierKeyOf = notes.MldsaVerifierKeyOf
	mldsaCosigned      = notes.MldsaCosigned
	leafVectors        = notes.LeafVectors
	mlKey              = notes.MlKey
	twoKeys            = notes.TwoKeys
	edSigner           = notes.EdSigner
	mlSigner           = notes.MlSigner
	twoKeyVectors      = notes.TwoKeyVectors
	timestampVectors   = notes.TimestampVectors
	stampFile          = notes.StampFile
	stampCertificate   = notes.StampCertificate
	stamped            = notes.Stamped
	noon               = notes.Noon
)
