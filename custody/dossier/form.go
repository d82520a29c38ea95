package dossier

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// The most bytes that a file of each place may have. They keep a reader from
// reading structure out of a gigabyte of commas; what is only held and hashed
// is bounded by the whole.
const (
	maxNote   = 64 << 10
	maxBundle = 1 << 20  // a payload of 256 KiB in base64, a note of 64 KiB escaped
	maxScope  = 32 << 20 // some 480,000 items
	maxSmall  = 64 << 10 // keys, proofs, log document
)

// maxSize bounds a file by its name.
func maxSize(name string) int64 {
	switch {
	case strings.HasPrefix(name, bundles):
		return maxBundle
	case name == scopePath:
		return maxScope
	case name == logPath, name == checkpointPath, strings.HasPrefix(name, keysDir), strings.HasPrefix(name, consistency), strings.HasPrefix(name, checkpoints):
		return maxSmall
	case strings.HasPrefix(name, times):
		return tlog.MaxTimestamp
	case strings.HasPrefix(name, proofs):
		return maxSmall * 2
	}
	return 1 << 32
}

// maxIndex bounds log indexes and sizes that name a file: with 12 digits the
// order of names is the order of numbers.
const maxIndex = 1_000_000_000_000

const (
	maxProof  = 128  // more hashes than any proof has
	maxStamps = 16   // timestamps of one event
	maxHeads  = 4096 // older checkpoints, and timestamps of checkpoints
)

// check holds a dossier to what its form can express. Reader and writer share
// it: what is written can be read.
func (d *Dossier) check() error {
	if err := d.checkForm(); err != nil {
		return err
	}
	for i := range d.Events {
		if err := d.Events[i].check(); err != nil {
			return err
		}
	}
	return d.checkNames()
}

// checkForm is what a reader checks once all files are in their places: it has
// read each event and each name by itself.
func (d *Dossier) checkForm() error {
	items := d.Scope.Items
	for i := 1; i < len(items); i++ {
		if items[i-1].Compare(items[i]) >= 0 {
			return malformed(RuleFile, scopePath, "items must be sorted and unique")
		}
	}
	for i := range d.Events {
		if i > 0 && d.Events[i-1].Index >= d.Events[i].Index {
			return malformed(RuleFile, bundlePath(d.Events[i].Index), "events must ascend by log index")
		}
	}
	for size, proof := range d.Consistency {
		if size >= maxIndex || len(proof) > maxProof {
			return malformed(RuleFile, consistencyPath(size), "a size of over 12 digits, or over %d hashes", maxProof)
		}
	}
	return d.checkRest()
}

// documentSuffix ends the name of a founding document: a manifest of segments
// is text, which sha256sum reads.
func documentSuffix(b []byte) string {
	if len(b) > 0 && b[0] == '{' {
		return ".json"
	}
	return ".txt"
}

func always(suffix string) func([]byte) string { return func([]byte) string { return suffix } }

// checkNames: files named by their digest have it.
func (d *Dossier) checkNames() error {
	for _, named := range []struct {
		dir    string
		files  map[evidence.Digest][]byte
		suffix func([]byte) string
	}{{documents, d.Documents, documentSuffix}, {details, d.Details, always(".json")}, {times, d.Times, always(".tsr")}} {
		for id, b := range named.files {
			if evidence.Sum(b) != id {
				return malformed(RuleFile, named.dir+id.String()+named.suffix(b), "its SHA-256 is not its name")
			}
		}
	}
	return nil
}

func (d *Dossier) checkRest() error {
	if len(d.Times) > maxHeads || len(d.Checkpoints) > maxHeads {
		return malformed(RuleLimit, checkpoints, "over %d older checkpoints or timestamps of them", maxHeads)
	}
	for size, note := range d.Checkpoints {
		body, err := checkNote(note)
		if err != nil {
			return malformed(RuleFile, olderPath(size), "%w", err)
		}
		if c, err := tlog.ParseCheckpointBody(body); err != nil || c.Size != size || size >= maxIndex {
			return malformed(RuleFile, olderPath(size), "not a checkpoint of that size, or of over 12 digits (%v)", err)
		}
	}
	for id, b := range d.Blocks {
		if len(b)%len(id) != 0 {
			return malformed(RuleFile, blocksPath(id), "%d bytes are not 32-byte hashes", len(b))
		}
	}
	return d.checkAttachments()
}

func (e *Event) check() error {
	path := bundlePath(e.Index)
	if e.Key.ECDSA() == nil {
		return malformed(RuleBundle, path, "has no key")
	}
	if e.Index >= maxIndex || len(e.Proof) > maxProof {
		return malformed(RuleBundle, path, "a log index of over 12 digits, or over %d hashes", maxProof)
	}
	if err := e.Envelope.Check(); err != nil {
		return malformed(RuleBundle, path, "%w", err)
	}
	if len(e.Timestamps) > maxStamps {
		return malformed(RuleBundle, path, "over %d timestamps", maxStamps)
	}
	for i, stamp := range e.Timestamps {
		if len(stamp) == 0 || len(stamp) > tlog.MaxTimestamp || i > 0 && bytes.Compare(e.Timestamps[i-1], stamp) >= 0 {
			return malformed(RuleBundle, path, "timestamps are 1 to %d bytes long, sorted and unique", tlog.MaxTimestamp)
		}
	}
	return nil
}

// ReportFile names a file of the report that the event of a log index records,
// among a dossier's attachments (SPEC, Dossier); form is json or pdf. A report under another's
// name would be read as that other's.
func ReportFile(index uint64, form string) string { return fmt.Sprintf("report-%012d.%s", index, form) }

func (d *Dossier) checkAttachments() error {
	folded := map[string]bool{}
	for name := range d.Attachments {
		if !safeName(name) {
			return malformed(RuleLayout, attachments+name, "an attachment's name is 1 to 100 of a-z A-Z 0-9 . _ - , neither begins nor ends with a dot and is no device's")
		}
		lower := strings.ToLower(name)
		if folded[lower] {
			return malformed(RuleLayout, attachments+name, "two attachments' names differ only in case")
		}
		folded[lower] = true
	}
	return nil
}

// devices are names that Windows gives to devices, whatever follows a dot.
var devices = []string{"con", "prn", "aux", "nul"}

// safeName bounds attachment names to what is harmless on every file system.
func safeName(s string) bool {
	if len(s) == 0 || len(s) > 100 || s[0] == '.' || s[len(s)-1] == '.' {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	stem, _, _ := strings.Cut(strings.ToLower(s), ".")
	numbered := len(stem) == 4 && (stem[:3] == "com" || stem[:3] == "lpt") && stem[3] >= '0' && stem[3] <= '9'
	return !numbered && !slices.Contains(devices, stem)
}

// checkNote holds the checkpoint file to the form of a signed note: text, an
// empty line, signature lines, in characters that JSON can repeat unchanged.
// It verifies no signature.
func checkNote(b []byte) (text []byte, err error) {
	text, signatures, found := bytes.Cut(b, []byte("\n\n"))
	if !found || len(b) > maxNote || !utf8.Valid(b) || bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\n' }) {
		return nil, errors.New("not a signed note of at most 64 KiB of text")
	}
	for line := range bytes.Lines(signatures) {
		if !bytes.HasPrefix(line, []byte("\u2014 ")) || line[len(line)-1] != '\n' {
			return nil, errors.New("a line after the text is not a signature's")
		}
	}
	if len(signatures) == 0 {
		return nil, errors.New("no signature")
	}
	return append(bytes.Clone(text), '\n'), nil
}
