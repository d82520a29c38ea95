package custody

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/evidence-custody/custodyd/evidence"
)

// Reading a statement with encoding/json and writing it again to compare costs
// half of what verifying its signature does. So the one encoding is read
// directly: every member in its place, nothing else, no escapes. What does not
// read so goes the long way, which says why it is refused; a fuzz test holds
// the two to each other.

// scan is a position in canonical bytes. Its methods report false where the
// bytes are not what the one encoding has there.
type scan struct {
	b    []byte
	at   int
	body []byte // an event's body passed over: its kind, which stands behind it, says how to read it
}

// next passes over one byte.
func (s *scan) next(c byte) bool {
	if s.at < len(s.b) && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

// literal passes over text.
func (s *scan) literal(text string) bool {
	if len(s.b)-s.at >= len(text) && string(s.b[s.at:s.at+len(text)]) == text {
		s.at += len(text)
		return true
	}
	return false
}

// text reads a string without escapes; the bytes are the scan's own.
func (s *scan) text() ([]byte, bool) {
	if !s.next('"') {
		return nil, false
	}
	for i := s.at; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			t := s.b[s.at:i]
			s.at = i + 1
			return t, true
		case c == '\\' || c < 0x20 || c > 0x7e:
			return nil, false
		}
	}
	return nil, false
}

// skip passes over one object, which is read later.
func (s *scan) skip() ([]byte, bool) {
	start, depth := s.at, 0
	for ; s.at < len(s.b); s.at++ {
		switch s.b[s.at] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				s.at++
				return s.b[start:s.at], true
			}
		case '"':
			if _, ok := s.text(); !ok {
				return nil, false
			}
			s.at--
		}
		if depth == 0 {
			return nil, false
		}
	}
	return nil, false
}

// codec reads one value of a type into v.
type codec func(s *scan, v reflect.Value) bool

var codecs sync.Map // reflect.Type: codec

// readCanonical reads exactly one value into *v. False: the bytes are not its
// one encoding, or not one that the short way reads.
func readCanonical(b []byte, v any) bool {
	return (&scan{b: b}).whole(v)
}

// whole reads the one value that the bytes are into *v.
func (s *scan) whole(v any) bool {
	elem := reflect.ValueOf(v).Elem()
	return codecOf(elem.Type())(s, elem) && s.at == len(s.b)
}

func codecOf(t reflect.Type) codec {
	if c, ok := codecs.Load(t); ok {
		return c.(codec)
	}
	c := makeCodec(t)
	codecs.Store(t, c)
	return c
}

func makeCodec(t reflect.Type) codec {
	switch t {
	case reflect.TypeFor[evidence.Digest]():
		return func(s *scan, v reflect.Value) bool { return s.digest(v.Addr().Interface().(*evidence.Digest)) }
	case reflect.TypeFor[Time]():
		return func(s *scan, v reflect.Value) bool {
			text, ok := s.text()
			return ok && v.Addr().Interface().(*Time).UnmarshalText(text) == nil
		}
	case reflect.TypeFor[Body]():
		return func(s *scan, _ reflect.Value) (ok bool) {
			s.body, ok = s.skip()
			return ok
		}
	case reflect.TypeFor[map[Field]ID]():
		return func(s *scan, v reflect.Value) bool { return s.details(v.Addr().Interface().(*map[Field]ID)) }
	}
	switch t.Kind() {
	case reflect.String:
		return func(s *scan, v reflect.Value) bool {
			text, ok := s.text()
			word, known := words[string(text)]
			if !known {
				word = string(text)
			}
			v.SetString(word)
			return ok
		}
	case reflect.Uint64:
		return func(s *scan, v reflect.Value) bool {
			n, ok := s.integer()
			v.SetUint(n)
			return ok
		}
	case reflect.Pointer:
		elem := codecOf(t.Elem())
		return func(s *scan, v reflect.Value) bool {
			p := reflect.New(t.Elem())
			v.Set(p)
			return elem(s, p.Elem())
		}
	case reflect.Slice:
		return listCodec(t)
	case reflect.Struct:
		return objectCodec(t)
	}
	panic(fmt.Sprintf("statements have no %s", t)) // a type that the tests would meet first
}

// words are those that most statements repeat; reading one makes no copy.
var words = func() map[string]string {
	m := map[string]string{}
	for _, w := range []string{StatementType, PredicateType, string(ClassPerson), string(ClassService), string(SealIntact), string(SealNone)} {
		m[w] = w
	}
	for _, p := range purposes {
		m[string(p)] = string(p)
	}
	for k := range kinds {
		m[string(k)] = string(k)
	}
	return m
}()

func (s *scan) digest(d *evidence.Digest) bool {
	const n = 2 * len(d)
	if len(s.b)-s.at < n+2 || s.b[s.at] != '"' || s.b[s.at+1+n] != '"' {
		return false
	}
	text := s.b[s.at+1:]
	for i := range d {
		hi, lo := hexDigits[text[2*i]], hexDigits[text[2*i+1]]
		if hi|lo > 15 {
			return false
		}
		d[i] = hi<<4 | lo
	}
	s.at += n + 2
	return true
}

// hexDigits has the value of each lowercase hex digit, and 255 for the rest.
var hexDigits = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range "0123456789abcdef" {
		t[c] = byte(i)
	}
	return t
}()

// integer reads 0 to 2^53-1 without needless zeros.
func (s *scan) integer() (uint64, bool) {
	start, n := s.at, uint64(0)
	for s.at < len(s.b) && s.b[s.at] >= '0' && s.b[s.at] <= '9' {
		if n = n*10 + uint64(s.b[s.at]-'0'); n > MaxInteger {
			return 0, false
		}
		s.at++
	}
	return n, s.at > start && (s.at == start+1 || s.b[start] != '0')
}

// details reads a map of ids, its names ascending.
func (s *scan) details(into *map[Field]ID) bool {
	m := map[Field]ID{}
	*into = m
	if !s.next('{') {
		return false
	}
	if s.next('}') {
		return true
	}
	for last := ""; ; {
		name, ok := s.text()
		if !ok || len(m) > 0 && string(name) <= last || !s.next(':') {
			return false
		}
		last = string(name)
		var id ID
		if !s.digest(&id) {
			return false
		}
		m[Field(last)] = id
		if s.next('}') {
			return true
		}
		if !s.next(',') {
			return false
		}
	}
}

func listCodec(t reflect.Type) codec {
	elem := codecOf(t.Elem())
	return func(s *scan, v reflect.Value) bool {
		if !s.next('[') {
			return false
		}
		if s.next(']') {
			v.Set(reflect.MakeSlice(t, 0, 0))
			return true
		}
		v.Set(reflect.MakeSlice(t, 0, 2))
		for n := 0; ; n++ {
			if n == v.Cap() {
				v.Grow(n)
			}
			v.SetLen(n + 1)
			v.Index(n).SetZero()
			if !elem(s, v.Index(n)) {
				return false
			}
			if s.next(']') {
				return true
			}
			if !s.next(',') {
				return false
			}
		}
	}
}

// member is one member of an object, in the order of names.
type member struct {
	index    int
	name     string // with quotation marks and colon
	optional bool
	read     codec
}

func objectCodec(t reflect.Type) codec {
	var members []member
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		members = append(members, member{i, `"` + name + `":`, options == "omitempty", codecOf(f.Type)})
	}
	return func(s *scan, v reflect.Value) bool {
		if !s.next('{') {
			return false
		}
		some := false
		for i := range members {
			m := &members[i]
			start := s.at
			if some && !s.next(',') || !s.literal(m.name) {
				if s.at = start; m.optional {
					continue
				}
				return false
			}
			f := v.Field(m.index)
			// What is empty is left out.
			if !m.read(s, f) || m.optional && f.IsZero() {
				return false
			}
			some = true
		}
		return s.next('}')
	}
}
