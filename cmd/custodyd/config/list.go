package config

import (
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// pairs is the form that all lists of addresses share. As text each is its URL, a
// space and one thing more, with commas between; in YAML a list of mappings with
// url and that thing's key, or of such texts, or one text.
type pairs[T any] struct {
	other string // the second key of a mapping
	what  string // the second thing, in words
	make  func(url, other string) T
	split func(one T) (url, other string)
	parse func(text string) (url, other string, ok bool)
	texts bool // a YAML list may hold texts, too
}

func (p pairs[T]) marshal(list []T) ([]byte, error) {
	all := make([]string, len(list))
	for i, one := range list {
		url, other := p.split(one)
		all[i] = url + " " + other
	}
	return []byte(strings.Join(all, ", ")), nil
}

func (p pairs[T]) unmarshal(text []byte) ([]T, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var out []T
	for one := range strings.SplitSeq(string(text), ",") {
		t, err := p.one(one)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func (p pairs[T]) one(text string) (T, error) {
	url, other, ok := p.parse(text)
	if !ok {
		var none T
		return none, fmt.Errorf("%q is no URL and %s with a space between", text, p.what)
	}
	return p.make(url, other), nil
}

// sequence reads a YAML list; unknown keys are refused.
func (p pairs[T]) sequence(n *yaml.Node) ([]T, error) {
	if n.Kind != yaml.SequenceNode {
		return nil, refused(n, fmt.Errorf("a list is needed, of mappings with url and %s", p.other))
	}
	var out []T
	for _, item := range n.Content {
		one, err := p.item(item)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func (p pairs[T]) item(item *yaml.Node) (T, error) {
	var none T
	switch {
	case item.Kind == yaml.ScalarNode && p.texts:
		one, err := p.one(item.Value)
		if err != nil {
			return none, refused(item, err)
		}
		return one, nil
	case item.Kind != yaml.MappingNode:
		return none, refused(item, fmt.Errorf("a mapping with url and %s is needed", p.other))
	}
	var url, other string
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i], item.Content[i+1]
		if value.Kind != yaml.ScalarNode {
			return none, refused(value, errors.New("a single value is needed"))
		}
		switch key.Value {
		case "url":
			url = value.Value
		case p.other:
			other = value.Value
		default:
			return none, refused(key, fmt.Errorf("unknown key %q", key.Value))
		}
	}
	return p.make(url, other), nil
}

func refused(n *yaml.Node, err error) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %v", n.Line, err)}}
}
