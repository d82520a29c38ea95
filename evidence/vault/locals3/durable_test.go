package locals3

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
)

// TestLongPartListsFitIntoAnAttribute: ext4 has about 4 KiB for all attributes
// of a file, an object of 10,000 parts needs many times that for its list.
func TestLongPartListsFitIntoAnAttribute(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "object"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a := &attributes{MetadataStorer: meta.XattrMeta{}, dir: dir}
	list := backend.MpUploadMetadata{UploadID: "5a0e6c37-3f33-4d6c-b9ea-3ad5b5b1c7a5"}
	for n := range int64(10_000) {
		list.Parts = append(list.Parts, (n+1)*128<<20+n*n%977)
	}
	raw, err := backend.MarshalMpUploadMetadata(list, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) <= 4096 {
		t.Fatalf("the list has only %d bytes: nothing to test", len(raw))
	}
	// A file that lacks its last byte is not made an object.
	size := list.Parts[len(list.Parts)-1]
	if err := f.Truncate(size - 1); err != nil {
		t.Fatal(err)
	}
	if err := a.StoreAttribute(f, dir, "object", partsAttribute, raw); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a file that is too short: %v, want ErrShortWrite", err)
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if err := a.StoreAttribute(f, dir, "object", partsAttribute, raw); err != nil {
		t.Fatal(err)
	}
	stored, err := a.RetrieveAttribute(nil, dir, "object", partsAttribute)
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) > maxAttribute {
		t.Errorf("%d bytes are stored", len(stored))
	}
	if !a.madeFrom(dir, "object", list.UploadID) || a.madeFrom(dir, "object", "another") {
		t.Error("the object no longer knows its upload")
	}
}
