package elsewhere

import (
	"archive/zip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// timed has a dossier of a live service graded under a policy that names its
// time-stamping authority, which is openssl: as soon as the authority has stamped
// the log, no event is without a time that somebody else vouches for. What the
// dossier holds of it, stock openssl verifies by the authority's certificate.
func (o *office) timed(t *testing.T) {
	openssl := stage.Need(t, "openssl")
	trust := filepath.Join(t.TempDir(), "timed.json")
	o.custody(t, o.Investigator, 0, "policy", "make", "--tsa", "clock="+o.clockFile, "-o", trust)
	plain := stage.Write(t, "plain.json", o.PolicyFile)
	untimed := []verify.Name{verify.Untimed, verify.TimeGap, verify.TimestampInvalid, verify.TimestampUnidentified, verify.TimeOutsideWindow}
	said := func(policy, path string) (of []verify.Name) {
		t.Helper()
		v := read[struct{ Findings []struct{ Name verify.Name } }](t, o.custody(t, o.Investigator, 0, "verify", "--policy", policy, "--json", path))
		for _, f := range v.Findings {
			if slices.Contains(untimed, f.Name) {
				of = append(of, f.Name)
			}
		}
		return of
	}
	var path string
	for end := time.Now().Add(time.Minute); ; time.Sleep(500 * time.Millisecond) {
		path = filepath.Join(t.TempDir(), "dossier.zip")
		o.custody(t, o.Investigator, 0, "dossier", "get", "--case", o.kase.String(), "-o", path)
		found := said(trust, path)
		if len(found) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("a minute later, of time it is still said: %v", found)
		}
	}
	if found := said(plain, path); !slices.Contains(found, verify.Untimed) {
		t.Errorf("under a policy that names no authority it says %v", found)
	}

	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name], err = io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
	}
	verifies := func(stamp, message []byte) bool {
		t.Helper()
		dir := t.TempDir()
		for name, b := range map[string][]byte{"it.tsr": stamp, "message": message} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(openssl, "ts", "-verify", "-in", "it.tsr", "-data", "message", "-CAfile", o.clockFile)
		cmd.Dir = dir
		return strings.Contains(string(stage.Run(t, cmd).Stdout), "Verification: OK")
	}
	var heads [][]byte // the three lines of each checkpoint
	for name, b := range files {
		if name == "data/log/checkpoint.txt" || strings.HasPrefix(name, "data/log/checkpoints/") {
			head, _, _ := strings.Cut(string(b), "\n\n")
			heads = append(heads, []byte(head+"\n"))
		}
	}
	ofHeads, ofSignatures := 0, 0
	for name, b := range files {
		switch {
		case strings.HasPrefix(name, "data/log/times/"):
			if slices.ContainsFunc(heads, func(head []byte) bool { return verifies(b, head) }) {
				ofHeads++
			}
			if verifies(b, []byte("another head\n")) {
				t.Error("openssl takes a timestamp for that of another head")
			}
		case strings.HasPrefix(name, "data/events/"):
			var bundle struct {
				VerificationMaterial struct {
					TimestampVerificationData struct {
						RFC3161Timestamps []struct{ SignedTimestamp []byte }
					}
				}
				DSSEEnvelope struct{ Signatures []struct{ Sig []byte } }
			}
			if err := json.Unmarshal(b, &bundle); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, s := range bundle.VerificationMaterial.TimestampVerificationData.RFC3161Timestamps {
				if !verifies(s.SignedTimestamp, bundle.DSSEEnvelope.Signatures[0].Sig) {
					t.Errorf("%s: openssl does not verify the timestamp of its signature", name)
				}
				ofSignatures++
			}
		}
	}
	if ofHeads == 0 || ofSignatures == 0 {
		t.Errorf("openssl verified the timestamps of %d heads and %d signatures out of the dossier", ofHeads, ofSignatures)
	}
}
