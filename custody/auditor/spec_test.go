package auditor_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody/auditor"
)

// TestSpec: SPEC.md lists every finding of an audit, in order, and no other.
func TestSpec(t *testing.T) {
	b, err := os.ReadFile("../SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "\n## Following a live log\n")
	rest, _, _ = strings.Cut(rest, "\n#")
	var have, want []string
	for line := range strings.Lines(rest) {
		if cells := strings.Split(line, " | "); ok && strings.HasPrefix(line, "| `") && len(cells) == 3 {
			have = append(have, strings.Trim(cells[0], "| `")+" "+cells[1])
		}
	}
	for name, severity := range auditor.Names() {
		want = append(want, fmt.Sprintf("%s %s", name, severity))
	}
	slices.Sort(want)
	if len(want) == 0 || !slices.Equal(have, want) {
		t.Errorf("SPEC.md says %q, the code %q", have, want)
	}
}
