package imaging_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
)

// TestWords: everything that the decoder may find wrong has a word in the
// record, so that nothing of it is lost on the way.
func TestWords(t *testing.T) {
	files, err := filepath.Glob("../../evidence/ewf/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source: %v", err)
	}
	flaw, rule := regexp.MustCompile(`\.add\("([a-z-]+)"`), regexp.MustCompile(`(?:refuse\(|Rule: )"([a-z0-9-]+)"`)
	flaws, rules := map[string]bool{}, map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range flaw.FindAllSubmatch(b, -1) {
			flaws[string(m[1])] = true
		}
		for _, m := range rule.FindAllSubmatch(b, -1) {
			rules[string(m[1])] = true
		}
	}
	if len(flaws) < 15 || len(rules) < 13 {
		t.Fatalf("found %d flaws and %d rules", len(flaws), len(rules))
	}
	for f := range flaws {
		if len(custody.FlawsOf([]string{f})) != 1 {
			t.Errorf("the record has no word for the flaw %s", f)
		}
	}
	for r := range rules {
		if _, ok := custody.ReasonOf(r); !ok && r != "empty-set" { // of no file at all
			t.Errorf("the record has no word for the rule %s", r)
		}
	}
}
