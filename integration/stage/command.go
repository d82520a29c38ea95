package stage

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/evidence"
)

// Command is the program custody, run by this person with their key against the
// service at url.
func (p *Person) Command(t testing.TB, url string, args ...string) *exec.Cmd {
	t.Helper()
	words := filepath.Join(p.Home.Dir, "passphrase")
	if err := os.WriteFile(words, []byte(passphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(Context(t), Build(t).Custody, args...)
	// Nothing of whoever runs the tests: a key or a policy of theirs would be taken.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "CUSTODY_") })
	cmd.Env = append(cmd.Env, "CUSTODY_HOME="+p.Home.Dir, "CUSTODY_KEY="+p.Name, "CUSTODY_SERVER="+url, "CUSTODY_PASSPHRASE_FILE="+words)
	return cmd
}

// Trusts has the person's command accept the cast's policy, as they would.
func (c *Cast) Trusts(t testing.TB, people ...*Person) {
	t.Helper()
	file := Write(t, "trust.json", c.PolicyFile)
	for _, p := range people {
		if d := Run(t, p.Command(t, c.URL, "policy", "add", file, "--name", "trust", "--fingerprint", evidence.Sum(c.PolicyFile).String())); d.Code != 0 {
			t.Fatalf("the policy is not accepted: exit code %d\n%s%s", d.Code, d.Stdout, d.Stderr)
		}
	}
}
