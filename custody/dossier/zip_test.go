package dossier_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// forged is one entry of a zip written by hand, its local header and its
// central one each as told.
type forged struct {
	name, central string // central is the name there; "" for the same
	content       []byte
	extra         []byte
	flags, method uint16
	size          uint32 // claimed, if not 0
	descriptor    bool
	between       []byte // bytes behind the content
	hidden        bool   // has no central header
}

// forge writes a zip by hand: with plain entries in order, the one form.
func forge(entries []forged) []byte {
	le := binary.LittleEndian
	var b, central []byte
	count := uint16(0)
	for _, e := range entries {
		offset := uint32(len(b))
		size, crc := uint32(len(e.content)), crc32.ChecksumIEEE(e.content)
		if e.size != 0 {
			size = e.size
		}
		header := func(b []byte, name string) []byte {
			for _, v := range []uint16{20, e.flags, e.method, 0, 0x21} {
				b = le.AppendUint16(b, v)
			}
			for _, v := range []uint32{crc, size, size} {
				b = le.AppendUint32(b, v)
			}
			b = le.AppendUint16(b, uint16(len(name)))
			return le.AppendUint16(b, uint16(len(e.extra)))
		}
		b = header(le.AppendUint32(b, 0x04034b50), e.name)
		b = append(append(append(b, e.name...), e.extra...), e.content...)
		if e.descriptor {
			for _, v := range []uint32{0x08074b50, crc, size, size} {
				b = le.AppendUint32(b, v)
			}
		}
		b = append(b, e.between...)
		if e.hidden {
			continue
		}
		name := e.name
		if e.central != "" {
			name = e.central
		}
		central = header(le.AppendUint16(le.AppendUint32(central, 0x02014b50), 20), name)
		central = append(central, make([]byte, 10)...) // comment, disk, attributes
		central = append(append(le.AppendUint32(central, offset), name...), e.extra...)
		count++
	}
	start := len(b)
	b = append(b, central...)
	size := len(b) - start
	b = le.AppendUint32(b, 0x06054b50)
	for _, v := range []uint16{0, 0, count, count} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint32(b, uint32(start))
	return le.AppendUint16(b, 0)
}

// entriesOf takes a dossier apart for forging.
func entriesOf(t testing.TB, b []byte) []forged {
	t.Helper()
	names, content := stdFiles(t, b)
	out := make([]forged, len(names))
	for i, n := range names {
		out[i] = forged{name: n, content: content[n]}
	}
	return out
}

// zipVector is one zip that holds the files of a dossier in some form.
type zipVector struct {
	Name string `json:"name"`
	Rule string `json:"rule"`
	Zip  []byte `json:"zip"`
}

func zipVectors(t *testing.T) []zipVector {
	good := encode(t, sample(t, 0))
	v := func(name, rule string, change func(e []forged) []forged) zipVector {
		return zipVector{name, rule, forge(change(entriesOf(t, good)))}
	}
	at := func(e []forged, i int, change func(f *forged)) []forged { change(&e[i]); return e }
	readme := slices.IndexFunc(entriesOf(t, good), func(f forged) bool { return f.name == "data/README.txt" })
	out := []zipVector{
		v("as-written", "ok", func(e []forged) []forged { return e }),
		v("reversed", dossier.RuleCanonical, func(e []forged) []forged { slices.Reverse(e); return e }),
		v("two-swapped", dossier.RuleCanonical, func(e []forged) []forged { e[3], e[4] = e[4], e[3]; return e }),
		v("one-twice", dossier.RuleLayout, func(e []forged) []forged { return slices.Insert(e, readme, e[readme]) }),
		v("one-twice-otherwise", dossier.RuleLayout, func(e []forged) []forged {
			f := e[readme]
			f.content = []byte("another README")
			return slices.Insert(e, readme, f)
		}),
		v("hidden-from-the-directory", dossier.RuleCanonical, func(e []forged) []forged {
			return at(e, readme, func(f *forged) { f.hidden = true })
		}),
		v("extra-entry-hidden", dossier.RuleManifest, func(e []forged) []forged {
			return append(e, forged{name: "data/zz", content: []byte("x"), hidden: true})
		}),
		v("extra-entry-listed", dossier.RuleManifest, func(e []forged) []forged { return append(e, forged{name: "zz", content: []byte("x")}) }),
		v("other-name-in-directory", dossier.RuleCanonical, func(e []forged) []forged {
			return at(e, readme, func(f *forged) { f.central = "data/readme.txt" })
		}),
		v("extra-field", dossier.RuleZip, func(e []forged) []forged {
			return at(e, readme, func(f *forged) { f.extra = []byte{1, 0, 0, 0} })
		}),
		v("data-descriptor", dossier.RuleZip, func(e []forged) []forged {
			return at(e, readme, func(f *forged) { f.descriptor, f.flags = true, 8 })
		}),
		v("gap-between-entries", dossier.RuleZip, func(e []forged) []forged {
			return at(e, readme, func(f *forged) { f.between = make([]byte, 8) })
		}),
		v("flag-utf8", dossier.RuleCanonical, func(e []forged) []forged { return at(e, readme, func(f *forged) { f.flags = 0x800 }) }),
		v("flag-encrypted", dossier.RuleCanonical, func(e []forged) []forged { return at(e, readme, func(f *forged) { f.flags = 1 }) }),
		v("method-deflate", dossier.RuleCanonical, func(e []forged) []forged { return at(e, readme, func(f *forged) { f.method = 8 }) }),
		v("size-4GiB", dossier.RuleZip, func(e []forged) []forged { return at(e, readme, func(f *forged) { f.size = math.MaxUint32 }) }),
		v("size-short", dossier.RuleZip, func(e []forged) []forged { return at(e, readme, func(f *forged) { f.size = 10 }) }),
		v("name-long", dossier.RuleZip, func(e []forged) []forged {
			return at(e, readme, func(f *forged) { f.name = strings.Repeat("n", 201) })
		}),
		v("name-absolute", dossier.RuleManifest, func(e []forged) []forged { return at(e, readme, func(f *forged) { f.name = "/data/README.txt" }) }),
		v("name-climbing", dossier.RuleManifest, func(e []forged) []forged { return at(e, readme, func(f *forged) { f.name = "../README.txt" }) }),
		v("name-empty", dossier.RuleManifest, func(e []forged) []forged { return at(e, readme, func(f *forged) { f.name = "" }) }),
		v("no-entries", dossier.RuleZip, func([]forged) []forged { return nil }),
		v("no-manifest", dossier.RuleManifest, func(e []forged) []forged {
			return slices.DeleteFunc(e, func(f forged) bool { return f.name == "manifest-sha256.txt" })
		}),
		v("no-tag-manifest", dossier.RuleManifest, func(e []forged) []forged {
			return slices.DeleteFunc(e, func(f forged) bool { return f.name == "tagmanifest-sha256.txt" })
		}),
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, e := range entriesOf(t, good) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return append(out, zipVector{"by-another-writer", dossier.RuleZip, buf.Bytes()})
}

func TestZipVectors(t *testing.T) {
	for _, v := range sealtest.Vectors(t, "dossier/zips.json", zipVectors(t)) {
		if _, err := decode(v.Zip); ruleOf(err) != v.Rule {
			t.Errorf("%s: got %v, want %s", v.Name, err, v.Rule)
		}
	}
}

// endless is a file that claims to be large and ends early.
type endless struct{ b []byte }

func (e endless) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(e.b)) {
		return 0, io.EOF
	}
	return copy(p, e.b[off:]), nil
}

// TestNoMemoryBeforeBytes: a header that claims a gigabyte gets none.
func TestNoMemoryBeforeBytes(t *testing.T) {
	b := forge([]forged{{name: "data/attachments/x", content: []byte("x"), size: 1 << 29}})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := dossier.Decode(endless{b}, 1<<30, dossier.DefaultLimits)
	runtime.ReadMemStats(&after)
	if ruleOf(err) != dossier.RuleZip {
		t.Errorf("%v", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("took %d bytes of memory", got)
	}
}

// TestZip64Edge: the count of entries is in the end record as long as it fits.
func TestZip64Edge(t *testing.T) {
	const fixed = 8 // files of a dossier without events
	for _, n := range []int{65534, 65535, 65536} {
		d := sample(t, 0)
		d.Blocks = map[evidence.Digest][]byte{}
		for i := range n - fixed {
			d.Blocks[evidence.Sum(fmt.Append(nil, i))] = nil
		}
		b := encode(t, d)
		if got := bytes.Contains(b[len(b)-98:], []byte("PK\x06\x07")); got != (n >= 65535) {
			t.Errorf("%d entries: zip64 %v", n, got)
		}
		start := time.Now()
		if _, err := decode(b); err != nil {
			t.Errorf("%d entries: %v", n, err)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%d entries took %s", n, took)
		}
		if names, _ := stdFiles(t, b); len(names) != n {
			t.Errorf("the standard library finds %d of %d", len(names), n)
		}
		for bit := 8 * (len(b) - 98); n == 65535 && bit < 8*len(b); bit += 97 { // some of the end records
			b[bit/8] ^= 1 << (bit % 8)
			if _, err := decode(b); ruleOf(err) == "ok" {
				t.Errorf("%d entries: bit %d of the end flipped", n, bit)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
}
