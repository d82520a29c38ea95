package acquisition

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestNotALog(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "blank": "\n\n", "prose": "The disk was copied with FTK Imager.\n",
		"zeros": strings.Repeat("\x00", 5000), "a short hash": "bcd80ec5  MA-1.dd\n", "an image": "\xebX\x90mkfs.fat",
		"one line of a map": "0x00000000  0x00480200  +\n",
	} {
		if l, err := Parse("x.txt", []byte(content)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
	if _, err := Parse("x.txt", make([]byte, MaxSize+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestDigits(t *testing.T) {
	for s, want := range map[string]uint64{
		"1972224": 1972224, "1,972,224": 1972224, "1.972.224": 1972224, "1 972 224": 1972224, "1\u00a0972\u00a0224": 1972224,
		"1\u202f972\u202f224": 1972224, "1'972'224": 1972224, "19,72,224": 1972224, "٣٬٤٥٦": 3456, "۱۲۳": 123, "0": 0,
	} {
		if got, ok := digits(s); !ok || got != want {
			t.Errorf("%q is read as %d, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "1.5", "1,5", "4.71", ",", "1,", ",123", "1,2345", "12a", "-1", "99999999999999999999", "1,972.22"} {
		if got, ok := digits(s); ok {
			t.Errorf("%q is read as %d", s, got)
		}
	}
}

// TestTimesKeepTheirZone: no zone is ever given to a time that has none.
func TestTimesKeepTheirZone(t *testing.T) {
	for s, want := range map[string]Time{
		"2026-11-27 18:35:07 +0500": {"2026-11-27 18:35:07 +0500", "2026-11-27T18:35:07+05:00", true},
		"2026-11-27 18:35:07 +0000": {"2026-11-27 18:35:07 +0000", "2026-11-27T18:35:07Z", true},
		"2026-11-27 18:35:07":       {"2026-11-27 18:35:07", "2026-11-27T18:35:07", false},
		"Fri Nov  7 18:35:07 2026":  {"Fri Nov  7 18:35:07 2026", "2026-11-07T18:35:07", false},
		"Nov 27, 2026 18:35:07":     {"Nov 27, 2026 18:35:07", "2026-11-27T18:35:07", false},
		"27.11.2026 18:35":          {"27.11.2026 18:35", "", false},
		"yesterday":                 {"yesterday", "", false},
		"":                          {},
	} {
		if got := (&text{}).when(s); got != want {
			t.Errorf("%q is read as %+v", s, got)
		}
	}
	if _, ok := (Time{Text: "x", Value: "2026-11-27T18:35:07"}).Instant(); ok {
		t.Error("a time without a zone has an instant")
	}
}

// TestEncodings: the same log in every encoding and line end says the same.
func TestEncodings(t *testing.T) {
	const log = "Created By AccessData® FTK® Imager 4.7.1.2\n\nCase Information:\nExaminer: Zoë\n[Computed Hashes]\n MD5 checksum:    " + md5Hex + "\n"
	wide := func(order bool) string {
		var b strings.Builder
		for _, r := range log {
			if order {
				b.WriteByte(byte(r >> 8))
			}
			b.WriteByte(byte(r))
			if !order {
				b.WriteByte(byte(r >> 8))
			}
		}
		return b.String()
	}
	latin := strings.NewReplacer("®", "\xae", "ë", "\xeb").Replace(log)
	for name, content := range map[string]string{
		"utf-8": log, "utf-8 with a mark": "\ufeff" + log, "utf-16le": "\xff\xfe" + wide(false), "utf-16be": "\xfe\xff" + wide(true),
		"utf-16le without a mark": wide(false), "utf-16be without a mark": wide(true), "latin-1": latin,
		"CRLF": strings.ReplaceAll(log, "\n", "\r\n"), "CR": strings.ReplaceAll(log, "\n", "\r"), "a mangled ®": strings.ReplaceAll(log, "®", "Â®"),
		"cut within a character": log + "Notes: عائشہ"[:len("Notes: عائشہ")-1],
	} {
		l, err := Parse("a.txt", []byte(content))
		if err != nil || l.Version != "4.7.1.2" || l.Examiner != "Zoë" || len(l.Hashes) != 1 || l.Hashes[0].Value != md5Hex || l.Unsafe {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

// TestLimits: hostile sizes are cut and counted, and lists stay bounded.
func TestLimits(t *testing.T) {
	var sums, guymager, ranges strings.Builder
	for i := range maxHashes + 7 {
		fmt.Fprintf(&sums, "%064x  file-%d\n", i, i)
	}
	l, err := Parse("SHA256SUMS", []byte(sums.String()))
	if err != nil || len(l.Hashes) != maxHashes || l.HashesOmitted != 7 {
		t.Errorf("many hashes: %v", err)
	}
	for i := range maxRanges + 3 {
		fmt.Fprintf(&ranges, "%d, ", 2*i)
	}
	fmt.Fprintf(&guymager, "GUYMAGER ACQUISITION INFO FILE\n\nLinux device : /dev/sdb\nNotes: %s\nDuring acquisition, 18446744073709551615 bad sectors have been encountered. The sector numbers are:\n%s\n",
		strings.Repeat("x", maxText+50), ranges.String())
	if l, err = Parse("x.info", []byte(guymager.String())); err != nil || len(l.Notes) > maxText+3 {
		t.Errorf("Guymager: %v, %d characters of notes", err, len(l.Notes))
	}
	huge := "dc3dd 7.2 started at x\n" + strings.Repeat("a", 5<<20) + "\n   " + md5Hex + " (md5)\n"
	if l, err = Parse("x.log", []byte(huge)); err != nil || len(l.Hashes) != 1 {
		t.Errorf("a line of 5 MiB: %v", err)
	}
	runs := strings.Repeat("dc3dd 7.2 started at 2026-01-01 00:00:00 +0000\n   "+md5Hex+" (md5)\ndc3dd completed at 2026-01-01 00:00:00 +0000\n", maxRuns+5)
	if l, err = Parse("x.log", []byte(runs)); err != nil || len(l.Earlier) != maxRuns-1 || l.EarlierOmitted != 5 {
		t.Errorf("many runs: %v, %d earlier", err, len(l.Earlier))
	}
}

// TestForTheImage: of several runs in one log, the one about the image is shown.
func TestForTheImage(t *testing.T) {
	const run = "dc3dd 7.2 started at 2026-01-01 00:00:00 +0000\ncommand line: dc3dd if=/dev/sdb of=%s hash=md5\n   %s (md5)\noutput results for file `%s':\n\n"
	log := fmt.Sprintf(run, "MA-1.dd", md5Hex, "MA-1.dd") + fmt.Sprintf(run, "MA-2.dd", strings.Repeat("2", 32), "MA-2.dd")
	l, err := Parse("x.log", []byte(log))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"MA-1.dd": md5Hex, "ma-1.DD": md5Hex, "MA-2.dd": strings.Repeat("2", 32), "other.dd": strings.Repeat("2", 32)} {
		if got := l.For(name); got.Hashes[0].Value != want {
			t.Errorf("%s: %s", name, got.Hashes[0].Value)
		}
	}
}

// TestNeverAcross: a hash over media data is never compared with an E01's own, and
// a hash over a file never with another file's.
func TestNeverAcross(t *testing.T) {
	media := &Log{Hashes: []Hash{{Algorithm: MD5, Value: md5Hex, Over: OverMedia}}}
	file := &Log{Hashes: []Hash{{Algorithm: MD5, Value: md5Hex, Over: OverFile, File: "a.E01"}}}
	own := map[Algorithm]string{MD5: md5Hex}
	other := map[Algorithm]string{MD5: strings.Repeat("0", 32)}
	for name, try := range map[string]struct {
		log      *Log
		received Received
		want     Kind
	}{
		"media, the E01's own bytes have it": {media, Received{Name: "a.E01", Container: EWF, Digests: own}, NotCompared},
		"media, the E01's own bytes differ":  {media, Received{Name: "a.E01", Container: EWF, Digests: other}, NotCompared},
		"media, decoded":                     {media, Received{Name: "a.E01", Container: EWF, Digests: other, Media: &Media{Digests: own}}, Match},
		"media, decoded to other data":       {media, Received{Name: "a.E01", Container: EWF, Digests: own, Media: &Media{Digests: other}}, Mismatch},
		"media, raw":                         {media, Received{Name: "a.dd", Container: Raw, Digests: own}, Match},
		"media, no image":                    {media, Received{Name: "a.ad1", Container: Other, Digests: own}, NotCompared},
		"file":                               {file, Received{Name: "a.E01", Container: EWF, Digests: own}, Match},
		"file, other bytes":                  {file, Received{Name: "A.e01", Container: EWF, Digests: other, Media: &Media{Digests: own}}, Mismatch},
		"file of another name":               {file, Received{Name: "b.E01", Container: EWF, Digests: other}, NotCompared},
		"segment":                            {file, Received{Name: "a", Container: EWF, Digests: other, Segments: []Segment{{Name: "a.E01", Digests: own}}}, Match},
		"name withheld, equal":               {file, Received{Container: EWF, Digests: own}, Match},
		"name withheld, other":               {file, Received{Container: EWF, Digests: other}, NotCompared},
	} {
		c := Compare(try.log, try.received)
		if len(c.Statements) == 0 || c.Statements[0].Kind != try.want || c.Mismatch() != (try.want == Mismatch) {
			t.Errorf("%s: %+v, want %s first", name, c.Statements, try.want)
		}
	}
}

func TestSummaryReadsAsAsked(t *testing.T) {
	l := &Log{State: Finished, Copy: Reading{Yes, Yes}, Damage: []Damage{{Kind: Unreadable, Sectors: 24773, Fill: FillZero}},
		Hashes: []Hash{{Algorithm: MD5, Value: md5Hex, Over: OverMedia}, {Algorithm: SHA1, Value: sha1Hex, Over: OverMedia}}}
	const want = "hashes match (MD5, SHA-1); 24,773 sectors zero-filled; the copy was read back; the source was not"
	if got := Compare(l, receptions[0].received).Summary(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestGuessContainer(t *testing.T) {
	for _, c := range []struct {
		name, head string
		want       Container
	}{
		{"a.dd", "\xebX\x90mkfs.fat", Raw}, {"a.E01", "EVF\x09\x0d\x0a\xff\x00\x01", EWF}, {"a.dd", "EVF\x09\x0d\x0a\xff\x00\x01", EWF},
		{"a.ad1", "", Other}, {"a", "ADSEGMENTEDFILE\x00", Other}, {"a.Ex01", "EVF2\x0d\x0a\x81\x00", Other}, {"a.aff4", "PK\x03\x04", Other}, {"", "", Raw},
	} {
		if got := GuessContainer(c.name, []byte(c.head)); got != c.want {
			t.Errorf("%s %q: %s", c.name, c.head, got)
		}
	}
}
