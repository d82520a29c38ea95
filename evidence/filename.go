package evidence

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxFileName is the longest file name of an artifact, in bytes of UTF-8.
const MaxFileName = 255

// ErrFileName reports a name no artifact may have; FileNameError says why.
var ErrFileName = errors.New("not an acceptable file name")

// FileNameError names the rule a file name broke.
type FileNameError struct {
	Rule string // empty, too-long, not-utf-8, path, control, bidi
}

func (e *FileNameError) Error() string { return fmt.Sprintf("%v (%s)", ErrFileName, e.Rule) }

// Is makes every FileNameError match ErrFileName.
func (e *FileNameError) Is(target error) bool { return target == ErrFileName }

// CheckFileName refuses, with a *FileNameError, what could lead a reader
// astray: path separators and the names "." and "..", control characters and
// line separators, characters that reorder text (bidi controls), invalid
// UTF-8, the empty name and names over MaxFileName bytes. Joiners stay: Urdu
// and Persian names are written with them.
func CheckFileName(name string) error {
	switch {
	case name == "":
		return &FileNameError{"empty"}
	case len(name) > MaxFileName:
		return &FileNameError{"too-long"}
	case !utf8.ValidString(name):
		return &FileNameError{"not-utf-8"}
	case name == "." || name == "..":
		return &FileNameError{"path"}
	}
	for _, r := range name {
		switch {
		case r == '/' || r == '\\':
			return &FileNameError{"path"}
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return &FileNameError{"control"}
		case unicode.Is(unicode.Bidi_Control, r):
			return &FileNameError{"bidi"}
		}
	}
	return nil
}

// NormalizeFileName returns name in Unicode normal form C. Clients call it
// before they sign; what was signed is never changed afterwards.
func NormalizeFileName(name string) string { return norm.NFC.String(name) }
