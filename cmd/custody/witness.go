package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/certificate"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/evidence"
)

const witnessHelp = `A witness keeps the operator of a custody service honest. It cosigns the heads of the service's log,
each only if it goes on from the one before, and so nobody can be shown another history of that log by
people who ask for its cosignature. It sees no case, no person and no evidence: heads are a number and
a hash.

Run one where the operator has no access: a laboratory, a court, a university. What it has cosigned is
in its directory; a copy of it that is put back would forget, so never restore it: make a new witness.
Its key lies there unencrypted, mode 0600, since it must start by itself.`

func (a *app) witnessCommand() *cobra.Command {
	cmd := group("witness", "Cosign a log's heads, so that no history can be rewritten", a.witnessServe(), a.witnessAdd(), a.witnessShow())
	cmd.Long = witnessHelp
	return cmd
}

// witnessFlags say where a witness is, and which log is meant.
type witnessFlags struct {
	dir, name         string
	logs, fingerprint []string
}

func (f *witnessFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "dir", "", "the witness's directory (default witness in your home, see --home)")
	if cmd.Name() == "show" {
		return
	}
	cmd.Flags().StringVar(&f.name, "name", "", "name of a new witness in signature lines, best a URL without https://; never changed later (default this host's name)")
	cmd.Flags().StringArrayVar(&f.logs, "log", nil, "URL of a custody service whose log to witness; repeat for several")
	cmd.Flags().StringArrayVar(&f.fingerprint, "fingerprint", nil, "id of that log, which reached you another way; one for each --log")
}

func (a *app) witnessDir(f witnessFlags) string {
	switch {
	case f.dir != "":
		return f.dir
	case a.home != "":
		return filepath.Join(a.home, "witness")
	}
	return filepath.Join(keyring.DefaultHome(), "witness")
}

// openWitness opens the witness, making it where there is none.
func (a *app) openWitness(f witnessFlags) (*tlog.Cosigner, *witness.Directory, error) {
	dir := a.witnessDir(f)
	c, shelf, err := witness.Open(dir, a.clock())
	if errors.Is(err, witness.ErrNoWitness) {
		name := f.name
		if name == "" {
			if name, err = os.Hostname(); err != nil {
				return nil, nil, fmt.Errorf("couldn't name the witness: %w (say it with --name)", err)
			}
		}
		c, shelf, err = witness.Make(dir, name, rand.Reader, a.clock())
	}
	if err != nil {
		return nil, nil, err
	}
	if f.name != "" && f.name != c.Name() {
		return nil, nil, usagef("--name %q: the witness in %s is %q for good, since people know it by name and key", f.name, dir, c.Name())
	}
	return c, shelf, nil
}

// pinned is a log as a witness knows it.
type pinned struct {
	origin string
	keys   []string
}

// pin fetches the logs given by URL, each by the id that its document must
// have. The service is not believed: the id is.
func (a *app) pin(ctx context.Context, f witnessFlags) (out []pinned, err error) {
	if len(f.logs) != len(f.fingerprint) {
		return nil, usagef("each --log needs its --fingerprint, the log's id as another source than the service tells it (custody trust show prints it)")
	}
	for i, server := range f.logs {
		id, err := parseID("--fingerprint", f.fingerprint[i])
		if err != nil {
			return nil, err
		}
		service, err := a.connect(desk.Connection{Server: server, CAFile: a.caFile, Clock: a.clock})
		if err != nil {
			return nil, err
		}
		published, err := service.Published(ctx)
		if err != nil {
			return nil, fmt.Errorf("couldn't get the log's document from %s: %w", server, err)
		}
		if got := evidence.Sum(published.Log); got != id {
			return nil, fmt.Errorf("couldn't pin the log of %s: its id is %s, not the one given: %w", server, got, keyring.ErrFingerprint)
		}
		doc, err := custody.ParseLogDocument(published.Log)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the log's document: %w", err)
		}
		keys, err := tlog.VerifierKeys(doc)
		if err != nil {
			return nil, err
		}
		out = append(out, pinned{doc.Origin, keys})
	}
	return out, nil
}

// preparedWitness opens or makes the witness once all that it is told to know
// was found to be right.
func (a *app) preparedWitness(ctx context.Context, f witnessFlags) (*tlog.Cosigner, *witness.Directory, error) {
	logs, err := a.pin(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	c, shelf, err := a.openWitness(f)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range logs {
		if err := addLog(shelf, l.origin, l.keys...); err != nil {
			return nil, nil, err
		}
	}
	return c, shelf, nil
}

// addLog makes a log known; one that is known by the same keys stays as it is.
func addLog(shelf *witness.Directory, origin string, keys ...string) error {
	err := shelf.Add(origin, keys...)
	if errors.Is(err, witness.ErrKnownLog) {
		l, lerr := shelf.Log(origin)
		if lerr != nil {
			return lerr
		}
		if slices.Equal(l.Keys, keys) {
			return nil
		}
	}
	return err
}

// shownWitness is what the commands print.
type shownWitness struct {
	Name    string            `json:"name"`
	Key     string            `json:"key"`
	URL     string            `json:"url,omitempty"`
	Logs    []shownLog        `json:"logs"`
	Refused []witness.Suspect `json:"refused,omitempty"`
}

type shownLog struct {
	Origin   string          `json:"origin"`
	Keys     []string        `json:"keys"`
	Size     uint64          `json:"size"`
	Root     evidence.Digest `json:"root,omitzero"`
	Cosigned time.Time       `json:"cosigned,omitzero"`
}

func showWitness(c *tlog.Cosigner, shelf *witness.Directory) (shownWitness, error) {
	s := shownWitness{Name: c.Name(), Key: c.VerifierKey(), Logs: []shownLog{}}
	logs, err := shelf.Logs()
	if err != nil {
		return s, err
	}
	for _, l := range logs {
		s.Logs = append(s.Logs, shownLog{Origin: l.Origin, Keys: l.Keys, Size: l.Size, Root: l.Root, Cosigned: l.Cosigned})
	}
	s.Refused, err = shelf.Suspects()
	return s, err
}

// tellWitness prints a witness, with what it has cosigned and refused.
func (a *app) tellWitness(c *tlog.Cosigner, shelf *witness.Directory) error {
	s, err := showWitness(c, shelf)
	if err != nil {
		return err
	}
	return a.print(s, s.words)
}

func (s shownWitness) words(w io.Writer) {
	fmt.Fprintf(w, "witness  %s\nkey      %s\n", printable(s.Name), s.Key)
	if s.URL != "" {
		fmt.Fprintf(w, "url      %s\n", s.URL)
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, l := range s.Logs {
		fmt.Fprintf(tw, "log\t%s\t%d leaves\t%s\n", printable(l.Origin), l.Size, cosignedWords(l))
	}
	tw.Flush()
	for _, r := range s.Refused {
		what := "a head that was not shown to go on from the one cosigned"
		if r.Fork {
			what = "A FORK: this log's key has signed two heads of this size"
		}
		fmt.Fprintf(w, "refused  %s: %d leaves, root %s: %s\n", printable(r.Origin), r.Size, r.Root, what)
	}
}

func cosignedWords(l shownLog) string {
	if l.Cosigned.IsZero() {
		return "nothing cosigned yet"
	}
	return "cosigned " + l.Cosigned.UTC().Format(time.RFC3339)
}

func (a *app) witnessShow() *cobra.Command {
	var f witnessFlags
	cmd := &cobra.Command{Use: "show", Short: "Show a witness's key, what it has cosigned and what it refused", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, shelf, err := witness.Open(a.witnessDir(f), a.clock())
			if err != nil {
				return err
			}
			return a.tellWitness(c, shelf)
		}}
	f.register(cmd)
	return examples(cmd, "custody witness show", "custody witness show --json")
}

func (a *app) witnessAdd() *cobra.Command {
	var f witnessFlags
	cmd := &cobra.Command{Use: "add [ORIGIN VERIFIER-KEY...]", Short: "Make a log known to a witness", Args: cobra.ArbitraryArgs,
		Long: "Make a log known to a witness: by its origin and its verifier keys (C2SP signed-note), or by --log\nand --fingerprint. A running witness knows it at once. A log is never removed: one that was forgotten\nand added again could be given a second history.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 0 && len(f.logs) == 0 {
				return usagef("give an origin and its verifier key, or --log and --fingerprint")
			}
			c, shelf, err := a.preparedWitness(cmd.Context(), f)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				if err := addLog(shelf, args[0], args[1:]...); err != nil {
					return err
				}
			}
			return a.tellWitness(c, shelf)
		}}
	f.register(cmd)
	return examples(cmd, "custody witness add --log https://custody.example.org --fingerprint LOG", "custody witness add example.org/log example.org/log+13d6e7b1+AX…")
}

func (a *app) witnessServe() *cobra.Command {
	var f witnessFlags
	var listen, certFile, keyFile string
	cmd := &cobra.Command{Use: "serve", Short: "Run a witness; the first time its key is made", Args: cobra.NoArgs,
		Long: witnessHelp + `

It prints its name, its key and its URL: give URL and key to the service's operator (custodyd's
witnesses), and the key, over another way, to everybody who is to rely on it (their trust policy).
Ctrl-C ends it. Plain HTTP gives nothing away and lets nobody forge a cosignature; with TLS, nobody
in between can keep the two from each other with false refusals.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (certFile == "") != (keyFile == "") {
				return usagef("--tls-cert and --tls-key go together")
			}
			c, shelf, err := a.preparedWitness(cmd.Context(), f)
			if err != nil {
				return err
			}
			s, err := showWitness(c, shelf)
			if err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(a.stderr, nil))
			return a.runWitness(cmd.Context(), witness.New(c, shelf, a.clock, log), s, log, listen, certFile, keyFile)
		}}
	f.register(cmd)
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8441", "host:port to answer on; port 0 takes a free one")
	cmd.Flags().StringVar(&certFile, "tls-cert", "", "PEM file of the TLS certificate; taken over anew when it changes")
	cmd.Flags().StringVar(&keyFile, "tls-key", "", "PEM file of its key")
	return examples(cmd, "custody witness serve --name witness.lab.example.org --listen :8441 --log https://custody.example.org --fingerprint LOG")
}

// lastRequests bounds how long a witness that is told to stop goes on answering.
const lastRequests = 10 * time.Second

func (a *app) runWitness(ctx context.Context, w *witness.Witness, s shownWitness, log *slog.Logger, listen, certFile, keyFile string) error {
	server := witness.NewServer(w.Handler(), log)
	scheme := "http"
	run := server.Serve
	if certFile != "" {
		pair, err := certificate.Load(certFile, keyFile, log)
		if err != nil {
			return err
		}
		server.TLSConfig = pair.Config()
		scheme, run = "https", func(l net.Listener) error { return server.ServeTLS(l, "", "") }
		watch, stop := context.WithCancel(ctx)
		defer stop()
		go pair.Watch(watch, certificate.Interval)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("couldn't listen on %s: %w", listen, err)
	}
	s.URL = scheme + "://" + l.Addr().String()
	if err := a.print(s, s.words); err != nil {
		return errors.Join(err, l.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- run(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("couldn't go on: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRequests)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return fmt.Errorf("couldn't stop in time: %w", err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
