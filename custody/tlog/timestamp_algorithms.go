package tlog

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// digests that a timestamp may be made with; SHA-1 is not one of them.
var digestIDs = []struct {
	id   asn1.ObjectIdentifier
	hash crypto.Hash
}{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512},
}

var (
	oidRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidECDSA   = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}
)

// signatureIDs: the algorithm named together with its digest, or the key's
// kind alone, whose digest is then the signer's.
var signatureIDs = []struct {
	id        asn1.ObjectIdentifier
	hash      crypto.Hash
	algorithm x509.SignatureAlgorithm
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, crypto.SHA256, x509.SHA256WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, crypto.SHA384, x509.SHA384WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, crypto.SHA512, x509.SHA512WithRSA},
	{oidRSA, crypto.SHA256, x509.SHA256WithRSA},
	{oidRSA, crypto.SHA384, x509.SHA384WithRSA},
	{oidRSA, crypto.SHA512, x509.SHA512WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, crypto.SHA256, x509.ECDSAWithSHA256},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, crypto.SHA384, x509.ECDSAWithSHA384},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, crypto.SHA512, x509.ECDSAWithSHA512},
	{oidECDSA, crypto.SHA256, x509.ECDSAWithSHA256},
	{oidECDSA, crypto.SHA384, x509.ECDSAWithSHA384},
	{oidECDSA, crypto.SHA512, x509.ECDSAWithSHA512},
	{oidEd25519, crypto.SHA512, x509.PureEd25519},
}

// readAlgorithm reads an AlgorithmIdentifier without parameters, or with NULL.
func readAlgorithm(s *cryptobyte.String) (id asn1.ObjectIdentifier, ok bool) {
	var a, null cryptobyte.String
	if !s.ReadASN1(&a, der.SEQUENCE) || !a.ReadASN1ObjectIdentifier(&id) {
		return nil, false
	}
	if !a.Empty() && (!a.ReadASN1(&null, der.NULL) || !null.Empty()) {
		return nil, false
	}
	return id, a.Empty()
}

func readHash(s *cryptobyte.String) (crypto.Hash, bool) {
	id, ok := readAlgorithm(s)
	if !ok {
		return 0, false
	}
	for _, d := range digestIDs {
		if d.id.Equal(id) {
			return d.hash, true
		}
	}
	return 0, false
}

// readSignatureAlgorithm reads how the attributes were signed; its digest must
// be the one that the signer names.
func readSignatureAlgorithm(s *cryptobyte.String, digest crypto.Hash) (x509.SignatureAlgorithm, bool) {
	id, ok := readAlgorithm(s)
	if !ok {
		return 0, false
	}
	for _, a := range signatureIDs {
		if a.id.Equal(id) && a.hash == digest {
			return a.algorithm, true
		}
	}
	return 0, false
}
