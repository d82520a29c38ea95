package report

import (
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence/acquisition"
)

// Media is what the service found in an image when it decoded it. Its hashes are
// of the medium's data, never of the file, and are there only where all of it
// could be decoded.
type Media struct {
	// Read: Pass, every chunk was decoded and no stored hash differs; Fail, the
	// image is damaged; NotChecked, it couldn't be decoded, or the record has no
	// word of the service on it.
	Read  Outcome `json:"read"`
	At    Instant `json:"at,omitzero"`
	Act   int     `json:"act,omitempty"` // 0: no word of the service
	Words string  `json:"words"`
	// Facts are what the service found besides.
	Facts []Fact `json:"facts"`
	// Size is of the medium, in bytes.
	Size   uint64 `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	SHA1   string `json:"sha1,omitempty"`
	MD5    string `json:"md5,omitempty"`
	// StoredSHA1 and StoredMD5 are what the imager stored in the image; Stored
	// compares them with those computed: NotChecked where there are none, or none
	// to compare with.
	StoredSHA1 string  `json:"storedSHA1,omitempty"`
	StoredMD5  string  `json:"storedMD5,omitempty"`
	Stored     Outcome `json:"stored"`
	// Damaged counts the chunks that couldn't be decoded; Chunks are the first of
	// them, on the medium.
	Damaged uint64         `json:"damaged"`
	Chunks  []DamagedChunk `json:"chunks,omitempty"`
	// Told is what the imager wrote into the image: its word, repeated.
	Told []Fact `json:"told,omitempty"`
}

// DamagedChunk is where a chunk that couldn't be decoded is on the medium, in
// bytes.
type DamagedChunk struct {
	Offset uint64 `json:"offset"`
	Length uint64 `json:"length"`
}

// mediaOf says what the service found in an item's image, the newest word; nil
// where the artifact is no image in the Expert Witness format, as far as anybody
// says.
func (c *composer) mediaOf(b *custody.Deposited) *Media {
	e := c.index.decoded[b.Item]
	if e == nil {
		if b.Format != custody.FormatEWF {
			return nil
		}
		return &Media{Read: NotChecked, Stored: NotChecked, Facts: []Fact{}, Words: "the record has no decoding of this image by the service: its media data was not checked"}
	}
	read := e.Body().(*custody.ImageRead)
	m := &Media{Act: c.acts[e.Leaf], At: claimed(e), Stored: NotChecked, Facts: []Fact{}}
	m.Read, m.Words = mediaWords(read)
	for _, field := range fieldsOf(e.Statement.Predicate.Details) {
		m.Told = append(m.Told, Fact{Name: spaced(string(field)), Value: text(e, field)})
	}
	if f := read.Found; f != nil {
		m.found(f)
	}
	return m
}

func (m *Media) found(f *custody.ImageFound) {
	m.Facts, m.Size, m.SHA1, m.MD5 = imageFacts(f), f.Size, f.SHA1, f.MD5
	if f.SHA256 != nil {
		m.SHA256 = f.SHA256.String()
	}
	m.StoredSHA1, m.StoredMD5 = f.Stored.SHA1, f.Stored.MD5
	switch {
	case f.Differs():
		m.Stored = Fail
	case f.Damaged.Count == 0 && f.Stored != (custody.MediaHashes{}):
		m.Stored = Pass
	}
	m.Damaged = f.Damaged.Count
	for _, n := range f.Damaged.First {
		off, length := f.Chunk(n)
		m.Chunks = append(m.Chunks, DamagedChunk{off, length})
	}
}

// mediaWords says how the decoding ended.
func mediaWords(b *custody.ImageRead) (Outcome, string) {
	f := b.Found
	switch {
	case f == nil:
		return NotChecked, "the service could not decode the image (" + string(b.Reason) + "): its media data was not checked"
	case f.Damaged.Count > 0:
		return Fail, fmt.Sprintf("%d of %d chunks could not be decoded; nobody has the medium's data from this image, and no hash of it is stated", f.Damaged.Count, f.Chunks)
	case f.Differs():
		return Fail, "every chunk was decoded, and a hash stored in the image is not that of the media data"
	case slices.Contains(f.Flaws, custody.FlawHash) && f.Stored == (custody.MediaHashes{}):
		return Pass, "every chunk was decoded, its checksum right; the hashes stored in the image cannot be read: there is none to compare with"
	case slices.Contains(f.Flaws, custody.FlawHash):
		return Pass, "every chunk was decoded, its checksum right, and of the stored hashes those that can be read are those of the media data; others cannot be read"
	case f.Stored == (custody.MediaHashes{}):
		return Pass, "every chunk was decoded, its checksum right; the imager stored no hash to compare with"
	}
	return Pass, "every chunk was decoded, its checksum right, and the stored hashes are those of the media data"
}

// imageFacts is what was found beside hashes and damage.
func imageFacts(f *custody.ImageFound) []Fact {
	compression := "none"
	switch f.Compressed {
	case 0:
	case f.Chunks:
		compression = "deflate"
	default:
		compression = fmt.Sprintf("deflate in %d of %d chunks", f.Compressed, f.Chunks)
	}
	out := []Fact{stated("format", "EWF, "+string(f.Dialect)), stated("compression", compression), stated("files", fmt.Sprint(f.Segments)),
		stated("chunks", fmt.Sprintf("%d of %d bytes", f.Chunks, f.ChunkSize)), stated("sector size", fmt.Sprintf("%d bytes", f.SectorSize))}
	if f.Unread.Sectors > 0 {
		out = append(out, stated("not read by the imager", fmt.Sprintf("%d sectors, filled with zeros, as the image says", f.Unread.Sectors)))
	}
	for _, flaw := range f.Flaws {
		out = append(out, stated("flaw in its structure", string(flaw)))
	}
	return out
}

// decoded tells, for comparison with imagers' logs, that an artifact is an image
// in the Expert Witness format, and what the service found its media data to be.
func decoded(e *verify.Event, out *acquisition.Received) {
	b := e.Body().(*custody.ImageRead)
	f := b.Found
	if f == nil {
		return
	}
	out.Container = acquisition.EWF
	out.Media = &acquisition.Media{Size: f.Size, Digests: map[acquisition.Algorithm]string{}}
	if f.Damaged.Count == 0 {
		out.Media.Digests[acquisition.MD5], out.Media.Digests[acquisition.SHA1], out.Media.Digests[acquisition.SHA256] = f.MD5, f.SHA1, f.SHA256.String()
	}
}
