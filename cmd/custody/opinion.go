package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/evidence"
)

func (a *app) opinionCommand() *cobra.Command {
	var ofCase, file string
	var telling tellingFlags
	cmd := &cobra.Command{Use: "opinion ITEM...", Short: "File an expert's opinion on items", Args: cobra.MinimumNArgs(1),
		Long: "File an opinion. Its words come from --file or --detail opinion=…. Whether it is in-house or under\nsection 40 follows from who owns and controls your organisation, not from your choice.",
		RunE: func(cmd *cobra.Command, args []string) error {
			told, err := telling.telling()
			if err != nil {
				return err
			}
			if file != "" {
				b, err := readBounded(file, custody.MaxDetail)
				if err != nil {
					return err
				}
				told.Details[custody.FieldOpinion] = string(b)
			}
			if told.Details[custody.FieldOpinion] == "" {
				return usagef("an opinion needs words: --file or --detail opinion=…")
			}
			d, err := a.desk(cmd.Context(), want{policy: true})
			if err != nil {
				return err
			}
			in := desk.Filing{Telling: told}
			if in.Case, err = resolve(cmd.Context(), "case", ofCase, casesOf(d)); err != nil {
				return err
			}
			if in.Items, err = resolveItems(cmd.Context(), d, args); err != nil {
				return err
			}
			r, err := d.FileOpinion(cmd.Context(), in)
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) { recorded(w, r.Recorded, "filed, "+string(r.Capacity)) })
		}}
	cmd.Flags().StringVar(&ofCase, "case", "", "the case")
	cmd.Flags().StringVar(&file, "file", "", "text file with the opinion's words, UTF-8")
	telling.register(cmd, custody.KindOpinion)
	return examples(required(cmd, "case"), `custody opinion ITEM --case CASE --file opinion.txt --detail method="…" --detail qualification="MSc"`)
}

func (a *app) correctCommand() *cobra.Command {
	var ofCase string
	var telling tellingFlags
	cmd := &cobra.Command{Use: "correct EVENT", Short: "Correct the words of an earlier event; both stay visible", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			event, err := parseID("EVENT", args[0])
			if err != nil {
				return err
			}
			told, err := telling.telling()
			if err != nil {
				return err
			}
			if len(told.Details) == 0 {
				return usagef("a correction needs new words: --detail NAME=VALUE")
			}
			d, err := a.desk(cmd.Context(), want{policy: true})
			if err != nil {
				return err
			}
			in := desk.Correcting{Corrects: event, Telling: told}
			if in.Case, err = resolve(cmd.Context(), "case", ofCase, casesOf(d)); err != nil {
				return err
			}
			r, err := d.Correct(cmd.Context(), in)
			if err != nil {
				return err
			}
			return a.print(r, recordedWords("corrected", r))
		}}
	cmd.Flags().StringVar(&ofCase, "case", "", "the case")
	telling.register(cmd, custody.KindCorrected)
	return examples(required(cmd, "case"), `custody correct EVENT --case CASE --detail place="House 9, Street 2"`)
}

func (a *app) reportCommand() *cobra.Command {
	var items []string
	var out string
	cmd := &cobra.Command{Use: "report CASE", Short: "Have a custody report issued, and fetch it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			// Before a report is issued and recorded, not after.
			for _, name := range []string{"report.pdf", "report.json"} {
				if _, err := os.Lstat(filepath.Join(out, name)); err == nil {
					return fmt.Errorf("couldn't write %s: %w", filepath.Join(out, name), fs.ErrExist)
				}
			}
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			ofCase, err := resolve(cmd.Context(), "case", args[0], casesOf(d))
			if err != nil {
				return err
			}
			ids, err := resolveItems(cmd.Context(), d, items)
			if err != nil {
				return err
			}
			r, err := d.RequestReport(cmd.Context(), ofCase, ids)
			if err != nil {
				return err
			}
			paths, err := writeFiles(out, r.Files)
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) {
				recorded(w, r.Recorded, "issued")
				for _, p := range paths {
					fmt.Fprintln(w, p)
				}
			})
		}}
	cmd.Flags().StringSliceVar(&items, "item", nil, "only these items of the case")
	cmd.Flags().StringVarP(&out, "out", "o", ".", "directory for report.pdf and report.json; existing files are not replaced")
	return examples(cmd, "custody report CASE -o court-bundle")
}

// writeFiles writes files under names of a closed alphabet, replacing none.
func writeFiles(dir string, files map[string][]byte) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("couldn't make directory: %w", err)
	}
	var paths []string
	for name, b := range files {
		if evidence.CheckFileName(name) != nil || !filepath.IsLocal(name) || name[0] == '.' {
			return nil, fmt.Errorf("couldn't use the file name %q that the service gave", name)
		}
		path := filepath.Join(dir, name)
		if err := safefile.WriteNew(path, b); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't open file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("couldn't read %s: more than %d bytes", path, limit)
	}
	return b, nil
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
