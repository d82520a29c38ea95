package custody

// DecodeLong is the long way of Decode, which the short way must agree with.
var DecodeLong = decodeLong

// ReadShort reports whether Decode would read the payload the short way.
func ReadShort(payload []byte) bool { s, _ := decodeShort(payload); return s != nil }
