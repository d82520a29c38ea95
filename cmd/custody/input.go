package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

func parseID(what, s string) (evidence.Digest, error) {
	id, err := evidence.ParseDigest(s)
	if err != nil {
		return id, usagef("%s: %v", what, err)
	}
	return id, nil
}

func parseIDs(what string, in []string) ([]evidence.Digest, error) {
	var out []evidence.Digest
	for _, s := range in {
		id, err := parseID(what, s)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// optionalID reads an id that may be left out.
func optionalID(what, s string) (*evidence.Digest, error) {
	if s == "" {
		return nil, nil
	}
	id, err := parseID(what, s)
	return &id, err
}

// parseRecipient reads ORGANISATION or ORGANISATION/PERSON.
func parseRecipient(s string) (custody.Recipient, error) {
	org, person, named := strings.Cut(s, "/")
	id, err := parseID("--to", org)
	if err != nil {
		return custody.Recipient{}, err
	}
	r := custody.Recipient{Org: id}
	if named {
		p, err := parseID("--to", person)
		if err != nil {
			return custody.Recipient{}, err
		}
		r.Person = &p
	}
	return r, nil
}

func parseParty(flag, s string) (custody.Party, error) {
	r, err := parseRecipient(s)
	if err != nil || r.Person == nil {
		return custody.Party{}, usagef("%s wants ORGANISATION/PERSON", flag)
	}
	return custody.Party{Org: r.Org, Person: *r.Person}, nil
}

// parseTime reads RFC 3339, or local time without a zone.
func parseTime(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("%s: %q is not a time such as 2026-11-23T14:05:00+05:00 or \"2026-11-23 14:05\"", flag, s)
}

// parseFields reads NAME=VALUE pairs.
func parseFields(flag string, pairs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range pairs {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, usagef("%s wants NAME=VALUE, not %q", flag, p)
		}
		if _, twice := out[name]; twice {
			return nil, usagef("%s names %s twice", flag, name)
		}
		out[name] = value
	}
	return out, nil
}

// parsePerson reads a witness: a name, or NAME=VALUE pairs separated by semicolons.
func parsePerson(flag, s string) (map[string]string, error) {
	if !strings.Contains(s, "=") {
		return map[string]string{"name": s}, nil
	}
	pairs := strings.Split(s, ";")
	for i := range pairs {
		pairs[i] = strings.TrimSpace(pairs[i])
	}
	return parseFields(flag, pairs)
}

// tellingFlags are what every act may tell besides what rules depend on.
type tellingFlags struct {
	from, to, note string
	details        []string
}

func (t *tellingFlags) register(cmd *cobra.Command, kind custody.Kind) {
	f := cmd.Flags()
	f.StringVar(&t.from, "at", "", "time of the act, if not now (RFC 3339, or local \"2026-11-23 14:05\")")
	f.StringVar(&t.to, "until", "", "time at which the act ended, if it took time")
	names := "none"
	if rule, ok := custody.Rule(kind); ok && len(rule.Details) > 0 {
		var all []string
		for _, d := range rule.Details {
			all = append(all, string(d))
		}
		names = strings.Join(all, ", ")
		f.StringVar(&t.note, "note", "", "a remark in free text; can be withheld from others")
	}
	f.StringArrayVar(&t.details, "detail", nil, "NAME=VALUE in free text; can be withheld from others; names: "+names)
}

func (t *tellingFlags) telling() (desk.Telling, error) {
	var out desk.Telling
	var err error
	if out.From, err = parseTime("--at", t.from); err != nil {
		return out, err
	}
	if out.To, err = parseTime("--until", t.to); err != nil {
		return out, err
	}
	fields, err := parseFields("--detail", t.details)
	if err != nil {
		return out, err
	}
	out.Details = map[custody.Field]string{}
	for name, v := range fields {
		out.Details[custody.Field(name)] = v
	}
	if t.note != "" {
		out.Details[custody.FieldNote] = t.note
	}
	return out, nil
}

// fieldFlags are the fields of a founding document: the common ones as flags
// of their own, all of them through --field.
type fieldFlags struct {
	named map[string]*string
	pairs []string
}

func (t *fieldFlags) register(cmd *cobra.Command, doc custody.DocumentType, common ...string) {
	t.named = map[string]*string{}
	for _, name := range common {
		t.named[name] = cmd.Flags().String(name, "", "field "+name+" of the "+string(doc)+"'s document")
	}
	cmd.Flags().StringArrayVar(&t.pairs, "field", nil, "NAME=VALUE of the "+string(doc)+"'s document; names: "+
		strings.Join(custody.FoundingFields(doc), ", "))
}

func (t *fieldFlags) fields() (map[string]string, error) {
	out, err := parseFields("--field", t.pairs)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(t.named)) {
		if v := *t.named[name]; v != "" {
			if _, twice := out[name]; twice {
				return nil, usagef("--%s and --field %s", name, name)
			}
			out[name] = v
		}
	}
	return out, nil
}

// resolve reads an item or case id, or the unique beginning of one (at least
// 6 digits) among those the service shows.
func resolve(ctx context.Context, what, s string, known func(context.Context) ([]evidence.Digest, error)) (evidence.Digest, error) {
	if id, err := evidence.ParseDigest(s); err == nil {
		return id, nil
	}
	if len(s) < 6 || len(s) >= 64 || strings.Trim(s, "0123456789abcdef") != "" {
		return evidence.Digest{}, usagef("%s %q: not an id, nor the beginning of one (6 hex digits or more)", what, s)
	}
	ids, err := known(ctx)
	if err != nil {
		return evidence.Digest{}, err
	}
	var found []evidence.Digest
	for _, id := range ids {
		if strings.HasPrefix(id.String(), s) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return evidence.Digest{}, fmt.Errorf("%s %s: %w", what, s, desk.ErrUnknown)
	}
	return evidence.Digest{}, usagef("%s %s: %d ids begin so", what, s, len(found))
}

func itemsOf(d *desk.Desk) func(context.Context) ([]evidence.Digest, error) {
	return func(ctx context.Context) ([]evidence.Digest, error) {
		items, err := d.Service.Items(ctx, evidence.Digest{})
		var ids []evidence.Digest
		for _, it := range items {
			ids = append(ids, it.ID)
		}
		return ids, err
	}
}

func casesOf(d *desk.Desk) func(context.Context) ([]evidence.Digest, error) {
	return func(ctx context.Context) ([]evidence.Digest, error) {
		cases, err := d.Service.Cases(ctx)
		var ids []evidence.Digest
		for _, c := range cases {
			ids = append(ids, c.ID)
		}
		return ids, err
	}
}

func resolveItems(ctx context.Context, d *desk.Desk, args []string) ([]evidence.Digest, error) {
	var out []evidence.Digest
	for _, s := range args {
		id, err := resolve(ctx, "item", s, itemsOf(d))
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}
