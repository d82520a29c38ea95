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

// proofLine is one line of a proof: a hash in base64 and the line's end.
const proofLine = 44 + 1

// decodeProof reads lines of base64. Where made is true, they are the one
// encoding: a hash in strict base64 has one of 44 characters.
func decodeProof(path string, b []byte, s *slab) (proof []evidence.Digest, made bool, err error) {
	out := s.hashes(min(bytes.Count(b, []byte("\n"))+1, maxProof))
	last := &s.older
	var raw [2 * len(evidence.Digest{})]byte
	for at := 0; at < len(b); {
		if len(out) >= maxProof {
			return nil, false, malformed(RuleFile, path, "not lines of base64 hashes")
		}
		if h, ok := last.line(b, at); ok {
			out, at = append(out, h), at+proofLine
			continue
		}
		line := b[at:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line, at = line[:end], at+1
		}
		at += len(line)
		if len(line) != proofLine-1 {
			return nil, false, malformed(RuleFile, path, "not lines of base64 hashes")
		}
		n, err := base64.StdEncoding.Strict().Decode(raw[:], line)
		if err != nil || n != len(evidence.Digest{}) {
			return nil, false, malformed(RuleFile, path, "not lines of base64 hashes")
		}
		out = append(out, evidence.Digest(raw[:n]))
	}
	if made = len(b) == len(out)*proofLine; made {
		last.text, last.hashes = append(last.text[:0], b...), out
	}
	return out, made, nil
}

// line looks at the line at a place of a proof. Where the last proof had, as far
// before its own end, the same text, which was read there as a hash, it is that
// hash: consistency proofs of neighbouring sizes end alike.
func (p *lastProof) line(b []byte, at int) (evidence.Digest, bool) {
	then := len(p.text) - (len(b) - at)
	if len(b)-at < proofLine || then < 0 || then%proofLine != 0 || !bytes.Equal(b[at:at+proofLine], p.text[then:then+proofLine]) {
		return evidence.Digest{}, false
	}
	return p.hashes[then/proofLine], true
}
