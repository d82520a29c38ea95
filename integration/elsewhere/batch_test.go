package elsewhere

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/integration/stage"
)

// batch deposits a folder as an examiner leaves it: images of two programs with
// their logs, files with names in Urdu, and what cannot be deposited.
const batch = `
mkdir -p box/sub "box/شواہد"
head -c 3000000 /dev/urandom > box/source.img
truncate -s 3000320 box/source.img
dc3dd if=box/source.img hof=box/MA-2.dd hash=md5 hash=sha256 log=box/MA-2.dd.log > dc3dd.txt 2>&1
ewfacquire -u -t box/sub/MA-3 -C "FIR 12/2026" -D stick -e "Muhammad Ali" -E MA/3 -N none -m removable -M physical -c deflate:fast \
  -f encase6 -b 64 -g 64 -S 1.4GiB -o 0 -P 512 -d sha1,sha256 -l box/sub/MA-3.log box/source.img > ewfacquire.txt 2>&1
mkdir box/seg; split -b 1000000 -d -a 3 --numeric-suffixes=1 box/source.img box/seg/MA-6.
echo "a note" > "box/شواہد/گواہی.txt"
: > box/empty; ln -s source.img box/link
put() { agency put "$@" --case "$CASE" --item "$ITEM"; }
agency put box --case "$CASE" --item "$ITEM" --dry-run --json > plan.json
code=0; put box --manifest first --json > one.json 2> first.err || code=$?; echo $code > first.code
code=0; put box --manifest second > second.txt 2> second.err || code=$?; echo $code > second.code
sha256sum --strict -c first.sha256 > sums.txt
# A log that does not describe the file stops its deposit, until somebody says why.
head -c 70000 /dev/urandom > other.dd; head -c 16 /dev/urandom | md5sum | sed 's/-/other.dd/' > other.dd.md5
code=0; put other.dd --logs 2> refused.txt || code=$?; echo $code > refused.code
put other.dd --logs --despite "the log is of an earlier copy" --json > despite.json
# An image in segments is one artifact, whichever of them is named; what is wrong with it is said first.
mkdir set bad raw
ewfacquire -u -q -t set/MA-4 -C "FIR 12/2026" -D stick -e "Muhammad Ali" -E MA/4 -N none -m removable -M physical -c none \
  -f encase6 -S 1048576 -d sha1 box/source.img > set.acquire.txt 2>&1
cp set/MA-4.* bad; printf x | dd of=bad/MA-4.E02 bs=1 seek=500000 conv=notrunc 2> dd.txt
split -b 1000000 -d -a 3 --numeric-suffixes=1 box/source.img raw/MA-5.
put set/MA-4.E02 --json > set.json 2> set.err
code=0; put bad/MA-4.E01 2> bad.txt || code=$?; echo $code > bad.code
put bad/MA-4.E01 --accept-damaged --json > bad.json 2> bad.err
put raw/MA-5.001 --json > raw.json 2> raw.err
rm bad/MA-4.E02; code=0; put bad/MA-4.E01 2> gap.txt || code=$?; echo $code > gap.code
agency get "$(sed -n 's/.*"item": *"\([0-9a-f]*\)".*/\1/p' set.json | head -1)" -o got
(cd got && sha256sum --strict -c SHA256SUMS) > got.txt && cmp set/MA-4.E01 got/MA-4.E01 && cmp set/MA-4.E03 got/MA-4.E03
sha256sum got/SHA256SUMS > got.sum
agency item show "$(sed -n 's/.*"item": *"\([0-9a-f]*\)".*/\1/p' set.json | head -1)" > shown.txt
agency report "$CASE" -o report
agency get "$(sed -n 's/.*"item": *"\([0-9a-f]*\)".*/\1/p' raw.json | head -1)" --curl reading.token > reading.sh
sh -e reading.sh > curled.txt 2> curl.err
agency dossier get --case "$CASE" -o batch.zip
custody verify --policy trust.json batch.zip --artifact box/MA-2.dd --artifact box/MA-2.dd.log --artifact got --artifact raw --json > verify.json
`

type batchLine struct {
	Path, Status, Item, Remarks, Role, SHA256 string
	SegmentOf                                 int
}

// TestBatch runs the command against a service: the plan, the deposits with their
// logs, the same once more, and what report and verifier make of it.
func TestBatch(t *testing.T) {
	for _, tool := range []string{"curl", "dc3dd", "ewfacquire"} {
		stage.Need(t, tool)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, ok := strings.Cut(string(readme), "```sh tour\n")
	tour, _, found := strings.Cut(tour, "agency release ")
	if !ok || !found {
		t.Fatal("README.md has no tour in which an exhibit is released")
	}
	tour = strings.ReplaceAll(tour, ":8440", fmt.Sprintf(":%d", freePort(t)))
	dir := stage.Dir(t)
	cmd := exec.CommandContext(stage.Context(t), stage.Need(t, "bash"), "-c", tour+batch)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(stage.Build(t).Custody)+":"+os.Getenv("PATH"), "CUSTODY_HOME=", "CUSTODY_KEY=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, stage.Lines(out, 40), file(t, dir, "first.err"))
	}

	var first struct{ Lines []batchLine }
	parse(t, dir, "one.json", &first)
	byPath := map[string]batchLine{}
	for _, l := range first.Lines {
		byPath[l.Path] = l
	}
	for path, want := range map[string]struct{ status, role string }{
		"box/MA-2.dd": {"deposited", "master"}, "box/MA-2.dd.log": {"deposited", "acquisition-log"}, "box/sub/MA-3.E01": {"deposited", "master"},
		"box/sub/MA-3.log": {"deposited", "acquisition-log"}, "box/شواہد/گواہی.txt": {"deposited", "master"}, "box/source.img": {"deposited before", "master"},
		"box/seg/MA-6.001": {"deposited", "master"}, "box/seg/MA-6.002": {"deposited", "master"}, "box/seg/MA-6.004": {"deposited", "master"},
		"box/empty": {"left out", ""}, "box/link": {"left out", ""},
	} {
		if got := byPath[path]; got.Status != want.status || got.Role != want.role || (got.Item == "") != (want.status == "left out") {
			t.Errorf("%s: %+v, want %s", path, got, want.status)
		}
	}
	if len(first.Lines) != 12 || byPath["box/source.img"].Item != byPath["box/MA-2.dd"].Item {
		t.Errorf("%d lines; the same bytes are items %s and %s", len(first.Lines), byPath["box/source.img"].Item, byPath["box/MA-2.dd"].Item)
	}
	if one, last := byPath["box/seg/MA-6.001"], byPath["box/seg/MA-6.004"]; last.Item != one.Item || last.SegmentOf == 0 || one.SegmentOf != 0 || one.SHA256 == last.SHA256 {
		t.Errorf("segments found in a folder are not one image: %+v, %+v", one, last)
	}
	if r := byPath["box/MA-2.dd"].Remarks; r != "hashes match (MD5, SHA-256); the copy was read back; the source was not" {
		t.Errorf("beside dc3dd's log: %s", r)
	}
	if r := byPath["box/sub/MA-3.E01"].Remarks; !strings.HasPrefix(r, "hashes of the data decoded from the image match (MD5, SHA-1); SHA-256 not compared") {
		t.Errorf("beside ewfacquire's log: %s", r)
	}
	if code := file(t, dir, "first.code") + file(t, dir, "second.code"); code != "1\n1\n" {
		t.Errorf("exit codes %q: something was left out", code)
	}
	if second := file(t, dir, "second.txt"); !strings.Contains(second, "0 deposited, 10 deposited before, 0 failed, 0 not begun, 2 left out") {
		t.Errorf("the second time:\n%s", second)
	}
	if sums := file(t, dir, "sums.txt"); strings.Count(sums, ": OK") != 10 {
		t.Errorf("sha256sum -c:\n%s", sums)
	}
	if code, words := file(t, dir, "refused.code"), file(t, dir, "refused.txt"); code != "3\n" || !strings.Contains(words, "nothing was signed: MD5 differs") {
		t.Errorf("a log that differs: exit %s%s", code, words)
	}
	var despite struct {
		LogItems []struct{ Item string } `json:"logItems"`
	}
	if parse(t, dir, "despite.json", &despite); len(despite.LogItems) != 1 {
		t.Errorf("the log beside it: %+v", despite)
	}

	segmentsAreOne(t, dir)
	if sums := file(t, dir, "curled.txt"); sums != "MA-5.001: OK\nMA-5.002: OK\nMA-5.003: OK\nMA-5.004: OK\n" {
		t.Errorf("segments read by curl:\n%s\n%s", sums, file(t, dir, "curl.err"))
	}

	// The report and the verifier say the same of the log, and only where it was read.
	const said = "the copy was read back; the source was not"
	var report struct {
		Artifacts []struct {
			FileName struct{ Value string }
			Logs     []struct {
				Read   string
				Beside []struct{ Kind, Words string }
			}
		}
	}
	parse(t, filepath.Join(dir, "report"), "report.json", &report)
	shown := 0
	for _, a := range report.Artifacts {
		for _, l := range a.Logs {
			if l.Read == "pass" {
				shown++
			}
			if a.FileName.Value == "MA-2.dd" && (l.Beside[0].Words != "hashes match (MD5, SHA-256)" || l.Beside[1].Words != said) {
				t.Errorf("the report says %+v", l.Beside)
			}
		}
	}
	segmentsInTheReport(t, dir)
	if shown != 3 {
		t.Errorf("the report shows %d logs", shown)
	}
	var verified struct {
		Verdict string
		Logs    []struct{ Image, Read, Summary string }
	}
	parse(t, dir, "verify.json", &verified)
	read := 0
	for _, l := range verified.Logs {
		if l.Read == "pass" && l.Image == byPath["box/MA-2.dd"].Item && strings.HasSuffix(l.Summary, said) {
			read++
		}
	}
	if verified.Verdict != "whole" || read != 1 || len(verified.Logs) != 3 {
		t.Errorf("verified: %+v", verified)
	}
}

func file(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func parse(t *testing.T, dir, name string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(file(t, dir, name)), v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
