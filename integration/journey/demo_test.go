package journey

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/demo"
	"github.com/evidence-custody/custodyd/integration/stage"
)

const madeImage = "retrieved-exhibit-1.img"

// TestDemo is the first thing a stranger types.
func TestDemo(t *testing.T) {
	out := demonstration(t)
	if played.done.Took > within {
		t.Errorf("it took %s, allowed are %s", played.done.Took, within)
	}
	results(t, out, madeImage)
	// It says where its state lay; nothing of that is left.
	places := regexp.MustCompile(`private .* in (/\S+),`).FindAllStringSubmatch(string(played.done.Stdout), -1)
	if len(places) != 2 {
		t.Fatalf("it names %d private services:\n%s", len(places), played.done.Stdout)
	}
	for _, p := range places {
		if _, err := os.Stat(filepath.Dir(p[1])); !os.IsNotExist(err) {
			t.Errorf("%s is left behind", filepath.Dir(p[1]))
		}
	}
}

// TestRetrievedImage has the retrieved image read by tools of others.
func TestRetrievedImage(t *testing.T) {
	image := filepath.Join(demonstration(t), madeImage)
	if out, err := exec.Command(stage.Need(t, "e2fsck"), "-fn", image).CombinedOutput(); err != nil {
		t.Errorf("e2fsck: %v\n%s", err, out)
	}
	out, err := exec.Command(stage.Need(t, "fls"), "-r", "-p", image).CombinedOutput()
	if err != nil {
		t.Fatalf("fls: %v\n%s", err, out)
	}
	if !strings.ContainsFunc(string(out), func(r rune) bool { return r >= 0x0600 && r <= 0x06FF }) {
		t.Errorf("fls lists no Urdu name:\n%s", out)
	}
}

// acquire makes an E01 of a raw image, as an examiner does.
func acquire(t *testing.T, raw, dir string) string {
	t.Helper()
	target := filepath.Join(dir, "seized")
	out, err := exec.Command(stage.Need(t, "ewfacquire"), "-u", "-t", target, "-C", "FIR 12/2026", "-D", "USB stick", "-e", "Muhammad Ali", "-E", "MA/1", "-N", "none",
		"-m", "removable", "-M", "physical", "-c", "deflate:fast", "-f", "encase6", "-b", "64", "-g", "64", "-S", "1.4GiB", "-o", "0", "-P", "512", "-d", "sha1,sha256",
		"-l", filepath.Join(dir, "acquire.log"), raw).CombinedOutput()
	if err != nil {
		t.Fatalf("ewfacquire: %v\n%s", err, stage.Lines(out, 20))
	}
	return target + ".E01"
}

// TestTwoAtOnce plays two demonstrations at the same time: one on a raw image,
// one on an E01 that ewfacquire made of it.
func TestTwoAtOnce(t *testing.T) {
	programs := stage.Build(t)
	dir := stage.Dir(t)
	raw := filepath.Join(dir, "seized.dd")
	if err := demo.MakeImage(raw); err != nil {
		t.Fatal(err)
	}
	images := []string{raw, acquire(t, raw, dir)}
	var wg sync.WaitGroup
	done := make([]stage.Done, len(images))
	outs := make([]string, len(images))
	for i, image := range images {
		outs[i] = filepath.Join(dir, "out", filepath.Base(image))
		wg.Go(func() {
			done[i] = stage.Run(t, exec.Command(programs.Custodyd, "demo", "--image", image, "--out", outs[i]))
		})
	}
	wg.Wait()
	for i, image := range images {
		if done[i].Code != 0 || done[i].Took > within {
			t.Fatalf("%s: exit code %d after %s\n%s\n%s", image, done[i].Code, done[i].Took, done[i].Stdout, done[i].Stderr)
		}
		retrieved := filepath.Join(outs[i], "retrieved-"+filepath.Base(image))
		results(t, outs[i], filepath.Base(retrieved))
		if !bytes.Equal(read(t, image), read(t, retrieved)) {
			t.Errorf("%s came out otherwise than it went in", image)
		}
		d := custody(t, "verify", "--policy", filepath.Join(outs[i], demo.TrustFile), filepath.Join(outs[i], demo.DossierFile), "--artifact", image)
		if d.Code != 0 {
			t.Errorf("custody verify of %s: exit code %d\n%s%s", image, d.Code, d.Stdout, d.Stderr)
		}
		// One service's dossier is nothing to another's policy.
		d = custody(t, "verify", "--policy", filepath.Join(outs[1-i], demo.TrustFile), filepath.Join(outs[i], demo.DossierFile))
		if d.Code != 1 && d.Code != 3 {
			t.Errorf("under another service's policy the exit code is %d\n%s%s", d.Code, d.Stdout, d.Stderr)
		}
	}
	verifyEWF(t, filepath.Join(outs[1], "retrieved-seized.E01"))
}

// verifyEWF has the retrieved E01 verified by the tools it was made with.
func verifyEWF(t *testing.T, path string) {
	t.Helper()
	out, err := exec.Command(stage.Need(t, "ewfverify"), "-d", "sha256", "-q", path).CombinedOutput()
	if err != nil {
		t.Errorf("ewfverify: %v\n%s", err, stage.Lines(out, 20))
	}
}

// TestAsPlainUser plays the demonstration as a user without privileges; where
// the tests aren't run by root, the others have done that.
func TestAsPlainUser(t *testing.T) {
	if os.Geteuid() != 0 {
		demonstration(t)
		return
	}
	cmd := exec.Command(stage.Build(t).Custodyd, "demo", "--out", "results")
	home := stage.AsNobody(t, cmd)
	done := stage.Run(t, cmd)
	if done.Code != 0 || done.Took > within {
		t.Fatalf("exit code %d after %s\n%s\n%s", done.Code, done.Took, done.Stdout, done.Stderr)
	}
	results(t, filepath.Join(home, "results"), madeImage)
}

// TestNoPostgreSQL wants one line that says what to do, and nothing left behind.
func TestNoPostgreSQL(t *testing.T) {
	programs := stage.Build(t)
	for name, command := range map[string]func(t *testing.T, out string) []string{
		"configured wrongly": func(t *testing.T, out string) []string {
			return []string{programs.Custodyd, "demo", "--out", out, "--pg-bindir", "/nonexistent"}
		},
		"not installed": func(t *testing.T, out string) []string {
			flags := "-rm"
			if os.Geteuid() == 0 {
				flags = "-m"
			}
			if out, err := exec.Command(stage.Need(t, "unshare"), flags, "true").CombinedOutput(); err != nil {
				stage.Lacks(t, "this machine doesn't let a process mount for itself: %s", out)
			}
			return []string{stage.Need(t, "unshare"), flags, "sh", "-ec", `for d in /usr/lib/postgresql /usr/local/pgsql /usr/pgsql* /opt/postgresql; do
				if [ -d $d ]; then mount -t tmpfs none $d; fi; done; PATH=/nonexistent exec "$@"`, "sh", programs.Custodyd, "demo", "--out", out}
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			argv := command(t, out)
			done := stage.Run(t, exec.Command(argv[0], argv[1:]...))
			said := strings.TrimSpace(string(done.Stderr))
			if done.Code != 1 || strings.Count(said, "\n") != 0 || !strings.Contains(said, "PostgreSQL") || !strings.Contains(said, "nstall") && !strings.Contains(said, "pg-bindir") {
				t.Errorf("exit code %d, and it says:\n%s", done.Code, said)
			}
			if entries, _ := os.ReadDir(out); len(entries) > 0 {
				t.Errorf("it left %v", entries)
			}
		})
	}
}

// TestRefusedAtOnce: what can't end well doesn't begin.
func TestRefusedAtOnce(t *testing.T) {
	custodyd := stage.Build(t).Custodyd
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"empty image":     {"--image", stage.Write(t, "empty.dd", nil)},
		"no such image":   {"--image", "/nonexistent.dd"},
		"a directory":     {"--image", t.TempDir()},
		"results there":   {"--out", full},
		"unknown flag":    {"--imgae", "x"},
		"stray arguments": {"image.dd"},
	} {
		t.Run(name, func(t *testing.T) {
			if args[0] != "--out" {
				args = append(args, "--out", filepath.Join(t.TempDir(), "out"))
			}
			done := stage.Run(t, exec.Command(custodyd, append([]string{"demo"}, args...)...))
			if said := strings.TrimSpace(string(done.Stderr)); done.Code == 0 || said == "" || strings.Contains(said, "\n") || len(done.Stdout) > 0 {
				t.Errorf("exit code %d\n%s%s", done.Code, done.Stdout, said)
			}
		})
	}
	if got := read(t, filepath.Join(full, "mine")); string(got) != "kept" {
		t.Error("what was there was written over")
	}
}
