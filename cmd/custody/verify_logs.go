package main

import (
	"fmt"
	"io"
	"os"

	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/acquisition"
)

// imagerLog is an acquisition log of a dossier, as SPEC has it ("The result as
// JSON"): the log's own words, which change no verdict.
type imagerLog struct {
	Dossier    int                     `json:"dossier"`
	Image      evidence.Digest         `json:"image"` // items
	Log        evidence.Digest         `json:"log"`
	Read       string                  `json:"read"` // pass, fail (its form is not known), not-checked (no file given)
	Summary    string                  `json:"summary,omitempty"`
	Statements []acquisition.Statement `json:"statements,omitempty"`
	Facts      *acquisition.Log        `json:"facts,omitempty"`
}

// readLogs reads the acquisition logs of the dossiers that are among the files
// given. A file is read again here because a log is small and was only measured.
func readLogs(result *verify.Result, paths []string) ([]imagerLog, error) {
	content := map[evidence.Digest][]byte{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("couldn't look at the artifact: %w", err)
		}
		if !info.Mode().IsRegular() || info.Size() > acquisition.MaxSize {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the artifact: %w", err)
		}
		content[evidence.Sum(b)] = b
	}
	var out []imagerLog
	for i, r := range result.Readings {
		for _, l := range report.ReadLogs(r, content) {
			said := imagerLog{Dossier: i, Image: l.Image, Log: l.Log, Read: string(report.NotChecked)}
			switch {
			case l.Said != nil:
				said.Read, said.Facts = string(report.Pass), l.Said
				said.Summary, said.Statements = l.Comparison.Summary(), l.Comparison.Statements
			case l.Given:
				said.Read = string(report.Fail)
			}
			out = append(out, said)
		}
	}
	return out, nil
}

func logWords(w io.Writer, logs []imagerLog) {
	for _, l := range logs {
		switch l.Read {
		case string(report.Pass):
			fmt.Fprintf(w, "log     of item %s, by its own word (%s): %s\n", short(l.Image), l.Facts.Tool, printable(l.Summary))
		case string(report.Fail):
			fmt.Fprintf(w, "log     of item %s: its form is not known, and nothing was read of it\n", short(l.Image))
		default:
			fmt.Fprintf(w, "log     of item %s: not read (give its file with --artifact)\n", short(l.Image))
		}
	}
}
