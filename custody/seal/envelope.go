package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// PayloadType is the DSSE payload type of every event.
const PayloadType = "application/vnd.in-toto+json"

// maxSignature bounds a DER signature by P-256, in bytes.
const maxSignature = 72

// maxEnvelope bounds an envelope's JSON, in bytes.
const maxEnvelope = custody.MaxPayload*4/3 + 1024

// PAE is the DSSE v1 pre-authentication encoding: what is signed.
func PAE(payload []byte) []byte {
	return append(appendPAEHead(make([]byte, 0, len(payload)+64), len(payload)), payload...)
}

func appendPAEHead(b []byte, n int) []byte {
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(PayloadType)), 10)
	b = append(b, ' ')
	b = append(b, PayloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, ' ')
}

// Envelope is a payload with its one signature (ASN.1 DER).
type Envelope struct {
	Payload   []byte
	Signature []byte
}

// EventID is the event's identity: SHA-256 of the pre-authentication
// encoding. It does not depend on the signature.
func (e Envelope) EventID() evidence.Digest {
	var head [64]byte
	h := sha256.New()
	h.Write(appendPAEHead(head[:0], len(e.Payload)))
	h.Write(e.Payload)
	return evidence.Digest(h.Sum(head[:0]))
}

// The envelope's one encoding is these constants around two base64 strings.
const (
	envelopeHead   = `{"payload":"`
	envelopeMiddle = `","payloadType":"` + PayloadType + `","signatures":[{"keyid":"","sig":"`
	envelopeTail   = `"}]}`
)

// JSON returns the envelope's one encoding: members sorted, standard base64
// with padding, no white space, keyid empty.
func (e Envelope) JSON() []byte {
	enc := base64.StdEncoding
	b := make([]byte, 0, enc.EncodedLen(len(e.Payload))+enc.EncodedLen(len(e.Signature))+128)
	b = append(b, envelopeHead...)
	b = enc.AppendEncode(b, e.Payload)
	b = append(b, envelopeMiddle...)
	b = enc.AppendEncode(b, e.Signature)
	return append(b, envelopeTail...)
}

// parseCanonical reads what JSON writes without a JSON reader, whose cost is a
// third of the signature's verification. It judges by writing again, so it
// cannot accept more than the one encoding.
func parseCanonical(b []byte) (Envelope, bool) {
	rest, headed := bytes.CutPrefix(b, []byte(envelopeHead))
	rest, tailed := bytes.CutSuffix(rest, []byte(envelopeTail))
	payload, sig, parted := bytes.Cut(rest, []byte(envelopeMiddle))
	if !headed || !tailed || !parted {
		return Envelope{}, false
	}
	var e Envelope
	var err1, err2 error
	e.Payload, err1 = base64.StdEncoding.AppendDecode(nil, payload)
	e.Signature, err2 = base64.StdEncoding.AppendDecode(nil, sig)
	if err1 != nil || err2 != nil || e.Check() != nil || !bytes.Equal(e.JSON(), b) {
		return Envelope{}, false
	}
	return e, true
}

// Check holds an envelope that did not come through ParseEnvelope to its
// bounds. Every error is an *Error.
func (e Envelope) Check() error {
	if len(e.Payload) > custody.MaxPayload {
		return refuse(RuleEnvelopeSize, "the payload has %d bytes; at most %d are allowed", len(e.Payload), custody.MaxPayload)
	}
	if len(e.Payload) == 0 || len(e.Signature) == 0 || len(e.Signature) > maxSignature {
		return refuse(RuleEnvelopeForm, "the payload is empty, or the signature is empty or over %d bytes", maxSignature)
	}
	return nil
}

// ParseEnvelope reads an envelope. Only the bytes that JSON would write pass:
// one event has one envelope. Every error is an *Error. The signature is not
// verified.
func ParseEnvelope(b []byte) (Envelope, error) {
	if len(b) > maxEnvelope {
		return Envelope{}, refuse(RuleEnvelopeSize, "%d bytes; at most %d are allowed", len(b), maxEnvelope)
	}
	if e, ok := parseCanonical(b); ok {
		return e, nil
	}
	return Envelope{}, whyNotEnvelope(b)
}

// whyNotEnvelope says what is wrong with bytes that are no envelope, as a JSON
// reader sees them.
func whyNotEnvelope(b []byte) *Error {
	var raw struct {
		Payload     string `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signatures  []struct {
			KeyID string `json:"keyid"`
			Sig   string `json:"sig"`
		} `json:"signatures"`
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&raw); err != nil {
		return refuse(RuleEnvelopeForm, "%.200s", err.Error()) // it may quote the input
	}
	if raw.PayloadType != PayloadType {
		return refuse(RuleEnvelopeForm, "payloadType is %.80q, not %s", raw.PayloadType, PayloadType)
	}
	if n := len(raw.Signatures); n != 1 {
		return refuse(RuleEnvelopeForm, "%d signatures; an event has exactly one", n)
	}
	if raw.Signatures[0].KeyID != "" {
		return refuse(RuleEnvelopeForm, "keyid must be empty: the statement names the key")
	}
	payload, err := base64.StdEncoding.Strict().DecodeString(raw.Payload)
	if err != nil {
		return refuse(RuleEnvelopeForm, "payload is not strict base64: %v", err)
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(raw.Signatures[0].Sig)
	if err != nil {
		return refuse(RuleEnvelopeForm, "sig is not strict base64: %v", err)
	}
	var refused *Error
	if errors.As((Envelope{Payload: payload, Signature: sig}).Check(), &refused) {
		return refused
	}
	return refuse(RuleEnvelopeForm, "not the one encoding of this envelope (order, white space, duplicate or missing members)")
}
