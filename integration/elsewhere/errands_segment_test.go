package elsewhere

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// segmentVariable is the size in MiB of the medium whose image is one segment:
// .ci/run takes one over 2 GiB, where the offsets in a segment's tables no longer
// fit into 31 bits.
const segmentVariable = "CUSTODY_TEST_SEGMENT_MIB"

// segment has ewfacquire write a medium into one uncompressed segment, deposits
// it, and gets it back: the media hashes are those of the medium itself.
func (o *office) segment(t *testing.T) {
	acquire, check := stage.Need(t, "ewfacquire"), stage.Need(t, "ewfverify")
	mib := int64(3)
	if v := os.Getenv(segmentVariable); v != "" {
		var err error
		if mib, err = strconv.ParseInt(v, 10, 32); err != nil || mib < 1 {
			t.Fatalf("%s=%q is no size in MiB", segmentVariable, v)
		}
	}
	dir := stage.Dir(t)
	raw := filepath.Join(dir, "medium.dd")
	sums := medium(t, raw, mib<<20)
	base := filepath.Join(dir, "MA-9")
	d := stage.Run(t, exec.CommandContext(stage.Context(t), acquire, "-u", "-q", "-t", base, "-C", "FIR 12/2026", "-D", "stick", "-e", "Muhammad Ali", "-E", "MA/9", "-N", "none",
		"-m", "removable", "-M", "physical", "-f", "encase6", "-c", "none", "-S", fmt.Sprint(mib<<20+64<<20), "-d", "sha1", raw))
	path := base + ".E01"
	info, err := os.Stat(path)
	if err != nil || d.Code != 0 {
		t.Fatalf("ewfacquire: %v\n%s%s", err, d.Stdout, d.Stderr)
	}
	if info.Size() <= mib<<20 {
		t.Fatalf("the segment has %d bytes, no more than its medium", info.Size())
	}
	if err := os.Remove(raw); err != nil {
		t.Fatal(err)
	}
	if d := stage.Run(t, exec.CommandContext(stage.Context(t), check, "-q", "-d", "sha1", path)); d.Code != 0 {
		t.Fatalf("ewfverify: %s%s", d.Stdout, d.Stderr)
	}
	put := read[struct {
		Item     evidence.Digest
		Artifact struct{ SHA256 evidence.Digest }
		Media    struct {
			MD5, SHA1, StoredMD5, StoredSHA1 string
			Damaged                          uint64
			Size                             int64
		}
	}](t, o.custody(t, o.Investigator, 0, "put", path, "--case", o.kase.String(), "--json"))
	if m := put.Media; m.Size != mib<<20 || m.MD5 != sums[0] || m.SHA1 != sums[1] || m.StoredMD5 != sums[0] || m.StoredSHA1 != sums[1] || m.Damaged != 0 {
		t.Errorf("the medium is found to be %+v; it has MD5 %s, SHA-1 %s", m, sums[0], sums[1])
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(dir, "back.E01")
	o.custody(t, o.Investigator, 0, "get", put.Item.String(), "-o", back)
	f, err := os.Open(back)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if m, _, err := evidence.Measure(f); err != nil || m.SHA256 != put.Artifact.SHA256 || m.Size != uint64(info.Size()) {
		t.Errorf("%+v came back: %v", m, err)
	}
}

// medium writes a medium that is empty but for a mark at every MiB, which says
// where it stands, and returns its MD5 and SHA-1.
func medium(t *testing.T, path string, size int64) [2]string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for at := int64(0); at < size; at += 1 << 20 {
		if _, err := f.WriteAt(fmt.Appendf(nil, "byte %d", at), at); err != nil {
			t.Fatal(err)
		}
	}
	m, s := md5.New(), sha1.New()
	if _, err := io.Copy(io.MultiWriter(m, s), io.NewSectionReader(f, 0, size)); err != nil {
		t.Fatal(err)
	}
	return [2]string{hex.EncodeToString(m.Sum(nil)), hex.EncodeToString(s.Sum(nil))}
}
