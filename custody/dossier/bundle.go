package dossier

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
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

// A bundle is a Sigstore bundle v0.3 as protobuf's JSON writes it (64-bit
// integers are strings), members in order of their names. Its one encoding is
// these constants around what varies, so that it is read without a JSON reader,
// whose cost would be that of the signature's verification.
const (
	bundleHead      = `{"dsseEnvelope":{"payload":"`
	bundleSignature = `","payloadType":"` + seal.PayloadType + `","signatures":[{"keyid":"","sig":"`
	bundleKey       = `"}]},"mediaType":"` + bundleType + `","verificationMaterial":{"publicKey":{"hint":"`
	bundleStamps    = `"},"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"`
	bundleStamp     = `"},{"signedTimestamp":"`
	bundleStampsEnd = `"}]`
	bundleNoStamps  = `"`
	bundleLeaf      = `},"tlogEntries":[{"canonicalizedBody":"`
	bundleNote      = `","inclusionProof":{"checkpoint":{"envelope":`
	bundleHashes    = `},"hashes":[`
	bundleIndex     = `],"logIndex":"`
	bundleRoot      = `","rootHash":"`
	bundleSize      = `","treeSize":"`
	bundleKind      = `"},"kindVersion":{"kind":"hashedrekord","version":"0.0.2"},"logId":{"keyId":"`
	bundleLogIndex  = `"},"logIndex":"`
	bundleTail      = `"}]}}`
)

// shared is what every bundle and proof of a dossier repeats.
type shared struct {
	origin string
	note   []byte // the checkpoint as it stands in the dossier
	head   tlog.Checkpoint

	jsonNote []byte // the checkpoint with the log's first signature alone, as JSON text
	root     []byte // base64
	size     string
	logID    []byte // base64
}

// sharedOf reads the log document and the checkpoint's three lines. It
// verifies no signature.
func sharedOf(logDocument, note []byte) (*shared, error) {
	doc, err := custody.ParseLogDocument(logDocument)
	if err != nil {
		return nil, malformed(RuleFile, logPath, "%w", err)
	}
	key, err := tlog.ParseLogKey(doc.Keys[0].Key)
	if err != nil {
		return nil, malformed(RuleFile, logPath, "%w", err)
	}
	body, err := checkNote(note)
	if err != nil {
		return nil, malformed(RuleFile, checkpointPath, "%w", err)
	}
	head, err := tlog.ParseCheckpointBody(body)
	if err != nil {
		return nil, malformed(RuleFile, checkpointPath, "%w", err)
	}
	line, ok := signatureOf(note, doc.Origin, tlog.KeyHash(doc.Origin, key))
	if !ok {
		return nil, malformed(RuleFile, checkpointPath, "has no signature line of the log's first key")
	}
	text, err := marshal(string(body) + "\n" + string(line))
	if err != nil {
		return nil, err
	}
	id := tlog.LogID(doc.Origin, key)
	return &shared{origin: doc.Origin, note: note, head: head, jsonNote: text, root: base64.StdEncoding.AppendEncode(nil, head.Root[:]),
		size: strconv.FormatUint(head.Size, 10), logID: base64.StdEncoding.AppendEncode(nil, id[:])}, nil
}

// signatureOf returns the first signature line of a note by name and key hash.
// Bundles carry that line alone: stock cosign looks at no other, and a note
// with witnesses and a post-quantum signature is ten times as long.
func signatureOf(note []byte, name string, hash uint32) ([]byte, bool) {
	_, signatures, _ := bytes.Cut(note, []byte("\n\n"))
	for line := range bytes.Lines(signatures) {
		sig, ok := bytes.CutPrefix(line, []byte("\u2014 "+name+" "))
		if !ok {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSuffix(sig, []byte("\n"))))
		if err == nil && len(raw) > 4 && binary.BigEndian.Uint32(raw) == hash {
			return line, true
		}
	}
	return nil, false
}

// appendBundle writes one event's bundle. hint is the text of its key's id.
func (s *shared) appendBundle(b []byte, e *Event, hint string) []byte {
	enc := base64.StdEncoding
	index := strconv.FormatUint(e.Index, 10)
	b = append(b, bundleHead...)
	b = enc.AppendEncode(b, e.Envelope.Payload)
	b = append(b, bundleSignature...)
	b = enc.AppendEncode(b, e.Envelope.Signature)
	b = append(append(b, bundleKey...), hint...)
	if len(e.Timestamps) == 0 {
		b = append(b, bundleNoStamps...)
	}
	for i, stamp := range e.Timestamps {
		if i == 0 {
			b = append(b, bundleStamps...)
		} else {
			b = append(b, bundleStamp...)
		}
		b = enc.AppendEncode(b, stamp)
	}
	if len(e.Timestamps) > 0 {
		b = append(b, bundleStampsEnd...)
	}
	b = append(b, bundleLeaf...)
	b = enc.AppendEncode(b, leafOf(e))
	b = append(append(append(b, bundleNote...), s.jsonNote...), bundleHashes...)
	for i := range e.Proof {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(enc.AppendEncode(append(b, '"'), e.Proof[i][:]), '"')
	}
	b = append(append(append(b, bundleIndex...), index...), bundleRoot...)
	b = append(append(append(b, s.root...), bundleSize...), s.size...)
	b = append(append(append(b, bundleKind...), s.logID...), bundleLogIndex...)
	return append(append(b, index...), bundleTail...)
}

// decodeBundle reads one event's bundle; only what appendBundle writes passes.
// The event's id and leaf are left in the desk.
func (s *shared) decodeBundle(path string, raw []byte, keys map[string]seal.PublicKey, desk *desk) (Event, error) {
	c := cursor{rest: raw, path: path, memory: &desk.slab}
	var e Event
	c.literal(bundleHead)
	e.Envelope.Payload = c.base64(desk.payload)
	c.literal(bundleSignature)
	e.Envelope.Signature = c.base64(nil)
	c.literal(bundleKey)
	hint := c.text()
	if c.take(bundleStamps) {
		e.Timestamps = append(e.Timestamps, c.base64(nil))
		for c.take(bundleStamp) {
			e.Timestamps = append(e.Timestamps, c.base64(nil))
		}
		c.literal(bundleStampsEnd)
	} else {
		c.literal(bundleNoStamps)
	}
	if c.err != nil {
		return Event{}, c.err
	}
	var ok bool
	if e.Key, ok = keys[string(hint)]; !ok {
		return Event{}, malformed(RuleBundle, path, "its key %.64q is not among data/keys", hint)
	}
	if err := e.Envelope.Check(); err != nil {
		return Event{}, malformed(RuleBundle, path, "%w", err)
	}
	c.literal(bundleLeaf)
	var text [1024]byte
	desk.id = e.Envelope.EventID()
	desk.leaf = tlog.AppendLeaf(desk.leaf[:0], desk.id, e.Envelope.Signature, e.Key)
	c.derived("its leaf", base64.StdEncoding.AppendEncode(text[:0], desk.leaf))
	c.literal(bundleNote)
	c.derived("its checkpoint", s.jsonNote)
	c.literal(bundleHashes)
	e.Proof = c.hashes()
	c.literal(bundleIndex)
	index := c.text()
	c.literal(bundleRoot)
	c.derived("its root", s.root)
	c.literal(bundleSize)
	c.derived("its tree size", []byte(s.size))
	c.literal(bundleKind)
	c.derived("its log id", s.logID)
	c.literal(bundleLogIndex)
	c.derived("its second log index", index)
	c.literal(bundleTail)
	if c.err == nil && len(c.rest) > 0 {
		c.fail("bytes follow its end")
	}
	if c.err != nil {
		return Event{}, c.err
	}
	var err error
	if e.Index, err = strconv.ParseUint(string(index), 10, 63); err != nil || strconv.FormatUint(e.Index, 10) != string(index) {
		return Event{}, malformed(RuleBundle, path, "logIndex is %.40q", index)
	}
	return e, e.check()
}

// cursor reads a bundle's one encoding from left to right.
type cursor struct {
	rest   []byte
	path   string
	err    error
	memory *slab
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = malformed(RuleBundle, c.path, format, args...)
	}
}

// take reports whether the text comes next, and passes over it.
func (c *cursor) take(text string) bool {
	if c.err != nil || len(c.rest) < len(text) || string(c.rest[:len(text)]) != text {
		return false
	}
	c.rest = c.rest[len(text):]
	return true
}

func (c *cursor) literal(text string) {
	if !c.take(text) {
		c.fail("not the one encoding of a bundle: %.60q is wanted before %.40q", text, c.rest)
	}
}

// derived passes over what follows from the event and the dossier.
func (c *cursor) derived(what string, want []byte) {
	if c.err != nil {
		return
	}
	if !bytes.HasPrefix(c.rest, want) {
		c.fail("%s is not that of this event in this dossier", what)
		return
	}
	c.rest = c.rest[len(want):]
}

// text returns what stands before the next quotation mark.
func (c *cursor) text() []byte {
	if c.err != nil {
		return nil
	}
	i := bytes.IndexByte(c.rest, '"')
	if i < 0 {
		c.fail("it ends early")
		return nil
	}
	t := c.rest[:i]
	c.rest = c.rest[i:]
	return t
}

// base64 decodes what stands before the next quotation mark, into b where that
// is large enough.
func (c *cursor) base64(b []byte) []byte {
	t := c.text()
	if c.err != nil {
		return nil
	}
	enc := base64.StdEncoding.Strict()
	if need := enc.DecodedLen(len(t)); len(b) < need {
		b = c.memory.make(need)
	}
	n, err := enc.Decode(b, t)
	// The decoder passes over line ends.
	if err != nil || enc.EncodedLen(n) != len(t) {
		c.fail("not strict base64: %.40q", t)
		return nil
	}
	return b[:n:n]
}

// hashes reads a list of 32-byte hashes up to its closing bracket.
func (c *cursor) hashes() []evidence.Digest {
	const each = 1 + 44 + 1 + 1 // quoted, and a comma
	end := bytes.IndexByte(c.rest, ']')
	if c.err != nil || end == 0 {
		return nil
	}
	out := c.memory.hashes(min(max(end, 0)/each+1, maxProof))
	last, text, tail := &c.memory.last, c.rest[:max(end, 0)], len(c.rest)-max(end, 0)
	var raw [3 * 16]byte
	for c.err == nil && len(c.rest) > 0 && c.rest[0] != ']' {
		if len(out) > 0 {
			c.literal(",")
		}
		if len(out) >= maxProof {
			c.fail("over %d hashes in a proof", maxProof)
			return nil
		}
		if h, ok := last.same(c.rest, len(c.rest)-tail); ok {
			c.rest, out = c.rest[each-1:], append(out, h)
			continue
		}
		c.literal(`"`)
		h := c.text()
		c.literal(`"`)
		if c.err != nil {
			return nil
		}
		if len(h) != base64.StdEncoding.EncodedLen(len(evidence.Digest{})) {
			c.fail("a proof hash has %d characters", len(h))
			return nil
		}
		n, err := base64.StdEncoding.Strict().Decode(raw[:], h)
		if err != nil || n != len(evidence.Digest{}) {
			c.fail("a proof hash is not strict base64 of 32 bytes")
			return nil
		}
		out = append(out, evidence.Digest(raw[:n]))
	}
	if c.err == nil {
		last.text, last.hashes = append(last.text[:0], text...), out
	}
	return out
}

// lastProof is the last proof that a worker read. Events near one another share
// most of their proofs' later hashes, so that these need no decoding again.
type lastProof struct {
	text   []byte // quoted hashes with commas, as they passed
	hashes []evidence.Digest
}

// same looks at the quoted hash that rest begins with, left bytes before the end
// of its proof. Where the last proof had, as far before its own end, the same
// text, which was read there as a hash, it is that hash.
func (p *lastProof) same(rest []byte, left int) (evidence.Digest, bool) {
	const quoted, each = 46, 47
	at := len(p.text) - left
	if left < quoted || at < 0 || at%each != 0 || !bytes.Equal(rest[:quoted], p.text[at:at+quoted]) {
		return evidence.Digest{}, false
	}
	return p.hashes[at/each], true
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
