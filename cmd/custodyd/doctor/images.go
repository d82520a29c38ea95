package doctor

import (
	"context"

	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// images looks how it stands with the media data of the images.
func (v *visit) images(ctx context.Context, l *ledger.Ledger) {
	c, err := l.Images(ctx)
	if err != nil {
		v.problem("images", "look into the database's log", "couldn't ask how it stands with their media data: %s", words(err))
		return
	}
	v.tellImages(c)
}

// tellImages says what of it is worth the operator's while. That an image is
// damaged is a fact of the evidence: reports say so, and nothing here mends it.
func (v *visit) tellImages(c docket.ImageCount) {
	const about = "images"
	switch {
	case c.Failing > 0:
		v.warn(about, "look whether the store answers and its keys are at hand; the service's log says which and why, and it tries again by itself", "%s not be read to be decoded: media data is not checked, which says nothing about it",
			are(c.Failing, "artifact could", "artifacts could"))
	case c.Waiting > 0 && !v.cfg.DecodeImages:
		v.note(about, "decode_images is off: %s not looked at, and the media data of images among them is not checked", are(c.Waiting, "artifact was", "artifacts were"))
	case c.Waiting > 0:
		v.note(about, "%s not looked at yet: the service decodes images one after the other, and not while evidence comes in", are(c.Waiting, "artifact was", "artifacts were"))
	case c.Whole+c.Damaged+c.Unreadable > 0:
		v.ok(about, "%d decoded whole, %d damaged, %d that could not be decoded: as deposited, and reports say so", c.Whole, c.Damaged, c.Unreadable)
	}
}
