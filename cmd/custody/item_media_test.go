package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
)

// TestPrintMedia: what the service found in an image is shown for what it is, and
// a service's text steers no terminal.
func TestPrintMedia(t *testing.T) {
	for name, test := range map[string]struct {
		media *desk.Found
		want  []string
		not   string
	}{
		"no image":   {nil, nil, "media"},
		"waiting":    {&desk.Found{State: "waiting"}, []string{"not decoded by the service yet: its media data is not checked"}, "event"},
		"whole":      {&desk.Found{State: "whole", Size: 4096, Segments: 2, SHA256: "aa", SHA1: "bb", MD5: "cc", StoredMD5: "cc", Event: [32]byte{1}}, []string{"every chunk: the stored hashes are", "4096 bytes in 2 files", "SHA-256       aa", "stored MD5    cc", "not of the file; event 01"}, "DAMAGED"},
		"no hash":    {&desk.Found{State: "whole", MD5: "cc"}, []string{"stored no hash to compare with"}, "are those"},
		"unsound":    {&desk.Found{State: "whole", MD5: "cc", Flaws: []string{"hash"}}, []string{"stored in it can't be read"}, "stored no hash"},
		"half sound": {&desk.Found{State: "whole", MD5: "cc", StoredMD5: "cc", Flaws: []string{"hash"}}, []string{"others can't be read"}, "every chunk: the stored hashes are"},
		"chunks":     {&desk.Found{State: "damaged", Size: 80000, ChunkSize: 32768, Damaged: 2, Chunks: []uint64{0, 2}, StoredMD5: "cc"}, []string{"DAMAGED", "2 chunks can't be decoded, bytes 0 to 32767, 65536 to 79999 of the medium"}, "MD5           "},
		"many":       {&desk.Found{State: "damaged", Size: 1 << 30, ChunkSize: 512, Damaged: 9, Chunks: []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8}}, []string{"3584 to 4095, … of the medium"}, "4096"},
		"differs":    {&desk.Found{State: "damaged", MD5: "cc", StoredMD5: "dd"}, []string{"DAMAGED", "a hash stored in it is not that of its media data"}, "chunks"},
		"unreadable": {&desk.Found{State: "unreadable", Reason: "truncated\x1b[2J"}, []string{"could not be decoded by the service (truncated", "not checked"}, "\x1b"},
		"unknown":    {&desk.Found{State: "later", Flaws: []string{"trailing"}}, []string{"media   later", "flaw in its structure: trailing"}, "decoded"},
	} {
		var out bytes.Buffer
		shownItem{Media: test.media}.printMedia(&out)
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q is missing in\n%s", name, want, out.String())
			}
		}
		if strings.Contains(out.String(), test.not) {
			t.Errorf("%s: %q is in\n%s", name, test.not, out.String())
		}
	}
}
