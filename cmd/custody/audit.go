package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody/auditor"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// auditFlags are what audit was told.
type auditFlags struct {
	log, document, vkey string // whom to trust, where no policy says it
	tokenFile, state    string
	keys, compare       []string
	full, once          bool
	every               time.Duration
}

func (a *app) auditCommand() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{Use: "audit URL", Short: "Follow a live log that you do not trust", Args: cobra.ExactArgs(1),
		Long: `Read a log over its public read API (C2SP tlog-tiles) and hold it to what it showed before. The head must
be signed by the log and cosigned as the policy asks, and continue the head that the last audit saw: that
is computed here from the log's tiles, no proof of the server's is believed. What was seen is kept in
--state and moves on only after everything was checked.

Whose log it is comes from you: a trust policy (--policy), else the log's fingerprint (--log) or its
verifier key (--vkey). Its document is fetched from the service and must have that fingerprint;
--log-document takes it from a file, for a mirror that serves tiles alone.

A log that signed two histories is refused for ever. Both signed heads, with what proves to anybody that
they contradict each other, are kept beside the state; exit code 3.

Keys (--key, repeated) are named by the SHA-256 of their SPKI in hex, as "custody key list" shows them. Each
use of theirs is reported once, in the run that finds it; a key that is new is looked for from the first
entry. That, and --full, read the entries, for which the service wants a token (--token-file).

Exit code 0: consistent; 3: the log is not what it signed; 1: could not be checked; 6: a --full was
interrupted, the same command takes it up again.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.every < 0 || f.every > 0 && cmd.Flags().Changed("once") && f.once {
				return usagef("--every and --once exclude each other")
			}
			auditing, err := a.auditor(cmd.Context(), args[0], f)
			if err != nil {
				return err
			}
			return a.follow(cmd.Context(), auditing, f.every)
		}}
	flags := cmd.Flags()
	flags.StringVar(&f.log, "log", "", "SHA-256 of the log's document, compared with its operator by another way")
	flags.StringVar(&f.document, "log-document", "", "file of the log's document (default: fetched from URL)")
	flags.StringVar(&f.vkey, "vkey", "", "the log's verifier key, ORIGIN+HASH+KEY, instead of a document")
	flags.StringVar(&f.tokenFile, "token-file", "", "file of the bearer token for reading entries")
	flags.StringVar(&f.state, "state", "", "file that keeps what was seen (default: by log, in your home)")
	flags.StringArrayVar(&f.keys, "key", nil, "report every use of this key, by fingerprint; repeat for several")
	flags.StringArrayVar(&f.compare, "compare", nil, "a head from elsewhere to hold the log against: a dossier, a receipt or a signed note; repeat for several")
	flags.BoolVar(&f.full, "full", false, "read, parse and hash every entry from the first, check its signature, compare every tile")
	flags.BoolVar(&f.once, "once", true, "audit once")
	flags.DurationVar(&f.every, "every", 0, "go on, at this interval, until interrupted or refused")
	return examples(cmd,
		"custody audit https://custody.example.org --policy court",
		"custody audit https://custody.example.org --policy court --every 1m --key 3f9c… --token-file token",
		"custody audit https://custody.example.org --policy court --full --token-file token",
		"custody audit https://custody.example.org --policy court --compare dossier.zip --json")
}

// maxToken and maxDocument bound the files read, in bytes.
const (
	maxToken    = 4 << 10
	maxDocument = 1 << 20
)

func (a *app) auditor(ctx context.Context, url string, f auditFlags) (*auditor.Auditor, error) {
	keys, err := parseIDs("--key", f.keys)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(keys, evidence.Digest.Compare)
	h, err := desk.HTTPClient(a.caFile)
	if err != nil {
		return nil, err
	}
	token := ""
	if f.tokenFile != "" {
		b, err := readBounded(f.tokenFile, maxToken)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the token: %w", err)
		}
		token = strings.TrimSpace(string(b))
	}
	source, err := auditor.NewSource(url, token, h)
	if err != nil {
		return nil, err
	}
	policy, _, err := a.policyForVerify()
	if err != nil {
		return nil, err
	}
	log, err := auditedLog(ctx, url, f, policy, h)
	if err != nil {
		return nil, err
	}
	out := &auditor.Auditor{Log: log, Source: source, Policy: policy, State: f.state, Keys: slices.Compact(keys), Full: f.full,
		Clock: a.clock, Patience: 6 * time.Second, Progress: a.auditProgress()}
	if err := a.auditHome(out); err != nil {
		return nil, err
	}
	for _, path := range f.compare {
		note, err := headIn(path)
		if err != nil {
			return nil, err
		}
		out.Compare = append(out.Compare, auditor.Elsewhere{Name: path, Note: note})
	}
	return out, nil
}

// auditHome says where the state is, and what this person saw of the log by
// other commands: the service must not have shown those another log.
func (a *app) auditHome(out *auditor.Auditor) error {
	home, err := a.openHome()
	if err != nil {
		if out.State != "" {
			return nil // an auditor need not be one who acts
		}
		return err
	}
	if out.State == "" {
		out.State = filepath.Join(home.Dir, "audit", out.Log.ID.String()+".json")
	}
	seen, ok, err := home.Seen.Last(out.Log.ID)
	if err != nil {
		return err
	}
	if ok {
		out.Compare = append(out.Compare, auditor.Elsewhere{Name: "what you saw when you acted", Note: []byte(seen.Note)})
	}
	return nil
}

// auditedLog returns the log by what the person trusts. A document that the
// service shows is nothing until its digest is that fingerprint.
func auditedLog(ctx context.Context, url string, f auditFlags, policy *verify.Policy, h *http.Client) (auditor.Log, error) {
	if f.vkey != "" {
		if f.log != "" || f.document != "" || policy != nil {
			return auditor.Log{}, usagef("--vkey says whose log it is by itself: no --policy, --log or --log-document beside it")
		}
		log, err := auditor.LogByKey(f.vkey)
		if err != nil {
			return auditor.Log{}, &usageError{err}
		}
		return log, nil
	}
	pinned, err := optionalID("--log", f.log)
	if err != nil {
		return auditor.Log{}, err
	}
	if pinned == nil && policy == nil {
		return auditor.Log{}, usagef("say whose log it is: --policy, --log FINGERPRINT or --vkey KEY")
	}
	var document []byte
	if f.document != "" {
		document, err = readBounded(f.document, maxDocument)
	} else {
		document, err = publishedLog(ctx, url, h)
	}
	if err != nil {
		return auditor.Log{}, err
	}
	id := evidence.Sum(document)
	if pinned != nil && *pinned != id {
		return auditor.Log{}, fmt.Errorf("the log's document has fingerprint %s: %w", id, errOtherLog)
	}
	if policy != nil && !slices.ContainsFunc(policy.Logs, func(l verify.PolicyLog) bool { return l.ID == id }) {
		return auditor.Log{}, fmt.Errorf("the policy does not name log %s: %w", id, errOtherLog)
	}
	return auditor.LogByDocument(document)
}

// errOtherLog: the service is of another log than the one trusted.
var errOtherLog = errors.New("not the log that is to be audited")

func publishedLog(ctx context.Context, url string, h *http.Client) ([]byte, error) {
	c, err := client.New(url, client.WithHTTPClient(h), client.WithRetries(2, 200*time.Millisecond))
	if err != nil {
		return nil, err
	}
	doc, err := c.Log(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't get the log's document (--log-document takes it from a file): %w", err)
	}
	return doc.Document, nil
}

// headIn finds the signed note in a file: a note, a dossier, a receipt or the
// state of another auditor. Whatever it is, it is opened by the log's keys.
func headIn(path string) ([]byte, error) {
	d, derr := dossierHead(path)
	if derr == nil {
		return d, nil
	}
	b, err := readBounded(path, maxHead)
	if err != nil {
		return nil, fmt.Errorf("couldn't read a head: %w", err)
	}
	if bytes.HasPrefix(b, []byte("PK")) {
		return nil, derr
	}
	var holder struct {
		Checkpoint, Note, Head string
		Receipt                struct{ Checkpoint string }
	}
	if json.Unmarshal(b, &holder) == nil {
		for _, s := range []string{holder.Checkpoint, holder.Receipt.Checkpoint, holder.Note, holder.Head} {
			if s != "" {
				return []byte(s), nil
			}
		}
	}
	return b, nil
}

// maxHead bounds a file with a head that is no dossier, in bytes.
const maxHead = 1 << 20

func dossierHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the dossier: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("couldn't look at the dossier: %w", err)
	}
	d, _, err := verify.Read(f, info.Size(), dossier.DefaultLimits)
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", path, err)
	}
	if d == nil {
		return nil, fmt.Errorf("couldn't find a head in %s: not a dossier in its form (custody verify says more)", path)
	}
	return d.Checkpoint, nil
}

// follow audits once, or again and again until it must not go on. The last
// verdict is the exit code.
func (a *app) follow(ctx context.Context, auditing *auditor.Auditor, every time.Duration) error {
	code := exitOK
	for {
		out, err := auditing.Run(ctx)
		if err != nil {
			if ctx.Err() != nil && auditing.Full {
				return fmt.Errorf("%w: %w", desk.ErrInterrupted, err)
			}
			if ctx.Err() != nil && every > 0 {
				break
			}
			return err
		}
		if err := a.print(out, func(w io.Writer) { auditWords(w, out) }); err != nil {
			return err
		}
		code = out.Exit
		if every == 0 || code == exitBad {
			break
		}
		select {
		case <-time.After(every):
			continue
		case <-ctx.Done():
		}
		break
	}
	if code != exitOK {
		return &verdictError{code}
	}
	return nil
}

// auditProgress tells on standard error how far a reading of entries is.
func (a *app) auditProgress() func(done, total uint64) {
	last := a.clock()
	return func(done, total uint64) {
		if now := a.clock(); now.Sub(last) >= time.Second {
			last = now
			fmt.Fprintf(a.stderr, "custody: %d of %d entries\n", done, total)
		}
	}
}

func auditWords(w io.Writer, out *auditor.Audit) {
	fmt.Fprintf(w, "log       %s (%s)\n", out.Log, printable(out.Origin))
	if out.Since != nil {
		fmt.Fprintf(w, "since     %d leaves\n", out.Since.Size)
	}
	if out.Head != nil {
		fmt.Fprintf(w, "head      %d leaves, root %s\n", out.Head.Size, out.Head.Root)
	}
	if len(out.Witnesses) > 0 {
		fmt.Fprintf(w, "witnesses %s\n", printable(strings.Join(out.Witnesses, ", ")))
	}
	for _, c := range out.Compared {
		fmt.Fprintf(w, "compared  %s: %d leaves, consistent\n", printable(c.Name), c.Size)
	}
	if out.Full != nil {
		fmt.Fprintf(w, "re-hashed %d entries from %d\n", out.Full.Entries, out.Full.From)
	}
	for _, u := range out.Uses {
		fmt.Fprintf(w, "use       index %d, event %s, by key %s\n", u.Index, u.Event, u.Key)
	}
	if len(out.Keys) > 0 {
		fmt.Fprintf(w, "uses      %d\n", len(out.Uses))
	}
	for _, f := range out.Findings {
		fmt.Fprintf(w, "%s\n", printable(f.String()))
	}
	switch out.Verdict {
	case verify.Whole:
		fmt.Fprintln(w, "VERDICT: consistent with everything seen before")
	case verify.NotWhole:
		fmt.Fprintln(w, "VERDICT: bad, the log is not what it signed")
	case verify.Open:
		fmt.Fprintln(w, "VERDICT: could not be checked")
	}
}
