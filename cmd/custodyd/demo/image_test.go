package demo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool finds a program that a test needs. A missing one skips the test, unless
// everything is required.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		if os.Getenv("CUSTODY_TEST_REQUIRE") == "all" {
			t.Fatalf("%s is required and missing", name)
		}
		t.Skipf("%s is missing", name)
	}
	return path
}

// TestImageIsRead has the made image read by tools of others: it is a clean
// ext4 file system, and its Urdu names are there.
func TestImageIsRead(t *testing.T) {
	image := filepath.Join(t.TempDir(), "exhibit.img")
	if err := MakeImage(image); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool(t, "e2fsck"), "-fn", image).CombinedOutput(); err != nil {
		t.Errorf("e2fsck: %v\n%s", err, out)
	}
	out, err := exec.Command(tool(t, "fls"), "-r", "-p", image).CombinedOutput()
	if err != nil {
		t.Fatalf("fls: %v\n%s", err, out)
	}
	for _, e := range exhibits {
		if !strings.Contains(string(out), e.path) {
			t.Errorf("fls does not list %s:\n%s", e.path, out)
		}
	}
}

// TestImageIsNew refuses to write over what is there.
func TestImageIsNew(t *testing.T) {
	image := filepath.Join(t.TempDir(), "exhibit.img")
	if err := os.WriteFile(image, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MakeImage(image); err == nil {
		t.Error("an existing file was written over")
	}
}
