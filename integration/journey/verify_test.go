package journey

import (
	"archive/zip"
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/demo"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// offline runs the people's command where there is no network but its own
// loopback, which is down.
func offline(t *testing.T, args ...string) stage.Done {
	t.Helper()
	flags := []string{"-rn"}
	if os.Geteuid() == 0 {
		flags = []string{"-n"}
	}
	unshare := stage.Need(t, "unshare")
	if out, err := exec.Command(unshare, append(flags, "cat", "/proc/net/dev")...).CombinedOutput(); err != nil {
		stage.Lacks(t, "this machine doesn't let a process leave the network: %s", out)
	} else if n := strings.Count(string(out), ":"); n > 1 {
		t.Fatalf("the network is not off, there are %d interfaces:\n%s", n, out)
	}
	cmd := exec.Command(unshare, append(append(flags, stage.Build(t).Custody), args...)...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	return stage.Run(t, cmd)
}

func TestVerifyOffline(t *testing.T) {
	out := demonstration(t)
	policy, zip, image := filepath.Join(out, demo.TrustFile), filepath.Join(out, demo.DossierFile), filepath.Join(out, madeImage)
	for _, tt := range []struct {
		name string
		code int
		says string
		args []string
	}{
		{"whole", 0, "VERDICT: whole", []string{"--policy", policy, zip}},
		{"with its image", 0, "bytes-match", []string{"--policy", policy, zip, "--artifact", image}},
		{"without a policy", 1, "no-policy", []string{zip}},
		{"without a policy, with its image", 1, "no-policy", []string{zip, "--artifact", image}},
		{"as json", 0, `"verdict"`, []string{"--json", "--policy", policy, zip}},
		{"another file", 3, "bytes-mismatch", []string{"--policy", policy, zip, "--artifact", policy}},
		{"not a dossier", 3, "dossier-malformed", []string{"--policy", policy, policy}},
		{"not a policy", 1, "", []string{"--policy", zip, zip}},
		{"no such dossier", 1, "", []string{"--policy", policy, zip + ".none"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := offline(t, append([]string{"verify"}, tt.args...)...)
			if d.Code != tt.code || !strings.Contains(string(d.Stdout), tt.says) {
				t.Errorf("exit code %d, want %d and %q\n%s%s", d.Code, tt.code, tt.says, d.Stdout, d.Stderr)
			}
		})
	}
}

// TestFlippedImage changes one bit of the image at its beginning, end and in
// each block.
func TestFlippedImage(t *testing.T) {
	out := demonstration(t)
	image := read(t, filepath.Join(out, madeImage))
	for _, at := range []int{0, len(image) / 2, len(image) - 1} {
		image[at] ^= 1 << (at % 8)
		path := stage.Write(t, "flipped.img", image)
		image[at] ^= 1 << (at % 8)
		d := custody(t, "verify", "--policy", filepath.Join(out, demo.TrustFile), filepath.Join(out, demo.DossierFile), "--artifact", path)
		if d.Code != 3 || !strings.Contains(string(d.Stdout), "bytes-mismatch") {
			t.Errorf("byte %d: exit code %d\n%s%s", at, d.Code, d.Stdout, d.Stderr)
		}
		os.Remove(path)
	}
	for name, b := range map[string][]byte{"shorter": image[:len(image)-1], "longer": append(slices.Clip(image), 0)} {
		path := stage.Write(t, name, b)
		d := custody(t, "verify", "--policy", filepath.Join(out, demo.TrustFile), filepath.Join(out, demo.DossierFile), "--artifact", path)
		if d.Code != 3 {
			t.Errorf("%s: exit code %d\n%s", name, d.Code, d.Stdout)
		}
		os.Remove(path)
	}
}

// structure lists the offsets of a zip's bytes that are no file's content.
func structure(t *testing.T, b []byte) []int {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	content := make([]bool, len(b))
	for _, f := range r.File {
		off, err := f.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.CompressedSize64 {
			content[uint64(off)+i] = true
		}
	}
	var out []int
	for i, inside := range content {
		if !inside {
			out = append(out, i)
		}
	}
	if len(r.File) < 40 || len(out) < 46*len(r.File) {
		t.Fatalf("%d files with %d bytes around them: that is no dossier", len(r.File), len(out))
	}
	return out
}

// TestFlippedDossier changes single bits: one of every structural byte and
// thousands elsewhere in this process, and a sample by the command itself.
func TestFlippedDossier(t *testing.T) {
	out := demonstration(t)
	b := read(t, filepath.Join(out, demo.DossierFile))
	policyFile := filepath.Join(out, demo.TrustFile)
	policy, err := verify.ParsePolicy(read(t, policyFile))
	if err != nil {
		t.Fatal(err)
	}
	if v := verdict(t, policy, b); v != verify.Whole {
		t.Fatalf("unchanged, the verdict is %s", v)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	places := structure(t, b)
	structural := len(places)
	for range 1000 {
		places = append(places, random.IntN(len(b)))
	}
	for _, at := range places {
		bit := byte(1) << random.IntN(8)
		b[at] ^= bit
		if v := verdict(t, policy, b); v == verify.Whole {
			t.Errorf("bit %08b of byte %d is changed, and the verdict is %s", bit, at, v)
		}
		b[at] ^= bit
	}
	path := filepath.Join(t.TempDir(), "dossier.zip")
	for i := range 200 {
		at := random.IntN(len(b))
		if i%4 == 0 {
			at = places[random.IntN(structural)]
		}
		bit := byte(1) << random.IntN(8)
		b[at] ^= bit
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		b[at] ^= bit
		if d := custody(t, "verify", "--policy", policyFile, path); d.Code != 1 && d.Code != 3 {
			t.Errorf("bit %08b of byte %d is changed: exit code %d\n%s%s", bit, at, d.Code, d.Stdout, d.Stderr)
		}
	}
}

// verdict is what custody verify does with a file's bytes.
func verdict(t *testing.T, policy *verify.Policy, b []byte) verify.Verdict {
	t.Helper()
	d, bad, err := verify.Read(bytes.NewReader(b), int64(len(b)), dossier.DefaultLimits)
	switch {
	case err != nil:
		return verify.Open
	case bad != nil:
		return bad.Verdict
	}
	res, err := verify.Dossiers(context.Background(), policy, []*dossier.Dossier{d})
	if err != nil {
		return verify.Open
	}
	return res.Verdict
}

// TestCutDossier cuts the file short and appends to it.
func TestCutDossier(t *testing.T) {
	out := demonstration(t)
	b := read(t, filepath.Join(out, demo.DossierFile))
	policy := filepath.Join(out, demo.TrustFile)
	for name, c := range map[string][]byte{"empty": {}, "one byte short": b[:len(b)-1], "half": b[:len(b)/2], "one byte more": append(slices.Clip(b), 0),
		"one byte before": append([]byte{0}, b...), "twice": append(slices.Clip(b), b...)} {
		if d := custody(t, "verify", "--policy", policy, stage.Write(t, "dossier.zip", c)); d.Code != 1 && d.Code != 3 {
			t.Errorf("%s: exit code %d\n%s%s", name, d.Code, d.Stdout, d.Stderr)
		}
	}
}
