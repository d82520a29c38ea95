package keyring

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxName is the longest name, in bytes of NFC-normalised UTF-8.
const MaxName = 255

// ErrName reports a name that cannot be shown unambiguously on one line.
var ErrName = errors.New("not an acceptable name")

// CanonicalName returns the NFC form under which a key or policy is stored. It
// refuses names that are empty, too long, not UTF-8, padded with spaces, or
// that hold control or bidirectional control characters: two names that look
// alike must not be two keys.
func CanonicalName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", fmt.Errorf("%w: not UTF-8", ErrName)
	}
	name = norm.NFC.String(name)
	switch {
	case name == "":
		return "", fmt.Errorf("%w: empty", ErrName)
	case len(name) > MaxName:
		return "", fmt.Errorf("%w: longer than %d bytes", ErrName, MaxName)
	case strings.TrimSpace(name) != name:
		return "", fmt.Errorf("%w: spaces around it", ErrName)
	}
	for _, r := range name {
		// ZWNJ and ZWJ are ordinary letters' companions in Urdu and Persian.
		if r == '\u200c' || r == '\u200d' {
			continue
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return "", fmt.Errorf("%w: character %U", ErrName, r)
		}
	}
	return name, nil
}

// fileStem maps a canonical name to a file name that every file system takes,
// one to one: a plain name stays as it is; any other (upper case, spaces,
// Urdu, slashes) becomes what is plain in it, a tilde and a digest of all.
func fileStem(name string) string {
	var plain strings.Builder
	for i := 0; i < len(name) && plain.Len() < 40; i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' {
			plain.WriteByte(c)
		}
	}
	if plain.String() == name {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return plain.String() + "~" + hex.EncodeToString(sum[:16])
}
