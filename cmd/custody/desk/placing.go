package desk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// ManifestName is the manifest's beside the segments that a retrieval writes:
// sha256sum -c reads it.
const ManifestName = "SHA256SUMS"

// errWithheld says that nobody shows how the segments are called.
var errWithheld = errors.New("the manifest of the image's segments is withheld: their names and digests are not known")

// segments finds an item's segments in what was verified: the sizes that the
// deposit signs, and the manifest whose SHA-256 is the artifact's.
func (v *Dossier) segments(item evidence.Digest) ([]uint64, evidence.Manifest, error) {
	for i, r := range v.Readings {
		for _, e := range r.Events {
			b, ok := e.Body().(*custody.Deposited)
			if !ok || b.Item != item || b.Segments == nil {
				continue
			}
			m, err := manifestIn(v.Files[i], b.Artifact.SHA256)
			return b.Segments, m, err
		}
	}
	return nil, nil, nil
}

// manifestIn reads a manifest out of a dossier; nil where it is withheld.
func manifestIn(file []byte, id evidence.Digest) (evidence.Manifest, error) {
	d, _, err := verify.Read(strings.NewReader(string(file)), int64(len(file)), dossier.DefaultLimits)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the dossier again: %w", err)
	}
	if d == nil || d.Documents[id] == nil {
		return nil, nil
	}
	m, err := evidence.ParseManifest(d.Documents[id])
	if err == nil && m.Digest() != id {
		err = evidence.ErrManifest
	}
	return m, err
}

// recomputed is the id of the image that has these digests of its segments.
func (r Reader) recomputed(sums []evidence.Digest) evidence.Digest {
	m := make(evidence.Manifest, len(r.manifest))
	for i := range m {
		m[i].Name = r.manifest[i].Name
		if i < len(sums) {
			m[i].SHA256 = sums[i]
		}
	}
	return m.Digest()
}

// placeSegments turns the one part into a directory of segments under their
// names, with the manifest. Segments are cut off from the last on, so that no
// more room is taken than one of them needs.
func (r Reader) placeSegments(part, path string) error {
	if len(r.manifest) != len(r.Segments) {
		return errWithheld
	}
	dir := part + ".segments"
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return fmt.Errorf("couldn't make a directory for the segments: %w", err)
	}
	for _, e := range r.manifest {
		if strings.EqualFold(e.Name, ManifestName) {
			return fmt.Errorf("couldn't write a segment called %s beside the manifest", ManifestName)
		}
	}
	if err := r.cut(part, dir); err != nil {
		return fmt.Errorf("couldn't write the segments: %w", err)
	}
	if err := os.Rename(part, filepath.Join(dir, r.manifest[0].Name)); err != nil {
		return fmt.Errorf("couldn't name the first segment: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, ManifestName), r.manifest.Encode(), 0o600); err != nil {
		return fmt.Errorf("couldn't write the manifest: %w", err)
	}
	if err := os.Rename(dir, path); err != nil {
		return fmt.Errorf("couldn't name the directory of the segments: %w", err)
	}
	return nil
}

func (r Reader) cut(part, dir string) error {
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	end := r.Artifact.Size
	for i := len(r.Segments) - 1; i > 0; i-- {
		from := end - r.Segments[i]
		out, err := os.OpenFile(filepath.Join(dir, r.manifest[i].Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, io.NewSectionReader(f, int64(from), int64(r.Segments[i])))
		if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
			return err
		}
		if err := f.Truncate(int64(from)); err != nil {
			return err
		}
		end = from
	}
	return f.Sync()
}
