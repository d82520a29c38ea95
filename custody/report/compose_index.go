package report

import (
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// index finds events by what they are about, so that a record of years is
// composed in one pass.
type index struct {
	grants    map[custody.ID]custody.ID      // grant: leaf of its access.granted
	served    map[custody.ID][]*verify.Event // leaf of access.requested
	measured  map[custody.ID][]*verify.Event // item: receptions and verifications
	fixity    map[custody.ID][]*verify.Event // item: readings back of its copy
	decoded   map[custody.ID]*verify.Event   // item: the newest decoding of its image
	contested map[custody.ID]bool            // keys with a contested event
	erased    map[custody.ID]*verify.Event   // item: the destruction of its bytes' key
	segments  map[custody.ID][]uint64        // artifact SHA-256 of a segmented image: its segments' sizes
}

func indexOf(r *verify.Reading) index {
	x := index{grants: map[custody.ID]custody.ID{}, served: map[custody.ID][]*verify.Event{},
		measured: map[custody.ID][]*verify.Event{}, fixity: map[custody.ID][]*verify.Event{}, decoded: map[custody.ID]*verify.Event{}, contested: map[custody.ID]bool{}, erased: map[custody.ID]*verify.Event{},
		segments: map[custody.ID][]uint64{}}
	for _, e := range r.Events {
		if e.Contested {
			x.contested[e.Statement.Predicate.Signer.Key] = true
		}
		switch b := e.Body().(type) {
		case *custody.Deposited:
			if b.Segments != nil {
				x.segments[b.Artifact.SHA256] = b.Segments
			}
		case *custody.Granted:
			x.grants[b.Grant] = e.Leaf
		case *custody.Served:
			x.served[b.Request] = append(x.served[b.Request], e)
		case *custody.Received:
			x.measured[b.Item] = append(x.measured[b.Item], e)
		case *custody.FixityPassed:
			x.fixity[b.Item] = append(x.fixity[b.Item], e)
		case *custody.FixityFailed:
			x.fixity[b.Item] = append(x.fixity[b.Item], e)
		case *custody.FixityUnchecked:
			x.fixity[b.Item] = append(x.fixity[b.Item], e)
		case *custody.ImageRead:
			x.decoded[b.Item] = e
		case *custody.Erased:
			x.erased[b.Item] = e
		case *custody.Verification:
			x.measured[b.Item] = append(x.measured[b.Item], e)
		}
	}
	return x
}
