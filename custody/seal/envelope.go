package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
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
	b := make([]byte, 0, len(payload)+64)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(PayloadType)), 10)
	b = append(b, ' ')
	b = append(b, PayloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// Envelope is a payload with its one signature (ASN.1 DER).
type Envelope struct {
	Payload   []byte
	Signature []byte
}

// EventID is the event's identity: SHA-256 of the pre-authentication
// encoding. It does not depend on the signature.
func (e Envelope) EventID() evidence.Digest { return evidence.Sum(PAE(e.Payload)) }

// JSON returns the envelope's one encoding: members sorted, standard base64
// with padding, no white space, keyid empty.
func (e Envelope) JSON() []byte {
	enc := base64.StdEncoding
	b := make([]byte, 0, enc.EncodedLen(len(e.Payload))+enc.EncodedLen(len(e.Signature))+128)
	b = append(b, `{"payload":"`...)
	b = enc.AppendEncode(b, e.Payload)
	b = append(b, `","payloadType":"`+PayloadType+`","signatures":[{"keyid":"","sig":"`...)
	b = enc.AppendEncode(b, e.Signature)
	return append(b, `"}]}`...)
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
		return Envelope{}, refuse(RuleEnvelopeForm, "%.200s", err.Error()) // it may quote the input
	}
	if raw.PayloadType != PayloadType {
		return Envelope{}, refuse(RuleEnvelopeForm, "payloadType is %.80q, not %s", raw.PayloadType, PayloadType)
	}
	if n := len(raw.Signatures); n != 1 {
		return Envelope{}, refuse(RuleEnvelopeForm, "%d signatures; an event has exactly one", n)
	}
	if raw.Signatures[0].KeyID != "" {
		return Envelope{}, refuse(RuleEnvelopeForm, "keyid must be empty: the statement names the key")
	}
	payload, err := base64.StdEncoding.Strict().DecodeString(raw.Payload)
	if err != nil {
		return Envelope{}, refuse(RuleEnvelopeForm, "payload is not strict base64: %v", err)
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(raw.Signatures[0].Sig)
	if err != nil {
		return Envelope{}, refuse(RuleEnvelopeForm, "sig is not strict base64: %v", err)
	}
	e := Envelope{Payload: payload, Signature: sig}
	if err := e.Check(); err != nil {
		return Envelope{}, err
	}
	if !bytes.Equal(e.JSON(), b) {
		return Envelope{}, refuse(RuleEnvelopeForm, "not the one encoding of this envelope (order, white space, duplicate or missing members)")
	}
	return e, nil
}
