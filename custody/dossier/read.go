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
	event   *Event            // of a bundle
	proof   []evidence.Digest // of a consistency file
	err     error             // why it is not in its form
	astray  bool              // its zip header, or a bundle's name, is not the one form
}

func (f *file) isBundle() bool { return strings.HasPrefix(f.name, bundles) }

// reading is one dossier being read. Memory holds each event once, and of the
// file itself a few batches at a time.
type reading struct {
	r      io.ReaderAt
	lim    Limits
	files  []file
	events []Event // of the bundles, in their order
	shared *shared // nil where the log document or the checkpoint cannot be read
	keys   map[string]seal.PublicKey

	directed bool        // the places are those that the central directory names
	strayed  atomic.Bool // and a local header is not what that makes it
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
	return decode(r, size, lim, indexDirectory)
}

// decode reads a dossier; short is the way to its places that needs no look at
// every local header first.
func decode(r io.ReaderAt, size int64, lim Limits, short func(io.ReaderAt, int64, Limits) ([]place, bool)) (*Dossier, error) {
	var in *reading
	directory := int64(-1) // where it is still to be compared
	if places, ok := short(r, size, lim); ok {
		in = newReading(r, lim, places)
		in.directed = true
		if err := in.readFiles(); err != nil {
			return nil, err
		}
	}
	if in == nil || in.strayed.Load() {
		places, at, err := indexZip(r, size, lim)
		if err != nil {
			return nil, err
		}
		in, directory = newReading(r, lim, places), at
		if err := in.readFiles(); err != nil {
			return nil, err
		}
	}
	listed, err := in.checkManifests()
	if err != nil {
		return nil, err
	}
	d, err := in.assemble()
	if err != nil {
		return nil, err
	}
	if !listed {
		return nil, malformed(RuleCanonical, manifestPath, "a manifest is not in its one form")
	}
	if err := in.checkCanonical(d); err != nil {
		return nil, err
	}
	if directory >= 0 {
		if err := in.checkDirectory(directory, size); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func newReading(r io.ReaderAt, lim Limits, places []place) *reading {
	in := &reading{r: r, lim: lim, files: make([]file, len(places))}
	for i := range places {
		in.files[i].place = places[i]
	}
	return in
}

// find returns the file of that name, or nil.
func (in *reading) find(name string) *file {
	for i := range in.files {
		if in.files[i].name == name {
			return &in.files[i]
		}
	}
	return nil
}

// readAhead reads what bundles repeat, so that each can be read by itself. What
// is wrong with these files is said in its turn.
func (in *reading) readAhead() error {
	in.keys = map[string]seal.PublicKey{}
	var log, note []byte
	for i := range in.files {
		f := &in.files[i]
		if !strings.HasPrefix(f.name, keysDir) && f.name != logPath && f.name != checkpointPath {
			continue
		}
		b := make([]byte, f.size)
		if _, err := in.r.ReadAt(b, f.at); err != nil && !errors.Is(err, io.EOF) {
			return readError(err)
		}
		switch f.name {
		case logPath:
			log = b
		case checkpointPath:
			note = b
		default:
			if key, err := seal.ParsePublicPEM(b); err == nil {
				in.keys[key.ID().String()] = key
			}
		}
	}
	if log != nil && note != nil {
		in.shared, _ = sharedOf(log, note)
	}
	return nil
}

// batchSize is how much a worker reads at once, in bytes.
const batchSize = 1 << 20

// readFiles reads, hashes and, where they are bundles, decodes all files, on
// all cores.
func (in *reading) readFiles() error {
	if err := in.readAhead(); err != nil {
		return err
	}
	count := 0
	for i := range in.files {
		if in.files[i].isBundle() {
			count++
		}
	}
	decode := in.shared != nil && count <= in.lim.Events
	if decode {
		in.events = make([]Event, count)
		rest := in.events
		for i := range in.files {
			if f := &in.files[i]; f.isBundle() {
				f.event, rest = &rest[0], rest[1:]
			}
		}
	}
	var batches [][]file
	for first := 0; first < len(in.files); {
		last := first + 1
		for last < len(in.files) && in.files[last].at+in.files[last].size-in.files[first].start() <= batchSize {
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
			w := &worker{reading: in, decode: decode}
			for {
				n := int(next.Add(1)) - 1
				if n >= len(batches) {
					return
				}
				failed[n] = w.readBatch(batches[n])
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

// worker reads batches on one core.
type worker struct {
	*reading
	decode bool
	buf    []byte // of one batch
	slab   slab   // for what is kept
	made   []byte // a small thing written anew
}

// readBatch reads files that stand behind one another.
func (w *worker) readBatch(files []file) error {
	start, end := files[0].start(), files[len(files)-1].at+files[len(files)-1].size
	if int64(cap(w.buf)) < end-start {
		w.buf = make([]byte, end-start)
	}
	b := w.buf[:end-start]
	if n, err := w.r.ReadAt(b, start); n < len(b) {
		return readError(err)
	}
	for i := range files {
		f := &files[i]
		raw := b[f.at-start:][:f.size]
		f.sum, f.crc = evidence.Sum(raw), crc32.ChecksumIEEE(raw)
		head := localHead(f.crc, f.size, len(f.name))
		f.astray = !bytes.Equal(head[:], b[f.start()-start:][:localSize])
		if w.directed && (f.astray || f.crc != f.place.crc || string(b[f.at-start-int64(len(f.name)):][:len(f.name)]) != f.name) {
			w.strayed.Store(true)
			return nil
		}
		switch {
		case f.isBundle():
			if w.decode {
				*f.event, f.err = w.shared.decodeBundle(f.name, raw, w.keys, &w.slab)
				f.astray = f.astray || f.err == nil && f.name != bundlePath(f.event.Index)
			}
		case strings.HasPrefix(f.name, consistency):
			if f.proof, f.err = decodeProof(f.name, raw, &w.slab); f.err == nil {
				w.made = appendProof(w.made[:0], f.proof)
				f.content = differs(w.made, raw)
			}
		default:
			f.content = w.slab.copy(raw)
		}
	}
	return nil
}

// differs marks a file whose content is not what would be written.
func differs(made, raw []byte) []byte {
	if bytes.Equal(made, raw) {
		return nil
	}
	return []byte("differs")
}

// slab hands out memory for many small things at once: little at first, since
// most dossiers are small.
type slab struct {
	bytes   []byte
	digests []evidence.Digest
	size    int // of the next piece of memory asked for, in bytes
	last    lastProof
}

const (
	firstSlab = 8 << 10
	lastSlab  = 256 << 10
)

func (s *slab) grow() int {
	s.size = min(max(2*s.size, firstSlab), lastSlab)
	return s.size
}

func (s *slab) make(n int) []byte {
	if n > firstSlab/2 {
		return make([]byte, n)
	}
	if len(s.bytes) < n {
		s.bytes = make([]byte, s.grow())
	}
	b := s.bytes[:n:n]
	s.bytes = s.bytes[n:]
	return b
}

func (s *slab) copy(b []byte) []byte {
	out := s.make(len(b))
	copy(out, b)
	return out
}

// hashes returns an empty list with room for n; at most maxProof.
func (s *slab) hashes(n int) []evidence.Digest {
	if len(s.digests) < n {
		s.digests = make([]evidence.Digest, max(n, s.grow()/len(evidence.Digest{})))
	}
	h := s.digests[:0:n]
	s.digests = s.digests[n:]
	return h
}

// checkManifests gives a changed file its own finding, before anything else is
// said about its content. Where the manifests are those that would be written,
// nothing needs to be looked for.
func (in *reading) checkManifests() (listed bool, err error) {
	files, tags := in.find(manifestPath), in.find(tagManifestPath)
	if files != nil && tags != nil {
		made := make([]byte, 0, len(files.content))
		for i := range in.files {
			if f := &in.files[i]; strings.HasPrefix(f.name, "data/") && (i == 0 || in.files[i-1].name < f.name) {
				made = appendSum(made, f.name, f.sum)
			}
		}
		if bytes.Equal(made, files.content) {
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

// assemble turns files into a dossier; each file has one place.
func (in *reading) assemble() (*Dossier, error) {
	d := &Dossier{Consistency: map[uint64][]evidence.Digest{}, Times: map[evidence.Digest][]byte{}, Checkpoints: map[uint64][]byte{},
		Documents: map[evidence.Digest][]byte{}, Details: map[evidence.Digest][]byte{}, Blocks: map[evidence.Digest][]byte{}, Attachments: map[string][]byte{}}
	events := 0
	for i := range in.files {
		f := &in.files[i]
		if f.isBundle() {
			events++
			continue
		}
		if err := d.take(f); err != nil {
			return nil, err
		}
	}
	if d.Log == nil || d.Checkpoint == nil {
		return nil, malformed(RuleLayout, "", "the log document or the checkpoint is missing")
	}
	if events > in.lim.Events {
		return nil, malformed(RuleLimit, "", "%d events; at most %d are allowed", events, in.lim.Events)
	}
	if in.shared == nil {
		_, err := sharedOf(d.Log, d.Checkpoint)
		return nil, err
	}
	for i := range in.files {
		if f := &in.files[i]; f.isBundle() && f.err != nil {
			return nil, f.err
		}
	}
	d.Events = in.events
	return d, d.checkForm()
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
		d.Consistency[size] = f.proof
		return f.err
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
		// fixed or derived: comparing them judges them
	default:
		return malformed(RuleLayout, f.name, "has no place in a dossier")
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
		fixed, derived := want[f.name]
		ok := true
		switch {
		case derived:
			ok = bytes.Equal(f.content, fixed)
			delete(want, f.name)
		case f.isBundle():
		case strings.HasPrefix(f.name, proofs):
			if ok = proven < len(d.Events); ok {
				e := &d.Events[proven]
				ok = f.name == proofPath(e.Index) && bytes.Equal(f.content, in.shared.tlogProof(e))
				proven++
			}
		case strings.HasPrefix(f.name, consistency):
			ok = f.content == nil
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
	for _, n := range []struct{ dir, suffix string }{{documents, ".json"}, {details, ".json"}, {blocks, ".bin"}, {times, ".tsr"}} {
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
