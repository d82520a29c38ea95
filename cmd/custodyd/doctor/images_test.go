package doctor

import (
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// TestImages: what can't be read is a warning, what will come by itself a note,
// and a damaged image no trouble of the operator's.
func TestImages(t *testing.T) {
	for name, tt := range map[string]struct {
		count docket.ImageCount
		off   bool
		want  State // "": nothing
		says  string
	}{
		"nothing is stored": {},
		"no image":          {count: docket.ImageCount{}, off: true},
		"all decoded":       {count: docket.ImageCount{Whole: 5, Damaged: 1, Unreadable: 2}, want: OK, says: "5 decoded whole, 1 damaged, 2 that could not be decoded"},
		"one waits":         {count: docket.ImageCount{Waiting: 1, Whole: 5}, want: Note, says: "1 artifact was not looked at yet"},
		"off":               {count: docket.ImageCount{Waiting: 3}, off: true, want: Note, says: "decode_images is off: 3 artifacts were not looked at"},
		"failing":           {count: docket.ImageCount{Waiting: 3, Failing: 2}, want: Warning, says: "2 artifacts could not be read to be decoded"},
	} {
		v := &visit{cfg: config.Default()}
		v.cfg.DecodeImages = !tt.off
		v.tellImages(tt.count)
		sound(t, v.findings)
		if tt.want == "" && len(v.findings) == 0 {
			continue
		}
		if len(v.findings) != 1 || !v.findings.has(tt.want, tt.says) {
			t.Errorf("%s: want %s with %q:\n%s", name, tt.want, tt.says, v.findings.text(t))
		}
	}
}
