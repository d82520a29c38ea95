package dossier

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/evidence-custody/custodyd/evidence"
)

// checkManifests gives a changed file its own finding, before anything else is
// said about its content. Where the manifests are those that would be written,
// nothing needs to be looked for.
func (in *reading) checkManifests() (listed bool, err error) {
	if tags := in.find(tagManifestPath); tags != nil && in.manifest != nil && !in.unlisted.Load() {
		var made []byte
		for _, name := range []string{bagInfoPath, bagitPath, manifestPath} {
			if f := in.find(name); f != nil {
				made = appendSum(made, name, f.sum)
			}
		}
		if bytes.Equal(made, tags.content) && in.onlyTags() {
			return true, nil
		}
	}
	return false, in.searchManifests()
}

// onlyTags: outside data/ there are only the four files, and none twice.
func (in *reading) onlyTags() bool {
	for i := range in.files {
		name := in.files[i].name
		if i > 0 && in.files[i-1].name >= name {
			return false
		}
		if !strings.HasPrefix(name, "data/") && name != bagInfoPath && name != bagitPath && name != manifestPath && name != tagManifestPath {
			return false
		}
	}
	return true
}

// searchManifests finds the file that the manifests do not list as it is.
func (in *reading) searchManifests() error {
	byName := make(map[string]*file, len(in.files))
	for i := range in.files {
		if byName[in.files[i].name] != nil {
			return malformed(RuleLayout, in.files[i].name, "stands twice")
		}
		byName[in.files[i].name] = &in.files[i]
	}
	for _, m := range []string{tagManifestPath, manifestPath} {
		var text []byte
		if f := byName[m]; f != nil {
			text = f.content
		}
		listed := make(map[string]bool, len(in.files))
		for line := range strings.Lines(string(text)) {
			sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
			f := byName[name]
			if !ok || f == nil || listed[name] {
				return malformed(RuleManifest, m, "lists %.200q, which is not one file of the dossier", name)
			}
			listed[name] = true
			if want, err := evidence.ParseDigest(sum); err != nil || f.sum != want {
				return malformed(RuleManifest, name, "its SHA-256 is not the one in %s", m)
			}
		}
		for i := range in.files {
			name := in.files[i].name
			if strings.HasPrefix(name, "data/") == (m == manifestPath) && !listed[name] && name != tagManifestPath {
				return malformed(RuleManifest, name, "is not listed in %s", m)
			}
		}
	}
	return nil
}

// checkCanonical shows that Write would make these files of what was read, and
// no others: names ascend, each says what its content is, and what is fixed or
// derived is as it would be written. Bundles, consistency proofs and whatever
// is kept as it was read have been held to that already.
func (in *reading) checkCanonical(d *Dossier) error {
	scope := d.Scope
	if scope.Items == nil {
		scope.Items = []evidence.Digest{}
	}
	text, err := marshal(scope)
	if err != nil {
		return err
	}
	want := map[string][]byte{bagitPath: []byte(bagitText), bagInfoPath: d.bagInfo(), readmePath: []byte(readme), scopePath: text}
	used := newHints()
	for i := range d.Events {
		used.of(d.Events[i].Key)
	}
	for hint, key := range used.keys {
		want[keysDir+hint+".pem"] = key.PEM()
	}
	proven := 0 // events whose tlog-proofs were passed
	for i := range in.files {
		f := &in.files[i]
		if i > 0 && in.files[i-1].name >= f.name {
			return malformed(RuleCanonical, f.name, "is not in its place in the order of names")
		}
		ok := !f.other
		switch {
		case f.isBundle(), strings.HasPrefix(f.name, consistency): // looked at as they were read
		case want[f.name] != nil:
			ok = bytes.Equal(f.content, want[f.name])
			delete(want, f.name)
		case strings.HasPrefix(f.name, proofs):
			if ok = proven < len(d.Events); ok {
				e := &d.Events[proven]
				ok = f.name == proofPath(e.Index) && bytes.Equal(f.content, in.shared.tlogProof(e))
				proven++
			}
		case strings.HasPrefix(f.name, keysDir):
			ok = false // of nobody who signed
		default:
			ok = namedWell(f)
		}
		if !ok {
			return malformed(RuleCanonical, f.name, "is not the one encoding of this content, or not in its place")
		}
		if f.astray {
			return malformed(RuleCanonical, f.name, "its zip header, or its name, is not the one form")
		}
	}
	for name := range want {
		return malformed(RuleCanonical, name, "is missing")
	}
	if d.Proofs && proven != len(d.Events) {
		return malformed(RuleCanonical, proofs, "%d of %d events have a tlog-proof", proven, len(d.Events))
	}
	return nil
}

// namedWell: a file that is named by a digest has the whole name.
func namedWell(f *file) bool {
	for _, n := range []struct{ dir, suffix string }{{documents, documentSuffix(f.content)}, {details, ".json"}, {blocks, ".bin"}, {times, ".tsr"}} {
		if rest, ok := strings.CutPrefix(f.name, n.dir); ok {
			return len(rest) == 2*len(evidence.Digest{})+len(n.suffix) && strings.HasSuffix(rest, n.suffix)
		}
	}
	return true
}

// checkDirectory compares the central directory and what closes the zip.
func (in *reading) checkDirectory(directory, size int64) error {
	same := &comparer{r: io.NewSectionReader(in.r, directory, size-directory), at: directory}
	again := newZipWriter(same)
	again.offset = uint64(directory)
	for i := range in.files {
		f := &in.files[i]
		again.entries = append(again.entries, entry{name: f.name, crc: f.crc, size: uint32(f.size), offset: uint32(f.at - localSize - int64(len(f.name)))})
	}
	if err := again.close(); err != nil {
		return asCanonical(err)
	}
	if same.at != size {
		return malformed(RuleCanonical, "", "%d bytes follow the end", size-same.at)
	}
	return nil
}

// comparer checks that what is written equals what was read.
type comparer struct {
	r   io.Reader
	at  int64
	buf []byte
}

var errDiffers = errors.New("differs")

func (c *comparer) Write(p []byte) (int, error) {
	if cap(c.buf) < len(p) {
		c.buf = make([]byte, len(p))
	}
	b := c.buf[:len(p)]
	n, err := io.ReadFull(c.r, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	for i := range n {
		if b[i] != p[i] {
			return i, malformed(RuleCanonical, "", "byte %d: %w from the one encoding of this content", c.at+int64(i), errDiffers)
		}
	}
	if n < len(p) {
		return n, malformed(RuleCanonical, "", "ends at byte %d, before the end of its content", c.at+int64(n))
	}
	c.at += int64(n)
	return n, nil
}

// asCanonical: what cannot be written again was not canonical.
func asCanonical(err error) error {
	var m *MalformedError
	if errors.As(err, &m) {
		return m
	}
	return fmt.Errorf("couldn't compare dossier: %w", err)
}
