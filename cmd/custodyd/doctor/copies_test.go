package doctor

import (
	"slices"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// TestCopies: what is wrong with stored copies is a problem, what is not known
// of them a warning, and what will come by itself a note.
func TestCopies(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	const every = 30
	for _, tt := range []struct {
		name  string
		every time.Duration
		state kept
		want  []State
		says  string
	}{
		{"nothing is stored", every, kept{}, nil, ""},
		{"all read back", every, kept{FixityState: docket.FixityState{Artifacts: 7, Oldest: ago(29)}}, []State{OK}, "7 stored copies were read back whole within 30d"},
		{"all of it erased", every, kept{FixityState: docket.FixityState{Artifacts: 2, Erased: 2}}, nil, ""},
		{"one is erased", every, kept{FixityState: docket.FixityState{Artifacts: 2, Erased: 1, Oldest: ago(1)}}, []State{OK}, "1 stored copy was read back whole"},
		{"one is damaged", every, kept{FixityState: docket.FixityState{Artifacts: 7, Failed: 1, Oldest: ago(1)}, bad: []string{"3f00"}}, []State{Problem}, "1 stored copy is not what was deposited: item 3f00"},
		{"five are damaged", every, kept{FixityState: docket.FixityState{Artifacts: 7, Failed: 5, Oldest: ago(1)}, bad: []string{"1", "2", "3"}}, []State{Problem}, "item 1, 2, 3 and 2 more"},
		{"a row is gone", every, kept{FixityState: docket.FixityState{Artifacts: 6, Oldest: ago(1)}, lacking: 1}, []State{Problem}, "rows of custody.fixity are gone"},
		{"all rows are gone", every, kept{lacking: 3}, []State{Problem}, "3 artifacts are not noted"},
		{"one could not be read", every, kept{FixityState: docket.FixityState{Artifacts: 7, Unchecked: 1, Oldest: ago(1)}}, []State{Warning}, "1 stored copy could not be read back"},
		{"some are new", every, kept{FixityState: docket.FixityState{Artifacts: 7, Unread: 2, Oldest: ago(1)}}, []State{Note}, "2 stored copies were not read back yet"},
		{"just due", every, kept{FixityState: docket.FixityState{Artifacts: 7, Oldest: ago(31)}}, []State{OK}, "7 stored copies"},
		{"overdue", every, kept{FixityState: docket.FixityState{Artifacts: 7, Due: 3, Oldest: ago(34)}}, []State{Warning}, "3 stored copies were not read back for longer than 30d"},
		{"overdue and never read", every, kept{FixityState: docket.FixityState{Artifacts: 7, Due: 3, Unread: 3, Oldest: ago(34)}}, []State{Warning}, "fixity_rate"},
		{"only when asked", 0, kept{FixityState: docket.FixityState{Artifacts: 7, Oldest: ago(1)}}, []State{Note}, "only when somebody asks"},
		{"only when asked, and nobody did", 0, kept{FixityState: docket.FixityState{Artifacts: 7, Due: 7, Unread: 7, Oldest: ago(60)}}, []State{Warning}, "custodyd fixity --now"},
		{"more than it can read", every, kept{FixityState: docket.FixityState{Artifacts: 7, Oldest: ago(1)}, bytes: 200 << 40}, []State{Warning}, "reading 204800 GiB back at 64MiB a second takes longer than 30d"},
		{"everything at once", every, kept{FixityState: docket.FixityState{Artifacts: 9, Failed: 1, Unchecked: 1, Unread: 1, Oldest: ago(1)}, lacking: 1, bad: []string{"3f"}},
			[]State{Problem, Problem, Warning, Note}, "1 artifact is not noted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := &visit{cfg: config.Default(), now: func() time.Time { return now }}
			v.cfg.FixityEvery = config.Duration(tt.every * 24 * time.Hour)
			v.tellCopies(tt.state)
			sound(t, v.findings)
			var got []State
			for _, f := range v.findings {
				got = append(got, f.State)
			}
			if !slices.Equal(got, tt.want) || tt.says != "" && !slices.ContainsFunc(tt.want, func(s State) bool { return v.findings.has(s, tt.says) }) {
				t.Errorf("want %v with %q:\n%s", tt.want, tt.says, v.findings.text(t))
			}
		})
	}
}
