package config

import (
	"net/url"
	"strings"

	"gopkg.in/yaml.v3"
)

// Witness is where a witness of the log answers, and its key.
type Witness struct {
	URL string // http or https; the prefix of add-checkpoint
	Key string // verifier key, NAME+HASH+BASE64 (C2SP tlog-cosignature)
}

// Witnesses are several. As text each is its URL, a space and its key, with
// commas between; in YAML a list of mappings with url and key, or of such texts,
// or one text.
type Witnesses []Witness

const maxWitnesses = 32

var witnesses = pairs[Witness]{other: "key", what: "verifier key", texts: true,
	make:  func(url, key string) Witness { return Witness{url, key} },
	split: func(w Witness) (string, string) { return w.URL, w.Key },
	parse: func(text string) (string, string, bool) {
		fields := strings.Fields(text)
		if len(fields) != 2 {
			return "", "", false
		}
		return fields[0], fields[1], true
	}}

// MarshalText implements encoding.TextMarshaler.
func (l Witnesses) MarshalText() ([]byte, error) { return witnesses.marshal(l) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Witnesses) UnmarshalText(text []byte) (err error) {
	*l, err = witnesses.unmarshal(text)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler: unknown keys are refused here, too.
func (l *Witnesses) UnmarshalYAML(n *yaml.Node) (err error) {
	if n.Kind == yaml.ScalarNode {
		return scalar(n, l)
	}
	*l, err = witnesses.sequence(n)
	return err
}

// validateWitnesses looks at their form; that a key is one, the service sees
// when it reads it.
func (c Config) validateWitnesses(refuse refusal) {
	const key = "witnesses"
	if len(c.Witnesses) > maxWitnesses {
		refuse(key, "there are %d, and at most %d are asked", len(c.Witnesses), maxWitnesses)
	}
	keys, urls := map[string]bool{}, map[string]bool{}
	for _, w := range c.Witnesses {
		u, err := url.Parse(w.URL)
		// NAME+HASH+BASE64 of type and key: one key under two names is one witness.
		parts := strings.SplitN(w.Key, "+", 3)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
			refuse(key, "%q isn't an http or https URL", w.URL)
		case len(parts) != 3:
			refuse(key, "the key of %s isn't a verifier key: name+hash+key, as custody witness show prints it", w.URL)
		case urls[strings.TrimSuffix(w.URL, "/")]:
			refuse(key, "%s is there twice", w.URL)
		case keys[parts[2]]:
			refuse(key, "the key of %s is there twice: one key is one witness, whatever its name", w.URL)
		default:
			keys[parts[2]], urls[strings.TrimSuffix(w.URL, "/")] = true, true
		}
	}
	if c.WitnessQuorum > Count(len(c.Witnesses)) {
		refuse("witness_quorum", "%d witnesses are wanted, and %d are there", c.WitnessQuorum, len(c.Witnesses))
	}
	bounded(refuse, "witness_wait", c.WitnessWait, 0, Duration(maxWitnessWait))
}
