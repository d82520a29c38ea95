package report

import (
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/acquisition"
)

// LogReading is one acquisition log of a record: what it says, and what may be
// said of it beside what the service received of the image it is about.
type LogReading struct {
	Log   custody.ID // the log's item
	Image custody.ID // the image's
	// Given: the log's bytes were at hand and are the artifact on record. Else
	// nothing of it was read.
	Given bool
	// Said is the run about the image; nil where the form is not known.
	Said       *acquisition.Log
	Comparison acquisition.Comparison
}

// ReadLogs reads the acquisition logs of a record: artifacts with that role whose
// parent is an artifact. Content holds their bytes by SHA-256, as far as somebody
// has them; bytes that are not the artifact's are not read.
func ReadLogs(r *verify.Reading, content map[evidence.Digest][]byte) []LogReading {
	var out []LogReading
	index := indexOf(r)
	for _, e := range r.Events {
		b, ok := e.Body().(*custody.Deposited)
		if !ok || b.Role != custody.RoleLog || b.Parent == nil || r.Items[*b.Parent] == nil || r.Items[*b.Parent].State.Artifact == nil {
			continue
		}
		l := LogReading{Log: b.Item, Image: *b.Parent}
		if raw, ok := content[b.Artifact.SHA256]; ok && evidence.Sum(raw) == b.Artifact.SHA256 && uint64(len(raw)) == b.Artifact.Size {
			l.Given = true
			received := receivedOf(r, index, *b.Parent)
			if said, err := acquisition.Parse(fileName(e), raw); err == nil {
				l.Said = said.For(received.Name)
				l.Comparison = acquisition.Compare(l.Said, received)
			}
		}
		out = append(out, l)
	}
	return out
}

// receivedOf is what the record says of an artifact's bytes: the service's own
// measure where it is shown, else the SHA-256 that the depositor signed.
func receivedOf(r *verify.Reading, x index, item custody.ID) acquisition.Received {
	state := r.Items[item].State
	out := acquisition.Received{Size: state.Artifact.Size, Digests: map[acquisition.Algorithm]string{acquisition.SHA256: state.Artifact.SHA256.String()}}
	for _, e := range r.Events {
		if b, ok := e.Body().(*custody.Deposited); ok && b.Item == item {
			out.Name = fileName(e)
		}
	}
	if sizes := x.segments[state.Artifact.SHA256]; sizes != nil {
		// The SHA-256 on record is the manifest's, and of no bytes that a log could
		// speak of.
		out.Digests = nil
		manifest := r.Manifests[state.Artifact.SHA256]
		for i, size := range sizes {
			s := acquisition.Segment{Size: size}
			if len(manifest) == len(sizes) {
				s.Name, s.Digests = manifest[i].Name, map[acquisition.Algorithm]string{acquisition.SHA256: manifest[i].SHA256.String()}
			}
			out.Segments = append(out.Segments, s)
		}
	}
	switch state.Format {
	case custody.FormatRaw:
		out.Container = acquisition.GuessContainer(out.Name, nil)
	case custody.FormatEWF:
		out.Container = acquisition.EWF
	default:
		out.Container = acquisition.Other
	}
	if e := x.decoded[item]; e != nil {
		decoded(e, &out)
	}
	for _, e := range x.measured[item] {
		// Of a segmented image nothing says which bytes these are of.
		if m, ok := e.Body().(*custody.Received); ok && out.Segments == nil {
			for a, v := range map[acquisition.Algorithm]string{acquisition.SHA1: m.SHA1, acquisition.MD5: m.MD5} {
				if v != "" {
					out.Digests[a] = v
				}
			}
		}
	}
	return out
}

// fileName is a deposit's recorded file name, empty where it is withheld.
func fileName(e *verify.Event) string {
	return text(e, custody.FieldFileName).Value
}

// logs puts the acquisition logs beside the images they are about.
func (c *composer) logs() {
	byItem := map[int]int{} // artifact number by item number
	for _, a := range c.doc.Artifacts {
		byItem[a.Item] = a.Number
	}
	for _, l := range ReadLogs(c.r, c.req.Logs) {
		image, log := byItem[c.items[l.Image]], byItem[c.items[l.Log]]
		if image == 0 || log == 0 {
			continue
		}
		out := ImagerLog{Artifact: log, Read: NotChecked}
		switch {
		case l.Said != nil:
			out.Read = Pass
			for _, row := range l.Said.Rows() {
				out.Facts = append(out.Facts, Fact{Name: row.Label, Value: Said(row.Value)})
			}
			for _, s := range l.Comparison.Statements {
				out.Beside = append(out.Beside, LogStatement{Kind: string(s.Kind), Words: s.Text})
			}
		case l.Given:
			out.Read = Fail
		}
		c.doc.Artifacts[image-1].Logs = append(c.doc.Artifacts[image-1].Logs, out)
	}
}
