// Package ewf reads forensic images in the Expert Witness Compression Format,
// version 1: the E01 files of EnCase, FTK Imager, linen and ewfacquire, and
// SMART's s01 files, in any number of segments.
//
// Two things must not be mixed up: the hash of a FILE, which package evidence
// computes, and the hash of the MEDIUM'S DATA as decoded from the file, which
// Image.Verify computes; the hash that the imager wrote into the file (Stored)
// speaks of the latter. This package never says that data is right: it says
// what it decoded, which chunks failed their checksum, and where.
//
// Everything read is taken for hostile: no length, count or offset is believed
// before it was held against the size of the file, sections only go forward,
// and memory is bounded whatever a file says (see Limits below).
//
// Facts of the format: "Expert Witness Compression Format specification",
// libyal/libewf, documentation, 0.0.86.
package ewf

// Limits. A file beyond them is refused with Rule "limit".
const (
	// MaxSegments is how many files a set may have; the number has 16 bits.
	MaxSegments = 1<<16 - 1
	// MaxChunk is the largest chunk in bytes. Tools write at most 16 MiB.
	MaxChunk = 32 << 20

	// maxRatio bounds the work that a small file can ask for, whatever it says
	// and wherever its tables point: deflate makes at most 1,032 bytes of one.
	maxRatio = 1100

	maxSections     = 1 << 16 // in one segment
	maxTables       = 1 << 17 // in one set; 16 TiB need 32,768 of EnCase 5's
	maxTableEntries = 1 << 22 // 16 MiB in memory; EnCase writes at most 65,534
	maxHeaderStored = 1 << 20 // bytes of a header section, compressed
	maxHeaderText   = 4 << 20 // and decompressed
	maxErrorRanges  = 1 << 20 // in one error2 section
	maxKept         = 1000    // flaws, damaged chunks, error ranges that are listed; all are counted
)
