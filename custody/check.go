package custody

import (
	"slices"
	"strings"
)

// enum is a closed list of words.
type enum interface{ ~string }

func oneOf[E enum](field string, v E, words ...E) error {
	if slices.Contains(words, v) {
		return nil
	}
	names := make([]string, len(words))
	for i, w := range words {
		names[i] = string(w)
	}
	return Refuse("body.enum", "predicate.body."+field, "%.40q is not one of %s", string(v), strings.Join(names, ", "))
}

// idList holds a list of ids to its order and bounds.
func idList(field string, ids []ID, least, most int) error {
	if len(ids) < least || len(ids) > most {
		return Refuse("body.count", "predicate.body."+field, "has %d entries; between %d and %d are required", len(ids), least, most)
	}
	if !sortedUnique(ids) {
		return Refuse("body.order", "predicate.body."+field, "must be sorted and unique")
	}
	return nil
}

// SealNumber is the printed number of a physical seal: 1 to 64 of letters,
// digits and "./_-". It is not free text, so it stands in the body.
type SealNumber string

func sealList(field string, seals []SealNumber) error {
	if len(seals) > 64 {
		return Refuse("body.count", "predicate.body."+field, "has %d seals; at most 64 are allowed", len(seals))
	}
	for i, s := range seals {
		if len(s) == 0 || len(s) > 64 || strings.Trim(string(s), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./_-") != "" {
			return Refuse("body.seal", "predicate.body."+field, "a seal number is 1 to 64 of A-Z a-z 0-9 . / _ -, not %.80q", string(s))
		}
		if i > 0 && seals[i-1] >= s {
			return Refuse("body.order", "predicate.body."+field, "must be sorted and unique")
		}
	}
	return nil
}

func hexText(field, s string, bytes int) error {
	if len(s) != 2*bytes || strings.Trim(s, "0123456789abcdef") != "" {
		return Refuse("body.digest", "predicate.body."+field, "must be %d lowercase hex digits", 2*bytes)
	}
	return nil
}

func nonZero(field string, ids ...ID) error {
	for _, id := range ids {
		if id.IsZero() {
			return Refuse("body.id", "predicate.body."+field, "is never zero")
		}
	}
	return nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
