package desk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestRetrieval crosses what can go wrong on the way with what must be left.
func TestRetrieval(t *testing.T) {
	ctx := context.Background()
	c := newCast(t)
	path, content := image(t, 2.5)
	put := c.deposit(t, path)
	out := filepath.Join(t.TempDir(), "copy.dd")
	in := Retrieval{Path: out, Streams: 1, Reading: Reading{Item: put.Item, Purpose: custody.PurposeExamination}}
	absent := func() {
		t.Helper()
		if _, err := os.Lstat(out); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("the file is there before it is whole: %v", err)
		}
	}
	c.f.content = func(offset int64, r io.Reader) (io.Reader, error) { // cut in the second block
		return io.MultiReader(io.LimitReader(r, max(0, evidence.BlockSize-offset)+100), failing{}), nil
	}
	if _, err := c.officer.Retrieve(ctx, in); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("cut: %v, want ErrInterrupted", err)
	}
	absent()
	// Other bytes, always: named, and what the others are like.
	c.f.content = func(offset int64, _ io.Reader) (io.Reader, error) {
		return bytes.NewReader(make([]byte, len(content))), nil
	}
	_, err := c.officer.Retrieve(ctx, in)
	var bad *BadBlocksError
	if !errors.Is(err, ErrEvidence) || !errors.As(err, &bad) || len(bad.Blocks) != 2 || bad.Whole != 1 || bad.Of != 3 || bad.Blocks[0].Index != 1 || bad.Blocks[1].Length != evidence.BlockSize/2 ||
		!strings.Contains(err.Error(), "block 1 (bytes 8388608 to 16777215) is not what was deposited: other bytes came twice") || !strings.Contains(err.Error(), "1 of 3 blocks") {
		t.Fatalf("other bytes: %v", err)
	}
	absent()
	// The service says that one is damaged: the others are fetched all the same.
	c.f.content = func(offset int64, r io.Reader) (io.Reader, error) {
		if offset == evidence.BlockSize {
			return nil, &Answer{Status: 500, Code: "copy-damaged", Rule: "digest-mismatch"}
		}
		return r, nil
	}
	if _, err := c.officer.Retrieve(ctx, in); !errors.As(err, &bad) || len(bad.Blocks) != 1 || bad.Blocks[0].Index != 1 || bad.Whole != 2 {
		t.Fatalf("damaged: %v", err)
	}
	absent()
	// Somebody changes what was left: it is noticed, and fetched again. One block
	// comes damaged once: that is told.
	part := filepath.Join(filepath.Dir(out), "."+put.Artifact.SHA256.Short()+".custody-part")
	if f, err := os.OpenFile(part, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	} else if _, err = f.WriteAt([]byte("other"), 77); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	once := false
	c.f.offsets, c.f.content = nil, func(offset int64, r io.Reader) (io.Reader, error) {
		if offset == evidence.BlockSize && !once {
			once = true
			return bytes.NewReader(make([]byte, len(content))), nil
		}
		return r, nil
	}
	r, err := c.officer.Retrieve(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if r.Reused != 1 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "block 1 came damaged once") || r.Computed != put.Artifact {
		t.Errorf("got %+v", r)
	}
	slices.Sort(c.f.offsets)
	if want := []int64{0, evidence.BlockSize, evidence.BlockSize}; !slices.Equal(c.f.offsets, want) {
		t.Errorf("read from %v, want %v", c.f.offsets, want)
	}
	if b, _ := os.ReadFile(out); !bytes.Equal(b, content) {
		t.Error("the file differs")
	}
	if entries, _ := os.ReadDir(filepath.Dir(out)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if _, err := c.officer.Retrieve(ctx, in); !errors.Is(err, os.ErrExist) {
		t.Errorf("over an existing file: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errLine }

// TestRetrievalIntoStream: what comes out is a true beginning of the evidence,
// and an error says that it is not the whole.
func TestRetrievalIntoStream(t *testing.T) {
	ctx := context.Background()
	c := newCast(t)
	path, content := image(t, 12.5)
	put := c.deposit(t, path)
	var out bytes.Buffer
	in := Retrieval{Out: &out, Reading: Reading{Item: put.Item, Purpose: custody.PurposeExamination}}
	if r, err := c.officer.Retrieve(ctx, in); err != nil || !bytes.Equal(out.Bytes(), content) || r.Computed != put.Artifact {
		t.Fatalf("whole: %v, %d bytes", err, out.Len())
	}
	out.Reset()
	c.f.content = func(offset int64, r io.Reader) (io.Reader, error) {
		if at := int64(10*evidence.BlockSize + 5); offset <= at {
			all, err := io.ReadAll(r)
			if i := at - offset; i < int64(len(all)) {
				all[i] ^= 1
			}
			return bytes.NewReader(all), err
		}
		return r, nil
	}
	var bad *BadBlocksError
	if _, err := c.officer.Retrieve(ctx, in); !errors.As(err, &bad) || bad.Blocks[0].Index != 10 || bad.Part != "" {
		t.Fatalf("a bad tail: %v", err)
	}
	if !bytes.Equal(out.Bytes(), content[:10*evidence.BlockSize]) {
		t.Errorf("%d bytes came out, 10 blocks are whole", out.Len())
	}
}
