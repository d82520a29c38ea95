// Package doctor looks a service over, running or stopped: what is configured,
// what can be reached, what is safe, and what to do about the rest. It changes
// nothing, but for the few bytes that the object store's probe leaves locked
// for minutes.
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
)

// State of a finding.
type State string

const (
	OK      State = "ok"
	Note    State = "note"    // good to know, nothing to do
	Warning State = "warning" // works, and should be better
	Problem State = "problem" // doesn't work, or isn't safe
)

// Finding is what one look came to.
type Finding struct {
	State State  `json:"state"`
	About string `json:"about"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"` // with every warning and problem, and with nothing else
}

// Findings of one visit, in the order of the looks.
type Findings []Finding

// Healthy says that there is nothing to do.
func (f Findings) Healthy() bool {
	for _, one := range f {
		if one.Do != "" {
			return false
		}
	}
	return true
}

// JSON is one object: whether there is nothing to do, and the findings.
func (f Findings) JSON() ([]byte, error) {
	return json.MarshalIndent(struct {
		Healthy  bool     `json:"healthy"`
		Findings Findings `json:"findings"`
	}{f.Healthy(), f}, "", "  ")
}

// Write is one screen.
func (f Findings) Write(w io.Writer) error {
	var b strings.Builder
	todo := 0
	for _, one := range f {
		mark := map[State]string{OK: "  ok", Note: "   -", Warning: "   !", Problem: "  !!"}[one.State]
		fmt.Fprintf(&b, "%s  %-14s %s\n", mark, one.About, one.Says)
		if one.Do != "" {
			todo++
			fmt.Fprintf(&b, "%21s→ %s\n", "", one.Do)
		}
	}
	switch todo {
	case 0:
		b.WriteString("Nothing to do.\n")
	case 1:
		b.WriteString("One thing to do.\n")
	default:
		fmt.Fprintf(&b, "%d things to do.\n", todo)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// visit is one run.
type visit struct {
	cfg      config.Config
	data     string
	now      func() time.Time
	free     func(dir string) (space, error)
	findings Findings
}

func (v *visit) ok(about, says string, args ...any) {
	v.findings = append(v.findings, Finding{OK, about, fmt.Sprintf(says, args...), ""})
}

func (v *visit) note(about, says string, args ...any) {
	v.findings = append(v.findings, Finding{Note, about, fmt.Sprintf(says, args...), ""})
}

func (v *visit) warn(about, do, says string, args ...any) {
	v.findings = append(v.findings, Finding{Warning, about, fmt.Sprintf(says, args...), do})
}

func (v *visit) problem(about, do, says string, args ...any) {
	v.findings = append(v.findings, Finding{Problem, about, fmt.Sprintf(says, args...), do})
}

// patience bounds each look at something that may not answer.
const patience = 15 * time.Second

// Configured looks over the service that cfg describes.
func Configured(ctx context.Context, cfg config.Config) Findings {
	v := &visit{cfg: cfg, data: cfg.DataDir, now: time.Now, free: freeSpace}
	v.visit(ctx)
	return v.findings
}

// Misconfigured is a service whose configuration can't even be read.
func Misconfigured(err error) Findings {
	var out Findings
	for _, line := range strings.Split(err.Error(), "\n") {
		out = append(out, Finding{Problem, "configuration", line, "correct it (custodyd config explains every value); nothing else was looked at"})
	}
	return out
}

func (v *visit) visit(ctx context.Context) {
	v.configuration(ctx)
	v.certificate()
	runner, err := child.NewRunner()
	if err != nil {
		v.problem("account", "make the account that the message names", "%v", err)
		runner = nil
	}
	if v.data == "" {
		if v.data, err = child.StateDir(); err != nil {
			v.problem("data", "say where with --data", "%v", err)
			return
		}
	}
	began := v.directory(runner)
	v.keys(began)
	for _, look := range []func(context.Context, *child.Runner){v.database, v.store, v.service} {
		within, cancel := context.WithTimeout(ctx, patience)
		look(within, runner)
		cancel()
	}
}

func (v *visit) configuration(ctx context.Context) {
	where := func(outside bool, out, private string) string {
		if outside {
			return out
		}
		return private
	}
	v.ok("configuration", "database: %s; object store: %s; records are for %s",
		where(v.cfg.OutsideDatabase(), "an outside one", "private"), where(v.cfg.OutsideStore(), v.cfg.S3.Endpoint+", bucket "+v.cfg.S3.Bucket, "private"), v.cfg.Mode)
	if v.cfg.OutsideStore() && v.cfg.S3.RetentionMode == "GOVERNANCE" {
		v.note("configuration", "retention is GOVERNANCE: the store's administrator may lift a lock")
	}
	if v.cfg.OutsideStore() && !v.cfg.S3.TLS && v.cfg.S3.UnsafePlainHTTP {
		v.note("configuration", "evidence goes to the store in clear, as s3.unsafe_plain_http says: nobody else may be on that network")
	}
	v.policy()
	v.authorities()
	v.witnesses(ctx)
}

// words are an error's, on one line.
func words(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// unanswered tells that somebody did not answer in time from other failures.
func unanswered(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
