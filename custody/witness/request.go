package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Limits of an add-checkpoint request (C2SP tlog-witness).
const (
	maxProofLines = 63
	maxNote       = 64 << 10
	maxRequest    = maxNote + maxProofLines*45 + 64 // bytes
)

// errMalformed reports a request that is not one.
var errMalformed = errors.New("not an add-checkpoint request")

// request is what a log asks: to cosign Note, which goes on from Old leaves.
type request struct {
	Old   uint64
	Proof []evidence.Digest
	Note  []byte
}

// parseRequest reads a body: "old N", proof lines, an empty line, the note.
// There is one way to write each of them. Errors wrap errMalformed.
func parseRequest(b []byte) (request, error) {
	var r request
	if len(b) > maxRequest {
		return r, fmt.Errorf("%d bytes: %w", len(b), errMalformed)
	}
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	size, isOld := bytes.CutPrefix(line, []byte("old "))
	var err error
	if r.Old, err = parseSize(string(size)); !ok || !isOld || err != nil {
		return r, fmt.Errorf("the first line is not the old size: %w", errMalformed)
	}
	for {
		if line, rest, ok = bytes.Cut(rest, []byte("\n")); !ok {
			return r, fmt.Errorf("no empty line: %w", errMalformed)
		}
		if len(line) == 0 {
			break
		}
		hash, err := base64.StdEncoding.Strict().DecodeString(string(line))
		if err != nil || len(hash) != len(evidence.Digest{}) || base64.StdEncoding.EncodeToString(hash) != string(line) {
			return r, fmt.Errorf("line %d is no hash: %w", len(r.Proof)+2, errMalformed)
		}
		if len(r.Proof) == maxProofLines {
			return r, fmt.Errorf("more than %d hashes: %w", maxProofLines, errMalformed)
		}
		r.Proof = append(r.Proof, evidence.Digest(hash))
	}
	if len(rest) == 0 || len(rest) > maxNote {
		return r, fmt.Errorf("a note of %d bytes: %w", len(rest), errMalformed)
	}
	r.Note = rest
	return r, nil
}

// encode writes what parseRequest reads.
func (r request) encode() []byte {
	b := fmt.Appendf(nil, "old %d\n", r.Old)
	for _, h := range r.Proof {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), r.Note...)
}

// parseSize reads a number of leaves without leading zeroes.
func parseSize(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > tlog.MaxSize || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%.20q is no number of leaves", s)
	}
	return n, nil
}
