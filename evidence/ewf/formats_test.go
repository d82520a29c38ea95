package ewf_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/evidence/ewf"
)

// tool returns a program of Debian's ewf-tools.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CUSTODY_TEST_REQUIRE") == "all" {
			t.Fatalf("%s is missing, and CUSTODY_TEST_REQUIRE=all", name)
		}
		t.Skipf("%s is missing", name)
	}
	return path
}

// run a program in dir.
func run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(tool(t, name), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// files opens the segments of base in dir in their order.
func files(t testing.TB, dir, base string) []ewf.Segment {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, base+".[EeSs]*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no segments of %s: %v", base, err)
	}
	slices.Sort(names) // fewer than 100 of them
	var s []ewf.Segment
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		s = append(s, ewf.Segment{ReaderAt: f, Name: filepath.Base(name), Size: info.Size()})
	}
	return s
}

// disk is a medium with random, empty and readable parts.
func disk(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := 0; i < n; i += 8 {
		switch i >> 16 % 3 {
		case 0:
			for k := range 8 {
				b[i+k] = byte(r.Uint32())
			}
		case 1:
			copy(b[i:], fmt.Sprintf("%08d", i/64))
		}
	}
	return b
}

// shown reads "Key:   value" lines of ewfinfo and ewfverify.
func shown(out string) map[string]string {
	values := map[string]string{}
	for s := bufio.NewScanner(strings.NewReader(out)); s.Scan(); {
		if key, value, ok := strings.Cut(strings.TrimSpace(s.Text()), ":"); ok {
			values[key] = strings.TrimSpace(value)
		}
	}
	return values
}

// TestFormats: every format and compression that ewfacquire writes, in three
// segments where they are that large, against ewfinfo and ewfverify.
func TestFormats(t *testing.T) {
	dir := t.TempDir()
	raw := disk(2_700_288)
	if err := os.WriteFile(filepath.Join(dir, "disk.raw"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]ewf.Kind{"smart": ewf.KindSMART, "ewf": ewf.KindOriginal, "ewfx": ewf.KindEWFX}
	for _, format := range []string{"ewf", "smart", "ftk", "encase1", "encase2", "encase3", "encase4", "encase5", "encase6", "encase7", "linen5", "linen6", "linen7", "ewfx"} {
		for _, compression := range []string{"none", "empty-block", "fast", "best"} {
			t.Run(format+" "+compression, func(t *testing.T) {
				t.Parallel()
				base := format + "-" + compression
				run(t, dir, "ewfacquire", "-u", "-q", "-f", format, "-c", compression, "-t", base, "-C", "CASE 7", "-D", "A disk",
					"-e", "Müller", "-E", "E-1", "-N", "Some notes", "-m", "removable", "-M", "physical", "-g", "64", "-S", "1048576", "-d", "sha1", "disk.raw")
				segments := files(t, dir, base)
				m, err := ewf.Open(segments)
				if err != nil {
					t.Fatal(err)
				}
				r, err := m.Verify(t.Context(), all)
				if err != nil {
					t.Fatal(err)
				}
				if r.Damaged != 0 || r.FlawCount != 0 || !r.Matches(m.Stored) || r.Size != uint64(len(raw)) {
					t.Errorf("%+v", r)
				}
				got, err := io.ReadAll(io.NewSectionReader(m, 0, int64(r.Size)))
				if err != nil || !bytes.Equal(got, raw) {
					t.Errorf("another medium; %v", err)
				}
				if want := kinds[format]; want != "" && m.Kind != want || want == "" && m.Kind != ewf.KindE01 {
					t.Errorf("kind %s", m.Kind)
				}
				if compression == "none" && len(segments) != 3 {
					t.Errorf("%d segments", len(segments))
				}

				first := segments[0].Name
				info := shown(run(t, dir, "ewfinfo", first))
				for key, value := range map[string]string{
					"Case number": m.Metadata.Case, "Description": m.Metadata.Description,
					"Evidence number": m.Metadata.Evidence, "Notes": m.Metadata.Notes, "Operating system used": m.Metadata.System,
					"Software version used": m.Metadata.Tool, "Bytes per sector": fmt.Sprint(m.Medium.SectorSize),
					"MD5": hex.EncodeToString(m.Stored.MD5[:]),
				} {
					if format == "ewf" && info["Operating system used"] == "" && (key == "Operating system used" || key == "Software version used") ||
						format == "encase1" && (key == "Operating system used" || key == "Software version used") {
						continue // not in these formats
					}
					if info[key] != value || value == "" {
						t.Errorf("%s: %q, ewfinfo says %q", key, value, info[key])
					}
				}
				if examiner := info["Examiner name"]; examiner == "Müller" && m.Metadata.Examiner != examiner {
					t.Errorf("examiner %q", m.Metadata.Examiner)
				}
				if at := m.Metadata.Acquired.At; at.IsZero() || at.Format(time.ANSIC) != strings.TrimSuffix(info["Acquisition date"], " UTC") {
					t.Errorf("acquired %v, ewfinfo says %q", at, info["Acquisition date"])
				}
				if m.Stored.SHA1 != nil && info["SHA1"] != hex.EncodeToString(m.Stored.SHA1[:]) || m.Stored.SHA1 == nil && info["SHA1"] != "" {
					t.Errorf("stored SHA-1 %x, ewfinfo says %q", m.Stored.SHA1, info["SHA1"])
				}
				if m.Medium.Type != "" && (m.Medium.Type != "removable" || !m.Medium.Physical) {
					t.Errorf("medium %+v", m.Medium)
				}
				verified := shown(run(t, dir, "ewfverify", "-q", "-d", "sha1", first))
				if verified["MD5 hash calculated over data"] != hex.EncodeToString(r.MD5[:]) || verified["SHA1 hash calculated over data"] != hex.EncodeToString(r.SHA1[:]) {
					t.Errorf("ewfverify: %v", verified)
				}
			})
		}
	}
}

// TestOptions: chunk and sector sizes, media types, code pages.
func TestOptions(t *testing.T) {
	dir := t.TempDir()
	raw := disk(1<<20 + 4096)
	if err := os.WriteFile(filepath.Join(dir, "disk.raw"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		args            []string
		chunk, sector   uint32
		kind, examiner  string
		physical, texts bool
	}{
		{args: []string{"-b", "16", "-m", "fixed", "-M", "logical"}, chunk: 8192, sector: 512, kind: "fixed"},
		{args: []string{"-b", "32768", "-c", "fast", "-m", "optical", "-M", "logical"}, chunk: 16 << 20, sector: 512, kind: "optical"},
		{args: []string{"-P", "2048", "-b", "64", "-m", "optical", "-M", "physical"}, chunk: 131072, sector: 2048, kind: "optical", physical: true},
		{args: []string{"-P", "4096", "-b", "16", "-c", "best", "-m", "removable", "-M", "physical"}, chunk: 65536, sector: 4096, kind: "removable", physical: true},
		{args: []string{"-A", "windows-1252", "-f", "ftk", "-e", "Müller", "-m", "fixed", "-M", "physical"}, chunk: 32768, sector: 512, kind: "fixed", physical: true, examiner: "Müller"},
		{args: []string{"-f", "encase7", "-e", "تفتیشی افسر", "-m", "fixed", "-M", "physical"}, chunk: 32768, sector: 512, kind: "fixed", physical: true, examiner: "تفتیشی افسر"},
	} {
		base := fmt.Sprintf("o%d", i)
		cmd := append([]string{"-u", "-q", "-t", base, "-C", "c", "-D", "d", "-E", "e", "-N", "n", "-d", "sha1"}, c.args...)
		if c.examiner == "" {
			cmd = append(cmd, "-e", "x")
		}
		t.Setenv("LC_ALL", "C.UTF-8")
		run(t, dir, "ewfacquire", append(cmd, "disk.raw")...)
		m, err := ewf.Open(files(t, dir, base))
		if err != nil {
			t.Fatal(c.args, err)
		}
		r, err := m.Verify(t.Context(), all)
		if err != nil || !r.Matches(m.Stored) || r.FlawCount != 0 || r.Size != uint64(len(raw)) {
			t.Errorf("%v: %+v, %v", c.args, r, err)
		}
		if m.Medium.ChunkSize != c.chunk || m.Medium.SectorSize != c.sector || m.Medium.Type != c.kind || m.Medium.Physical != c.physical {
			t.Errorf("%v: %+v", c.args, m.Medium)
		}
		if c.examiner != "" && m.Metadata.Examiner != c.examiner {
			t.Errorf("%v: examiner %q", c.args, m.Metadata.Examiner)
		}
	}
}

// TestRealFlips changes bytes all over the files of real tools.
func TestRealFlips(t *testing.T) {
	dir := t.TempDir()
	raw := disk(300 << 10)
	if err := os.WriteFile(filepath.Join(dir, "disk.raw"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"encase6", "smart", "encase1", "ewfx"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			run(t, dir, "ewfacquire", "-u", "-q", "-f", format, "-c", "fast", "-t", format, "-C", "c", "-D", "d", "-e", "e", "-E", "e", "-N", "n", "-m", "fixed", "-M", "physical", "-d", "sha1", "disk.raw")
			s := files(t, dir, format)
			file, err := io.ReadAll(io.NewSectionReader(s[0], 0, s[0].Size))
			if err != nil {
				t.Fatal(err)
			}
			want, err := ewf.Open(set(file))
			if err != nil {
				t.Fatal(err)
			}
			flips, unnoticed := 0, 0
			for i := 0; i < len(file); i += max(1, len(file)/300) {
				flips++
				file[i] ^= 0x10
				if m, err := ewf.Open(set(file)); err == nil {
					r, err := m.Verify(t.Context(), ewf.Options{MD5: true})
					if err != nil {
						t.Fatal(err)
					}
					if r.Damaged == 0 && r.FlawCount == 0 && !r.Differs(m.Stored) {
						unnoticed++
						if *r.MD5 != *want.Stored.MD5 {
							t.Errorf("byte %d: another medium, and nothing found", i)
						}
					}
				}
				file[i] ^= 0x10
			}
			if flips < 300 || unnoticed > flips/30 {
				t.Errorf("%d of %d flips unnoticed", unnoticed, flips)
			}
		})
	}
}
