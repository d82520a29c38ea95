package ruling_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

type (
	scene   = rulingtest.Scene
	attempt = rulingtest.Attempt
	id      = custody.ID
)

// ruleCase shows one rule at work: an event that is admitted, and a nearly
// identical one that is refused by exactly this rule. Each plays in a world of
// its own.
type ruleCase struct {
	rule, name string
	play       func(s *scene) (admitted, refused error)
}

// pair makes a case of two attempts in one world.
func pair(rule, name string, play func(s *scene) (admitted, refused attempt)) ruleCase {
	return ruleCase{rule, name, func(s *scene) (error, error) {
		good, bad := play(s)
		return s.Try(good), s.Try(bad)
	}}
}

func allCases() []ruleCase {
	return slices.Concat(logCases, signerCases, linkCases, keyCases, caseCases, custodyCases, assumeCases, accessCases, opinionCases, serviceCases, statusCases, logOwnCases, confirmCases, disposalCases)
}

func TestRules(t *testing.T) {
	start := rulingtest.NewScene(t)
	for _, c := range allCases() {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			admitted, refused := c.play(start.Apart(t))
			if admitted != nil {
				t.Errorf("the near-identical event was refused: %v", admitted)
			}
			wantRule(t, refused, c.rule)
		})
	}
}

func wantRule(t *testing.T, err error, rule string) {
	t.Helper()
	var r *custody.Refusal
	switch {
	case err == nil:
		t.Errorf("admitted; want refusal by %s", rule)
	case !errors.As(err, &r):
		t.Errorf("got error %v; want refusal by %s", err, rule)
	case r.Rule != rule:
		t.Errorf("refused by %s; want %s (%v)", r.Rule, rule, err)
	case r.Detail == "" || strings.Contains(r.Detail, "%!"):
		t.Errorf("the refusal's words are %q", r.Detail)
	}
}

// machineRules are the refusals of the item's state machine that the judge's
// links forestall; the machine's own tests show them.
var machineRules = []string{"item.exists", "item.kind", "statement.kind"}

var refuseCall = regexp.MustCompile(`(?:Refuse\(|Rule[A-Za-z]* *= )"([a-z0-9-]+\.[a-z0-9-]+)"`)

// TestEveryRuleHasACase reads the rules out of the source.
func TestEveryRuleHasACase(t *testing.T) {
	have := map[string]bool{}
	for _, c := range allCases() {
		have[c.rule] = true
	}
	for _, r := range machineRules {
		have[r] = true
	}
	rules := map[string]bool{}
	for _, glob := range []string{"*.go", "../standing/*.go", "../item.go"} {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("no source in %s: %v", glob, err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range refuseCall.FindAllStringSubmatch(string(b), -1) {
				rules[m[1]] = true
			}
		}
	}
	for _, row := range custody.Transitions() {
		if row.Rule != "" {
			rules[row.Rule] = true
		}
	}
	if len(rules) < 50 {
		t.Fatalf("found only %d rules in the source", len(rules))
	}
	for r := range rules {
		if !have[r] {
			t.Errorf("rule %s has no case", r)
		}
	}
	for r := range have {
		if !rules[r] {
			t.Errorf("case for rule %s, which the source does not have", r)
		}
	}
}
