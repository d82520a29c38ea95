package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/ewf"
)

// putFlags are what one deposit or a batch of them may be told.
type putFlags struct {
	ofCase, parent, format, role, sha256, sha1, md5, name string
	also, logs                                            []string
	beside, dryRun, depositManifest, alone, acceptDamaged bool
	jobs                                                  int
	despite, manifest                                     string
	fields                                                fieldFlags
	telling                                               tellingFlags
}

// one reads what applies to the deposit of one file.
func (p *putFlags) one(path string) (desk.Depositing, error) {
	in := desk.Depositing{Path: path, Format: custody.ImageFormat(p.format), Role: custody.Role(p.role), Name: p.name,
		Declared: custody.Declared{MD5: p.md5, SHA1: p.sha1}, Despite: p.despite, Alone: p.alone, AcceptDamaged: p.acceptDamaged}
	var err error
	if in.Legacy, err = evidence.ParseLegacy(p.also); err != nil {
		return in, &usageError{err}
	}
	if in.Declared.SHA256, err = optionalID("--sha256", p.sha256); err != nil {
		return in, err
	}
	if in.Fields, err = p.fields.fields(); err != nil {
		return in, err
	}
	in.Telling, err = p.telling.telling()
	return in, err
}

// where resolves the case, and the exhibit that was imaged.
func (p *putFlags) where(ctx context.Context, d *desk.Desk, in *desk.Depositing) error {
	var err error
	if in.Case, err = resolve(ctx, "case", p.ofCase, casesOf(d)); err != nil || p.parent == "" {
		return err
	}
	id, err := resolve(ctx, "item", p.parent, itemsOf(d))
	in.Parent = &id
	return err
}

func (a *app) putCommand() *cobra.Command {
	var p putFlags
	cmd := &cobra.Command{Use: "put PATH...", Short: "Deposit an image, or whole folders; you then hold what was deposited", Args: cobra.MinimumNArgs(1),
		Long: `Deposit a file. It is measured while it is sent, and artifact.deposited is signed over what was
measured. Interrupted, the same command goes on.

Of an image in segments (.E01, .E02 …, .s01 …, .001 …, .aa …) give any one: all are deposited as one
artifact, known by the SHA-256 of their manifest, which sha256sum -c reads. An E01 is decoded while
it is sent: the hashes of the medium's data are compared with those that the imager stored in it, and
every chunk with its checksum. Where something is wrong, nothing is signed without --accept-damaged.

The log of the program that made the image (--log FILE; FTK Imager, Guymager, ewfacquire, dc3dd,
ddrescue, dcfldd, sha256sum …) is compared with what was measured, deposited as an artifact of its
own, and shown in reports beside what was received. Where it does not describe the file, nothing is
signed, unless you say why (--despite WORDS, which are recorded). Logs that lie beside the image under
the usual names are shown; --logs takes them too. Hashes known otherwise: --sha256, --sha1, --md5.

With a folder, or several paths, all that is in them is deposited: a plan first (--dry-run shows that
alone), then several files at once (--jobs), going on after one that failed, with a table and a
manifest at the end (--manifest NAME: NAME.csv, NAME.json, NAME.sha256), in the plan's order. What was deposited before is not deposited
again. Symbolic links are not followed; hidden files are deposited; whatever is left out is listed.
Exit code 1 says that something was left out or failed.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if info, err := os.Stat(args[0]); len(args) > 1 || err == nil && info.IsDir() || p.dryRun || p.manifest != "" {
				return a.putBatch(cmd.Context(), &p, args)
			}
			return a.putOne(cmd.Context(), &p, args[0])
		}}
	f := cmd.Flags()
	f.StringVar(&p.ofCase, "case", "", "the case")
	f.StringVar(&p.parent, "item", "", "exhibit that it was acquired from")
	f.StringVar(&p.format, "format", "", "raw, ewf-e01 or other (default: judged by its first bytes)")
	f.StringVar(&p.role, "role", string(custody.RoleMaster), "master, working-copy, derivative or acquisition-log")
	f.StringVar(&p.sha256, "sha256", "", "SHA-256 that the imager's log states of the file")
	f.StringVar(&p.sha1, "sha1", "", "SHA-1 that the imager's log states of the file")
	f.StringVar(&p.md5, "md5", "", "MD5 that the imager's log states of the file")
	f.StringSliceVar(&p.also, "digest", nil, "sha1, md5: record it beside SHA-256 though no log states it (it takes time)")
	f.StringVar(&p.name, "file-name", "", "file name to record (default: the file's own)")
	f.StringArrayVar(&p.logs, "log", nil, "log of the program that made the image; repeat for several")
	f.BoolVar(&p.beside, "logs", false, "take the logs that lie beside the image")
	f.StringVar(&p.despite, "despite", "", "deposit although a log does not describe the file; the words are recorded")
	f.BoolVar(&p.alone, "alone", false, "deposit this one file, though it is a segment of an image")
	f.BoolVar(&p.acceptDamaged, "accept-damaged", false, "deposit an E01 that is damaged; what is wrong is recorded")
	f.BoolVar(&p.dryRun, "dry-run", false, "show what would be deposited, and deposit nothing")
	f.StringVar(&p.manifest, "manifest", "", "write NAME.csv, NAME.json and NAME.sha256 (default of a batch: custody-manifest-TIME)")
	f.IntVar(&p.jobs, "jobs", 4, "how many small files of a batch to send at once, 1 to 16; large ones go alone")
	f.BoolVar(&p.depositManifest, "deposit-manifest", false, "deposit the manifest, too")
	p.fields.register(cmd, custody.DocItem, "exhibit", "description")
	p.telling.register(cmd, custody.KindDeposited)
	return examples(required(cmd, "case"),
		`custody put phone.dd --case CASE --item ITEM --log phone.dd.txt --detail examiner="A. Raza"`,
		`custody put /media/evidence --case CASE --item ITEM --dry-run`)
}

// putOne deposits one file and its logs.
func (a *app) putOne(ctx context.Context, p *putFlags, path string) error {
	in, err := p.one(path)
	if err != nil {
		return err
	}
	for _, log := range p.logs {
		l, err := desk.ReadImagerLog(log)
		if err != nil {
			return err
		}
		in.Logs = append(in.Logs, l)
	}
	if len(p.logs) == 0 {
		beside := desk.LogsBeside(path)
		for _, l := range beside {
			hint := ""
			if !p.beside {
				hint = "; --logs takes it"
			}
			fmt.Fprintf(a.stderr, "beside it: %s, written by %s%s\n", printable(filepath.Base(l.Path)), l.Said.Tool, hint)
		}
		if p.beside {
			in.Logs = beside
		}
	}
	a.showLogs(in.Logs)
	d, err := a.desk(ctx, want{policy: true})
	if err != nil {
		return err
	}
	if err := p.where(ctx, d, &in); err != nil {
		return err
	}
	progress, end := a.progress()
	in.Progress, in.Opened = progress, a.showImage
	r, err := d.Deposit(ctx, in)
	end()
	if err != nil {
		return err
	}
	out := deposited{Deposited: r}
	for _, l := range in.Logs {
		kept, err := d.DepositLog(ctx, l, in.Case, r.Item, in.Telling.Time())
		if err != nil {
			err = fmt.Errorf("the image is deposited as item %s; couldn't deposit its log %s (custody put %s --role acquisition-log --item %s): %w",
				r.Item, printable(l.Path), printable(l.Path), r.Item, err)
			a.depositWords(a.stderr, out, in)
			return err
		}
		out.LogItems = append(out.LogItems, kept)
	}
	return a.print(out, func(w io.Writer) { a.depositWords(w, out, in) })
}

// deposited is a deposit with those of its logs.
type deposited struct {
	desk.Deposited
	LogItems []desk.Deposited `json:"logItems,omitempty"`
}

func (a *app) depositWords(w io.Writer, r deposited, in desk.Depositing) {
	fmt.Fprintf(w, "deposited: log index %d\nitem    %s\n", r.Index, r.Item)
	digestWords(w, r.Artifact, r.Segments)
	for _, digest := range [][2]string{{"sha1", r.SHA1}, {"md5", r.MD5}} {
		if digest[1] != "" {
			fmt.Fprintf(w, "%-7s %s\n", digest[0], digest[1])
		}
	}
	if m := r.Media; m != nil {
		fmt.Fprintf(w, "medium  %d bytes, as decoded: md5 %s, sha1 %s\n", m.Size, m.MD5, m.SHA1)
		switch {
		case m.Damaged > 0 || m.Differs || m.Flaws > 0:
			fmt.Fprintln(w, "        DAMAGED: recorded with the deposit")
		case m.StoredMD5 == "" && m.StoredSHA1 == "":
			fmt.Fprintln(w, "        every chunk's checksum holds; the imager stored no hash to compare")
		default:
			fmt.Fprintln(w, "        every chunk's checksum holds; as the imager stored in the file")
		}
	}
	for i, c := range r.Logs {
		fmt.Fprintf(w, "log     %s: %s\n", printable(filepath.Base(in.Logs[i].Path)), printable(c.Summary()))
		if i < len(r.LogItems) {
			fmt.Fprintf(w, "        deposited as item %s\n", r.LogItems[i].Item)
		}
	}
}

// showImage says what an E01 says of itself, before it is sent.
func (a *app) showImage(m *ewf.Image) {
	md := m.Metadata
	for _, row := range [][2]string{{"case number", md.Case}, {"evidence number", md.Evidence}, {"description", md.Description}, {"examiner", md.Examiner},
		{"notes", md.Notes}, {"model", md.Model}, {"serial number", md.Serial}, {"tool", strings.TrimSpace(md.Tool + " " + md.System)}, {"acquired", md.Acquired.Text},
		{"medium", fmt.Sprintf("%d bytes in %d chunks, %d segments", m.Medium.Size, m.Chunks(), m.Segments())}} {
		if row[1] != "" {
			fmt.Fprintf(a.stderr, "  %-21s %s\n", row[0], ewf.Shown(row[1]))
		}
	}
	if !md.Acquired.At.IsZero() && md.Acquired.Zone {
		fmt.Fprintf(a.stderr, "  %-21s %s\n", "acquired, in UTC", md.Acquired.At.Format("2006-01-02 15:04:05"))
	}
	if n := m.Errors.Sectors; n > 0 {
		fmt.Fprintf(a.stderr, "  %-21s %d sectors, filled with zeros by the imager\n", "could not be read", n)
	}
	if md.Password {
		fmt.Fprintf(a.stderr, "  %-21s set in the file; the data is not encrypted by it\n", "password")
	}
}

// showLogs says what logs say, before anything is sent.
func (a *app) showLogs(logs []desk.ImagerLog) {
	for _, l := range logs {
		fmt.Fprintf(a.stderr, "%s:\n", printable(filepath.Base(l.Path)))
		for _, row := range l.Said.Rows() {
			fmt.Fprintf(a.stderr, "  %-21s %s\n", row.Label, printable(row.Value))
		}
	}
}
