package demo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// Service is the running service that the story plays on.
type Service interface {
	URL() string
	// FirstToken makes the one-time token of the first administrator.
	FirstToken(ctx context.Context) (token string, expires time.Time, err error)
}

// Options say what the demonstration uses and where it leaves its files.
type Options struct {
	Image    string // disk image to deposit; "" makes one
	Out      string // directory for the results; must not hold any yet
	Work     string // directory for people's homes and scratch files
	Say      io.Writer
	Progress bool // draw progress of long steps on Say
}

// Step is one step's result.
type Step struct {
	Name    string  `json:"name"`
	OK      bool    `json:"ok"`
	Seconds float64 `json:"seconds"`
	Result  string  `json:"result"`
}

// Summary is what summary.json says.
type Summary struct {
	OK       bool              `json:"ok"`
	Seconds  float64           `json:"seconds"`
	Steps    []Step            `json:"steps"`
	Log      evidence.Digest   `json:"log,omitzero"`
	Case     evidence.Digest   `json:"case,omitzero"`
	Exhibit  evidence.Digest   `json:"exhibit,omitzero"`
	Item     evidence.Digest   `json:"image,omitzero"`
	Artifact *custody.Artifact `json:"artifact,omitempty"`
	Files    map[string]string `json:"files"` // name: SHA-256
}

// stage is where the story plays.
type stage struct {
	o       Options
	service Service
	began   time.Time
	sum     Summary
	policy  *verify.Policy
	image   string
}

// Results that the demonstration leaves in Options.Out.
const (
	DossierFile = "dossier.zip"
	TrustFile   = "trust.json"
	PDFFile     = "report.pdf"
	JSONFile    = "report.json"
	SummaryFile = "summary.json"
)

// step runs one step and prints its result and time.
func (s *stage) step(name string, do func() (string, error)) error {
	fmt.Fprintf(s.o.Say, "%2d  %-58s", len(s.sum.Steps)+1, name)
	began := time.Now()
	result, err := do()
	took := time.Since(began)
	st := Step{Name: name, OK: err == nil, Seconds: took.Seconds(), Result: result}
	word := "ok"
	if err != nil {
		st.Result, word = err.Error(), "FAILED"
	}
	s.sum.Steps = append(s.sum.Steps, st)
	fmt.Fprintf(s.o.Say, " %-6s %7.2fs\n", word, took.Seconds())
	if st.Result != "" {
		fmt.Fprintf(s.o.Say, "    %s\n", st.Result)
	}
	if err != nil {
		return fmt.Errorf("step %d, %s: %w", len(s.sum.Steps), name, err)
	}
	return nil
}

// person is somebody at their own desk, with their own keys.
type person struct {
	name string
	home *keyring.Home
	desk *desk.Desk
}

// arrive gives a person a home and a new key that nobody else ever holds.
func (s *stage) arrive(name, invitation string) (*person, error) {
	home, err := keyring.OpenHome(filepath.Join(s.o.Work, "people", name), time.Now())
	if err != nil {
		return nil, err
	}
	var secret [24]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, err
	}
	key, err := home.Keys.Create(name, []byte(base64.StdEncoding.EncodeToString(secret[:])), keyring.Meta{})
	if err != nil {
		return nil, err
	}
	p := &person{name: name, home: home, desk: &desk.Desk{Key: key, Ring: home.Keys, Outbox: home.Outbox, Seen: home.Seen,
		Server: s.service.URL(), Clock: time.Now, Rand: rand.Reader, State: filepath.Join(home.Dir, "uploads"), Policy: s.policy}}
	return p, s.connect(p, invitation)
}

// connect lets the person reach the service, with an invitation or by its key.
func (s *stage) connect(p *person, invitation string) error {
	c := desk.Connection{Server: s.service.URL(), Key: p.desk.Key, Invitation: invitation}
	remote, err := desk.Connect(c)
	if err != nil {
		return err
	}
	p.desk.Service = remote
	return nil
}

// progress draws how far long work is, where somebody watches.
func (s *stage) progress(what string) desk.Progress {
	if !s.o.Progress {
		return nil
	}
	return func(done, total int64) {
		if total > 0 {
			fmt.Fprintf(s.o.Say, "\r    %s %3d%%", what, done*100/total)
		}
		if done == total {
			fmt.Fprint(s.o.Say, "\r\033[K")
		}
	}
}

// leave writes a result file and remembers its digest.
func (s *stage) leave(name string, b []byte) error {
	if err := os.WriteFile(filepath.Join(s.o.Out, name), b, 0o644); err != nil {
		return err
	}
	s.sum.Files[name] = evidence.Sum(b).String()
	return nil
}

// close writes summary.json, whatever happened.
func (s *stage) close(err error) error {
	s.sum.OK, s.sum.Seconds = err == nil, time.Since(s.began).Seconds()
	b, jerr := json.MarshalIndent(s.sum, "", "  ")
	if jerr != nil {
		return jerr
	}
	return os.WriteFile(filepath.Join(s.o.Out, SummaryFile), append(b, '\n'), 0o644)
}
