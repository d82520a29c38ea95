package dossier

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// The layout (RFC 8493, and facts of this format in SPEC.md).
const (
	bagitPath       = "bagit.txt"
	bagInfoPath     = "bag-info.txt"
	manifestPath    = "manifest-sha256.txt"
	tagManifestPath = "tagmanifest-sha256.txt"

	readmePath     = "data/README.txt"
	scopePath      = "data/scope.json"
	logPath        = "data/log/log.json"
	checkpointPath = "data/log/checkpoint.txt"
	consistency    = "data/log/consistency/"
	checkpoints    = "data/log/checkpoints/"
	times          = "data/log/times/"
	proofs         = "data/proofs/"
	bundles        = "data/events/"
	keysDir        = "data/keys/"
	documents      = "data/documents/"
	details        = "data/details/"
	blocks         = "data/blocks/"
	attachments    = "data/attachments/"
)

func bundlePath(index uint64) string       { return fmt.Sprintf("%s%012d.sigstore.json", bundles, index) }
func consistencyPath(size uint64) string   { return fmt.Sprintf("%s%012d.txt", consistency, size) }
func olderPath(size uint64) string         { return fmt.Sprintf("%s%012d.txt", checkpoints, size) }
func proofPath(index uint64) string        { return fmt.Sprintf("%s%012d.tlog-proof", proofs, index) }
func blocksPath(id evidence.Digest) string { return blocks + id.String() + ".bin" }

const bagitText = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

// Encode returns the dossier's one byte string.
func (d *Dossier) Encode() ([]byte, error) {
	var buf bytes.Buffer
	if err := d.Write(&buf); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// planned is a file still to be written; content is made when its turn comes,
// so that a long record is never held twice.
type planned struct {
	name    string
	content func() ([]byte, error)
}

// Write writes the dossier's one byte string.
func (d *Dossier) Write(w io.Writer) error {
	if err := d.check(); err != nil {
		return err
	}
	plan, err := d.plan()
	if err != nil {
		return err
	}
	z := newZipWriter(w)
	info := d.bagInfo()
	if err := z.add(bagInfoPath, info); err != nil {
		return err
	}
	if err := z.add(bagitPath, []byte(bagitText)); err != nil {
		return err
	}
	var manifest []byte
	for _, p := range plan {
		b, err := p.content()
		if err != nil {
			return err
		}
		if most := maxSize(p.name); int64(len(b)) > most {
			return malformed(RuleLimit, p.name, "%d bytes; at most %d are allowed", len(b), most)
		}
		if err := z.add(p.name, b); err != nil {
			return err
		}
		manifest = appendSum(manifest, p.name, evidence.Sum(b))
	}
	if err := z.add(manifestPath, manifest); err != nil {
		return err
	}
	tags := sumLine(bagInfoPath, info) + sumLine(bagitPath, []byte(bagitText)) + sumLine(manifestPath, manifest)
	if err := z.add(tagManifestPath, []byte(tags)); err != nil {
		return err
	}
	return z.close()
}

// sumLine is sha256sum's line.
func sumLine(name string, b []byte) string { return string(appendSum(nil, name, evidence.Sum(b))) }

func appendSum(b []byte, name string, sum evidence.Digest) []byte {
	b = hex.AppendEncode(b, sum[:])
	b = append(append(b, "  "...), name...)
	return append(b, '\n')
}

func (d *Dossier) bagInfo() []byte {
	return []byte("Bag-Software-Agent: custodyd dossier 1\nExternal-Identifier: " + d.Scope.Case.String() + "\n")
}

func (d *Dossier) plan() ([]planned, error) {
	s, err := sharedOf(d.Log, d.Checkpoint)
	if err != nil {
		return nil, err
	}
	scope := d.Scope
	if scope.Items == nil {
		scope.Items = []evidence.Digest{}
	}
	var plan []planned
	made := func(name string, content func() ([]byte, error)) { plan = append(plan, planned{name, content}) }
	kept := func(name string, b []byte) {
		plan = append(plan, planned{name, func() ([]byte, error) { return b, nil }})
	}
	made(readmePath, func() ([]byte, error) { return []byte(readme), nil })
	made(scopePath, func() ([]byte, error) { return marshal(scope) })
	kept(logPath, d.Log)
	kept(checkpointPath, d.Checkpoint)
	for size, proof := range d.Consistency {
		made(consistencyPath(size), func() ([]byte, error) { return encodeProof(proof), nil })
	}
	for size, note := range d.Checkpoints {
		kept(olderPath(size), note)
	}
	hints := newHints()
	for i := range d.Events {
		e := &d.Events[i]
		hint := hints.of(e.Key)
		plan = append(plan, planned{bundlePath(e.Index), func() ([]byte, error) { return s.appendBundle(nil, e, hint), nil }})
		if d.Proofs {
			made(proofPath(e.Index), func() ([]byte, error) { return s.tlogProof(e), nil })
		}
	}
	for hint, key := range hints.keys {
		made(keysDir+hint+".pem", func() ([]byte, error) { return key.PEM(), nil })
	}
	for _, named := range []struct {
		dir    string
		suffix func([]byte) string
		files  map[evidence.Digest][]byte
	}{{documents, documentSuffix, d.Documents}, {details, always(".json"), d.Details}, {blocks, always(".bin"), d.Blocks}, {times, always(".tsr"), d.Times}} {
		for id, b := range named.files {
			kept(named.dir+id.String()+named.suffix(b), b)
		}
	}
	for name, b := range d.Attachments {
		kept(attachments+name, b)
	}
	slices.SortFunc(plan, func(a, b planned) int { return cmp.Compare(a.name, b.name) })
	return plan, nil
}

// hints are the texts of signers' key ids, each computed once.
type hints struct {
	texts map[*ecdsa.PublicKey]string
	keys  map[string]seal.PublicKey
}

func newHints() *hints {
	return &hints{texts: map[*ecdsa.PublicKey]string{}, keys: map[string]seal.PublicKey{}}
}

func (h *hints) of(k seal.PublicKey) string {
	text, ok := h.texts[k.ECDSA()]
	if !ok {
		text = k.ID().String()
		h.texts[k.ECDSA()], h.keys[text] = text, k
	}
	return text
}
