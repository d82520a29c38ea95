package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/consignment"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/evidence"
)

// errIncomplete is the end of a batch of which something was left out or failed,
// all of which has been said.
var errIncomplete = errors.New("not all was deposited: see the table")

// putBatch deposits all that lies at the paths.
func (a *app) putBatch(ctx context.Context, p *putFlags, paths []string) error {
	template, err := p.one("")
	if err != nil {
		return err
	}
	if p.name != "" || p.sha256 != "" || p.sha1 != "" || p.md5 != "" || len(p.logs) > 0 {
		return usagef("--file-name, --sha256, --sha1, --md5 and --log are about one file; logs in folders are found by themselves")
	}
	if p.jobs < 1 || p.jobs > 16 {
		return usagef("--jobs is 1 to 16")
	}
	entries, err := consignment.Survey(paths, p.alone)
	if err != nil {
		return fmt.Errorf("couldn't list what is to be deposited: %w", err)
	}
	a.planWords(entries)
	if p.dryRun {
		return a.print(planned(entries), func(io.Writer) {})
	}
	d, err := a.desk(ctx, want{policy: true})
	if err != nil {
		return err
	}
	if err := p.where(ctx, d, &template); err != nil {
		return err
	}
	display := a.display(entries)
	delivery := consignment.Delivery{Bearer: d, Template: template, State: filepath.Join(filepath.Dir(d.State), "deposited"),
		Place: fmt.Sprintf("%s\n%s\n%s", d.Server, d.Key.KeyID(), template.Case),
		Known: func(ctx context.Context, item evidence.Digest) bool {
			_, err := d.Service.Item(ctx, item)
			return err == nil
		},
		Jobs: p.jobs, Tell: display.tell, Progress: display.progress}
	out := delivery.Deliver(ctx, entries)
	display.end()
	manifest := consignment.NewManifest(consignment.Manifest{Made: a.clock().UTC().Truncate(time.Second), Server: d.Server, Case: template.Case,
		Exhibit: template.Fields["exhibit"], Parent: template.Parent, Depositor: d.Identity()}, out)
	files, err := a.writeManifest(p, manifest, out)
	if err == nil && p.depositManifest {
		err = a.keepManifest(ctx, d, template, files[1])
	}
	if err := errors.Join(err, a.print(batchResult{manifest, files, tally(out)}, func(w io.Writer) { tableWords(w, out, files) })); err != nil {
		return err
	}
	return batchError(ctx, out)
}

// batchError turns the outcomes into the command's end: what one deposit would
// have failed with, if only one did in that way.
func batchError(ctx context.Context, out []consignment.Outcome) error {
	n := consignment.Tally(out)
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %d of %d not begun; the same command goes on", desk.ErrInterrupted, n[consignment.Waiting], len(out))
	}
	for _, o := range out {
		if errors.Is(o.Err, desk.ErrInterrupted) || errors.Is(o.Err, desk.ErrPending) {
			return fmt.Errorf("%s: %w", printable(o.Rel), o.Err)
		}
	}
	if n[consignment.Deposited]+n[consignment.Before] < len(out) {
		return errIncomplete
	}
	return nil
}

// batchResult is what a batch prints as JSON.
type batchResult struct {
	consignment.Manifest
	Files []string       `json:"manifests"`
	Tally map[string]int `json:"tally"`
}

func tally(out []consignment.Outcome) map[string]int { return consignment.Tally(out) }

// planned is a plan as JSON.
func planned(entries []consignment.Entry) any {
	type line struct {
		Path  string `json:"path"`
		Bytes int64  `json:"bytes"`
		What  string `json:"what"`
		Of    string `json:"of,omitempty"`
		Why   string `json:"why,omitempty"`
		Note  string `json:"note,omitempty"`
	}
	files, bytes := consignment.Bytes(entries)
	lines := []line{}
	for _, e := range entries {
		l := line{Path: e.Rel, Bytes: e.Size, What: e.What, Why: e.Why, Note: e.Note}
		if e.What == consignment.Log || e.What == consignment.Segment {
			l.Of = entries[e.Of].Rel
		}
		lines = append(lines, l)
	}
	return map[string]any{"plan": lines, "files": files, "bytes": bytes}
}

// planWords shows what will be done, before anything is.
func (a *app) planWords(entries []consignment.Entry) {
	if a.json {
		return
	}
	for _, e := range entries {
		what := e.What
		switch e.What {
		case consignment.Segment:
			what = "segment of " + printable(entries[e.Of].Name)
		case consignment.Log:
			what = "log of " + printable(entries[e.Of].Name)
		}
		fmt.Fprintf(a.stderr, "%12s  %s", sizeWords(e.Size), what)
		for _, more := range []string{e.Why, e.Note} {
			if more != "" {
				fmt.Fprintf(a.stderr, " (%s)", printable(more))
			}
		}
		fmt.Fprintf(a.stderr, ": %s\n", printable(e.Rel))
	}
	files, bytes := consignment.Bytes(entries)
	fmt.Fprintf(a.stderr, "%d files, %s; %d left out\n", files, sizeWords(bytes), len(entries)-files)
}

// writeManifest writes the three forms of the manifest, never over another file.
func (a *app) writeManifest(p *putFlags, m consignment.Manifest, out []consignment.Outcome) ([]string, error) {
	name := p.manifest
	if name == "" {
		name = "custody-manifest-" + m.Made.Format("20060102T150405Z")
	}
	csv, err := m.CSV()
	if err != nil {
		return nil, err
	}
	js, err := m.JSON()
	if err != nil {
		return nil, err
	}
	var files []string
	for _, f := range []struct {
		ext     string
		content []byte
	}{{".csv", csv}, {".json", js}, {".sha256", consignment.Sums(out)}} {
		if err := safefile.WriteNew(name+f.ext, f.content); err != nil {
			return files, fmt.Errorf("couldn't write the manifest: %w", err)
		}
		files = append(files, name+f.ext)
	}
	return files, nil
}

func (a *app) keepManifest(ctx context.Context, d *desk.Desk, template desk.Depositing, path string) error {
	in := desk.Depositing{Path: path, Case: template.Case, Parent: template.Parent, Format: custody.FormatOther, Role: template.Role,
		Fields: map[string]string{"description": "manifest of a deposit of several files"}, Telling: template.Telling.Time()}
	r, err := d.Deposit(ctx, in)
	if err != nil {
		return fmt.Errorf("couldn't deposit the manifest: %w", err)
	}
	fmt.Fprintf(a.stderr, "manifest deposited as item %s\n", r.Item)
	return nil
}

// tableWords is the summary. The file's name comes last on its line: written from
// right to left, it then reorders nothing else.
func tableWords(w io.Writer, out []consignment.Outcome, files []string) {
	fmt.Fprintf(w, "%12s  %-16s  %-64s  %-12s  %s\n", "SIZE", "STATUS", "SHA-256", "ITEM", "FILE")
	for _, o := range out {
		sum := o.SHA256
		if sum == "" {
			sum = "-"
		}
		fmt.Fprintf(w, "%12s  %-16s  %-64s  %-12s  %s\n", sizeWords(o.Size), o.Status, sum, short(o.Item), printable(o.Rel))
		if r := o.Remarks(); r != "" {
			fmt.Fprintf(w, "%12s  %s\n", "", printable(r))
		}
	}
	n := consignment.Tally(out)
	fmt.Fprintf(w, "%d deposited, %d deposited before, %d failed, %d not begun, %d left out\n",
		n[consignment.Deposited], n[consignment.Before], n[consignment.Failed], n[consignment.Waiting], n[consignment.LeftOut])
	for _, f := range files {
		fmt.Fprintf(w, "manifest %s\n", printable(f))
	}
}

// sizeWords writes bytes for people.
func sizeWords(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, u := float64(n)/1024, 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[u])
}

// display shows one progress for a whole batch: a bar on a terminal, a line for
// each file elsewhere, nothing beside JSON.
type display struct {
	app     *app
	entries []consignment.Entry
	bar     *bar
	files   int
	begun   int           // files
	ended   int           // files
	before  int64         // bytes of files that are done
	under   map[int]int64 // bytes that are done of those under way
}

func (a *app) display(entries []consignment.Entry) *display {
	files, bytes := consignment.Bytes(entries)
	d := &display{app: a, entries: entries, files: files, under: map[int]int64{}}
	if f, ok := a.stderr.(*os.File); ok && !a.json && isTerminal(f) {
		d.bar = newBar(f, bytes)
	}
	return d
}

func (d *display) progress(i int, done int64) {
	d.under[i] = done
	d.show()
}

func (d *display) show() {
	if d.bar == nil {
		return
	}
	done := d.before
	for _, n := range d.under {
		done += n
	}
	d.bar.at(done)
}

func (d *display) tell(i int, o consignment.Outcome) {
	name := printable(d.entries[i].Rel)
	if o.Status == "" {
		d.begun += max(1, len(d.entries[i].Set))
		if d.bar != nil {
			d.bar.name(fmt.Sprintf("%d/%d %s", d.begun, d.files, name))
		}
		return
	}
	delete(d.under, i)
	d.before += o.Bytes(d.entries)
	d.ended += max(1, len(d.entries[i].Set))
	d.show()
	if d.bar == nil && !d.app.json {
		fmt.Fprintf(d.app.stderr, "%d/%d %s %s: %s\n", d.ended, d.files, o.Status, sizeWords(o.Bytes(d.entries)), name)
	}
}

func (d *display) end() {
	if d.bar != nil {
		d.bar.end()
	}
}
