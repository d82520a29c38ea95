package ewf

import "fmt"

// Error refuses a file or a set of files. It speaks of the evidence; any other
// error of this package is a failure to read it.
type Error struct {
	// Rule is one of:
	//   not-ewf       no EWF signature
	//   ewf2          version 2 (Ex01), which this package does not read
	//   logical       a logical evidence file (L01): it holds files, no medium
	//   encrypted     FTK Imager's encrypted container
	//   empty-set     no segment
	//   order         not the segment that stands here in the set
	//   missing       a segment is missing
	//   after-done    a segment follows the one that says it is the last
	//   foreign       a segment of another set
	//   truncated     the file ends too early
	//   section       a section descriptor that cannot be
	//   geometry      no usable volume section, or an impossible one
	//   tables        too many tables of chunks are lost
	//   limit         beyond this package's limits
	Rule    string
	Segment int    // 1 for the first; 0 where no one segment is at fault
	Name    string // of its file
	Offset  int64  // in its file
	Detail  string
}

func (e *Error) Error() string {
	s := e.Detail + " (" + e.Rule + ")"
	if e.Segment > 0 {
		s = fmt.Sprintf("segment %d, %q, byte %d: %s", e.Segment, e.Name, e.Offset, s)
	}
	return "couldn't read the image: " + s
}

// Flaw is something wrong in a file that did not stop it from being read.
type Flaw struct {
	// Kind is one of:
	//   descriptor      a section descriptor fails its checksum
	//   section         a section of a kind that is not known, or cut short
	//   header          a text section cannot be decoded
	//   header-differs  two copies of a text section differ
	//   volume          a volume or data section fails its checksum
	//   volume-differs  a data section disagrees with the volume section
	//   table           a table of chunks fails its checksum
	//   table-differs   the two copies of a table disagree
	//   table-order     offsets in a table go backwards
	//   table-lost      no copy of a table can be used
	//   hash            stored hashes fail their checksum or contradict each other
	//   errors          the list of acquisition errors fails its checksum
	//   count           more or fewer chunks than the volume section says
	//   incomplete      the imager marked the set as incomplete
	//   trailing        bytes after the last section
	Kind    string
	Segment int   // 1 for the first
	Offset  int64 // in its file
}

func (f Flaw) String() string {
	return fmt.Sprintf("%s at segment %d, byte %d", f.Kind, f.Segment, f.Offset)
}

// Damage is one chunk of the medium that could not be decoded. Its bytes are
// taken as zeros.
type Damage struct {
	Chunk  uint64 // number, from 0
	Offset uint64 // of its first byte on the medium
	Size   uint64 // bytes on the medium

	Segment    int // 1 for the first; 0 where no file has it
	FileOffset int64

	// Reason is one of: checksum (Adler-32 of a chunk that is not compressed),
	// compression (the compressed data, its length or its Adler-32), bounds
	// (the table points outside of the segment's data), table (its table is
	// lost), absent (the set ends before it).
	Reason string
}

// flaws keeps the first of them and counts all.
type flaws struct {
	kept  []Flaw
	count int
	kinds map[string]bool
}

func (f *flaws) add(kind string, segment int, offset int64) {
	f.count++
	if f.kinds == nil {
		f.kinds = map[string]bool{}
	}
	f.kinds[kind] = true
	if len(f.kept) < maxKept {
		f.kept = append(f.kept, Flaw{Kind: kind, Segment: segment, Offset: offset})
	}
}
