package dossier

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// Decode reads a dossier strictly, within limits. Anything but the bytes that
// Write makes of what was read is a *MalformedError; other errors mean that
// the bytes could not be read.
func Decode(r io.ReaderAt, size int64, lim Limits) (*Dossier, error) {
	if size < 0 {
		return nil, fmt.Errorf("couldn't read dossier of %d bytes", size)
	}
	section := io.NewSectionReader(r, 0, size)
	files, err := readZip(section, lim)
	if err != nil {
		return nil, err
	}
	if err := checkManifests(files); err != nil {
		return nil, err
	}
	d, err := assemble(files, lim)
	if err != nil {
		return nil, err
	}
	if _, err := section.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("couldn't read dossier again: %w", err)
	}
	same := &comparer{r: section}
	if err := d.Write(same); err != nil {
		return nil, asCanonical(err)
	}
	if same.at != size {
		return nil, malformed(RuleCanonical, "", "%d bytes follow the end", size-same.at)
	}
	return d, nil
}

// checkManifests gives a changed file its own finding, before anything else is
// said about its content.
func checkManifests(files []file) error {
	byName := make(map[string][]byte, len(files))
	for _, f := range files {
		if _, twice := byName[f.name]; twice {
			return malformed(RuleLayout, f.name, "stands twice")
		}
		byName[f.name] = f.content
	}
	for _, m := range []string{tagManifestPath, manifestPath} {
		listed := map[string]bool{}
		for line := range strings.Lines(string(byName[m])) {
			sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
			b, have := byName[name]
			if !ok || !have || listed[name] {
				return malformed(RuleManifest, m, "lists %.200q, which is not one file of the dossier", name)
			}
			listed[name] = true
			if evidence.Sum(b).String() != sum {
				return malformed(RuleManifest, name, "its SHA-256 is not the one in %s", m)
			}
		}
		for name := range byName {
			if strings.HasPrefix(name, "data/") == (m == manifestPath) && !listed[name] && name != tagManifestPath {
				return malformed(RuleManifest, name, "is not listed in %s", m)
			}
		}
	}
	return nil
}

// assemble turns files into a dossier; each file has one place.
func assemble(files []file, lim Limits) (*Dossier, error) {
	d := &Dossier{Consistency: map[uint64][]evidence.Digest{}, Documents: map[evidence.Digest][]byte{}, Details: map[evidence.Digest][]byte{},
		Blocks: map[evidence.Digest][]byte{}, Attachments: map[string][]byte{}}
	keys := map[string]seal.PublicKey{}
	var events []file
	for _, f := range files {
		var err error
		switch {
		case f.name == logPath:
			d.Log = f.content
		case f.name == checkpointPath:
			d.Checkpoint = f.content
		case f.name == scopePath:
			err = readScope(&d.Scope, f)
		case strings.HasPrefix(f.name, bundles):
			events = append(events, f)
		case strings.HasPrefix(f.name, consistency):
			err = d.readConsistency(f)
		case strings.HasPrefix(f.name, keysDir):
			err = readKey(keys, f)
		case strings.HasPrefix(f.name, documents):
			err = readNamed(d.Documents, f, documents, ".json", true)
		case strings.HasPrefix(f.name, details):
			err = readNamed(d.Details, f, details, ".json", true)
		case strings.HasPrefix(f.name, blocks):
			err = readNamed(d.Blocks, f, blocks, ".bin", false)
		case strings.HasPrefix(f.name, attachments):
			d.Attachments[strings.TrimPrefix(f.name, attachments)] = f.content
		case f.name == bagitPath, f.name == bagInfoPath, f.name == manifestPath, f.name == tagManifestPath, f.name == readmePath:
			// fixed or derived: writing them again judges them
		default:
			err = malformed(RuleLayout, f.name, "has no place in a dossier")
		}
		if err != nil {
			return nil, err
		}
	}
	if d.Log == nil || d.Checkpoint == nil {
		return nil, malformed(RuleLayout, "", "the log document or the checkpoint is missing")
	}
	if len(events) > lim.Events {
		return nil, malformed(RuleLimit, "", "%d events; at most %d are allowed", len(events), lim.Events)
	}
	s, err := sharedOf(d.Log, d.Checkpoint)
	if err != nil {
		return nil, err
	}
	d.Events = make([]Event, len(events))
	for i, f := range events {
		if d.Events[i], err = s.decodeBundle(f.name, f.content, keys); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func readScope(s *Scope, f file) error {
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

func (d *Dossier) readConsistency(f file) error {
	size, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(f.name, consistency), ".txt"), 10, 63)
	if err != nil || consistencyPath(size) != f.name {
		return malformed(RuleLayout, f.name, "has no place in a dossier")
	}
	d.Consistency[size], err = decodeProof(f.name, f.content)
	return err
}

func readKey(keys map[string]seal.PublicKey, f file) error {
	key, err := seal.ParsePublicPEM(f.content)
	if err != nil {
		return malformed(RuleFile, f.name, "%w", err)
	}
	keys[key.ID().String()] = key
	return nil
}

// readNamed reads a file whose name is a digest, where hashed its own.
func readNamed(into map[evidence.Digest][]byte, f file, dir, suffix string, hashed bool) error {
	id, err := evidence.ParseDigest(strings.TrimSuffix(strings.TrimPrefix(f.name, dir), suffix))
	if err != nil {
		return malformed(RuleLayout, f.name, "has no place in a dossier")
	}
	if hashed && evidence.Sum(f.content) != id {
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
