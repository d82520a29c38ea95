package desk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/acquisition"
)

// ImagerLog is an imaging program's own log beside an image.
type ImagerLog struct {
	Path string
	Said *acquisition.Log
}

// ReadImagerLog reads a log; acquisition.ErrUnknown where it is none known.
func ReadImagerLog(path string) (ImagerLog, error) {
	info, err := os.Stat(path)
	if err != nil {
		return ImagerLog{}, fmt.Errorf("couldn't look at the log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return ImagerLog{}, fmt.Errorf("couldn't read the log %s: not a regular file", path)
	}
	if info.Size() > acquisition.MaxSize {
		return ImagerLog{}, fmt.Errorf("couldn't read the log %s: %w", path, acquisition.ErrTooLarge)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return ImagerLog{}, fmt.Errorf("couldn't read the log: %w", err)
	}
	said, err := acquisition.Parse(filepath.Base(path), b)
	return ImagerLog{Path: path, Said: said}, err
}

// LogsBeside finds logs beside an image by the names that imaging programs and
// examiners give them (image.E01.txt, image.info, image.log, image.map,
// image.dd.sha256 …). A file of such a name that is no log is not one.
func LogsBeside(image string) []ImagerLog {
	dir, name := filepath.Split(image)
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	seen, out := map[string]bool{name: true}, []ImagerLog(nil)
	for _, base := range []string{name, stem} {
		for _, ext := range logEndings {
			if seen[base+ext] {
				continue
			}
			seen[base+ext] = true
			if l, err := ReadImagerLog(filepath.Join(dir, base+ext)); err == nil {
				out = append(out, l)
			}
		}
	}
	return out
}

var logEndings = []string{".txt", ".info", ".log", ".hlog", ".map", ".mapfile", ".events", ".md5", ".sha1", ".sha256", ".md5.txt", ".sha1.txt", ".sha256.txt"}

// NamedLikeALog reports whether a name ends as those of logs do.
func NamedLikeALog(name string) bool {
	low := strings.ToLower(name)
	for _, ext := range logEndings {
		if strings.HasSuffix(low, ext) {
			return true
		}
	}
	return false
}

// ImagesOf are the names of the images after which a log of this name may be
// named whole: image.E01.txt of image.E01.
func ImagesOf(log string) []string {
	var out []string
	for _, ext := range logEndings {
		if n := len(log) - len(ext); n > 0 && strings.EqualFold(log[n:], ext) {
			out = append(out, log[:n])
		}
	}
	return out
}

// LogMismatch says that a log does not describe the bytes: nothing was signed.
type LogMismatch struct {
	Logs     []string // names of the logs that differ
	Findings []string // in words
}

func (e *LogMismatch) Error() string {
	return fmt.Sprintf("the acquisition log %s does not describe this file, and nothing was signed: %s (to deposit it all the same, say why with --despite WORDS, which are recorded)",
		strings.Join(e.Logs, ", "), strings.Join(e.Findings, "; "))
}

// run is the run of a log that is about the file.
func (in Depositing) run(l ImagerLog) *acquisition.Log {
	return l.Said.For(in.Name, filepath.Base(in.Path))
}

// container is how the file holds media data, if at all.
func (in Depositing) container() acquisition.Container {
	switch in.Format {
	case custody.FormatRaw:
		return acquisition.GuessContainer(in.Name, nil)
	case custody.FormatEWF:
		return acquisition.EWF
	}
	return acquisition.Other
}

// logged is what has to be computed for the logs: only what can be compared.
func (in Depositing) logged() evidence.Legacy {
	var out evidence.Legacy
	for _, l := range in.Logs {
		for _, h := range in.run(l).Hashes {
			if h.Over != acquisition.OverFile && in.container() != acquisition.Raw {
				continue
			}
			switch h.Algorithm {
			case acquisition.MD5:
				out |= evidence.MD5
			case acquisition.SHA1:
				out |= evidence.SHA1
			}
		}
	}
	return out
}

// beside compares each log with what was measured. What agrees over the file's
// own bytes is declared in the deposit; what differs stops it, but for words.
//
// Of a segmented image no hash of a file is at hand; logs of E01 images state
// hashes of the medium's data, which media has.
func (in *Depositing) beside(m evidence.Measured, media *Media, file *source) ([]acquisition.Comparison, error) {
	received := acquisition.Received{Name: in.Name, Size: m.Size, Container: in.container(),
		Digests: map[acquisition.Algorithm]string{acquisition.SHA256: m.SHA256.String()}}
	for a, v := range map[acquisition.Algorithm]string{acquisition.MD5: m.MD5, acquisition.SHA1: m.SHA1} {
		if v != "" {
			received.Digests[a] = v
		}
	}
	if file.segmented() {
		clear(received.Digests)
		for i, e := range file.manifest {
			received.Segments = append(received.Segments, acquisition.Segment{Name: e.Name, Size: file.segments()[i],
				Digests: map[acquisition.Algorithm]string{acquisition.SHA256: e.SHA256.String()}})
		}
	}
	if media != nil {
		received.Media = media.compared()
	}
	var out []acquisition.Comparison
	var no LogMismatch
	for _, l := range in.Logs {
		run := in.run(l)
		c := acquisition.Compare(run, received)
		out = append(out, c)
		if c.Mismatch() {
			no.Logs = append(no.Logs, filepath.Base(l.Path))
			for _, s := range c.Statements {
				if s.Kind == acquisition.Mismatch {
					no.Findings = append(no.Findings, s.Text)
				}
			}
			continue
		}
		in.declare(run, received)
	}
	if len(no.Logs) == 0 {
		return out, nil
	}
	if in.Despite == "" {
		return out, &no
	}
	in.remark(in.Despite + " [" + strings.Join(no.Findings, "; ") + "]")
	return out, nil
}

// remark adds to the detail in which a deposit records what was wrong.
func (in *Depositing) remark(words string) {
	if said := in.Telling.Details[custody.FieldErrors]; said != "" {
		words = said + "; " + words
	}
	in.Telling.Details[custody.FieldErrors] = words
}

// declare states in the deposit the hashes of the log that are over the file's own
// bytes and were found to be theirs.
func (in *Depositing) declare(run *acquisition.Log, received acquisition.Received) {
	for _, h := range run.Hashes {
		over := h.Over != acquisition.OverFile && received.Container == acquisition.Raw ||
			h.Over == acquisition.OverFile && strings.EqualFold(h.File, in.Name)
		if !over || received.Digests[h.Algorithm] != h.Value {
			continue
		}
		switch h.Algorithm {
		case acquisition.MD5:
			in.Declared.MD5 = h.Value
		case acquisition.SHA1:
			in.Declared.SHA1 = h.Value
		case acquisition.SHA256:
			if sum, err := evidence.ParseDigest(h.Value); err == nil {
				in.Declared.SHA256 = &sum
			}
		}
	}
}

// toolOf takes the program's name from the log where nobody said it.
func (in *Depositing) toolOf() {
	for _, l := range in.Logs {
		run := in.run(l)
		if in.Telling.Details[custody.FieldTool] != "" || run.Tool == acquisition.ToolSums || run.Tool == acquisition.ToolHashdeep || run.Tool == acquisition.ToolEWFVerify {
			continue
		}
		in.Telling.Details[custody.FieldTool] = strings.TrimSpace(string(run.Tool) + " " + run.Version)
	}
}

// DepositLog deposits a log as an artifact of its own, made of the image's item.
func (d *Desk) DepositLog(ctx context.Context, l ImagerLog, ofCase, image evidence.Digest, telling Telling) (Deposited, error) {
	tool := string(l.Said.Tool)
	return d.Deposit(ctx, Depositing{Path: l.Path, Case: ofCase, Parent: &image, Format: custody.FormatOther, Role: custody.RoleLog, Alone: true,
		Fields: map[string]string{"description": "acquisition log (" + tool + ")"}, Telling: telling})
}
