package keyring

import (
	"errors"
	"strings"
	"testing"
)

func TestCanonicalName(t *testing.T) {
	tests := []struct {
		in, want string
		ok       bool
	}{
		{"investigator", "investigator", true},
		{"Inspector Ali (NCCIA)", "Inspector Ali (NCCIA)", true},
		{"تفتیشی افسر", "تفتیشی افسر", true},
		{"e\u0301", "\u00e9", true}, // one letter, one name
		{"خانہ\u200cداری", "خانہ\u200cداری", true},
		{"../../etc/passwd", "../../etc/passwd", true}, // a name, never a path
		{strings.Repeat("ی", 127), strings.Repeat("ی", 127), true},
		{"", "", false},
		{" padded", "", false},
		{"a\nb", "", false},
		{"a\x00b", "", false},
		{"abc\u202edef", "", false},
		{"a\u2066b", "", false},
		{"\xff", "", false},
		{strings.Repeat("ی", 128), "", false},
	}
	for _, tt := range tests {
		got, err := CanonicalName(tt.in)
		if tt.ok != (err == nil) || got != tt.want || (err != nil && !errors.Is(err, ErrName)) {
			t.Errorf("CanonicalName(%q) = %q, %v", tt.in, got, err)
		}
	}
}

func TestFileStemIsOneToOneAndPlain(t *testing.T) {
	names := []string{"ali", "Ali", "ALI", "ali ", "a.li", "a/li", "../ali", "علی", "con", strings.Repeat("a", 40), strings.Repeat("a", 41),
		strings.Repeat("ی", 127), "ali~", fileStem("Ali")}
	seen := map[string]string{}
	for _, n := range names {
		stem := fileStem(n)
		if other, dup := seen[stem]; dup {
			t.Errorf("%q and %q share the file name %q", n, other, stem)
		}
		seen[stem] = n
		if len(stem) > 80 || strings.Trim(stem, "abcdefghijklmnopqrstuvwxyz0123456789-_~") != "" {
			t.Errorf("%q has the file name %q", n, stem)
		}
	}
}
