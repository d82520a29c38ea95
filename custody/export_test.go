package custody

import "testing"

// DecodeLong is the long way of Decode, which the short way must agree with.
var DecodeLong = decodeLong

// ReadShort reports whether Decode would read the payload the short way.
func ReadShort(payload []byte) bool { s, _ := decodeShort(payload); return s != nil }

// ShortWaysAgree holds the short readings of details and documents to the long.
func ShortWaysAgree(t *testing.T, b []byte) {
	shortDetailAgrees(t, b)
	shortFoundingAgrees(t, b)
}
