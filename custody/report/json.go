package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrNotCanonical reports bytes that are not what [JSON] writes for the
// document they hold.
var ErrNotCanonical = errors.New("not the canonical report.json of its content")

// JSON returns the bytes of report.json: the one encoding of a document.
// Members stand in the order of the types, two spaces indent, a newline ends
// the file, empty lists are [], and invisible and direction-changing characters
// are written as \u escapes so that no reader sees text other than it is. It
// refuses a document that [Document.Check] refuses.
func JSON(d Document) ([]byte, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	return encode(d)
}

func encode(d Document) ([]byte, error) {
	whole, err := completed(reflect.ValueOf(d), "")
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the report: %w", err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(whole.Interface()); err != nil {
		return nil, fmt.Errorf("couldn't encode the report: %w", err)
	}
	return escapeInvisible(b.Bytes()), nil
}

// Parse reads report.json. It refuses unknown members, trailing bytes, any
// encoding but the one of [JSON], and what [Document.Check] refuses.
func Parse(b []byte) (Document, error) {
	var d Document
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Document{}, fmt.Errorf("couldn't read the report: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Document{}, fmt.Errorf("couldn't read the report: %w", ErrNotCanonical)
	}
	again, err := JSON(d)
	if err != nil {
		return Document{}, err
	}
	if !bytes.Equal(again, b) {
		return Document{}, fmt.Errorf("couldn't read the report: %w", ErrNotCanonical)
	}
	return d, nil
}

// completed copies v with every nil list made empty, so that report.json says
// [] and the caller's document stays as it was. It refuses text that is not
// UTF-8, which encoding/json would replace without a word.
func completed(v reflect.Value, path string) (reflect.Value, error) {
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return v, &Refusal{Rule: "text-not-utf8", Path: path}
		}
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			e, err := completed(v.Index(i), path+"["+strconv.Itoa(i)+"]")
			if err != nil {
				return v, err
			}
			list.Index(i).Set(e)
		}
		return list, nil
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[Instant]() {
			return v, nil
		}
		whole := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if path != "" {
				name = path + "." + name
			}
			e, err := completed(v.Field(i), name)
			if err != nil {
				return v, err
			}
			whole.Field(i).Set(e)
		}
		return whole, nil
	}
	return v, nil
}

// escapeInvisible writes control, format and private-use characters as \u
// escapes. They can only stand inside JSON strings, where both spell the same.
func escapeInvisible(b []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(b))
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r < 0x7f || !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
			out.Write(b[:n])
		} else if r > 0xffff {
			hi, lo := surrogates(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, hi, lo)
		} else {
			fmt.Fprintf(&out, `\u%04x`, r)
		}
		b = b[n:]
	}
	return out.Bytes()
}

func surrogates(r rune) (hi, lo rune) {
	r -= 0x10000
	return 0xd800 + r>>10, 0xdc00 + r&0x3ff
}
