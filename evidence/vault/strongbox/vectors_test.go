package strongbox

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/evidence"
)

var update = flag.Bool("update", false, "make the golden vectors again")

const vectorsFile = "testdata/blocks.json"

// goldenKey is the data key of the vectors: 00 01 02 …
func goldenKey() *DataKey {
	var k DataKey
	for i := range k.key {
		k.key[i] = byte(i)
	}
	return &k
}

// plain is the plaintext of a vector: byte i is i * 31 + i / 251, modulo 256.
func plain(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*31 + i/251)
	}
	return b
}

type vector struct {
	Name   string `json:"name"`
	Index  uint64 `json:"index"`
	Size   int    `json:"size"`
	Leaf   string `json:"leaf"`
	Sealed string `json:"sealed"`          // SHA-256
	Bytes  string `json:"bytes,omitempty"` // the sealed block itself where it is small
}

type wrappedVector struct {
	Secret  string `json:"secret"`
	ID      string `json:"id"`
	Object  string `json:"object"`
	Wrapped string `json:"wrapped"`
}

type vectors struct {
	DataKey string        `json:"dataKey"`
	Blocks  []vector      `json:"blocks"`
	Wrapped wrappedVector `json:"wrapped"`
}

func makeVectors(t *testing.T) (vectors, [][]byte) {
	t.Helper()
	k := goldenKey()
	v := vectors{DataKey: hex.EncodeToString(k.Expose())}
	var blocks [][]byte
	for _, c := range []struct {
		name  string
		index uint64
		size  int
	}{
		{"one byte", 0, 1},
		{"a last package of one byte", 1, packageSize + 1},
		{"one whole package", 2, packageSize},
		{"a byte less than a package", 3, packageSize - 1},
		{"whole block", 4, evidence.BlockSize},
		{"the same whole block, elsewhere", 1<<32 + 5, evidence.BlockSize},
		{"last block of an image", 2_097_151, 5_000_001},
	} {
		data := plain(c.size)
		leaf := evidence.BlockLeaf(data)
		sealed, err := k.Seal(nil, c.index, leaf, data)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, sealed)
		row := vector{Name: c.name, Index: c.index, Size: c.size, Leaf: leaf.String(), Sealed: evidence.Sum(sealed).String()}
		if c.size == 1 {
			row.Bytes = hex.EncodeToString(sealed)
		}
		v.Blocks = append(v.Blocks, row)
	}
	secret := bytes.Repeat([]byte{0xa5}, 32)
	w, err := NewWrappingKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	const object = "evidence/00112233445566778899aabbccddeeff00112233"
	wrapped, err := w.Wrap(bytes.NewReader(bytes.Repeat([]byte{7}, 12)), object, k)
	if err != nil {
		t.Fatal(err)
	}
	v.Wrapped = wrappedVector{hex.EncodeToString(secret), w.ID(), object, hex.EncodeToString(wrapped)}
	return v, blocks
}

// TestVectors holds the format to what was written down once: evidence that is
// encrypted today must open for ever.
func TestVectors(t *testing.T) {
	got, blocks := makeVectors(t)
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorsFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var want vectors
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Blocks) == 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("sealed differently than the vectors say:\n got %+v\nwant %+v", got, want)
	}
	for i, v := range want.Blocks {
		opened, err := goldenKey().Open(nil, v.Index, digest(t, v.Leaf), blocks[i], v.Size)
		if err != nil || !bytes.Equal(opened, plain(v.Size)) {
			t.Errorf("%s: doesn't open again: %v", v.Name, err)
		}
	}
	w, err := NewWrappingKey(unhex(t, want.Wrapped.Secret))
	if err != nil {
		t.Fatal(err)
	}
	k, err := w.Unwrap(want.Wrapped.Object, unhex(t, want.Wrapped.Wrapped))
	if err != nil || *k != *goldenKey() {
		t.Errorf("the wrapped key doesn't unwrap: %v", err)
	}
}

// TestSecondOpener has the vectors opened by a program that shares nothing with
// this package and sio but the formats' descriptions.
func TestSecondOpener(t *testing.T) {
	const python = "/usr/bin/python3" // the one that Debian's python3-cryptography belongs to
	if out, err := exec.Command(python, "-c", "import cryptography").CombinedOutput(); err != nil {
		if os.Getenv("CUSTODY_TEST_REQUIRE") == "all" {
			t.Fatalf("Debian's python3 and python3-cryptography are needed: %v %s", err, out)
		}
		t.Skip("Debian's python3 and python3-cryptography are not installed")
	}
	if _, err := os.ReadFile("testdata/open.py"); err != nil { // go test then knows of it
		t.Fatal(err)
	}
	v, blocks := makeVectors(t)
	args := []string{"-B", "testdata/open.py", vectorsFile}
	var want strings.Builder
	for i, sealed := range blocks {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(path, sealed, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
		fmt.Fprintln(&want, v.Blocks[i].Name, evidence.Sum(plain(v.Blocks[i].Size)))
	}
	out, err := exec.Command(python, args...).CombinedOutput()
	if err != nil || string(out) != want.String() {
		t.Errorf("the second opener: %v\n%s", err, out)
	}
}

func digest(t *testing.T, s string) evidence.Digest {
	t.Helper()
	d, err := evidence.ParseDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzOpen: whatever is put in a block's place, either it is the block or
// nothing comes out.
func FuzzOpen(f *testing.F) {
	k, data := goldenKey(), plain(packageSize+77)
	leaf := evidence.BlockLeaf(data)
	sealed, err := k.Seal(nil, 3, leaf, data)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, len(data))
	f.Add(sealed[:len(sealed)-1], len(data))
	f.Add(sealed[:packageSize+overhead], packageSize)
	f.Add([]byte{}, 0)
	f.Add([]byte{0x20, 0, 0, 0}, 1)
	flipped := bytes.Clone(sealed)
	flipped[2]++
	f.Add(flipped, len(data))
	f.Fuzz(func(t *testing.T, sealed []byte, n int) {
		out, err := k.Open(nil, 3, leaf, sealed, n)
		if (err == nil) != (out != nil) || err == nil && !bytes.Equal(out, data) {
			t.Errorf("opened %d bytes to %d: %v", len(sealed), len(out), err)
		}
	})
}

// FuzzUnwrap likewise.
func FuzzUnwrap(f *testing.F) {
	w, err := NewWrappingKey(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		f.Fatal(err)
	}
	wrapped, err := w.Wrap(rand.NewChaCha8([32]byte{}), "evidence/1", goldenKey())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wrapped, "evidence/1")
	f.Add(wrapped, "evidence/2")
	f.Add(wrapped[:60], "evidence/1")
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, b []byte, object string) {
		k, err := w.Unwrap(object, b)
		if same := bytes.Equal(b, wrapped) && object == "evidence/1"; (err == nil) != same || same && *k != *goldenKey() {
			t.Errorf("unwrapped %x of %q: %v", b, object, err)
		}
	})
}
