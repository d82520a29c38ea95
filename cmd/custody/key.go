package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
)

func (a *app) keyCommand() *cobra.Command {
	return group("key", "Make keys and have them certified",
		a.keyCreate(), a.keyList(), a.keyRequest(), a.keyEnroll(), a.keyCertify(), a.keyRevoke())
}

func (a *app) keyCreate() *cobra.Command {
	cmd := &cobra.Command{Use: "create NAME", Short: "Make a key on this computer", Args: cobra.ExactArgs(1),
		Long: "Make a P-256 key, encrypted with a passphrase. It never leaves this computer in clear,\nand nobody can restore it: keep the passphrase, and a copy of the key file, safe.",
		RunE: func(_ *cobra.Command, args []string) error {
			home, err := a.openHome()
			if err != nil {
				return err
			}
			name, err := keyring.CanonicalName(args[0])
			if err != nil {
				return &usageError{err}
			}
			if _, err := home.Keys.Meta(name); err == nil {
				return fmt.Errorf("couldn't create key %q: %w", name, keyring.ErrKeyExists)
			}
			passphrase, err := a.passphrase(true)(fmt.Sprintf("Passphrase for the new key %q", name))
			if err != nil {
				return err
			}
			k, err := home.Keys.Create(name, passphrase, keyring.Meta{Created: a.clock().UTC().Truncate(time.Second), Server: a.server})
			if err != nil {
				return err
			}
			return a.print(k.Meta, func(w io.Writer) { fmt.Fprintf(w, "key %q\nid  %s\n", k.Name, k.Meta.KeyID) })
		}}
	return examples(cmd, "custody key create inspector-ali", `custody key create "سب انسپکٹر علی" --passphrase-file /media/usb/passphrase`)
}

func (a *app) keyList() *cobra.Command {
	return examples(&cobra.Command{Use: "list", Short: "List the keys on this computer", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			home, err := a.openHome()
			if err != nil {
				return err
			}
			keys, broken := home.Keys.List()
			if keys == nil {
				keys = []keyring.Meta{}
			}
			return errors.Join(a.print(keys, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "NAME\tKEY\tSTANDING\tORGANISATION\tSERVER")
				for _, k := range keys {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", k.Name, short(k.KeyID), standingOf(k), short(k.Organisation), k.Server)
				}
				t.Flush()
			}), broken)
		}}, "custody key list", "custody key list --json")
}

func standingOf(k keyring.Meta) string {
	switch {
	case k.Root && !k.Cert.IsZero():
		return "root"
	case !k.Cert.IsZero():
		return "certified"
	case !k.Request.IsZero():
		return "requested"
	}
	return "new"
}

func (a *app) keyRequest() *cobra.Command {
	var organisation, invitation string
	var person fieldFlags
	var telling tellingFlags
	cmd := &cobra.Command{Use: "request", Short: "Ask an organisation to certify your key", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			org, err := parseID("--organisation", organisation)
			if err != nil {
				return err
			}
			fields, err := person.fields()
			if err != nil {
				return err
			}
			told, err := telling.telling()
			if err != nil {
				return err
			}
			d, err := a.desk(cmd.Context(), want{invitation: invitation})
			if err != nil {
				return err
			}
			r, err := d.RequestKey(cmd.Context(), desk.KeyRequest{Organisation: org, Person: fields, Telling: told})
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) {
				fmt.Fprintf(w, "requested; read this key id out to the person who certifies:\nkey     %s\nperson  %s\n", r.Key, r.Person)
			})
		}}
	cmd.Flags().StringVar(&organisation, "organisation", "", "id of the organisation")
	cmd.Flags().StringVar(&invitation, "invitation", "", "one-time token that the organisation gave you")
	person.register(cmd, custody.DocPerson, "name", "rank", "badge", "role", "unit")
	telling.register(cmd, custody.KindRequested)
	return examples(required(cmd, "organisation", "invitation", "name"),
		`custody key request --organisation ORG --invitation inv_… --name "Ali Raza" --rank Inspector --badge 4711`)
}

func (a *app) keyEnroll() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{Use: "enroll", Short: "Fetch your key's certificate once it was certified", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			k, err := enroll(cmd.Context(), d, wait)
			if err != nil {
				return err
			}
			return a.print(k, func(w io.Writer) {
				fmt.Fprintf(w, "certified: %s\ncertificate %s\n", rightWords(k.Rights), k.CertLeaf)
			})
		}}
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait so long for the certificate, for example 10m")
	return examples(cmd, "custody key enroll --wait 10m")
}

func enroll(ctx context.Context, d *desk.Desk, wait time.Duration) (desk.PersonKey, error) {
	deadline := time.After(wait)
	for {
		k, err := d.Enroll(ctx)
		if !errors.Is(err, desk.ErrNotCertified) || wait <= 0 {
			return k, err
		}
		select {
		case <-ctx.Done():
			return k, ctx.Err()
		case <-deadline:
			return k, err
		case <-time.After(2 * time.Second):
		}
	}
}

func rightWords(rights []custody.Right) string {
	if len(rights) == 0 {
		return "as root key"
	}
	var words []string
	for _, r := range rights {
		words = append(words, string(r))
	}
	return strings.Join(words, ", ")
}

func (a *app) keyCertify() *cobra.Command {
	var rights []string
	var yes bool
	var telling tellingFlags
	cmd := &cobra.Command{Use: "certify KEY", Short: "Certify another person's key", Args: cobra.ExactArgs(1),
		Long: "Certify a key that was requested in your organisation. Compare the key id with the one\nthat the person reads out: the certificate lets that key act for that person.",
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := parseID("KEY", args[0])
			if err != nil {
				return err
			}
			var list []custody.Right
			for _, r := range rights {
				if !slices.Contains(custody.Rights(), custody.Right(r)) {
					return usagef("--right %q: one of %s", r, rightWords(custody.Rights()))
				}
				list = append(list, custody.Right(r))
			}
			told, err := telling.telling()
			if err != nil {
				return err
			}
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			r, err := d.CertifyKey(cmd.Context(), desk.Certification{Key: key, Rights: list, Telling: told,
				Confirm: func(k desk.PersonKey) error { return a.confirmPerson(k, yes) }})
			if err != nil {
				return err
			}
			return a.print(r, recordedWords("certified", r))
		}}
	cmd.Flags().StringSliceVar(&rights, "right", nil, "rights of the key: "+rightWords(custody.Rights()))
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask: the key id was compared")
	telling.register(cmd, custody.KindCertified)
	return examples(required(cmd, "right"), "custody key certify KEY --right investigate,hold --key root")
}

// confirmPerson shows whom a certificate will name.
func (a *app) confirmPerson(k desk.PersonKey, yes bool) error {
	fmt.Fprintf(a.stderr, "key     %s\nperson  %s\n", k.ID, k.Person)
	for _, name := range slices.Sorted(maps.Keys(k.Names)) {
		fmt.Fprintf(a.stderr, "        %s: %s\n", name, k.Names[name])
	}
	if yes {
		return nil
	}
	return a.ask("Is this the person, and the key id that they read out? Type yes: ")
}

func (a *app) keyRevoke() *cobra.Command {
	var reason string
	var since int64
	var telling tellingFlags
	cmd := &cobra.Command{Use: "revoke KEY", Short: "End a key of your organisation", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := parseID("KEY", args[0])
			if err != nil {
				return err
			}
			told, err := telling.telling()
			if err != nil {
				return err
			}
			in := desk.Revocation{Key: key, Reason: custody.RevocationReason(reason), Telling: told}
			if cmd.Flags().Changed("compromised-since") {
				if since < 0 {
					return usagef("--compromised-since is a log index")
				}
				at := uint64(since)
				in.CompromisedSince = &at
			}
			d, err := a.desk(cmd.Context(), want{})
			if err != nil {
				return err
			}
			r, err := d.RevokeKey(cmd.Context(), in)
			if err != nil {
				return err
			}
			return a.print(r, recordedWords("revoked", r))
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "superseded, lost, compromised or left")
	cmd.Flags().Int64Var(&since, "compromised-since", 0, "log index from which the key's events are contested")
	telling.register(cmd, custody.KindRevoked)
	return examples(required(cmd, "reason"), "custody key revoke KEY --reason lost --key root")
}

func recordedWords(what string, r desk.Recorded) func(io.Writer) {
	return func(w io.Writer) {
		fmt.Fprintf(w, "%s: log index %d\nevent %s\n", what, r.Index, r.EventID)
		if r.Witnessed != nil && !*r.Witnessed {
			fmt.Fprintln(w, "not witnessed yet: it is in the log, and the witnesses have still to cosign it; its dossiers show when they have")
		}
	}
}
