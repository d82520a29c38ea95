package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/evidence"
)

func (a *app) grantCommand() *cobra.Command {
	var to, ofCase, scope, expires string
	var fields fieldFlags
	var telling tellingFlags
	cmd := &cobra.Command{Use: "grant [ITEM...]", Short: "Let somebody read items' bytes, or a case's record", Args: cobra.ArbitraryArgs,
		Long: "Let an organisation, or one person of it, read. Bytes of items are granted by their holder; the\nrecord of a case (--scope record) by an investigator of its agency. Custody does not change.",
		RunE: func(cmd *cobra.Command, args []string) error {
			in := desk.Granting{Scope: custody.Scope(scope)}
			var err error
			switch {
			case in.Scope != custody.ScopeBytes && in.Scope != custody.ScopeRecord:
				return usagef("--scope %q: bytes or record", scope)
			case in.Scope == custody.ScopeBytes && len(args) == 0:
				return usagef("grant needs items, or --scope record")
			case in.Scope == custody.ScopeRecord && len(args) > 0:
				return usagef("--scope record is of a whole case, not of items")
			}
			if in.To, err = parseRecipient(to); err != nil {
				return err
			}
			if in.Expires, err = parseTime("--expires", expires); err != nil {
				return err
			}
			if in.Fields, err = fields.fields(); err != nil {
				return err
			}
			if in.Telling, err = telling.telling(); err != nil {
				return err
			}
			d, err := a.desk(cmd.Context(), want{policy: true})
			if err != nil {
				return err
			}
			if in.Case, err = resolve(cmd.Context(), "case", ofCase, casesOf(d)); err != nil {
				return err
			}
			if in.Items, err = resolveItems(cmd.Context(), d, args); err != nil {
				return err
			}
			r, err := d.Grant(cmd.Context(), in)
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) { fmt.Fprintf(w, "granted: log index %d\ngrant %s\n", r.Index, r.Grant) })
		}}
	cmd.Flags().StringVar(&to, "to", "", "reader: ORGANISATION or ORGANISATION/PERSON")
	cmd.Flags().StringVar(&ofCase, "case", "", "the case")
	cmd.Flags().StringVar(&scope, "scope", string(custody.ScopeBytes), "bytes or record")
	cmd.Flags().StringVar(&expires, "expires", "", "time after which nothing is served any more")
	fields.register(cmd, custody.DocGrant, "title", "authority", "reference")
	telling.register(cmd, custody.KindGranted)
	return examples(required(cmd, "to", "case"),
		`custody grant ITEM --case CASE --to LAB --expires 2026-12-31T23:59:59+05:00 --authority "letter 77/26"`,
		"custody grant --scope record --case CASE --to COURT")
}

// gotten is what get prints.
type gotten struct {
	desk.Retrieved
	Verification *desk.Recorded `json:"verification,omitempty"`
}

func (a *app) getCommand() *cobra.Command {
	var out, purpose, curl string
	var silent bool
	var telling tellingFlags
	cmd := &cobra.Command{Use: "get ITEM", Short: "Retrieve an item's bytes, verified block by block; an image in segments into a directory", Args: cobra.ExactArgs(1),
		Long: "Retrieve an item's bytes. The request is signed and recorded; every block is checked against what\nthe depositor signed; the file appears under its name only when it is whole and verified; then what\nyou recomputed is signed and recorded. Interrupted, the same command goes on, and asks only for what is\nmissing. A bad block is named with its bytes (exit 3), and what the others are like.\n\nWith -o - checked bytes go to standard output, for another program to read: what came out is a true\nbeginning of the evidence, and only exit 0 says that it is the whole.",
		RunE: func(cmd *cobra.Command, args []string) error {
			why, err := parsePurpose(purpose)
			if err != nil {
				return err
			}
			told, err := telling.telling()
			if err != nil {
				return err
			}
			d, err := a.desk(cmd.Context(), want{policy: true})
			if err != nil {
				return err
			}
			item, err := resolve(cmd.Context(), "item", args[0], itemsOf(d))
			if err != nil {
				return err
			}
			in := desk.Retrieval{Reading: desk.Reading{Item: item, Purpose: why, Telling: told}}
			if curl != "" {
				return a.forCurl(cmd.Context(), d, in.Reading, curl)
			}
			path := "standard output"
			if out == "-" {
				in.Out = a.stdout
				a.stdout = a.stderr // what is told must not get among the evidence
			} else if in.Path, err = a.destination(cmd, d, item, out); err != nil {
				return err
			} else {
				path = in.Path
			}
			progress, end := a.progress()
			in.Progress = progress
			r, err := d.Retrieve(cmd.Context(), in)
			end()
			if err != nil {
				return err
			}
			g := gotten{Retrieved: r}
			if !silent {
				v, err := d.RecordVerification(cmd.Context(), r, desk.Telling{Details: map[custody.Field]string{custody.FieldTool: "custody"}})
				if err != nil {
					return fmt.Errorf("the file is whole at %s, but its verification is not recorded: %w", path, err)
				}
				g.Verification = &v
			}
			return a.print(g, func(w io.Writer) {
				for _, n := range r.Notes {
					fmt.Fprintf(w, "note: %s\n", n)
				}
				fmt.Fprintf(w, "retrieved and verified: %s\n", path)
				digestWords(w, r.Computed, len(r.Reader.Segments))
				if g.Verification != nil {
					recorded(w, *g.Verification, "verification recorded")
				}
			})
		}}
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write; must not exist (default: the recorded file name, here); - is standard output")
	cmd.Flags().StringVar(&purpose, "purpose", string(custody.PurposeExamination), purposeWords())
	cmd.Flags().BoolVar(&silent, "no-record", false, "do not sign and record what was recomputed")
	cmd.Flags().StringVar(&curl, "curl", "", "sign the request, write an access token to this file, and print the commands for curl and sha256sum instead")
	telling.register(cmd, custody.KindAccess)
	return examples(cmd, "custody get ITEM -o exhibit-3.dd", "set -o pipefail; custody get ITEM -o - | fls -r -")
}

// forCurl lets stock tools do the reading: the request is signed as ever, and
// the service checks what it sends; that it arrived, sha256sum says.
func (a *app) forCurl(ctx context.Context, d *desk.Desk, in desk.Reading, file string) error {
	remote, ok := d.Service.(*desk.Remote)
	if !ok {
		return usagef("--curl needs a service that is reached over HTTP")
	}
	reader, err := d.RequestAccess(ctx, in)
	if err != nil {
		return err
	}
	address, authorization, err := remote.Elsewhere(ctx, reader.Artifact.SHA256, reader.EventID)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, "Authorization: %s\n", authorization)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("couldn't write the token: %w", err)
	}
	sums := reader.Manifest()
	if len(sums) != len(reader.Segments) {
		return fmt.Errorf("couldn't tell curl the names of %d segments: their manifest is withheld", len(reader.Segments))
	}
	if len(sums) > 0 {
		if err := safefile.WriteNew(desk.ManifestName, sums.Encode()); err != nil {
			return fmt.Errorf("couldn't write the manifest: %w", err)
		}
	}
	type commands struct {
		Request  custody.ID `json:"request"`
		URL      string     `json:"url"`
		SHA256   custody.ID `json:"sha256"`
		Segments []uint64   `json:"segments,omitempty"`
	}
	return a.print(commands{reader.EventID, address, reader.Artifact.SHA256, reader.Segments}, func(w io.Writer) {
		from := uint64(0)
		for i, size := range reader.Segments {
			name := "'./" + strings.ReplaceAll(sums[i].Name, "'", `'\''`) + "'"
			fmt.Fprintf(w, "curl -f -r %d-%d -H @%s -o %s '%s'\n", from, from+size-1, file, name, address)
			from += size
		}
		if from > 0 {
			fmt.Fprintf(w, "sha256sum -c %s\n", desk.ManifestName)
			return
		}
		fmt.Fprintf(w, "curl -f -C - -H @%s -o artifact.bin '%s'\necho '%s  artifact.bin' | sha256sum -c\n", file, address, reader.Artifact.SHA256)
	})
}

// destination is the file to write: the one named, else the recorded name.
func (a *app) destination(cmd *cobra.Command, d *desk.Desk, item evidence.Digest, out string) (string, error) {
	if out != "" {
		if info, err := os.Stat(out); err == nil && info.IsDir() {
			return "", usagef("--out %s is a directory", out)
		}
		return out, nil
	}
	it, err := d.Service.Item(cmd.Context(), item)
	if err != nil {
		return "", fmt.Errorf("couldn't get the item: %w", err)
	}
	fields, err := readFounding(it.ID, it.Document)
	if err != nil {
		return "", err
	}
	return safeName(fields["fileName"], item), nil
}

// safeName is the recorded name where it is only ever a plain name in the
// current directory, on any system; it is somebody else's word.
func safeName(recorded string, item evidence.Digest) string {
	if evidence.CheckFileName(recorded) != nil || !filepath.IsLocal(recorded) || strings.HasPrefix(recorded, ".") ||
		strings.ContainsAny(recorded, `<>:"|?*`) || strings.TrimRight(recorded, " .") != recorded {
		return item.String() + ".bin"
	}
	return recorded
}
