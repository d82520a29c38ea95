package dossier

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"github.com/evidence-custody/custodyd/evidence"
)

// tlogProof is the event's C2SP tlog-proof: index, inclusion proof, and the
// checkpoint with all that is signed on it.
func (s *shared) tlogProof(e *Event) []byte {
	b := append([]byte("c2sp.org/tlog-proof@v1\nindex "), strconv.FormatUint(e.Index, 10)...)
	b = append(b, '\n')
	b = append(append(b, encodeProof(e.Proof)...), '\n')
	return append(b, s.note...)
}

func encodeProof(proof []evidence.Digest) []byte { return appendProof(nil, proof) }

func appendProof(b []byte, proof []evidence.Digest) []byte {
	for _, h := range proof {
		b = base64.StdEncoding.AppendEncode(b, h[:])
		b = append(b, '\n')
	}
	return b
}

// decodeProof reads lines of base64; whether they are the one encoding is for
// who compares.
func decodeProof(path string, b []byte, s *slab) ([]evidence.Digest, error) {
	out := s.hashes(min(bytes.Count(b, []byte("\n"))+1, maxProof))
	var raw [2 * len(evidence.Digest{})]byte
	for line := range bytes.Lines(b) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) > base64.StdEncoding.EncodedLen(len(evidence.Digest{})) || len(out) >= maxProof {
			return nil, malformed(RuleFile, path, "not lines of base64 hashes")
		}
		n, err := base64.StdEncoding.Strict().Decode(raw[:], line)
		if err != nil || n != len(evidence.Digest{}) {
			return nil, malformed(RuleFile, path, "not lines of base64 hashes")
		}
		out = append(out, evidence.Digest(raw[:n]))
	}
	return out, nil
}
