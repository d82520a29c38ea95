package strongbox

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/evidence"
)

func TestSealed(t *testing.T) {
	for _, c := range []struct{ plain, sealed uint64 }{
		{0, 0}, {1, 33}, {packageSize - 1, packageSize + 31}, {packageSize, packageSize + 32}, {packageSize + 1, packageSize + 65},
		{evidence.BlockSize, BlockSize}, {evidence.BlockSize + 1, BlockSize + 33},
		{2 * evidence.BlockSize, 2 * BlockSize}, {16 << 40, 16<<40 + 16<<40/packageSize*32},
	} {
		if got := Sealed(c.plain); got != c.sealed {
			t.Errorf("Sealed(%d) = %d, want %d", c.plain, got, c.sealed)
		}
	}
	if BlockSize != 8<<20+4<<10 {
		t.Errorf("a whole block has %d bytes of ciphertext", BlockSize)
	}
}

// TestInPlace: given room, nothing else is touched and nothing new is made.
func TestInPlace(t *testing.T) {
	k, data := goldenKey(), plain(3*packageSize+5)
	leaf, n := evidence.BlockLeaf(data), int(Sealed(3*packageSize+5))
	buffer := bytes.Repeat([]byte{0xee}, 7+n+9)
	out, err := k.Seal(buffer[:7], 1, leaf, data)
	if err != nil || &out[0] != &buffer[0] || len(out) != 7+n {
		t.Fatalf("sealed %d bytes elsewhere: %v", len(out), err)
	}
	if !bytes.Equal(buffer[:7], bytes.Repeat([]byte{0xee}, 7)) || !bytes.Equal(buffer[7+n:], bytes.Repeat([]byte{0xee}, 9)) {
		t.Error("sealing wrote outside its place")
	}
	room := bytes.Repeat([]byte{0xdd}, 3+len(data)+11)
	back, err := k.Open(room[:3], 1, leaf, out[7:], len(data))
	if err != nil || &back[0] != &room[0] || !bytes.Equal(back[3:], data) {
		t.Fatalf("opened elsewhere or otherwise: %v", err)
	}
	if !bytes.Equal(room[3+len(data):], bytes.Repeat([]byte{0xdd}, 11)) {
		t.Error("opening wrote outside its place")
	}
	again, err := k.Seal(nil, 1, leaf, data)
	if err != nil || !bytes.Equal(again, out[7:]) {
		t.Error("the same block sealed again is another ciphertext")
	}
	allocated := testing.AllocsPerRun(20, func() {
		if _, err := k.Seal(buffer[:0], 1, leaf, data); err != nil {
			t.Fatal(err)
		}
	})
	if allocated > 40 { // the ciphers' states, whatever the size
		t.Errorf("%v allocations to seal into a buffer", allocated)
	}
}

// refused opens what isn't the block, into a buffer that must stay empty of it.
func refused(t *testing.T, what string, k *DataKey, index uint64, leaf evidence.Digest, sealed []byte, n int) {
	t.Helper()
	room := make([]byte, max(n, 0))
	out, err := k.Open(room[:0], index, leaf, sealed, n)
	if !errors.Is(err, ErrSealed) || out != nil {
		t.Errorf("%s: opened %d bytes, %v", what, len(out), err)
	}
	if !bytes.Equal(room, make([]byte, len(room))) {
		t.Errorf("%s: plaintext was left in the buffer", what)
	}
}

// TestHostile puts everything else in a block's place.
func TestHostile(t *testing.T) {
	t.Parallel()
	k, index := goldenKey(), uint64(6)
	data := plain(3*packageSize + 100)
	leaf := evidence.BlockLeaf(data)
	sealed, err := k.Seal(nil, index, leaf, data)
	if err != nil {
		t.Fatal(err)
	}
	const whole = packageSize + overhead
	n := len(data)

	// Every class of truncation: within and at the end of header, payload, tag
	// of the first, a middle and the last package; with the true length and with
	// the one that would fit what is left.
	for _, at := range []int{0, 1, 4, 15, 16, 17, 16 + packageSize, whole - 1, whole, whole + 1, whole + 16, 2 * whole, 3 * whole, 3*whole + 16, 3*whole + 17, len(sealed) - 17, len(sealed) - 16, len(sealed) - 1} {
		refused(t, fmt.Sprintf("cut at %d", at), k, index, leaf, sealed[:at], n)
		refused(t, fmt.Sprintf("cut at %d, said so", at), k, index, leaf, sealed[:at], at-(at+whole-1)/whole*overhead)
	}
	refused(t, "a byte more", k, index, leaf, append(bytes.Clone(sealed), 0), n)
	refused(t, "twice", k, index, leaf, append(bytes.Clone(sealed), sealed...), 2*n)
	refused(t, "longer than a block", k, index, leaf, make([]byte, Sealed(evidence.BlockSize+1)), evidence.BlockSize+1)
	refused(t, "zeros", k, index, leaf, make([]byte, len(sealed)), n)
	refused(t, "no bytes", k, index, leaf, nil, 0)
	refused(t, "less than none", k, index, leaf, nil, -1)

	// Every bit of every header and tag; payload bits by sample, of each package.
	draw := rand.New(rand.NewPCG(1, 2))
	for p := 0; p*whole < len(sealed); p++ {
		begin, end := p*whole, min((p+1)*whole, len(sealed))
		var bits []int
		for b := begin * 8; b < (begin+16)*8; b++ {
			bits = append(bits, b)
		}
		for b := (end - 16) * 8; b < end*8; b++ {
			bits = append(bits, b)
		}
		for range 30 {
			bits = append(bits, (begin+16)*8+draw.IntN((end-begin-32)*8))
		}
		for _, b := range bits {
			sealed[b/8] ^= 1 << (b % 8)
			refused(t, fmt.Sprintf("bit %d of package %d", b-begin*8, p), k, index, leaf, sealed, n)
			sealed[b/8] ^= 1 << (b % 8)
		}
	}

	// Packages in another order, left out, doubled.
	pkg := func(i int) []byte { return sealed[i*whole : min((i+1)*whole, len(sealed))] }
	for _, order := range [][]int{{1, 0, 2, 3}, {0, 2, 1, 3}, {0, 0, 2, 3}, {0, 1, 1, 3}, {3, 1, 2, 0}} {
		var other []byte
		for _, i := range order {
			other = append(other, pkg(i)...)
		}
		refused(t, fmt.Sprint("packages ", order), k, index, leaf, other, n)
	}
	for _, order := range [][]int{{0, 1, 3}, {0, 1, 2}, {3}, {0, 1, 2, 2, 3}} {
		var other []byte
		length := 0
		for _, i := range order {
			other = append(other, pkg(i)...)
			length += len(pkg(i)) - overhead
		}
		refused(t, fmt.Sprint("packages ", order), k, index, leaf, other, length)
	}

	// Another place, key, leaf, object; another block in its place.
	refused(t, "another index", k, index+1, leaf, sealed, n)
	refused(t, "another index by its high bytes", k, index|1<<56, leaf, sealed, n)
	other := *k
	other.key[31] ^= 1
	refused(t, "another key", &other, index, leaf, sealed, n)
	changed := bytes.Clone(data)
	changed[0] ^= 1
	otherLeaf := evidence.BlockLeaf(changed)
	refused(t, "another leaf", k, index, otherLeaf, sealed, n)
	swapped, err := k.Seal(nil, index, otherLeaf, changed)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "another block of the same place", k, index, leaf, swapped, n)
	elsewhere, err := k.Seal(nil, index+1, leaf, data)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "the same block of another place", k, index, leaf, elsewhere, n)
	if bytes.Equal(elsewhere[16:100], sealed[16:100]) {
		t.Error("the same block looks the same at two places")
	}
	// A package from the same place of another block with the same key: what
	// DARE alone, under one key for the object, would let pass.
	spliced := append(bytes.Clone(swapped[:whole]), sealed[whole:]...)
	refused(t, "a package of another block", k, index, leaf, spliced, n)

	if out, err := k.Open(nil, index, leaf, sealed, n); err != nil || !bytes.Equal(out, data) {
		t.Errorf("the block itself: %v", err)
	}
	for _, size := range []int{0, evidence.BlockSize + 1} {
		if _, err := k.Seal(nil, 0, leaf, make([]byte, size)); err == nil {
			t.Errorf("sealed a block of %d bytes", size)
		}
	}
}

func TestWrapHostile(t *testing.T) {
	w, err := NewWrappingKey(bytes.Repeat([]byte{9}, 32))
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewDataKey(crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := w.Wrap(crand.Reader, "evidence/1", k)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.Wrap(crand.Reader, "evidence/1", k); err != nil || bytes.Equal(again, wrapped) {
		t.Errorf("wrapped twice the same: %v", err)
	}
	if got, err := w.Unwrap("evidence/1", wrapped); err != nil || *got != *k {
		t.Fatalf("couldn't unwrap: %v", err)
	}
	other, err := NewWrappingKey(append(bytes.Repeat([]byte{9}, 31), 8))
	if err != nil || other.ID() == w.ID() {
		t.Fatalf("two keys with one id: %v", err)
	}
	// The same key under another's name: what a forged id in a row amounts to.
	renamed := &WrappingKey{id: other.id, key: w.key}
	refuse := func(what string, w *WrappingKey, object string, b []byte) {
		t.Helper()
		if got, err := w.Unwrap(object, b); !errors.Is(err, ErrWrapped) || got != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	refuse("another object", w, "evidence/2", wrapped)
	refuse("another key", other, "evidence/1", wrapped)
	refuse("another id", renamed, "evidence/1", wrapped)
	for at := range len(wrapped) {
		refuse(fmt.Sprint("cut at ", at), w, "evidence/1", wrapped[:at])
	}
	refuse("a byte more", w, "evidence/1", append(bytes.Clone(wrapped), 0))
	for b := range len(wrapped) * 8 {
		wrapped[b/8] ^= 1 << (b % 8)
		refuse(fmt.Sprint("bit ", b), w, "evidence/1", wrapped)
		wrapped[b/8] ^= 1 << (b % 8)
	}
	for _, object := range []string{"", "a\x00b"} {
		if _, err := w.Wrap(crand.Reader, object, k); err == nil {
			t.Errorf("wrapped for object %q", object)
		}
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := NewWrappingKey(make([]byte, n)); err == nil {
			t.Errorf("took a key-encryption key of %d bytes", n)
		}
		if _, err := DataKeyOf(make([]byte, n)); err == nil {
			t.Errorf("took a data key of %d bytes", n)
		}
	}
}

// TestKeysAreNotShown: however they are printed or logged.
func TestKeysAreNotShown(t *testing.T) {
	k := goldenKey()
	w, err := NewWrappingKey(bytes.Repeat([]byte{0xab}, 32))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k, "kek", w)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "kek", w)
	said := log.String() + fmt.Sprintf("%v %+v %#v %x %s %q %d", k, k, k, k, k, k, k) + fmt.Sprintf("%v %+v %#v %x %d", w, w, w, w, w)
	for _, secret := range []string{"000102", "00 01 02", "0 1 2", "0x0, 0x1", "AAECA", fmt.Sprintf("%x", w.key[:4]), fmt.Sprint(w.key[:4])[1:8]} {
		if strings.Contains(said, secret) {
			t.Errorf("%q shows in %s", secret, said)
		}
	}
	k.Forget()
	if k.key != [32]byte{} {
		t.Error("forgotten, and still there")
	}
}

// Bare AES-256-GCM over the same packages is what sealing can't be faster than.
func BenchmarkBareGCM(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	data, out := plain(evidence.BlockSize), make([]byte, BlockSize)
	b.SetBytes(evidence.BlockSize)
	for b.Loop() {
		for i, at := 0, 0; i < len(data); i, at = i+packageSize, at+packageSize+overhead {
			aead.Seal(out[at+16:at+16], make([]byte, 12), data[i:i+packageSize], nil)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	k, data := goldenKey(), plain(evidence.BlockSize)
	leaf, out := evidence.BlockLeaf(data), make([]byte, 0, BlockSize)
	b.SetBytes(evidence.BlockSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Seal(out, 1, leaf, data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	k, data := goldenKey(), plain(evidence.BlockSize)
	leaf := evidence.BlockLeaf(data)
	sealed, err := k.Seal(nil, 1, leaf, data)
	if err != nil {
		b.Fatal(err)
	}
	out := make([]byte, 0, evidence.BlockSize)
	b.SetBytes(evidence.BlockSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open(out, 1, leaf, sealed, len(data)); err != nil {
			b.Fatal(err)
		}
	}
}
