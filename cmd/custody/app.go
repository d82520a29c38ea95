package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// app is one run of the command.
type app struct {
	stdin          *os.File
	stdout, stderr io.Writer
	clock          func() time.Time
	connect        func(desk.Connection) (desk.Service, error)

	// Flags that every command has.
	home, server, key, policy, passphraseFile, caFile string
	json                                              bool
}

func newApp() *app {
	return &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, clock: time.Now,
		connect: func(c desk.Connection) (desk.Service, error) { return desk.Connect(c) },
	}
}

// run executes one command line and returns its exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	code := exitCode(err)
	var quiet *verdictError
	if err == nil || errors.As(err, &quiet) {
		return code
	}
	if a.json {
		a.printJSON(a.stderr, map[string]any{"error": err.Error(), "exit": code})
	} else {
		fmt.Fprintf(a.stderr, "custody: %v\n", err)
	}
	return code
}

// print writes a result: as JSON where asked, else in words.
func (a *app) print(v any, words func(w io.Writer)) error {
	if a.json {
		return a.printJSON(a.stdout, v)
	}
	words(a.stdout)
	return nil
}

func (a *app) printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("couldn't write result: %w", err)
	}
	return nil
}

func (a *app) openHome() (*keyring.Home, error) {
	dir := a.home
	if dir == "" {
		dir = keyring.DefaultHome()
	}
	return keyring.OpenHome(dir, a.clock())
}

// passphrase returns where passphrases come from: the flag, the environment's
// file, else the terminal.
func (a *app) passphrase(confirm bool) keyring.Passphrase {
	if a.passphraseFile != "" {
		return keyring.FromFile(a.passphraseFile)
	}
	if path := os.Getenv(keyring.EnvPassphraseFile); path != "" {
		return keyring.FromFile(path)
	}
	return keyring.FromTerminal(a.stdin, a.stderr, confirm)
}

// keyName returns the key meant: the flag, the environment, else the only one.
func (a *app) keyName(ring *keyring.Ring) (string, error) {
	if a.key != "" {
		return a.key, nil
	}
	if name := os.Getenv("CUSTODY_KEY"); name != "" {
		return name, nil
	}
	keys, err := ring.List()
	if len(keys) == 1 {
		return keys[0].Name, nil
	}
	if err != nil {
		return "", err
	}
	if len(keys) == 0 {
		return "", usagef("there is no key yet (custody key create NAME)")
	}
	return "", usagef("there are %d keys: say which with --key or CUSTODY_KEY", len(keys))
}

// serverURL returns the service meant: the flag, the environment, else the one
// the key belongs to.
func (a *app) serverURL(meta keyring.Meta) (string, error) {
	for _, s := range []string{a.server, os.Getenv("CUSTODY_SERVER"), meta.Server} {
		if s != "" {
			return s, nil
		}
	}
	return "", usagef("no service given (--server URL or CUSTODY_SERVER)")
}

// want says what a command needs of its desk.
type want struct {
	invitation string
	policy     bool // verify before signing
	keepOutbox bool // do not send what waits first
}

// desk opens the person's key and place of work. What waits in the outbox is
// sent first: an act is never signed twice because its answer was lost.
func (a *app) desk(ctx context.Context, w want) (*desk.Desk, error) {
	home, err := a.openHome()
	if err != nil {
		return nil, err
	}
	name, err := a.keyName(home.Keys)
	if err != nil {
		return nil, err
	}
	meta, err := home.Keys.Meta(name)
	if err != nil {
		return nil, err
	}
	server, err := a.serverURL(meta)
	if err != nil {
		return nil, err
	}
	var policy *verify.Policy
	if w.policy {
		if policy, err = a.trusted(home); err != nil {
			return nil, err
		}
	}
	key, err := home.Keys.Open(name, a.passphrase(false))
	if err != nil {
		return nil, err
	}
	service, err := a.connect(desk.Connection{Server: server, Key: key, Invitation: w.invitation, CAFile: a.caFile, Clock: a.clock})
	if err != nil {
		return nil, err
	}
	d := &desk.Desk{
		Service: service, Key: key, Ring: home.Keys, Outbox: home.Outbox, Seen: home.Seen, Policy: policy,
		Server: server, Clock: a.clock, Rand: rand.Reader, Pause: time.Second, State: filepath.Join(home.Dir, "uploads"),
	}
	if !w.keepOutbox {
		return d, a.resend(ctx, d)
	}
	return d, nil
}

// resend sends what waits, and stops the command where something still cannot
// be sent: signing more on top of it would only be refused.
func (a *app) resend(ctx context.Context, d *desk.Desk) error {
	results, err := d.Resend(ctx)
	for _, r := range results {
		if r.Err == nil {
			fmt.Fprintf(a.stderr, "custody: sent %s %s, signed %s\n", r.Entry.Kind, r.Entry.EventID.Short(), r.Entry.Created.Format(time.RFC3339))
			continue
		}
		if errors.Is(r.Err, desk.ErrPending) {
			err = errors.Join(err, r.Err)
			continue
		}
		fmt.Fprintf(a.stderr, "custody: %s %s, signed %s, was refused for good: %v\n", r.Entry.Kind, r.Entry.EventID.Short(),
			r.Entry.Created.Format(time.RFC3339), r.Err)
	}
	return err
}

// trusted returns the accepted policy under which evidence is verified before
// anything is signed: the named one, else the only one.
func (a *app) trusted(home *keyring.Home) (*verify.Policy, error) {
	name := a.policy
	if name == "" {
		name = os.Getenv("CUSTODY_POLICY")
	}
	if name == "" {
		all, err := home.Trust.List()
		if err != nil {
			return nil, err
		}
		switch len(all) {
		case 0:
			return nil, desk.ErrNoPolicy
		case 1:
			return verify.ParsePolicy(all[0].Content)
		}
		return nil, usagef("there are %d trust policies: say which with --policy or CUSTODY_POLICY", len(all))
	}
	p, err := home.Trust.Policy(name)
	if err != nil {
		return nil, err
	}
	return verify.ParsePolicy(p.Content)
}

// short shows an id in tables; the whole id is in --json and on lines of its own.
func short(id evidence.Digest) string {
	if id.IsZero() {
		return "-"
	}
	return id.Short()
}

// examples formats a command's examples.
func examples(cmd *cobra.Command, lines ...string) *cobra.Command {
	for i, l := range lines {
		if i > 0 {
			cmd.Example += "\n"
		}
		cmd.Example += "  " + l
	}
	return cmd
}
