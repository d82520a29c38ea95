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

func encodeProof(proof []evidence.Digest) []byte {
	var b []byte
	for _, h := range proof {
		b = base64.StdEncoding.AppendEncode(b, h[:])
		b = append(b, '\n')
	}
	return b
}

func decodeProof(path string, b []byte) ([]evidence.Digest, error) {
	var out []evidence.Digest
	for line := range bytes.Lines(b) {
		raw, err := base64.StdEncoding.Strict().DecodeString(string(bytes.TrimSuffix(line, []byte("\n"))))
		if err != nil || len(raw) != len(evidence.Digest{}) || len(out) >= maxProof {
			return nil, malformed(RuleFile, path, "not lines of base64 hashes")
		}
		out = append(out, evidence.Digest(raw))
	}
	return out, nil
}
