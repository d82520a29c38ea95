package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// field is one value of a configuration, and what its tags say about it.
type field struct {
	key      string // as in the file: s3.bucket
	env      string // CUSTODY_S3_BUCKET
	flag     string // s3-bucket
	fallback string // the default, as text
	doc      string
	value    reflect.Value
}

// fields lists all values of c, which they can set.
func fields(c *Config) []field { return collect(reflect.ValueOf(c).Elem(), "") }

func collect(v reflect.Value, prefix string) []field {
	var all []field
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		key := prefix + tag.Get("yaml")
		if v.Field(i).Kind() == reflect.Struct {
			all = append(all, collect(v.Field(i), key+".")...)
			continue
		}
		f := field{key: key, env: envName(key), flag: tag.Get("flag"), fallback: tag.Get("default"), doc: tag.Get("doc"), value: v.Field(i)}
		if f.flag == "" {
			f.flag = strings.NewReplacer(".", "-", "_", "-").Replace(key)
		}
		all = append(all, f)
	}
	return all
}

func envName(key string) string {
	return "CUSTODY_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// set gives the value what a text says.
func (f field) set(text string) error {
	if u, ok := f.value.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch f.value.Kind() {
	case reflect.String:
		f.value.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		f.value.SetBool(b)
	default:
		return fmt.Errorf("no text can be read into a %s", f.value.Type())
	}
	return nil
}

// Default is the configuration when nothing is configured.
func Default() Config {
	var c Config
	for _, f := range fields(&c) {
		if f.fallback == "" {
			continue
		}
		if err := f.set(f.fallback); err != nil {
			// A tag of this package; the tests read all of them.
			panic(fmt.Sprintf("config: default of %s: %v", f.key, err))
		}
	}
	return c
}

// Document describes every value: its key in the file, its environment
// variable, its flag, its default and its meaning.
func Document() string {
	var c Config
	var b strings.Builder
	b.WriteString("The configuration file is named by --config or " + EnvFile + ". It is YAML; a dot\n" +
		"in a key stands for a nested section. Environment variables override it, flags override both.\n" +
		"Secrets are in files of their own.\n")
	for _, f := range fields(&c) {
		fmt.Fprintf(&b, "\n%s\n    %s, --%s", f.key, f.env, f.flag)
		if f.fallback != "" {
			fmt.Fprintf(&b, "; default %s", f.fallback)
		}
		b.WriteString("\n")
		for _, line := range wrap(f.doc, 84) {
			b.WriteString("    " + line + "\n")
		}
	}
	return b.String()
}

// Markdown is Document as a table, for a README.
func Markdown() string {
	var c Config
	var b strings.Builder
	b.WriteString("| Key | Environment | Flag | Default | Meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range fields(&c) {
		fallback := ""
		if f.fallback != "" {
			fallback = "`" + f.fallback + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | `--%s` | %s | %s |\n", f.key, f.env, f.flag, fallback, strings.ReplaceAll(f.doc, "|", `\|`))
	}
	return b.String()
}

func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
