package dossier

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// bundleType is the media type of a Sigstore bundle v0.3.
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// bundle is a Sigstore bundle v0.3 as protobuf's JSON writes it (64-bit
// integers are strings), members in order of their names.
type bundle struct {
	Envelope struct {
		Payload     []byte      `json:"payload"`
		PayloadType string      `json:"payloadType"`
		Signatures  []bundleSig `json:"signatures"`
	} `json:"dsseEnvelope"`
	MediaType string `json:"mediaType"`
	Material  struct {
		PublicKey struct {
			Hint string `json:"hint"`
		} `json:"publicKey"`
		Entries []bundleEntry `json:"tlogEntries"`
	} `json:"verificationMaterial"`
}

type bundleSig struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

type bundleEntry struct {
	Body  []byte `json:"canonicalizedBody"`
	Proof struct {
		Checkpoint struct {
			Envelope string `json:"envelope"`
		} `json:"checkpoint"`
		Hashes   [][]byte `json:"hashes"`
		LogIndex string   `json:"logIndex"`
		RootHash []byte   `json:"rootHash"`
		TreeSize string   `json:"treeSize"`
	} `json:"inclusionProof"`
	KindVersion struct {
		Kind    string `json:"kind"`
		Version string `json:"version"`
	} `json:"kindVersion"`
	LogID struct {
		KeyID []byte `json:"keyId"`
	} `json:"logId"`
	LogIndex string `json:"logIndex"`
}

// shared is what every bundle of a dossier repeats.
type shared struct {
	note  []byte
	head  tlog.Checkpoint
	logID evidence.Digest
}

// sharedOf reads the log document and the checkpoint's three lines. It
// verifies no signature.
func sharedOf(logDocument, note []byte) (shared, error) {
	doc, err := custody.ParseLogDocument(logDocument)
	if err != nil {
		return shared{}, malformed(RuleFile, logPath, "%w", err)
	}
	key, err := tlog.ParseLogKey(doc.Keys[0].Key)
	if err != nil {
		return shared{}, malformed(RuleFile, logPath, "%w", err)
	}
	body, err := checkNote(note)
	if err != nil {
		return shared{}, malformed(RuleFile, checkpointPath, "%w", err)
	}
	head, err := tlog.ParseCheckpointBody(body)
	if err != nil {
		return shared{}, malformed(RuleFile, checkpointPath, "%w", err)
	}
	return shared{note: note, head: head, logID: tlog.LogID(doc.Origin, key)}, nil
}

// encodeBundle writes one event's bundle.
func (s shared) encodeBundle(e Event) ([]byte, error) {
	var b bundle
	b.MediaType = bundleType
	b.Envelope.Payload, b.Envelope.PayloadType = e.Envelope.Payload, seal.PayloadType
	b.Envelope.Signatures = []bundleSig{{Sig: e.Envelope.Signature}}
	b.Material.PublicKey.Hint = e.Key.ID().String()
	entry := bundleEntry{Body: leafOf(e), LogIndex: strconv.FormatUint(e.Index, 10)}
	entry.Proof.Checkpoint.Envelope = string(s.note)
	entry.Proof.Hashes = make([][]byte, len(e.Proof))
	for i := range e.Proof {
		entry.Proof.Hashes[i] = e.Proof[i][:]
	}
	entry.Proof.LogIndex = entry.LogIndex
	entry.Proof.RootHash = s.head.Root[:]
	entry.Proof.TreeSize = strconv.FormatUint(s.head.Size, 10)
	entry.KindVersion.Kind, entry.KindVersion.Version = "hashedrekord", "0.0.2"
	entry.LogID.KeyID = s.logID[:]
	b.Material.Entries = []bundleEntry{entry}
	return marshal(b)
}

// decodeBundle reads one event's bundle; only what encodeBundle writes passes.
func (s shared) decodeBundle(path string, raw []byte, keys map[string]seal.PublicKey) (Event, error) {
	var b bundle
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil {
		return Event{}, malformed(RuleBundle, path, "%.200s", err.Error()) // it may quote the input
	}
	if len(b.Envelope.Signatures) != 1 || len(b.Material.Entries) != 1 {
		return Event{}, malformed(RuleBundle, path, "a bundle has one signature and one log entry")
	}
	key, ok := keys[b.Material.PublicKey.Hint]
	if !ok {
		return Event{}, malformed(RuleBundle, path, "its key %.64q is not among data/keys", b.Material.PublicKey.Hint)
	}
	entry := b.Material.Entries[0]
	index, err := strconv.ParseUint(entry.LogIndex, 10, 63)
	if err != nil {
		return Event{}, malformed(RuleBundle, path, "logIndex: %w", err)
	}
	e := Event{Index: index, Envelope: seal.Envelope{Payload: b.Envelope.Payload, Signature: b.Envelope.Signatures[0].Sig}, Key: key}
	for _, h := range entry.Proof.Hashes {
		if len(h) != len(evidence.Digest{}) {
			return Event{}, malformed(RuleBundle, path, "a proof hash has %d bytes", len(h))
		}
		e.Proof = append(e.Proof, evidence.Digest(h))
	}
	if err := e.check(); err != nil {
		return Event{}, err
	}
	again, err := s.encodeBundle(e)
	if err != nil {
		return Event{}, err
	}
	if !bytes.Equal(again, raw) {
		return Event{}, malformed(RuleBundle, path, "its redundant parts (leaf, log id, root, size, checkpoint) or its encoding are not those of this event in this dossier")
	}
	return e, nil
}

func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("couldn't encode: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
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
