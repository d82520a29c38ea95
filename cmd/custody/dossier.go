package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/evidence"
)

func (a *app) dossierCommand() *cobra.Command {
	return group("dossier", "Fetch the portable record of a case or an item, and hand on what others may see of it", a.dossierGet(), a.dossierExport())
}

// fetched is what dossier get prints.
type fetched struct {
	Path   string          `json:"path"`
	SHA256 evidence.Digest `json:"sha256"`
	Size   int             `json:"size"`
}

// about says of what a dossier is wanted.
type about struct{ ofCase, ofItem string }

func (w *about) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.ofCase, "case", "", "of this case")
	cmd.Flags().StringVar(&w.ofItem, "item", "", "of this item")
}

// fetchDossier gets a dossier from the service.
func (a *app) fetchDossier(ctx context.Context, w about) ([]byte, error) {
	d, err := a.desk(ctx, want{})
	if err != nil {
		return nil, err
	}
	var b []byte
	if w.ofCase != "" {
		id, err := resolve(ctx, "case", w.ofCase, casesOf(d))
		if err != nil {
			return nil, err
		}
		b, err = d.Service.CaseDossier(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("couldn't get the dossier: %w", err)
		}
		return b, nil
	}
	id, err := resolve(ctx, "item", w.ofItem, itemsOf(d))
	if err != nil {
		return nil, err
	}
	if b, err = d.Service.ItemDossier(ctx, id); err != nil {
		return nil, fmt.Errorf("couldn't get the dossier: %w", err)
	}
	return b, nil
}

func (a *app) dossierGet() *cobra.Command {
	var w about
	var out string
	cmd := &cobra.Command{Use: "get", Short: "Fetch a dossier, to verify or hand on", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (w.ofCase == "") == (w.ofItem == "") {
				return usagef("dossier get needs --case or --item")
			}
			b, err := a.fetchDossier(cmd.Context(), w)
			if err != nil {
				return err
			}
			if err := safefile.WriteNew(out, b); err != nil {
				return err
			}
			f := fetched{Path: out, SHA256: evidence.Sum(b), Size: len(b)}
			return a.print(f, func(w io.Writer) {
				fmt.Fprintf(w, "%s\nsha256 %s\nNot verified yet: custody verify --policy POLICY %s\n", f.Path, f.SHA256, f.Path)
			})
		}}
	w.flags(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "dossier.zip", "file to write; must not exist")
	return examples(cmd, "custody dossier get --case CASE -o dossier.zip")
}

// exported is what dossier export prints.
type exported struct {
	fetched
	dossier.Redaction
}

func (a *app) dossierExport() *cobra.Command {
	var w about
	var out string
	var redact []string
	var echoes bool
	cmd := &cobra.Command{Use: "export [DOSSIER]", Short: "Write a dossier without what its reader is not to see", Args: cobra.MaximumNArgs(1),
		Long: `Write a dossier that still verifies, without the details and documents named. It takes a dossier file,
offline, or fetches one (--case, --item). What is withheld stays committed to by the signed events: a
verifier shows it as withheld, and whoever is given the file later can check it.

--redact takes detail fields and types of documents, of which each is withheld whole (a person's document
has the name, rank and address together), the SHA-256 of one file, or all:
` + "  " + strings.Join(dossier.Redactable(), ", ") + `

A report among the attachments repeats names, so attachments are left out of a redacted dossier. A text
that is withheld and still stands in something disclosed is named, and nothing is written unless you say
--allow-echoes.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			sources := len(args)
			for _, s := range []string{w.ofCase, w.ofItem} {
				if s != "" {
					sources++
				}
			}
			if sources != 1 {
				return usagef("dossier export needs one of a dossier file, --case and --item")
			}
			return a.export(cmd.Context(), args, w, redact, echoes, out)
		}}
	w.flags(cmd)
	cmd.Flags().StringSliceVar(&redact, "redact", nil, "what to withhold; repeat, or separate by commas")
	cmd.Flags().BoolVar(&echoes, "allow-echoes", false, "write it also where a withheld text stands in something disclosed")
	cmd.Flags().StringVarP(&out, "out", "o", "export.zip", "file to write; must not exist")
	return examples(cmd,
		"custody dossier export dossier.zip --redact person,note -o for-the-press.zip",
		"custody dossier export --case CASE --redact all -o skeleton.zip")
}

func (a *app) export(ctx context.Context, args []string, w about, redact []string, echoes bool, out string) error {
	var d *dossier.Dossier
	var err error
	if len(args) == 1 {
		d, err = readDossierFile(args[0])
	} else {
		var b []byte
		if b, err = a.fetchDossier(ctx, w); err == nil {
			d, err = dossier.Decode(strings.NewReader(string(b)), int64(len(b)), dossier.DefaultLimits)
		}
	}
	if err != nil {
		return err
	}
	e := exported{Redaction: dossier.Redaction{Attachments: []string{}, Echoes: []dossier.Echo{}}}
	if len(redact) > 0 {
		if d, e.Redaction, err = d.Redact(redact...); err != nil {
			return &usageError{err}
		}
	}
	if len(e.Echoes) > 0 && !echoes {
		first := e.Echoes[0]
		return fmt.Errorf("couldn't redact: %d texts that are withheld still stand in what is disclosed, first that of %s in %s (%s); withhold that too, or say --allow-echoes",
			len(e.Echoes), first.What, first.In, first.File)
	}
	b, err := d.Encode()
	if err != nil {
		return err
	}
	if err := safefile.WriteNew(out, b); err != nil {
		return err
	}
	e.fetched = fetched{Path: out, SHA256: evidence.Sum(b), Size: len(b)}
	return a.print(e, func(w io.Writer) {
		fmt.Fprintf(w, "%s\nsha256 %s\n%d details and %d documents withheld\n", e.Path, e.SHA256, e.Details, e.Documents)
		if len(e.Attachments) > 0 {
			fmt.Fprintf(w, "left out, because reports repeat names: %s\n", printable(strings.Join(e.Attachments, ", ")))
		}
		for _, echo := range e.Echoes {
			fmt.Fprintf(w, "the text of %s still stands in %s (%s)\n", echo.What, echo.In, echo.File)
		}
	})
}

func readDossierFile(path string) (*dossier.Dossier, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the dossier: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("couldn't look at the dossier: %w", err)
	}
	d, err := dossier.Decode(f, info.Size(), dossier.DefaultLimits)
	var malformed *dossier.MalformedError
	switch {
	case errors.As(err, &malformed):
		return nil, fmt.Errorf("couldn't read %s: %w: %w", path, desk.ErrEvidence, err)
	case err != nil:
		return nil, fmt.Errorf("couldn't read %s: %w", path, err)
	}
	return d, nil
}
