package report

import (
	"fmt"
	"strings"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// copyOf says how the service last found its copy of an item's artifact, and
// who last found the bytes whole, in the order of the log.
func (c *composer) copyOf(item custody.ID) (Copy, FoundWhole) {
	out := Copy{Last: NotChecked, Words: "the record has no reading back of the service's copy", Failures: []int{}}
	var whole FoundWhole
	var newest uint64
	found := func(e *verify.Event, how string) {
		if whole.Act == 0 || e.Index > newest {
			newest, whole = e.Index, FoundWhole{By: c.signer(e), At: claimed(e), Act: c.acts[e.Leaf], How: how}
		}
	}
	for _, e := range c.index.measured[item] {
		switch b := e.Body().(type) {
		case *custody.Received:
			found(e, "measured by the service on receipt")
		case *custody.Verification:
			if b.Result == custody.ResultMatch {
				found(e, "recomputed by a reader over the bytes received")
			}
		}
	}
	for _, e := range c.index.fixity[item] {
		out.Act, out.At = c.acts[e.Leaf], claimed(e)
		switch b := e.Body().(type) {
		case *custody.FixityPassed:
			out.Last, out.Words = Pass, "every block read back by the service is what was deposited"
			found(e, "read back by the service from its copy")
		case *custody.FixityFailed:
			out.Last, out.Words = Fail, "the service's copy is not what was deposited ("+string(b.Reason)+"): "+badBlocks(b)
			out.Failures = append(out.Failures, out.Act)
		case *custody.FixityUnchecked:
			out.Last, out.Words = NotChecked, "the service could not read its copy back ("+string(b.Reason)+"), which says nothing about the bytes"
		}
	}
	if e := c.index.erased[item]; e != nil {
		out.Words += fmt.Sprintf("; by act %d the service destroyed the key of the stored bytes, and can't read them any more; copies handed out before are not affected", c.acts[e.Leaf])
	}
	if n := len(out.Failures); n > 0 && out.Last != Fail {
		out.Words += fmt.Sprintf("; %s before says that it was not what was deposited", count(n, "act", "acts"))
	}
	return out, whole
}

// badBlocks names some of the bad blocks, as whoever repairs a copy needs them.
func badBlocks(b *custody.FixityFailed) string {
	const named = 8
	if b.Reason == custody.FixityMissing {
		return "the store has no such object"
	}
	words := fmt.Sprintf("%d of %d blocks looked at", b.Count, b.Checked)
	for i, n := range b.Blocks {
		switch {
		case i == named:
			return words + ", …"
		case i == 0:
			words += ": "
		default:
			words += ", "
		}
		words += fmt.Sprint(n)
	}
	return strings.TrimSuffix(words, ": ")
}
