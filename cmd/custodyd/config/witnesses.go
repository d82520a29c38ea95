package config

import (
	"errors"
	"fmt"
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

// MarshalText implements encoding.TextMarshaler.
func (l Witnesses) MarshalText() ([]byte, error) {
	all := make([]string, len(l))
	for i, w := range l {
		all[i] = w.URL + " " + w.Key
	}
	return []byte(strings.Join(all, ", ")), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Witnesses) UnmarshalText(text []byte) error {
	*l = nil
	if len(text) == 0 {
		return nil
	}
	for one := range strings.SplitSeq(string(text), ",") {
		w, err := witnessOf(one)
		if err != nil {
			return err
		}
		*l = append(*l, w)
	}
	return nil
}

func witnessOf(text string) (Witness, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return Witness{}, fmt.Errorf("%q is no URL and verifier key with a space between", text)
	}
	return Witness{fields[0], fields[1]}, nil
}

// UnmarshalYAML implements yaml.Unmarshaler: unknown keys are refused here, too.
func (l *Witnesses) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return scalar(n, l)
	}
	if n.Kind != yaml.SequenceNode {
		return refused(n, errors.New("a list is needed, of mappings with url and key"))
	}
	*l = nil
	for _, item := range n.Content {
		var w Witness
		switch item.Kind {
		case yaml.ScalarNode:
			var err error
			if w, err = witnessOf(item.Value); err != nil {
				return refused(item, err)
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(item.Content); i += 2 {
				key, value := item.Content[i], item.Content[i+1]
				if value.Kind != yaml.ScalarNode {
					return refused(value, errors.New("a single value is needed"))
				}
				switch key.Value {
				case "url":
					w.URL = value.Value
				case "key":
					w.Key = value.Value
				default:
					return refused(key, fmt.Errorf("unknown key %q", key.Value))
				}
			}
		default:
			return refused(item, errors.New("a mapping with url and key is needed"))
		}
		*l = append(*l, w)
	}
	return nil
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
