package custody_test

import (
	"slices"
	"testing"

	"github.com/evidence-custody/custodyd/custody/verify"
)

// TestSpecFindings: SPEC.md explains exactly the verifier's findings.
func TestSpecFindings(t *testing.T) {
	names := map[string]verify.Severity{}
	for n, s := range verify.Names() {
		names[string(n)] = s
	}
	var want [][]string
	for _, n := range slices.Sorted(mapsKeys(names)) {
		want = append(want, []string{n, string(names[n])})
	}
	sameRows(t, "### Findings", 2, want)
}
