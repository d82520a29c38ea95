package evidence

import "bytes"

// Format says how an artifact's bytes are to be read.
type Format string

// The formats a deposit can declare.
const (
	FormatRaw    Format = "raw"     // a sector-by-sector copy, or any file
	FormatEWFE01 Format = "ewf-e01" // Expert Witness Format, first segment
)

// GuessFormat judges by the first bytes of a file; 8 are enough.
func GuessFormat(head []byte) Format {
	if bytes.HasPrefix(head, []byte("EVF\x09\x0d\x0a\xff\x00")) {
		return FormatEWFE01
	}
	return FormatRaw
}
