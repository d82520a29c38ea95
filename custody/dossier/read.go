package dossier

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
	other   bool              // a consistency file's text is not the one encoding of its proof
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
	log    []byte  // the log document, where shared is there
	each   Visitor // nil: events are kept whole

	// manifest is the one file that the others' lines make, where it is as long as
	// they are together; else nil. Each is compared as its file is read.
	manifest []byte
	unlisted atomic.Bool // and a line is not in it

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
	return decode(r, size, lim, indexDirectory, nil)
}

// Shown is an event as it is read. Event has its payload while it is shown, and
// then alone.
type Shown struct {
	Place int // in the dossier's Events
	Event *Event
	ID    evidence.Digest // event id: of the payload
	Leaf  []byte          // the log entry; valid while it is shown
}

// Visitor is told the log document, the checkpoint and the number of events of
// a dossier, before any of these is read. For each core that reads it returns,
// when called, the function that is shown events, ascending but not in one
// sequence. nil: none is shown.
//
// Whether the whole is a dossier is not known yet. It may begin anew, where a
// zip is not what it seemed.
type Visitor func(log, checkpoint []byte, events int) func() func(Shown)

// DecodeEach is Decode that shows each event once, with its payload, and keeps
// none: a long record then takes a third of the memory. Its Events are those
// shown, but without payloads; they cannot be written again.
func DecodeEach(r io.ReaderAt, size int64, lim Limits, each Visitor) (*Dossier, error) {
	if size < 0 {
		return nil, fmt.Errorf("couldn't read dossier of %d bytes", size)
	}
	return decode(r, size, lim, indexDirectory, each)
}

// decode reads a dossier; short is the way to its places that needs no look at
// every local header first.
func decode(r io.ReaderAt, size int64, lim Limits, short func(io.ReaderAt, int64, Limits) ([]file, bool), each Visitor) (*Dossier, error) {
	var in *reading
	directory := int64(-1) // where it is still to be compared
	if files, ok := short(r, size, lim); ok {
		in = &reading{r: r, lim: lim, files: files, each: each, directed: true}
		if err := in.readFiles(); err != nil {
			return nil, err
		}
	}
	if in == nil || in.strayed.Load() {
		files, at, err := indexZip(r, size, lim)
		if err != nil {
			return nil, err
		}
		in, directory = &reading{r: r, lim: lim, files: files, each: each}, at
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
	lines := 0 // bytes of the manifest
	for i := range in.files {
		lines += lineLength(in.files[i].name)
	}
	for i := range in.files {
		f := &in.files[i]
		if !strings.HasPrefix(f.name, keysDir) && f.name != logPath && f.name != checkpointPath && (f.name != manifestPath || f.size != int64(lines)) {
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
		case manifestPath:
			in.manifest = b
		default:
			if key, err := seal.ParsePublicPEM(b); err == nil {
				in.keys[key.ID().String()] = key
			}
		}
	}
	if log != nil && note != nil {
		in.log = log
		in.shared, _ = sharedOf(log, note)
	}
	return nil
}

// batchSize is how much a worker reads at once, in bytes.
const batchSize = 256 << 10

// batch is files that stand behind one another.
type batch struct {
	files []file
	line  int // where in the manifest the first one's line is to stand
	first int // events before it
}

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
	var batches []batch
	for first, line, events := 0, 0, 0; first < len(in.files); {
		last, a := first, batch{line: line, first: events}
		for last == first || last < len(in.files) && in.files[last].at+in.files[last].size-in.files[first].start() <= batchSize {
			line += lineLength(in.files[last].name)
			if in.files[last].isBundle() {
				events++
			}
			last++
		}
		a.files = in.files[first:last]
		batches = append(batches, a)
		first = last
	}
	var visitor func() func(Shown)
	if decode && in.each != nil {
		visitor = in.each(in.log, in.shared.note, count)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	failed := make([]error, len(batches))
	for range max(1, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			w := &worker{reading: in, decode: decode}
			if visitor != nil {
				w.each, w.desk.payload = visitor(), make([]byte, maxBundle)
			}
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

// assemble turns files into a dossier; each file has one place.
func (in *reading) assemble() (*Dossier, error) {
	older := 0
	for i := range in.files {
		if strings.HasPrefix(in.files[i].name, consistency) {
			older++
		}
	}
	d := &Dossier{Consistency: make(map[uint64][]evidence.Digest, older), Times: map[evidence.Digest][]byte{}, Checkpoints: map[uint64][]byte{},
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
		suffix := ".json"
		if strings.HasSuffix(f.name, ".txt") { // which of them fits is asked by namedWell
			suffix = ".txt"
		}
		return readNamed(d.Documents, f, documents, suffix, true)
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
