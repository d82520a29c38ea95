package verify

import (
	"reflect"

	"github.com/evidence-custody/custodyd/custody"
)

// imageSaid is what the record says of an item's image so far.
type imageSaid struct {
	format custody.ImageFormat // "" where its deposit isn't shown
	files  int
	read   *custody.ImageRead
}

// image notes what is said of images, in the log's order, and what of it
// doesn't fit together.
func (r *reader) image(e *Event) {
	if r.images == nil {
		r.images = map[custody.ID]imageSaid{}
	}
	if b, ok := e.Body().(*custody.Deposited); ok {
		r.images[b.Item] = imageSaid{format: b.Format, files: max(1, len(b.Segments))}
		return
	}
	b := e.Body().(*custody.ImageRead)
	said := r.images[b.Item]
	switch f := b.Found; {
	case f == nil:
		r.find(ImageUnreadable, at(e.Index), "the service could not decode the image %s (%s): its media data is not checked", b.Artifact, b.Reason)
	case f.Damaged.Count > 0:
		off, n := f.Chunk(f.Damaged.First[0])
		r.find(ImageDamaged, at(e.Index), "the service could not decode %d of %d chunks of the image %s, the first at bytes %d to %d of the medium", f.Damaged.Count, f.Chunks, b.Artifact, off, off+n-1)
	case f.Differs():
		r.find(ImageHashDiffers, at(e.Index), "a hash stored in the image %s is not that of its media data: stored MD5 %s and SHA-1 %s, computed %s and %s", b.Artifact, orNone(f.Stored.MD5), orNone(f.Stored.SHA1), f.MD5, f.SHA1)
	}
	switch {
	case said.read != nil && !reflect.DeepEqual(said.read, b):
		r.find(ImageContradicted, at(e.Index), "the service found something else in the image %s than before", b.Artifact)
	case b.Found != nil && said.format != "" && said.format != custody.FormatEWF:
		r.find(ImageContradicted, at(e.Index), "the artifact %s was deposited as %s, and the service decoded it as an image in the Expert Witness format", b.Artifact, said.format)
	case b.Found != nil && said.format != "" && b.Found.Segments != uint64(said.files):
		r.find(ImageContradicted, at(e.Index), "the image %s was deposited in %d files, and the service decoded %d", b.Artifact, said.files, b.Found.Segments)
	}
	said.read = b
	r.images[b.Item] = said
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
