package ruling_test

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

// TestEveryKindIsAdmitted: the story that has every kind of event is told to
// its end.
func TestEveryKindIsAdmitted(t *testing.T) {
	s := rulingtest.Recovered(t)
	seen := map[custody.Kind]int{}
	for _, e := range s.Entries {
		seen[e.Statement.Predicate.Kind]++
	}
	for _, row := range custody.KindTable() {
		if seen[row.Kind] == 0 {
			t.Errorf("no %s was admitted", row.Kind)
		}
	}
}

// TestStoriesAreReproducible: a story told twice gives the same log.
func TestStoriesAreReproducible(t *testing.T) {
	if a, b := rulingtest.NewScene(t).Seen(), rulingtest.NewScene(t).Seen(); a != b {
		t.Fatalf("two tellings have heads %v and %v", a, b)
	}
}
