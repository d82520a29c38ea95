package imaging_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/imaging"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/ewf/ewftest"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

// store is an object in memory, with faults.
type store struct {
	data  []byte
	down  atomic.Bool  // doesn't answer
	after int32        // it stops answering after so many reads; 0: never
	reads atomic.Int32 // so far
}

func (s *store) DataKey(context.Context, string) (*strongbox.DataKey, error) {
	return nil, fixity.ErrNoKey
}
func (s *store) Bucket() string { return "" }
func (s *store) Size(context.Context, string, string) (uint64, error) {
	return uint64(len(s.data)), nil
}
func (s *store) ReadRange(_ context.Context, _, _ string, off, n uint64) (io.ReadCloser, error) {
	if reads := s.reads.Add(1); s.down.Load() || s.after > 0 && reads > s.after {
		return nil, errors.New("connection refused")
	}
	return io.NopCloser(bytes.NewReader(s.data[off : off+n])), nil
}

// book is a ledger of one artifact.
type book struct {
	mu      sync.Mutex
	a       docket.Artifact
	deposit *custody.Deposited
	phase   custody.Phase
	holder  string
	held    int // signs of life
	tries   int
	again   time.Duration
	passed  docket.ImageState
	acts    []docket.Act
	refuses error // whatever is said
}

var received = custody.ID{9}

func (b *book) ClaimImage(_ context.Context, holder string, _ time.Duration) (docket.Image, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.holder != "" || b.passed != "" || len(b.acts) > 0 {
		return docket.Image{}, docket.ErrNotFound
	}
	b.holder = holder
	return docket.Image{Item: b.a.Item, Tries: b.tries}, nil
}
func (b *book) HoldImage(_ context.Context, holder string, _ custody.ID, _ time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held++
	if b.holder != holder {
		return docket.ErrClosed
	}
	return nil
}
func (b *book) LetGoImage(_ context.Context, holder string, _ custody.ID, again time.Duration, tried bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.holder != holder {
		return docket.ErrClosed
	}
	b.holder = ""
	if tried {
		b.tries, b.again = b.tries+1, again
	}
	return nil
}
func (b *book) PassImage(_ context.Context, holder string, _ custody.ID, why docket.ImageState) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holder, b.passed = "", why
	return nil
}
func (b *book) Artifact(context.Context, custody.ID) (docket.Artifact, error) { return b.a, nil }
func (b *book) Chain(_ context.Context, item custody.ID) (*docket.Chain, error) {
	return &docket.Chain{Chain: ruling.Chain{ID: item, State: ruling.State{Item: &custody.Item{Phase: b.phase}}}}, nil
}
func (b *book) ChainEvents(_ context.Context, chains ...custody.ID) ([]*docket.Event, error) {
	event := func(body custody.Body) []*docket.Event {
		return []*docket.Event{{LeafHash: received, Statement: &custody.Statement{Predicate: custody.Predicate{Kind: body.Kind(), Body: body}}}}
	}
	if chains[0] == custody.Observations(b.a.Item) {
		return event(&custody.Received{Item: b.a.Item}), nil
	}
	return event(b.deposit), nil
}
func (b *book) Fixity(context.Context, custody.ID) (docket.Fixity, error) {
	return docket.Fixity{}, nil
}
func (b *book) Event(context.Context, custody.ID) (*docket.Event, error) {
	return nil, docket.ErrNotFound
}
func (b *book) Observe(_ context.Context, act docket.Act, x docket.Effects) (docket.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuses != nil {
		return docket.Receipt{}, b.refuses
	}
	if _, read := act.Body.(*custody.ImageRead); read && (x.Image == "" || x.Image != b.holder) {
		return docket.Receipt{}, docket.ErrClosed
	}
	b.acts = append(b.acts, act)
	return docket.Receipt{}, nil
}

// read deposits files as one artifact and has it looked at.
func read(t *testing.T, format custody.ImageFormat, files [][]byte, change func(*book, *store, *imaging.Options)) (*book, imaging.Result, error) {
	t.Helper()
	data := bytes.Join(files, nil)
	m, leaves, err := evidence.Measure(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	b := &book{phase: custody.PhaseHeld, deposit: &custody.Deposited{Format: format},
		a: docket.Artifact{Item: custody.ID{1}, SHA256: m.SHA256, Size: m.Size, BlockRoot: m.BlockRoot, Leaves: evidence.JoinLeaves(leaves)}}
	if len(files) > 1 {
		for _, f := range files {
			b.deposit.Segments = append(b.deposit.Segments, uint64(len(f)))
		}
	}
	s := &store{data: data}
	o := imaging.Options{Ledger: b, Store: s, Holder: "me", Pause: time.Microsecond}
	if change != nil {
		change(b, s, &o)
	}
	r, err := imaging.New(o).Next(t.Context())
	return b, r, err
}

func said(t *testing.T, b *book, err error) (*custody.ImageRead, docket.Act) {
	t.Helper()
	if err != nil || len(b.acts) != 1 {
		t.Fatalf("said %d things, %v", len(b.acts), err)
	}
	body, ok := b.acts[0].Body.(*custody.ImageRead)
	if !ok {
		t.Fatalf("said %s", b.acts[0].Body.Kind())
	}
	if !slices.Equal(b.acts[0].Basis, []custody.ID{received}) || b.acts[0].To.Before(b.acts[0].From) || b.acts[0].From.IsZero() {
		t.Errorf("the act has basis %v, from %s to %s", b.acts[0].Basis, b.acts[0].From, b.acts[0].To)
	}
	return body, b.acts[0]
}

func hashes(media []byte) (string, string, evidence.Digest) {
	m, s := md5.Sum(media), sha1.Sum(media)
	return hex.EncodeToString(m[:]), hex.EncodeToString(s[:]), evidence.Digest(sha256.Sum256(media))
}

// noise doesn't compress: an image of it spans blocks.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(b)
	return b
}

// TestFound: what is in an image is told, of every kind of it, across blocks and
// files.
func TestFound(t *testing.T) {
	t.Parallel()
	large, small := noise(20<<20), ewftest.Media(1<<20)
	other := [16]byte{1, 2, 3}
	for name, test := range map[string]struct {
		image      ewftest.Image
		dialect    custody.EWFDialect
		outcome    custody.ImageOutcome
		compressed uint64
		stored     custody.MediaHashes
	}{
		"plain":        {ewftest.Image{Media: small}, custody.DialectE01, custody.ImageWhole, 0, custody.MediaHashes{}},
		"compressed":   {ewftest.Image{Media: small, Compressed: true}, custody.DialectE01, custody.ImageWhole, 128, custody.MediaHashes{}},
		"smart":        {ewftest.Image{Media: small, Smart: true}, custody.DialectSMART, custody.ImageWhole, 256, custody.MediaHashes{}},
		"three blocks": {ewftest.Image{Media: large, PerChunk: 64, Base: true}, custody.DialectE01, custody.ImageWhole, 0, custody.MediaHashes{}},
		"three files":  {ewftest.Image{Media: large, PerChunk: 64, Segments: 3, PerTable: 100}, custody.DialectE01, custody.ImageWhole, 0, custody.MediaHashes{}},
		"another hash": {ewftest.Image{Media: small, MD5: &other}, custody.DialectE01, custody.ImageDamaged, 0, custody.MediaHashes{MD5: hex.EncodeToString(other[:])}},
		"two hashes":   {ewftest.Image{Media: small, Again: &other}, custody.DialectE01, custody.ImageDamaged, 0, custody.MediaHashes{MD5: hex.EncodeToString(other[:])}},
		"sha1":         {ewftest.Image{Media: small, SHA1: ewftest.SHA1(small)}, custody.DialectE01, custody.ImageWhole, 0, custody.MediaHashes{SHA1: hex.EncodeToString(ewftest.SHA1(small)[:])}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := ewftest.Build(test.image)
			b, r, err := read(t, custody.FormatEWF, files, nil)
			body, _ := said(t, b, err)
			f := body.Found
			m, s, sum := hashes(test.image.Media)
			if body.Outcome != test.outcome || f == nil || f.MD5 != m || f.SHA1 != s || f.SHA256 == nil || *f.SHA256 != sum || f.Size != uint64(len(test.image.Media)) {
				t.Fatalf("said %s: %+v", body.Outcome, f)
			}
			if f.Dialect != test.dialect || f.Segments != uint64(len(files)) || f.Compressed != test.compressed || f.Damaged.Count != 0 || (len(f.Flaws) != 0) != (test.image.Again != nil) {
				t.Errorf("found %+v", f)
			}
			if test.stored.MD5 != "" && f.Stored.MD5 != test.stored.MD5 || f.Stored.SHA1 != test.stored.SHA1 || test.stored.MD5 == "" && f.Stored.MD5 != m {
				t.Errorf("stored %+v", f.Stored)
			}
			if r.Body != body || r.State != docket.ImageState(test.outcome) || r.Bytes == 0 || body.Artifact != b.a.SHA256 || body.Item != b.a.Item {
				t.Errorf("result %+v", r)
			}
		})
	}
}

// TestDamagedChunks: chunks that can't be decoded are named, and no hash is
// stated of a medium that nobody has.
func TestDamagedChunks(t *testing.T) {
	t.Parallel()
	media := noise(4 << 20)
	files := ewftest.Build(ewftest.Image{Media: media})
	spoil := func(chunk int) { files[0][bytes.Index(files[0], media[chunk*4096:chunk*4096+64])+7] ^= 1 }
	spoil(3)
	spoil(700)
	b, _, err := read(t, custody.FormatEWF, files, nil)
	body, _ := said(t, b, err)
	f := body.Found
	if body.Outcome != custody.ImageDamaged || f.Damaged.Count != 2 || !slices.Equal(f.Damaged.First, []uint64{3, 700}) || f.MD5 != "" || f.SHA1 != "" || f.SHA256 != nil || f.Stored.MD5 == "" {
		t.Fatalf("said %s: %+v", body.Outcome, f)
	}
	if off, n := f.Chunk(700); off != 700*4096 || n != 4096 {
		t.Errorf("chunk 700 is at %d, %d bytes", off, n)
	}
}

// TestUnreadable: what can't be decoded is said, with the reason; and what is no
// image is passed over, by its bytes and not by a name.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	set := ewftest.Build(ewftest.Image{Media: ewftest.Media(1 << 20), Segments: 3})
	whole := ewftest.Build(ewftest.Image{Media: ewftest.Media(1 << 16)})[0]
	for name, test := range map[string]struct {
		format custody.ImageFormat
		files  [][]byte
		reason custody.UnreadableReason // "" other: passed over
	}{
		"cut":                      {custody.FormatEWF, [][]byte{whole[:len(whole)/2]}, custody.UnreadableTruncated},
		"one file of three":        {custody.FormatEWF, set[:1], custody.UnreadableMissing},
		"the second alone":         {custody.FormatEWF, set[1:2], custody.UnreadableOrder},
		"text called an image":     {custody.FormatEWF, [][]byte{[]byte("no image at all, and long enough")}, custody.UnreadableNotEWF},
		"a few bytes":              {custody.FormatEWF, [][]byte{[]byte("EVF")}, custody.UnreadableNotEWF},
		"a logical file":           {custody.FormatOther, [][]byte{[]byte("LVF\x09\x0d\x0a\xff\x00\x01\x01\x00\x00\x00 and more")}, custody.UnreadableLogical},
		"version 2":                {custody.FormatOther, [][]byte{[]byte("EVF2\x0d\x0a\x81\x00\x02\x01\x00\x00\x00 and more")}, custody.UnreadableVersion2},
		"an image called raw":      {custody.FormatRaw, [][]byte{whole[:len(whole)/2]}, custody.UnreadableTruncated},
		"text":                     {custody.FormatOther, [][]byte{[]byte("no image at all, and long enough")}, ""},
		"a raw image":              {custody.FormatRaw, [][]byte{ewftest.Media(1 << 16)}, ""},
		"one byte, called nothing": {custody.FormatOther, [][]byte{{'E'}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, r, err := read(t, test.format, test.files, nil)
			if test.reason == "" {
				if err != nil || b.passed != docket.ImageOther || len(b.acts) != 0 || r.State != docket.ImageOther {
					t.Errorf("%v; passed %q, said %v", err, b.passed, b.acts)
				}
				return
			}
			body, _ := said(t, b, err)
			if body.Outcome != custody.ImageUnreadable || body.Reason != test.reason || body.Found != nil {
				t.Errorf("said %+v", body)
			}
		})
	}
}

// TestStoreFails: a store that fails, at whatever read, is never taken for a
// fault of the image; it is tried again, less and less often.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	files := ewftest.Build(ewftest.Image{Media: noise(20 << 20), PerChunk: 64})
	for after := range int32(3) {
		b, r, err := read(t, custody.FormatEWF, files, func(_ *book, s *store, _ *imaging.Options) {
			s.after = after
			s.down.Store(after == 0)
		})
		if err != nil || r.State != "" || len(b.acts) != 0 || b.passed != "" || b.tries != 1 || b.again != time.Minute || b.holder != "" {
			t.Errorf("after %d reads: %v, %+v; said %v, %d tries", after, err, r, b.acts, b.tries)
		}
	}
	b, _, err := read(t, custody.FormatEWF, files, func(b *book, s *store, _ *imaging.Options) { b.tries = 30; s.down.Store(true) })
	if err != nil || b.again != 12*time.Hour {
		t.Errorf("%v; again after %s", err, b.again)
	}
}

// TestRot: a copy that isn't what was deposited is said to be so, and nothing of
// the image.
func TestRot(t *testing.T) {
	t.Parallel()
	files := ewftest.Build(ewftest.Image{Media: noise(20 << 20), PerChunk: 64})
	b, r, err := read(t, custody.FormatEWF, files, func(_ *book, s *store, _ *imaging.Options) { s.data[12<<20] ^= 1 })
	if err != nil || r.State != "" || len(b.acts) != 1 || b.tries != 1 {
		t.Fatalf("%v, %+v; said %v", err, r, b.acts)
	}
	if f, ok := b.acts[0].Body.(*custody.FixityFailed); !ok || !slices.Equal(f.Blocks, []uint64{1}) || f.Reason != custody.FixityMismatch {
		t.Errorf("said %+v", b.acts[0].Body)
	}
}

// TestErased: of what was disposed of before, nothing is said; a key that is
// away says nothing of it.
func TestErased(t *testing.T) {
	t.Parallel()
	files := ewftest.Build(ewftest.Image{Media: ewftest.Media(1 << 16)})
	for _, phase := range []custody.Phase{custody.PhaseDisposed, custody.PhaseHeld} {
		b, _, err := read(t, custody.FormatEWF, files, func(b *book, _ *store, _ *imaging.Options) {
			b.phase, b.a.Encoding = phase, custody.EncodingDARE
		})
		if err != nil || len(b.acts) != 0 || (phase == custody.PhaseDisposed) != (b.passed == docket.ImageErased) || (phase == custody.PhaseHeld) != (b.tries == 1) {
			t.Errorf("%s: %v; passed %q, said %v, %d tries", phase, err, b.passed, b.acts, b.tries)
		}
	}
}

// TestYields: nothing is read while evidence comes in, and the image is held all
// the while.
func TestYields(t *testing.T) {
	t.Parallel()
	files := ewftest.Build(ewftest.Image{Media: ewftest.Media(1 << 16)})
	var s *store
	var early int32
	asked := 0
	b, _, err := read(t, custody.FormatEWF, files, func(_ *book, in *store, o *imaging.Options) {
		s, o.Holds = in, 40*time.Millisecond
		o.Busy = func() bool {
			asked++
			early = max(early, s.reads.Load())
			return asked < 3
		}
	})
	said(t, b, err)
	if early != 0 || b.held < 3 {
		t.Errorf("read %d blocks while evidence came in; gave %d signs of life", early, b.held)
	}
}

// TestTakenOver: a process that another took over from says nothing, and gives up.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	files := ewftest.Build(ewftest.Image{Media: ewftest.Media(1 << 16)})
	b, _, err := read(t, custody.FormatEWF, files, func(b *book, _ *store, o *imaging.Options) {
		o.Holds = 20 * time.Millisecond
		o.Busy = func() bool { // for ever
			b.mu.Lock()
			defer b.mu.Unlock()
			b.holder = "another"
			return true
		}
	})
	if !errors.Is(err, docket.ErrClosed) || len(b.acts) != 0 || b.holder != "another" {
		t.Errorf("%v; said %v; held by %s", err, b.acts, b.holder)
	}
}

// TestStopped: an image that was begun when the service stops is free at once.
func TestStopped(t *testing.T) {
	t.Parallel()
	files := ewftest.Build(ewftest.Image{Media: ewftest.Media(1 << 16)})
	var b *book
	ctx, stop := context.WithCancel(t.Context())
	_, _, _ = read(t, custody.FormatEWF, files, func(in *book, s *store, o *imaging.Options) {
		b, o.Busy = in, func() bool { stop(); return true }
		if _, err := imaging.New(*o).Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped: %v", err)
		}
		if len(b.acts) != 0 || b.holder != "" || b.tries != 0 {
			t.Errorf("left behind: %+v", b)
		}
		o.Busy = nil
	})
	if len(b.acts) != 1 {
		t.Errorf("said %d things when taken up again", len(b.acts))
	}
}

// TestRefused: an image of which the ledger doesn't take what is said makes room
// for the others; a ledger that is away takes nothing from its turn.
func TestRefused(t *testing.T) {
	t.Parallel()
	files := ewftest.Build(ewftest.Image{Media: ewftest.Media(1 << 16)})
	for tries, no := range []error{&docket.Unavailable{Cause: errors.New("connection refused")}, custody.Refuse("image.found", "", "no such image")} {
		b, _, err := read(t, custody.FormatEWF, files, func(b *book, _ *store, _ *imaging.Options) { b.refuses = no })
		if !errors.Is(err, no) || b.holder != "" || b.tries != tries || b.again != time.Duration(tries)*time.Minute {
			t.Errorf("%v: %v; %d tries, again after %s, held by %q", no, err, b.tries, b.again, b.holder)
		}
	}
}

// TestTold: what the imager wrote is repeated as details that a record may have,
// whatever it is.
func TestTold(t *testing.T) {
	t.Parallel()
	header := "1\r\nmain\r\nc\tn\ta\te\tt\tav\tov\tm\tu\tp\r\n" +
		strings.Join([]string{"FIR 12\u202e/26", "E-1", "a\u200bdisk", "Muhammad Rafi\u0301q", strings.Repeat("n", 20000), "20140816", "Linux", "2026 3 2 9 5 7", "1772442307", "0"}, "\t") + "\r\n\r\n"
	files := ewftest.Build(ewftest.Image{Media: ewftest.Media(1 << 16), Header: header})
	b, _, err := read(t, custody.FormatEWF, files, nil)
	_, act := said(t, b, err)
	want := map[custody.Field]string{custody.FieldCaseNumber: `FIR 12\u202e/26`, custody.FieldEvidenceNumber: "E-1", custody.FieldDescription: `a\u200bdisk`,
		custody.FieldExaminer: "Muhammad Raf\u00edq", custody.FieldNote: strings.Repeat("n", 16384) + "…", custody.FieldTool: "20140816", custody.FieldSystem: "Linux",
		custody.FieldAcquired: "2026-03-02T09:05:07, zone not stated (written: 2026 3 2 9 5 7)", custody.FieldWritten: "2026-03-02T09:05:07Z (written: 1772442307)"}
	for field, text := range want {
		if act.Told[field] != text {
			t.Errorf("%s: %q, want %q", field, act.Told[field], text)
		}
	}
	for field, text := range act.Told {
		if _, err := custody.NewDetail(field, custody.Salt{1}, text); err != nil {
			t.Errorf("%s can't be told: %v", field, err)
		}
	}
}
