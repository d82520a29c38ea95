package dossier

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
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
	bundles        = "data/events/"
	keysDir        = "data/keys/"
	documents      = "data/documents/"
	details        = "data/details/"
	blocks         = "data/blocks/"
	attachments    = "data/attachments/"
)

func bundlePath(index uint64) string       { return fmt.Sprintf("%s%012d.sigstore.json", bundles, index) }
func consistencyPath(size uint64) string   { return fmt.Sprintf("%s%012d.txt", consistency, size) }
func keyPath(id evidence.Digest) string    { return keysDir + id.String() + ".pem" }
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
	info := "Bag-Software-Agent: custodyd dossier 1\nExternal-Identifier: " + d.Scope.Case.String() + "\n"
	if err := z.add(bagInfoPath, []byte(info)); err != nil {
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
		manifest = append(manifest, sumLine(p.name, b)...)
	}
	if err := z.add(manifestPath, manifest); err != nil {
		return err
	}
	tags := sumLine(bagInfoPath, []byte(info)) + sumLine(bagitPath, []byte(bagitText)) + sumLine(manifestPath, manifest)
	if err := z.add(tagManifestPath, []byte(tags)); err != nil {
		return err
	}
	return z.close()
}

// sumLine is sha256sum's line.
func sumLine(name string, b []byte) string { return evidence.Sum(b).String() + "  " + name + "\n" }

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
	fixed := func(name string, b []byte) {
		plan = append(plan, planned{name, func() ([]byte, error) { return b, nil }})
	}
	fixed(readmePath, []byte(readme))
	plan = append(plan, planned{scopePath, func() ([]byte, error) { return marshal(scope) }})
	fixed(logPath, d.Log)
	fixed(checkpointPath, d.Checkpoint)
	for size, proof := range d.Consistency {
		fixed(consistencyPath(size), encodeProof(proof))
	}
	keys := map[evidence.Digest]seal.PublicKey{}
	for _, e := range d.Events {
		plan = append(plan, planned{bundlePath(e.Index), func() ([]byte, error) { return s.encodeBundle(e) }})
		keys[e.Key.ID()] = e.Key
	}
	for _, id := range slices.SortedFunc(maps.Keys(keys), evidence.Digest.Compare) {
		fixed(keyPath(id), keys[id].PEM())
	}
	for id, b := range d.Documents {
		fixed(documents+id.String()+".json", b)
	}
	for id, b := range d.Details {
		fixed(details+id.String()+".json", b)
	}
	for id, b := range d.Blocks {
		fixed(blocksPath(id), b)
	}
	for name, b := range d.Attachments {
		fixed(attachments+name, b)
	}
	slices.SortFunc(plan, func(a, b planned) int { return cmp.Compare(a.name, b.name) })
	return plan, nil
}
