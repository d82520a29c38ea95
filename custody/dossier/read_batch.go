package dossier

import (
	"bytes"
	"hash/crc32"
	"strings"

	"github.com/evidence-custody/custodyd/evidence"
)

// worker reads batches on one core.
type worker struct {
	*reading
	decode bool
	buf    []byte // of one batch
	desk   desk
	each   func(Shown)
}

// desk is where one event after the other is read.
type desk struct {
	slab slab            // for what is kept
	id   evidence.Digest // of the event read last
	leaf []byte          // and its leaf
	// payload is where an event's payload is while it is shown; nil where it is kept.
	payload []byte
}

// readBatch reads files that stand behind one another.
func (w *worker) readBatch(a batch) error {
	files, line, first := a.files, a.line, a.first
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
		if length := lineLength(f.name); length > 0 && w.manifest != nil {
			if !isLine(w.manifest[line:line+length], f) {
				w.unlisted.Store(true)
			}
			line += length
		}
		switch {
		case f.isBundle():
			if w.decode {
				*f.event, f.err = w.shared.decodeBundle(f.name, raw, w.keys, &w.desk)
				f.astray = f.astray || f.err == nil && f.name != bundlePath(f.event.Index)
				if w.each != nil && f.err == nil {
					w.each(Shown{Place: first, Event: f.event, ID: w.desk.id, Leaf: w.desk.leaf})
					f.event.Envelope.Payload = nil
				}
				first++
			}
		case strings.HasPrefix(f.name, consistency):
			var made bool
			f.proof, made, f.err = decodeProof(f.name, raw, &w.desk.slab)
			f.other = !made
		case f.name == manifestPath && bytes.Equal(raw, w.manifest):
			f.content = w.manifest
		default:
			f.content = w.desk.slab.copy(raw)
		}
	}
	return nil
}

// lineLength is how long a file's line in the manifest is; 0 for what it does
// not list.
func lineLength(name string) int {
	if !strings.HasPrefix(name, "data/") {
		return 0
	}
	return 2*len(evidence.Digest{}) + len("  ") + len(name) + len("\n")
}

// isLine reports whether the text is the file's line in the manifest.
func isLine(text []byte, f *file) bool {
	var made [2*len(evidence.Digest{}) + len("  ") + maxName + len("\n")]byte
	return bytes.Equal(appendSum(made[:0], f.name, f.sum), text)
}

// slab hands out memory for many small things at once: little at first, since
// most dossiers are small.
type slab struct {
	bytes   []byte
	digests []evidence.Digest
	size    int       // of the next piece of memory asked for, in bytes
	last    lastProof // of an event
	older   lastProof // of a size
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
