package evidence

import (
	"bytes"
	"errors"
	"fmt"
)

// MaxSegments is how many files one artifact may have, and MaxManifest the
// longest manifest, in bytes. EnCase's names end with the 14,971st segment.
const (
	MaxSegments = 14971
	MaxManifest = 2 << 20
)

// ErrManifest reports bytes that are not a manifest in its one form.
var ErrManifest = errors.New("not a manifest of segments")

// ManifestEntry is one segment: its file name and the SHA-256 of its bytes.
type ManifestEntry struct {
	Name   string
	SHA256 Digest
}

// Manifest lists the segments of an image in their order, at least two. The
// SHA-256 of its bytes is the artifact's id: `sha256sum -c` checks the segments
// by it, and `sha256sum` gives the id.
type Manifest []ManifestEntry

// Encode returns the manifest's one form, sha256sum's: for each segment 64
// lowercase hex digits, two spaces, the name, a line feed.
func (m Manifest) Encode() []byte {
	var b bytes.Buffer
	for _, e := range m {
		fmt.Fprintf(&b, "%s  %s\n", e.SHA256, e.Name)
	}
	return b.Bytes()
}

// Digest returns the SHA-256 of the manifest's bytes.
func (m Manifest) Digest() Digest { return Sum(m.Encode()) }

// ParseManifest reads what Encode writes and nothing else. Names are as
// CheckFileName takes them, no two alike but for the case of ASCII letters
// (Windows takes these for one).
func ParseManifest(b []byte) (Manifest, error) {
	if len(b) > MaxManifest {
		return nil, fmt.Errorf("couldn't read a manifest of %d bytes: %w", len(b), ErrManifest)
	}
	const hex, gap = 64, 2
	var m Manifest
	seen := map[string]bool{}
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, []byte{'\n'})
		if !ended || len(line) <= hex+gap || string(line[hex:hex+gap]) != "  " {
			return nil, fmt.Errorf("couldn't read line %d: %w", len(m)+1, ErrManifest)
		}
		d, err := ParseDigest(string(line[:hex]))
		if err != nil {
			return nil, fmt.Errorf("couldn't read line %d: %w", len(m)+1, ErrManifest)
		}
		name := string(line[hex+gap:])
		if err := CheckFileName(name); err != nil {
			return nil, fmt.Errorf("couldn't read the name in line %d: %w: %w", len(m)+1, err, ErrManifest)
		}
		folded := string(asciiLower([]byte(name)))
		if seen[folded] {
			return nil, fmt.Errorf("couldn't read line %d, a name that stands there already: %w", len(m)+1, ErrManifest)
		}
		seen[folded] = true
		m = append(m, ManifestEntry{Name: name, SHA256: d})
		b = rest
	}
	if len(m) < 2 || len(m) > MaxSegments {
		return nil, fmt.Errorf("couldn't take %d segments: %w", len(m), ErrManifest)
	}
	return m, nil
}

func asciiLower(b []byte) []byte {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// CheckSegments refuses sizes that a segmented image of size bytes cannot have:
// fewer than two, more than MaxSegments, an empty one, another sum.
func CheckSegments(sizes []uint64, size uint64) error {
	if len(sizes) < 2 || len(sizes) > MaxSegments {
		return fmt.Errorf("couldn't take %d segments: %w", len(sizes), ErrManifest)
	}
	left := size
	for i, n := range sizes {
		if n == 0 || n > left {
			return fmt.Errorf("couldn't take segment %d of %d bytes: %w", i+1, n, ErrManifest)
		}
		left -= n
	}
	if left != 0 {
		return fmt.Errorf("couldn't take segments that leave %d bytes: %w", left, ErrManifest)
	}
	return nil
}
