package dossier

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// RedactAll withholds every detail and every document that may be withheld.
const RedactAll = "all"

// Redactable lists what Redact takes beside ids: detail fields and types of
// founding documents. A document is withheld whole: its id is the hash of all
// of it.
func Redactable() []string {
	out := []string{RedactAll, string(custody.DocCase), string(custody.DocItem), string(custody.DocPerson), string(custody.DocGrant), string(custody.DocManifest)}
	for _, f := range custody.Fields() {
		out = append(out, string(f))
	}
	return out
}

// Redaction is what was taken out of a dossier.
type Redaction struct {
	Details     int      `json:"details"`     // withheld now
	Documents   int      `json:"documents"`   // withheld now
	Attachments []string `json:"attachments"` // left out, because reports repeat names
	// Echoes are texts withheld that still stand in what is disclosed.
	Echoes []Echo `json:"echoes"`
}

// Echo is a text withheld that stands in a file still disclosed.
type Echo struct {
	What string          `json:"what"` // field, or type and field, of the text withheld
	In   string          `json:"in"`   // the same of what still shows it
	File evidence.Digest `json:"file"` // the file still disclosed
}

// echoLength is from how many characters on a text is looked for elsewhere.
const echoLength = 3

// Redact returns the dossier without what is named: a detail's field, a type of
// founding documents, RedactAll, or the SHA-256 of one file. Events commit to
// what is withheld, so everything else verifies as before. Attachments are left
// out: a report repeats what is withheld. The dossier itself stays as it is.
func (d *Dossier) Redact(names ...string) (*Dossier, Redaction, error) {
	if len(names) == 0 {
		return nil, Redaction{}, errors.New("couldn't withhold nothing")
	}
	wanted := map[string]bool{}
	for _, n := range names {
		_, err := evidence.ParseDigest(n)
		if err != nil && !slices.Contains(Redactable(), n) {
			return nil, Redaction{}, fmt.Errorf("couldn't withhold %.60q: not a file's SHA-256, nor one of %s", n, strings.Join(Redactable(), ", "))
		}
		wanted[n] = true
	}
	out, done := *d, Redaction{Attachments: slices.Sorted(maps.Keys(d.Attachments)), Echoes: []Echo{}}
	if done.Attachments == nil {
		done.Attachments = []string{}
	}
	out.Attachments = map[string][]byte{}
	var gone, left []told
	keep := func(from map[evidence.Digest][]byte, read func([]byte) (string, []told), count *int) map[evidence.Digest][]byte {
		kept := map[evidence.Digest][]byte{}
		for _, id := range slices.SortedFunc(maps.Keys(from), evidence.Digest.Compare) {
			name, texts := read(from[id])
			for i := range texts {
				texts[i].file = id
			}
			// What cannot be read is no event's, and may hold anything.
			if name == unread || name != public && (wanted[RedactAll] || wanted[name] || wanted[id.String()]) {
				*count++
				gone = append(gone, texts...)
				continue
			}
			kept[id] = from[id]
			left = append(left, texts...)
		}
		return kept
	}
	out.Details = keep(d.Details, readDetail, &done.Details)
	out.Documents = keep(d.Documents, readDocument, &done.Documents)
	for _, g := range gone {
		if utf8.RuneCountInString(g.text) < echoLength {
			continue
		}
		for _, l := range left {
			if strings.Contains(l.text, g.text) {
				done.Echoes = append(done.Echoes, Echo{What: g.what, In: l.what, File: l.file})
			}
		}
	}
	return &out, done, nil
}

// told is one text of a file, and what it is.
type told struct {
	what, text string
	file       evidence.Digest
}

const (
	public = ""       // documents that nobody withholds: the rules need them
	unread = "unread" // files that are neither details nor documents
)

func readDetail(b []byte) (string, []told) {
	d, err := custody.ParseDetail(b)
	if err != nil {
		return unread, nil
	}
	return string(d.Field), []told{{what: string(d.Field), text: d.Value}}
}

func readDocument(b []byte) (string, []told) {
	f, err := custody.ParseFounding(b)
	if err != nil {
		if m, err := evidence.ParseManifest(b); err == nil {
			var names []told
			for _, e := range m {
				names = append(names, told{what: "manifest.name", text: e.Name})
			}
			return string(custody.DocManifest), names
		}
		if _, err := custody.ParseOrgDocument(b); err != nil {
			return unread, nil
		}
		return public, nil
	}
	var texts []told
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		texts = append(texts, told{what: string(f.Document) + "." + name, text: f.Fields[name]})
	}
	return string(f.Document), texts
}
