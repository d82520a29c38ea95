package config

import (
	"net/url"
	"strings"

	"gopkg.in/yaml.v3"
)

// TimestampAuthority is a time-stamping authority and where its certificates are.
type TimestampAuthority struct {
	URL             string // http or https
	CertificateFile string // PEM: its own certificate, or ones above it
}

// Name is what the record, metrics and logs call it: its host and path.
func (a TimestampAuthority) Name() string {
	u, err := url.Parse(a.URL)
	if err != nil {
		return a.URL
	}
	return u.Host + u.Path
}

// TimestampAuthorities are several. As text each is its URL, a space and its
// file, with commas between; in YAML a list of mappings with url and
// certificate_file, or that text.
type TimestampAuthorities []TimestampAuthority

const maxAuthorities = 8

var authorities = pairs[TimestampAuthority]{other: "certificate_file", what: "certificate file",
	make:  func(url, file string) TimestampAuthority { return TimestampAuthority{url, file} },
	split: func(a TimestampAuthority) (string, string) { return a.URL, a.CertificateFile },
	parse: func(text string) (string, string, bool) { // a file's name may have spaces
		at, file, ok := strings.Cut(strings.TrimSpace(text), " ")
		file = strings.TrimSpace(file)
		return at, file, ok && file != ""
	}}

// MarshalText implements encoding.TextMarshaler.
func (l TimestampAuthorities) MarshalText() ([]byte, error) { return authorities.marshal(l) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *TimestampAuthorities) UnmarshalText(text []byte) (err error) {
	*l, err = authorities.unmarshal(text)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler: unknown keys are refused here, too.
func (l *TimestampAuthorities) UnmarshalYAML(n *yaml.Node) (err error) {
	if n.Kind == yaml.ScalarNode {
		return scalar(n, l)
	}
	*l, err = authorities.sequence(n)
	return err
}

func (c Config) validateTimestamps(refuse refusal) {
	const key = "timestamp_authorities"
	if len(c.TimestampAuthorities) > maxAuthorities {
		refuse(key, "there are %d, and at most %d are asked", len(c.TimestampAuthorities), maxAuthorities)
	}
	names := map[string]bool{}
	for _, a := range c.TimestampAuthorities {
		u, err := url.Parse(a.URL)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "":
			refuse(key, "%q isn't an http or https URL", a.URL)
		case names[a.Name()]:
			refuse(key, "%s is there twice", a.Name())
		case a.CertificateFile == "":
			refuse(key, "%s has no certificate_file: without a certificate nothing that it says can be checked", a.Name())
		}
		names[a.Name()] = true
	}
}
