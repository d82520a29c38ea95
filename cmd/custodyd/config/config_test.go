package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "custodyd.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	AddFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return fs
}

func TestNothingConfiguredIsValid(t *testing.T) {
	c, err := Load(flags(t), env())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("got %+v", c)
	}
	if c.Listen != "127.0.0.1:8440" || c.Mode != "production" || !c.S3.TLS || c.Limits.MaxPart != 2<<30 ||
		c.TokenLife != Duration(15*time.Minute) || c.OutsideDatabase() || c.OutsideStore() {
		t.Errorf("defaults: %+v", c)
	}
}

// Three texts for each kind of value, to tell which source won.
var samples = map[reflect.Type][3]string{
	reflect.TypeFor[string]():               {"/a", "/b", "/c"},
	reflect.TypeFor[bool]():                 {"true", "false", "true"},
	reflect.TypeFor[Duration]():             {"2d", "36h", "90m"},
	reflect.TypeFor[Size]():                 {"1MiB", "2GiB", "3"},
	reflect.TypeFor[Witnesses]():            {"http://a.example a+1+AA", "http://b.example b+2+BB, http://c.example c+3+CC", "http://d.example d+4+DD"},
	reflect.TypeFor[Count]():                {"1", "2", "3"},
	reflect.TypeFor[TimestampAuthorities](): {"http://a.example /a.pem", "http://b.example /b.pem, http://c.example /c.pem", "http://d.example /d.pem"},
}

// Every value can be set by file, environment and flag, in that order, and is
// described; a field added without a description fails here.
func TestEveryField(t *testing.T) {
	var c Config
	all := fields(&c)
	if len(all) < 20 {
		t.Fatalf("only %d fields", len(all))
	}
	document, table := Document(), Markdown()
	seen := map[string]bool{}
	for i, f := range all {
		t.Run(f.key, func(t *testing.T) {
			if f.doc == "" || strings.HasSuffix(f.key, ".") || f.key == "" {
				t.Fatal("it has no name or no description")
			}
			for _, name := range []string{f.env, "--" + f.flag} {
				if seen[name] || name == EnvFile || name == "--"+fileFlag {
					t.Errorf("%s names two values", name)
				}
				seen[name] = true
			}
			if !strings.Contains(document, "\n"+f.key+"\n    "+f.env+", --"+f.flag) {
				t.Error("Document doesn't describe it")
			}
			if !strings.Contains(strings.Join(strings.Fields(document), " "), f.doc) || !strings.Contains(table, "| `"+f.key+"` | `"+f.env+"` | `--"+f.flag+"` |") {
				t.Error("its meaning or its line in the table is missing")
			}
			if f.fallback != "" && !strings.Contains(document, f.env+", --"+f.flag+"; default "+f.fallback+"\n") {
				t.Error("Document doesn't tell its default")
			}
			sample, ok := samples[f.value.Type()]
			if !ok {
				t.Fatalf("no samples of %s", f.value.Type())
			}
			// Without Validate, which knows which values go together.
			read := func(apply ...func(field, *Config)) reflect.Value {
				var c Config
				for _, a := range apply {
					a(fields(&c)[i], &c)
				}
				return fields(&c)[i].value
			}
			fromFile := func(_ field, c *Config) {
				if err := c.parse([]byte(asYAML(t, f.key, sample[0]))); err != nil {
					t.Fatal(err)
				}
			}
			fromText := func(text string) func(field, *Config) {
				return func(f field, _ *Config) {
					if err := f.set(text); err != nil {
						t.Fatal(err)
					}
				}
			}
			for n, apply := range [][]func(field, *Config){{fromFile}, {fromFile, fromText(sample[1])}, {fromFile, fromText(sample[1]), fromText(sample[2])}} {
				if got, want := read(apply...), read(fromText(sample[n])); !reflect.DeepEqual(got.Interface(), want.Interface()) {
					t.Errorf("after %d sources it is %v, want %v", n+1, got, want)
				}
			}
			if flags(t).Lookup(f.flag) == nil {
				t.Error("it has no flag")
			}
		})
	}
}

func asYAML(t *testing.T, key, value string) string {
	t.Helper()
	section, name, nested := strings.Cut(key, ".")
	if !nested {
		return section + ": " + value + "\n"
	}
	return section + ":\n  " + name + ": " + value + "\n"
}

func TestOrderOfSources(t *testing.T) {
	path := write(t, "listen: 127.0.0.1:1\ntoken_life: 2m\nlimits:\n  max_part: 6MiB\ndata_dir: state\ns3:\n  tls: false\n")
	e := env(EnvFile, path, "CUSTODY_TOKEN_LIFE", "3m", "CUSTODY_LIMITS_MAX_PART", "7MiB", "CUSTODY_MODE", "")
	c, err := Load(flags(t, "--limits-max-part", "8MiB", "--s3-tls"), e)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Listen, want.TokenLife, want.Limits.MaxPart, want.DataDir = "127.0.0.1:1", Duration(3*time.Minute), 8<<20, filepath.Join(filepath.Dir(path), "state")
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	other := write(t, "listen: 127.0.0.1:2\n")
	if c, err = Load(flags(t, "--config", other), e); err != nil || c.Listen != "127.0.0.1:2" {
		t.Errorf("--config against CUSTODY_CONFIG: %s, %v", c.Listen, err)
	}
	if c, err = Load(nil, env("CUSTODY_DATA_DIR", "rel")); err != nil || c.DataDir != "rel" {
		t.Errorf("a path from the environment: %s, %v", c.DataDir, err)
	}
}

func TestBadInput(t *testing.T) {
	for _, tt := range []struct{ name, yaml, want string }{
		{"unknown key", "listn: 127.0.0.1:1\n", "line 1: unknown key listn"},
		{"unknown key in a section", "s3:\n  endpiont: s3.example.org\n", "line 2: unknown key endpiont"},
		{"secret as a value", "s3:\n  secret_key: hunter2\n", "unknown key secret_key"},
		{"key twice", "mode: test\nmode: production\n", "already defined"},
		{"not YAML", "listen: [", "couldn't read configuration"},
		{"a list", "- listen\n", "couldn't read configuration"},
		{"two documents", "mode: test\n---\nmode: production\n", "second document"},
		{"no truth", "s3:\n  tls: perhaps\n", "line 2"},
		{"no duration", "mode: test\ntoken_life: soon\n", `line 2: "soon" is no duration`},
		{"negative duration", "token_life: -5m\n", "is no duration"},
		{"no size", "limits:\n  max_part: 5 apples\n", `line 2: "5 apples" is no size`},
		{"size is a list", "limits:\n  max_part: [5]\n", "line 2: a single value"},
		{"too large a number", "limits:\n  max_part: 99999999999TiB\n", "is no size"},
		{"too large a file", strings.Repeat("# \n", maxFile), "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.yaml)
			_, err := Load(flags(t, "--config", path), env())
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := Load(flags(t, "--config", "/does/not/exist"), env()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	_, err := Load(flags(t, "--token-life", "x"), env("CUSTODY_S3_TLS", "y"))
	if err == nil || !strings.Contains(err.Error(), "flag --token-life: ") || !strings.Contains(err.Error(), "environment variable CUSTODY_S3_TLS: ") {
		t.Errorf("bad flag and variable: %v", err)
	}
	for _, text := range []string{"", "# nothing\n", "s3:\n"} {
		if c, err := Load(flags(t, "--config", write(t, text)), env()); err != nil || !reflect.DeepEqual(c, Default()) {
			t.Errorf("file %q: %+v, %v", text, c, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	c := Default()
	b, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Config
	if err := back.parse(b); err != nil || !reflect.DeepEqual(back, c) {
		t.Errorf("%v\n%s", err, b)
	}
}

func TestSecretFiles(t *testing.T) {
	c := Default()
	c.DatabaseURLFile = write(t, "host=db password='a b '\r\n")
	app, migrator, err := c.Databases()
	if err != nil || app != "host=db password='a b '" || migrator != app {
		t.Errorf("got %q, %q, %v", app, migrator, err)
	}
	c.DatabaseMigratorURL = "host=db user=custody_migrator"
	if _, migrator, err = c.Databases(); err != nil || migrator != c.DatabaseMigratorURL {
		t.Errorf("got %q, %v", migrator, err)
	}
	s := S3{AccessKeyFile: write(t, "AK\n"), SecretKeyFile: write(t, "SK")}
	if a, k, err := s.Keys(); err != nil || a != "AK" || k != "SK" {
		t.Errorf("got %q, %q, %v", a, k, err)
	}
	for _, bad := range []string{write(t, ""), write(t, "\n"), write(t, "secret-one\nsecret-two\n"), "/does/not/exist", t.TempDir()} {
		s.SecretKeyFile = bad
		_, _, err := s.Keys()
		var fe *FieldError
		if !errors.As(err, &fe) || fe.Field != "s3.secret_key_file" || strings.Contains(err.Error(), "secret-one") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
