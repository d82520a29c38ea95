package config

import (
	"errors"
	"fmt"
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

// MarshalText implements encoding.TextMarshaler.
func (l TimestampAuthorities) MarshalText() ([]byte, error) {
	all := make([]string, len(l))
	for i, a := range l {
		all[i] = a.URL + " " + a.CertificateFile
	}
	return []byte(strings.Join(all, ", ")), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *TimestampAuthorities) UnmarshalText(text []byte) error {
	*l = nil
	if len(text) == 0 {
		return nil
	}
	for one := range strings.SplitSeq(string(text), ",") {
		at, file, ok := strings.Cut(strings.TrimSpace(one), " ")
		if file = strings.TrimSpace(file); !ok || file == "" {
			return fmt.Errorf("%q is no URL and certificate file with a space between", one)
		}
		*l = append(*l, TimestampAuthority{at, file})
	}
	return nil
}

// UnmarshalYAML implements yaml.Unmarshaler: unknown keys are refused here, too.
func (l *TimestampAuthorities) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return scalar(n, l)
	}
	if n.Kind != yaml.SequenceNode {
		return refused(n, errors.New("a list is needed, of mappings with url and certificate_file"))
	}
	*l = nil
	for _, item := range n.Content {
		if item.Kind != yaml.MappingNode {
			return refused(item, errors.New("a mapping with url and certificate_file is needed"))
		}
		var a TimestampAuthority
		for i := 0; i+1 < len(item.Content); i += 2 {
			key, value := item.Content[i], item.Content[i+1]
			if value.Kind != yaml.ScalarNode {
				return refused(value, errors.New("a single value is needed"))
			}
			switch key.Value {
			case "url":
				a.URL = value.Value
			case "certificate_file":
				a.CertificateFile = value.Value
			default:
				return refused(key, fmt.Errorf("unknown key %q", key.Value))
			}
		}
		*l = append(*l, a)
	}
	return nil
}

func refused(n *yaml.Node, err error) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %v", n.Line, err)}}
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
