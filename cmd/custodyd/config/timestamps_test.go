package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestTimestampAuthorities(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "custodyd.yaml")
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
	want := TimestampAuthorities{{"https://tsa.example/tsr", filepath.Join(dir, "a.pem")}, {"http://other.example", "/etc/b.pem"}}
	c, err := load("timestamp_authorities:\n- {url: https://tsa.example/tsr, certificate_file: a.pem}\n- url: http://other.example\n  certificate_file: /etc/b.pem\ntimestamp_every: 5m\n", nil)
	if err != nil || !reflect.DeepEqual(c.TimestampAuthorities, want) || c.TimestampEvery.String() != "5m0s" {
		t.Fatalf("%+v, %v", c.TimestampAuthorities, err)
	}
	if c.TimestampAuthorities[0].Name() != "tsa.example/tsr" {
		t.Errorf("named %q", c.TimestampAuthorities[0].Name())
	}
	text, err := want.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	c, err = load("", map[string]string{"CUSTODY_TIMESTAMP_AUTHORITIES": string(text)})
	if err != nil || !reflect.DeepEqual(c.TimestampAuthorities, want) {
		t.Errorf("%+v, %v", c.TimestampAuthorities, err)
	}
	for text, says := range map[string]string{
		"timestamp_authorities: {url: x}":                                                     "a list is needed",
		"timestamp_authorities: [[x]]":                                                        "a mapping",
		"timestamp_authorities: [{url: [x]}]":                                                 "a single value",
		"timestamp_authorities: [{uri: x}]":                                                   `unknown key "uri"`,
		"timestamp_authorities: https://a.example":                                            "with a space between",
		"timestamp_authorities: [{url: a.example, certificate_file: x}]":                      "isn't an http",
		"timestamp_authorities: [{url: 'https://u:p@a.example', certificate_file: x}]":        "isn't an http",
		"timestamp_authorities: [{url: 'https://a.example'}]":                                 "no certificate_file",
		"timestamp_authorities: https://a.example x, https://a.example y":                     "twice",
		"timestamp_authorities: " + strings.Repeat("https://a.example x, ", 9) + "http://b y": "at most 8",
		"timestamp_every: 10ms":                                                               "isn't between",
	} {
		if _, err := load(text, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	var field *FieldError
	if _, err := load("timestamp_every: 48h", nil); !errors.As(err, &field) || field.Field != "timestamp_every" {
		t.Error(err)
	}
}
