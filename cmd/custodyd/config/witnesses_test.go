package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestWitnesses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "custodyd.yaml")
	load := func(text string, env map[string]string) (Config, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Load(nil, func(k string) string {
			if k == EnvFile {
				return file
			}
			return env[k]
		})
	}
	want := Witnesses{{"https://a.example", "a.example+01020304+BAAA"}, {"http://b.example:8441/w", "b.example/w+05060708+BBBB"}}
	for name, text := range map[string]string{
		"mappings": "witnesses:\n- {url: https://a.example, key: a.example+01020304+BAAA}\n- url: http://b.example:8441/w\n  key: b.example/w+05060708+BBBB\n",
		"texts":    "witnesses:\n- https://a.example a.example+01020304+BAAA\n- http://b.example:8441/w b.example/w+05060708+BBBB\n",
		"one text": "witnesses: https://a.example a.example+01020304+BAAA, http://b.example:8441/w b.example/w+05060708+BBBB\n",
	} {
		c, err := load(text+"witness_quorum: 2\nwitness_wait: 500ms\n", nil)
		if err != nil || !reflect.DeepEqual(c.Witnesses, want) || c.WitnessQuorum != 2 || c.WitnessWait.String() != "500ms" {
			t.Errorf("%s: %+v, %v", name, c.Witnesses, err)
		}
	}
	text, err := want.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	c, err := load("", map[string]string{"CUSTODY_WITNESSES": string(text), "CUSTODY_WITNESS_QUORUM": "1"})
	if err != nil || !reflect.DeepEqual(c.Witnesses, want) || c.WitnessQuorum != 1 {
		t.Errorf("%+v, %v", c.Witnesses, err)
	}
	one := "https://a.example a+1+BAAA"
	for text, says := range map[string]string{
		"witnesses: {url: x}":                                 "a list is needed",
		"witnesses: [[x]]":                                    "a mapping",
		"witnesses: [x]":                                      "with a space between",
		"witnesses: [{url: [x]}]":                             "a single value",
		"witnesses: [{uri: x}]":                               `unknown key "uri"`,
		"witnesses: https://a.example":                        "with a space between",
		"witnesses: a.example a+1+BAAA":                       "isn't an http",
		"witnesses: https://u:p@a.example a+1+BAAA":           "isn't an http",
		"witnesses: https://a.example?x a+1+BAAA":             "isn't an http",
		"witnesses: https://a.example a+1":                    "isn't a verifier key",
		"witnesses: " + one + ", https://a.example/ b+1+BBBB": "is there twice",
		"witnesses: " + one + ", https://b.example b+2+BAAA":  "one key is one witness",
		"witnesses: " + strings.Repeat(one+", ", 32) + one:    "at most 32",
		"witness_quorum: 1":                                   "1 witnesses are wanted, and 0",
		"witnesses: " + one + "\nwitness_quorum: 2":           "2 witnesses are wanted, and 1",
		"witness_quorum: many":                                "is no number",
		"witness_wait: 5m":                                    "isn't between",
	} {
		if _, err := load(text, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
