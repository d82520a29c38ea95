package docket

import "github.com/evidence-custody/custodyd/custody"

// ImageState is how it stands with an artifact's media data: an outcome of an
// image.read, or why there will be none.
type ImageState string

// States beside the outcomes; "" where it wasn't looked at yet.
const (
	ImageOther  ImageState = "other"  // its bytes are no image in the Expert Witness format
	ImageErased ImageState = "erased" // its item was disposed of before
)

// Image is an artifact whose turn it is to be looked at, or was.
type Image struct {
	Item  custody.ID
	State ImageState
	Event *custody.ID // the newest image.read
	Tries int         // that came to nothing
}

// ImageCount counts all artifacts by how it stands with their media data.
type ImageCount struct {
	Waiting    uint64 // not looked at yet
	Failing    uint64 // of them, those that were tried and couldn't be read
	Whole      uint64
	Damaged    uint64
	Unreadable uint64
}
