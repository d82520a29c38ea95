package custody_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/testdata/golden"
	"github.com/evidence-custody/custodyd/evidence"
)

// section returns the rows of the first table below a heading of SPEC.md, cell
// by cell, without its head.
func section(t *testing.T, heading string) [][]string {
	t.Helper()
	b, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut("\n"+string(b), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("SPEC.md has no heading %q", heading)
	}
	var rows [][]string
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if len(rows) > 0 || strings.HasPrefix(line, "#") {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "`", "")
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		t.Fatalf("SPEC.md has no table under %q", heading)
	}
	return rows[2:]
}

// sameRows compares the first n cells of a table's rows, in order, and wants
// words in the cells behind.
func sameRows(t *testing.T, heading string, n int, want [][]string) {
	t.Helper()
	have := section(t, heading)
	for i := range max(len(have), len(want)) {
		switch {
		case i >= len(have):
			t.Errorf("%s: SPEC.md lacks the row %q", heading, want[i])
		case i >= len(want):
			t.Errorf("%s: SPEC.md has a row too many: %q", heading, have[i])
		case len(have[i]) < n || !slices.Equal(have[i][:n], want[i]):
			t.Errorf("%s: SPEC.md says %q, the code %q", heading, have[i], want[i])
		default:
			for _, cell := range have[i][n:] {
				if cell == "" {
					t.Errorf("%s: %q has an empty cell", heading, have[i])
				}
			}
		}
	}
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func TestSpecKinds(t *testing.T) {
	var want [][]string
	for _, r := range custody.KindTable() {
		cert := "yes"
		if r.Uncertified {
			cert = "–"
		}
		var details []string
		for _, f := range r.Details {
			details = append(details, string(f))
		}
		list := strings.Join(details, ", ")
		if r.Kind == custody.KindCorrected {
			list = "every field"
		}
		want = append(want, []string{string(r.Kind), string(r.Signer), cert, dash(string(r.Right)), r.Who, r.Chains, dash(r.Basis), dash(list)})
	}
	sameRows(t, "## Kinds", 8, want)
}

func phaseName(p custody.Phase) string {
	if p == custody.PhaseNone {
		return "none"
	}
	return string(p)
}

func TestSpecStateMachine(t *testing.T) {
	var want [][]string
	for _, r := range custody.Transitions() {
		to := phaseName(r.To)
		if r.Rule != "" {
			to = "–"
		}
		want = append(want, []string{phaseName(r.From), string(r.Kind), to, dash(r.Rule), dash(r.Note)})
	}
	sameRows(t, "## State machine", 5, want)
}

// typeName is SPEC.md's name of a type.
func typeName(typ reflect.Type) string {
	switch typ {
	case reflect.TypeFor[custody.ID]():
		return "id"
	case reflect.TypeFor[custody.Time]():
		return "time"
	case reflect.TypeFor[custody.SealNumber]():
		return "seal number"
	case reflect.TypeFor[string]():
		return "hex"
	case reflect.TypeFor[uint64]():
		return "integer"
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return typeName(typ.Elem())
	case reflect.Slice:
		return "list of " + typeName(typ.Elem())
	}
	return typ.Name()
}

// members lists a body's members by path, as SPEC.md does.
func members(typ reflect.Type, prefix string) [][]string {
	var out [][]string
	for f := range fields(typ) {
		name, optional := jsonName(f)
		presence := "always"
		if optional {
			presence = "optional"
		}
		path, inner := prefix+name, f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct {
			out = append(out, []string{path, "list of objects", presence})
			out = append(out, members(inner.Elem(), path+"[].")...)
			continue
		}
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[custody.Time]() {
			out = append(out, []string{path, "object", presence})
			out = append(out, members(inner, path+".")...)
			continue
		}
		out = append(out, []string{path, typeName(inner), presence})
	}
	return out
}

func TestSpecBodies(t *testing.T) {
	for _, r := range custody.KindTable() {
		sameRows(t, "### "+string(r.Kind), 3, members(reflect.TypeOf(r.New()).Elem(), ""))
	}
}

// words reads the constants of each string type out of the source.
func words(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				typ, ok := v.Type.(*ast.Ident)
				if !ok || len(v.Values) != 1 {
					continue
				}
				if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					word, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					out[typ.Name] = append(out[typ.Name], word)
				}
			}
		}
	}
	return out
}

func TestSpecWords(t *testing.T) {
	have := words(t)
	delete(have, "Kind")  // has a table of its own
	delete(have, "Phase") // never signed
	delete(have, "ChainType")
	var want [][]string
	for _, name := range slices.Sorted(mapsKeys(have)) {
		list := have[name]
		slices.Sort(list)
		want = append(want, []string{name, strings.Join(list, ", ")})
	}
	if len(want) < 20 {
		t.Fatalf("found %d lists of words", len(want))
	}
	sameRows(t, "## Words", 2, want)
}

func mapsKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestSpecFoundingFields(t *testing.T) {
	var want [][]string
	for _, d := range []custody.DocumentType{custody.DocCase, custody.DocItem, custody.DocPerson, custody.DocGrant} {
		want = append(want, []string{string(d), strings.Join(custody.FoundingFields(d), ", ")})
	}
	sameRows(t, "### Fields of case, item, person and grant documents", 2, want)
}

func TestSpecLimits(t *testing.T) {
	have := map[string]string{}
	for _, row := range section(t, "## Limits") {
		have[row[0]] = row[1]
	}
	for what, n := range map[string]int{
		"payload, bytes": custody.MaxPayload, "depth": custody.MaxDepth, "chains of an event": custody.MaxChains,
		"basis of an event": custody.MaxBasis, "integer": custody.MaxInteger, "document or detail, bytes": custody.MaxDetail,
	} {
		if have[what] != fmt.Sprint(n) {
			t.Errorf("SPEC.md limits %s to %q, the code to %d", what, have[what], n)
		}
	}
}

// TestSpecRules: SPEC.md explains exactly the rules that the source refuses by.
func TestSpecRules(t *testing.T) {
	rules := map[string]bool{}
	for _, glob := range []string{"*.go", "standing/*.go", "ruling/*.go"} {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("no source in %s", glob)
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
			for _, m := range regexp.MustCompile(`Rule[A-Z][a-z]+ *= "([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
				rules[m[1]] = true
			}
		}
	}
	for _, row := range custody.Transitions() {
		if row.Rule != "" {
			rules[row.Rule] = true
		}
	}
	var want [][]string
	for _, r := range slices.Sorted(mapsKeys(rules)) {
		want = append(want, []string{r})
	}
	sameRows(t, "## Rules", 1, want)
}

// TestSpecSubjects finds every event's subjects by the members that SPEC.md names.
func TestSpecSubjects(t *testing.T) {
	rows := section(t, "## Subjects")
	if len(rows) != len(custody.KindTable()) {
		t.Errorf("SPEC.md has subjects of %d kinds", len(rows))
	}
	of := golden.Examples(t)
	for _, row := range rows {
		s, err := custody.Decode(of[custody.Kind(row[0])])
		if err != nil {
			t.Fatalf("%s: %v", row[0], err)
		}
		b, err := json.Marshal(s.Predicate.Body)
		if err != nil {
			t.Fatal(err)
		}
		var body any
		if err := json.Unmarshal(b, &body); err != nil {
			t.Fatal(err)
		}
		var ids []custody.ID
		for _, path := range strings.Split(row[1], ", ") {
			for _, text := range atPath(body, strings.Split(strings.ReplaceAll(path, "[]", ""), ".")) {
				id, err := evidence.ParseDigest(text)
				if err != nil {
					t.Fatalf("%s: %s is %q", row[0], path, text)
				}
				ids = append(ids, id)
			}
		}
		if !slices.Equal(custody.Subjects(ids...), s.Subject) {
			t.Errorf("%s: by SPEC.md the subjects are %v, but they are %v", row[0], custody.Subjects(ids...), s.Subject)
		}
	}
}

func atPath(v any, path []string) []string {
	switch v := v.(type) {
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, atPath(e, path)...)
		}
		return out
	case map[string]any:
		if len(path) > 0 {
			return atPath(v[path[0]], path[1:])
		}
	case string:
		if len(path) == 0 {
			return []string{v}
		}
	}
	return nil
}
