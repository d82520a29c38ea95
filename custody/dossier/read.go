package dossier

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// file is one file of the bag. A bundle's content is not kept: its event is.
type file struct {
	place
	content []byte
	sum     evidence.Digest
	crc     uint32
	event   *Event
	err     error // of the bundle
}

func (f *file) isBundle() bool { return strings.HasPrefix(f.name, bundles) }

// reading is one dossier being read. Memory holds each event once, and of the
// file itself a few batches at a time.
type reading struct {
	r      io.ReaderAt
	lim    Limits
	files  []file
	byName map[string]*file
	shared *shared // nil where the log document or the checkpoint cannot be read
	keys   map[string]seal.PublicKey
}

// Decode reads a dossier strictly, within limits. Anything but the bytes that
// Write makes of what was read is a *MalformedError; other errors mean that
// the bytes could not be read.
//
// What is said first: that it is no zip, or too large; that a file is not the
// one in the manifests; that a file is not in its form; then that the whole is
// not in its one encoding.
func Decode(r io.ReaderAt, size int64, lim Limits) (*Dossier, error) {
	if size < 0 {
		return nil, fmt.Errorf("couldn't read dossier of %d bytes", size)
	}
	section := io.NewSectionReader(r, 0, size)
	places, directory, err := indexZip(section, lim)
	if err != nil {
		return nil, err
	}
	in := &reading{r: section, lim: lim, files: make([]file, len(places)), byName: make(map[string]*file, len(places))}
	for i, p := range places {
		in.files[i].place = p
		in.byName[p.name] = &in.files[i]
	}
	if err := in.readAhead(); err != nil {
		return nil, err
	}
	if err := in.readFiles(); err != nil {
		return nil, err
	}
	if err := in.checkManifests(); err != nil {
		return nil, err
	}
	d, err := in.assemble()
	if err != nil {
		return nil, err
	}
	if err := in.checkCanonical(d, directory, size); err != nil {
		return nil, err
	}
	return d, nil
}

// readAhead reads what bundles repeat, so that each can be read by itself. What
// is wrong with these files is said in its turn.
func (in *reading) readAhead() error {
	load := func(f *file) error {
		f.content = make([]byte, f.size)
		if _, err := in.r.ReadAt(f.content, f.at); err != nil && !errors.Is(err, io.EOF) {
			return readError(err)
		}
		return nil
	}
	in.keys = map[string]seal.PublicKey{}
	for i := range in.files {
		f := &in.files[i]
		if !strings.HasPrefix(f.name, keysDir) && f.name != logPath && f.name != checkpointPath {
			continue
		}
		if err := load(f); err != nil {
			return err
		}
		if key, err := seal.ParsePublicPEM(f.content); err == nil {
			in.keys[key.ID().String()] = key
		}
	}
	if log, note := in.byName[logPath], in.byName[checkpointPath]; log != nil && note != nil {
		in.shared, _ = sharedOf(log.content, note.content)
	}
	return nil
}

// batchSize is how much a worker reads at once, in bytes.
const batchSize = 1 << 20

// readFiles reads, hashes and, where they are bundles, decodes all files, on
// all cores.
func (in *reading) readFiles() error {
	count := 0
	for i := range in.files {
		if in.files[i].isBundle() {
			count++
		}
	}
	decode := in.shared != nil && count <= in.lim.Events
	var batches [][]file
	for first := 0; first < len(in.files); {
		last := first + 1
		for last < len(in.files) && in.files[last].at+in.files[last].size-in.files[first].at <= batchSize {
			last++
		}
		batches = append(batches, in.files[first:last])
		first = last
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	failed := make([]error, len(batches))
	for range max(1, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			var buf []byte
			for {
				n := int(next.Add(1)) - 1
				if n >= len(batches) {
					return
				}
				buf, failed[n] = in.readBatch(batches[n], buf, decode)
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

// readBatch reads files that stand behind one another. It returns its buffer.
func (in *reading) readBatch(files []file, buf []byte, decode bool) ([]byte, error) {
	start, end := files[0].at, files[len(files)-1].at+files[len(files)-1].size
	if int64(cap(buf)) < end-start {
		buf = make([]byte, end-start)
	}
	b := buf[:end-start]
	if _, err := in.r.ReadAt(b, start); err != nil && !errors.Is(err, io.EOF) {
		return buf, readError(err)
	}
	for i := range files {
		f := &files[i]
		raw := b[f.at-start:][:f.size]
		f.sum, f.crc = evidence.Sum(raw), crc32.ChecksumIEEE(raw)
		switch {
		case !f.isBundle():
			f.content = bytes.Clone(raw)
			if f.content == nil {
				f.content = []byte{}
			}
		case decode:
			e, err := in.shared.decodeBundle(f.name, raw, in.keys)
			f.event, f.err = &e, err
		}
	}
	return buf, nil
}

// checkManifests gives a changed file its own finding, before anything else is
// said about its content.
func (in *reading) checkManifests() error {
	if len(in.byName) != len(in.files) {
		seen := map[string]bool{}
		for i := range in.files {
			if seen[in.files[i].name] {
				return malformed(RuleLayout, in.files[i].name, "stands twice")
			}
			seen[in.files[i].name] = true
		}
	}
	for _, m := range []string{tagManifestPath, manifestPath} {
		var text []byte
		if f := in.byName[m]; f != nil {
			text = f.content
		}
		listed := make(map[string]bool, len(in.files))
		for line := range strings.Lines(string(text)) {
			sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
			f := in.byName[name]
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

// assemble turns files into a dossier; each file has one place.
func (in *reading) assemble() (*Dossier, error) {
	d := &Dossier{Consistency: map[uint64][]evidence.Digest{}, Times: map[evidence.Digest][]byte{}, Checkpoints: map[uint64][]byte{},
		Documents: map[evidence.Digest][]byte{}, Details: map[evidence.Digest][]byte{}, Blocks: map[evidence.Digest][]byte{}, Attachments: map[string][]byte{}}
	var events []*file
	for i := range in.files {
		f := &in.files[i]
		if f.isBundle() {
			events = append(events, f)
			continue
		}
		if err := d.take(f); err != nil {
			return nil, err
		}
	}
	if d.Log == nil || d.Checkpoint == nil {
		return nil, malformed(RuleLayout, "", "the log document or the checkpoint is missing")
	}
	if len(events) > in.lim.Events {
		return nil, malformed(RuleLimit, "", "%d events; at most %d are allowed", len(events), in.lim.Events)
	}
	if in.shared == nil {
		_, err := sharedOf(d.Log, d.Checkpoint)
		return nil, err
	}
	d.Events = make([]Event, len(events))
	for i, f := range events {
		if f.err != nil {
			return nil, f.err
		}
		d.Events[i], f.event = *f.event, nil
	}
	return d, nil
}

// take puts one file that is no bundle into its place.
func (d *Dossier) take(f *file) error {
	switch {
	case f.name == logPath:
		d.Log = f.content
	case f.name == checkpointPath:
		d.Checkpoint = f.content
	case f.name == scopePath:
		return readScope(&d.Scope, f)
	case strings.HasPrefix(f.name, consistency):
		size, err := readSize(f.name, consistency, consistencyPath)
		if err != nil {
			return err
		}
		d.Consistency[size], err = decodeProof(f.name, f.content)
		return err
	case strings.HasPrefix(f.name, checkpoints):
		size, err := readSize(f.name, checkpoints, olderPath)
		d.Checkpoints[size] = f.content
		return err
	case strings.HasPrefix(f.name, times):
		return readNamed(d.Times, f, times, ".tsr", true)
	case strings.HasPrefix(f.name, keysDir):
		if _, err := seal.ParsePublicPEM(f.content); err != nil {
			return malformed(RuleFile, f.name, "%w", err)
		}
	case strings.HasPrefix(f.name, documents):
		return readNamed(d.Documents, f, documents, ".json", true)
	case strings.HasPrefix(f.name, details):
		return readNamed(d.Details, f, details, ".json", true)
	case strings.HasPrefix(f.name, blocks):
		return readNamed(d.Blocks, f, blocks, ".bin", false)
	case strings.HasPrefix(f.name, attachments):
		d.Attachments[strings.TrimPrefix(f.name, attachments)] = f.content
	case strings.HasPrefix(f.name, proofs):
		d.Proofs = true
	case f.name == bagitPath, f.name == bagInfoPath, f.name == manifestPath, f.name == tagManifestPath, f.name == readmePath:
		// fixed or derived: writing them again judges them
	default:
		return malformed(RuleLayout, f.name, "has no place in a dossier")
	}
	return nil
}

// checkCanonical compares the bytes with those that Write would make. Bundles
// and what is kept as it was read follow from what was read; all else is
// written again: names, headers, manifests and derived files.
func (in *reading) checkCanonical(d *Dossier, directory, size int64) error {
	if err := d.check(); err != nil {
		return err
	}
	plan, err := d.plan()
	if err != nil {
		return err
	}
	manifest := make([]byte, 0, 128*len(plan))
	for _, p := range plan {
		if f := in.byName[p.name]; f != nil {
			manifest = appendSum(manifest, p.name, f.sum)
		}
	}
	info := d.bagInfo()
	tags := sumLine(bagInfoPath, info) + sumLine(bagitPath, []byte(bagitText)) + sumLine(manifestPath, manifest)
	made := func(name string, b []byte) planned {
		return planned{name: name, content: func() ([]byte, error) { return b, nil }}
	}
	whole := append([]planned{made(bagInfoPath, info), made(bagitPath, []byte(bagitText))}, plan...)
	whole = append(whole, made(manifestPath, manifest), made(tagManifestPath, []byte(tags)))
	z := zipWriter{}
	for i, p := range whole {
		if i >= len(in.files) || in.files[i].name != p.name {
			return malformed(RuleCanonical, p.name, "is not the file that stands in its place")
		}
		f := &in.files[i]
		if !p.read {
			b, err := p.content()
			if err != nil {
				return err
			}
			if !bytes.Equal(b, f.content) {
				return malformed(RuleCanonical, p.name, "is not the one encoding of this content")
			}
		}
		e := entry{name: f.name, crc: f.crc, size: uint32(f.size), offset: uint32(f.at - localSize - int64(len(f.name)))}
		if !bytes.Equal(e.local()[:localSize], f.head[:]) {
			return malformed(RuleCanonical, p.name, "its zip header is not the one form")
		}
		z.entries = append(z.entries, e)
	}
	if len(in.files) > len(whole) {
		return malformed(RuleCanonical, in.files[len(whole)].name, "would not be written")
	}
	return in.checkDirectory(z, directory, size)
}

// checkDirectory compares the central directory and what closes the zip.
func (in *reading) checkDirectory(z zipWriter, directory, size int64) error {
	same := &comparer{r: io.NewSectionReader(in.r, directory, size-directory), at: directory}
	again := newZipWriter(same)
	again.entries, again.offset = z.entries, uint64(directory)
	if err := again.close(); err != nil {
		return asCanonical(err)
	}
	if same.at != size {
		return malformed(RuleCanonical, "", "%d bytes follow the end", size-same.at)
	}
	return nil
}

func readScope(s *Scope, f *file) error {
	// A null is not a digest's text, yet would become 32 bytes of memory each.
	if bytes.Contains(f.content, []byte("null")) {
		return malformed(RuleFile, f.name, "holds a null")
	}
	dec := json.NewDecoder(bytes.NewReader(f.content))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return malformed(RuleFile, f.name, "%.200s", err.Error()) // it may quote the input
	}
	return nil
}

// readSize reads a name that is a size.
func readSize(name, dir string, path func(uint64) string) (uint64, error) {
	size, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(name, dir), ".txt"), 10, 63)
	if err != nil || path(size) != name {
		return 0, malformed(RuleLayout, name, "has no place in a dossier")
	}
	return size, nil
}

// readNamed reads a file whose name is a digest, where hashed its own.
func readNamed(into map[evidence.Digest][]byte, f *file, dir, suffix string, hashed bool) error {
	id, err := evidence.ParseDigest(strings.TrimSuffix(strings.TrimPrefix(f.name, dir), suffix))
	if err != nil {
		return malformed(RuleLayout, f.name, "has no place in a dossier")
	}
	if hashed && f.sum != id {
		return malformed(RuleFile, f.name, "its SHA-256 is not its name")
	}
	into[id] = f.content
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
