package custody_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

// signedTypes are all types whose encoding is signed or hashed.
func signedTypes() []reflect.Type {
	out := []reflect.Type{reflect.TypeFor[custody.Statement](), reflect.TypeFor[custody.Founding](), reflect.TypeFor[custody.Detail](),
		reflect.TypeFor[custody.OrgDocument](), reflect.TypeFor[custody.LogDocument]()}
	for _, row := range custody.KindTable() {
		out = append(out, reflect.TypeOf(row.New()).Elem())
	}
	return out
}

// jsonName returns a field's member name and whether it may be absent.
func jsonName(f reflect.StructField) (name string, optional bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, options == "omitempty"
}

// TestFieldsStandInOrder: encoding/json writes members in the order of struct
// fields, so these must stand in RFC 8785's order, at every depth; what may be
// absent must be recognisably so, and nothing can be a float or of open type.
func TestFieldsStandInOrder(t *testing.T) {
	done := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			if typ.Kind() != reflect.Array {
				walk(typ.Elem())
			}
			return
		case reflect.Map:
			walk(typ.Elem())
			return
		case reflect.Struct:
		case reflect.Interface:
			if typ != reflect.TypeFor[custody.Body]() {
				t.Errorf("%s is of open type", typ)
			}
			return
		case reflect.String, reflect.Uint64, reflect.Uint8:
			return
		default:
			t.Errorf("%s has no one spelling in JSON", typ)
			return
		}
		if done[typ] || reflect.PointerTo(typ).Implements(reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()) {
			return
		}
		done[typ] = true
		var names []string
		for f := range fields(typ) {
			name, optional := jsonName(f)
			if name == "" || !f.IsExported() || f.Anonymous {
				t.Errorf("%s.%s has no member name of its own", typ, f.Name)
			}
			if canBeAbsent := f.Type.Kind() == reflect.Pointer || optional && (f.Type.Kind() == reflect.String || f.Type == reflect.TypeFor[[]uint64]()); optional != canBeAbsent {
				t.Errorf("%s.%s: omitempty is %v for %s", typ, f.Name, optional, f.Type)
			}
			names = append(names, name)
			walk(f.Type)
		}
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("members of %s stand as %v", typ, names)
		}
		folded := map[string]bool{}
		for _, n := range names {
			if folded[strings.ToLower(n)] {
				t.Errorf("%s has two members that differ in case only: %s", typ, n)
			}
			folded[strings.ToLower(n)] = true
		}
	}
	for _, typ := range signedTypes() {
		walk(typ)
	}
	if len(done) < 30 {
		t.Fatalf("looked at %d types only", len(done))
	}
}

func fields(typ reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			if !yield(typ.Field(i)) {
				return
			}
		}
	}
}

// TestEncodingIsRFC8785 compares with another implementation's canonical form.
func TestEncodingIsRFC8785(t *testing.T) {
	s := rulingtest.Recovered(t)
	for i, sealed := range s.Sealed {
		sameAsPeer(t, sealed.Envelope.Payload)
		again, err := custody.Encode(s.Entries[i].Statement)
		if err != nil || string(again) != string(sealed.Envelope.Payload) {
			t.Errorf("event %d encodes to something else than it was: %v", i, err)
		}
	}
	for _, b := range s.Documents {
		sameAsPeer(t, b)
	}
	for _, b := range s.Story.Details {
		sameAsPeer(t, b)
	}
	// Text with everything that encoders disagree about.
	hard := "\b\f\r\n\t\u0000\u001f\u007f\"\\/<>&\u2028\u2029 \\u2028 \\\u2028 é 𐍈 اردو \ue000\ufeff"
	d := custody.Detail{Field: custody.FieldNote, Value: hard}
	b, _, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	sameAsPeer(t, b)
	back, err := custody.ParseDetail(b)
	if err != nil || back != d {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func sameAsPeer(t *testing.T, b []byte) {
	t.Helper()
	want, err := jcs.Transform(b)
	if err != nil {
		t.Fatalf("the peer refuses %.200q: %v", b, err)
	}
	if string(want) != string(b) {
		t.Errorf("written: %s\npeer:    %s", b, want)
	}
	if !json.Valid(b) {
		t.Errorf("not JSON: %.200q", b)
	}
}
