package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

func (a *app) putCommand() *cobra.Command {
	var ofCase, parent, format, role, sha256, sha1, md5, name string
	var also []string
	var fields fieldFlags
	var telling tellingFlags
	cmd := &cobra.Command{Use: "put FILE", Short: "Deposit an image or another file; you then hold it", Args: cobra.ExactArgs(1),
		Long: "Deposit a file. It is measured while it is sent, and artifact.deposited is signed over what was\nmeasured. Give the hashes that the imager's log states (--sha256, --sha1, --md5): if one does not\nmatch, the deposit is refused and both are recorded. Interrupted, the same command goes on.",
		RunE: func(cmd *cobra.Command, args []string) error {
			in := desk.Depositing{Path: args[0], Format: custody.ImageFormat(format), Role: custody.Role(role), Name: name,
				Declared: custody.Declared{MD5: md5, SHA1: sha1}}
			var err error
			if in.Legacy, err = evidence.ParseLegacy(also); err != nil {
				return &usageError{err}
			}
			if in.Declared.SHA256, err = optionalID("--sha256", sha256); err != nil {
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
			if parent != "" {
				id, err := resolve(cmd.Context(), "item", parent, itemsOf(d))
				if err != nil {
					return err
				}
				in.Parent = &id
			}
			progress, end := a.progress()
			in.Progress = progress
			r, err := d.Deposit(cmd.Context(), in)
			end()
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) {
				fmt.Fprintf(w, "deposited: log index %d\nitem    %s\nsha256  %s\n", r.Index, r.Item, r.Artifact.SHA256)
				for _, digest := range [][2]string{{"sha1", r.SHA1}, {"md5", r.MD5}} {
					if digest[1] != "" {
						fmt.Fprintf(w, "%-7s %s\n", digest[0], digest[1])
					}
				}
				fmt.Fprintf(w, "size    %d bytes\n", r.Artifact.Size)
			})
		}}
	f := cmd.Flags()
	f.StringVar(&ofCase, "case", "", "the case")
	f.StringVar(&parent, "item", "", "exhibit that it was acquired from")
	f.StringVar(&format, "format", "", "raw, ewf-e01 or other (default: judged by its first bytes)")
	f.StringVar(&role, "role", string(custody.RoleMaster), "master, working-copy or derivative")
	f.StringVar(&sha256, "sha256", "", "SHA-256 that the imager's log states of the file")
	f.StringVar(&sha1, "sha1", "", "SHA-1 that the imager's log states of the file")
	f.StringVar(&md5, "md5", "", "MD5 that the imager's log states of the file")
	f.StringSliceVar(&also, "digest", nil, "sha1, md5: record it beside SHA-256 though no log states it (it takes time)")
	f.StringVar(&name, "file-name", "", "file name to record (default: the file's own)")
	fields.register(cmd, custody.DocItem, "exhibit", "description")
	telling.register(cmd, custody.KindDeposited)
	return examples(required(cmd, "case"),
		`custody put phone.dd --case CASE --item ITEM --sha256 9f86… --detail tool="dc3dd 7.2.646" --detail examiner="A. Raza"`)
}
