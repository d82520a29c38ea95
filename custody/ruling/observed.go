package ruling

import (
	"github.com/evidence-custody/custodyd/custody"
)

// observe marks an observation chain with what it is about.
func (c *hearing) observe(about custody.ID) {
	c.set(custody.Observations(about), State{About: &about})
}

// received: the service's digests are of the deposit it relies on.
func (c *hearing) received(b *custody.Received) error {
	for _, e := range c.relied {
		d, ok := e.Statement.Predicate.Body.(*custody.Deposited)
		if !ok || d.Item != b.Item {
			continue
		}
		if d.Artifact != b.Artifact {
			return custody.Refuse("received.mismatch", "predicate.body.artifact", "what the service computed is not what the depositor signed")
		}
		if (d.Declared.MD5 != "" && d.Declared.MD5 != b.MD5) || (d.Declared.SHA1 != "" && d.Declared.SHA1 != b.SHA1) {
			// Absent counts as different: what is declared is compared, always.
			return custody.Refuse("received.mismatch", "predicate.body", "a hash that the depositor declared is not what the service computed")
		}
		c.observe(b.Item)
		return nil
	}
	return custody.Refuse("basis.required", "predicate.basis", "must name the artifact.deposited of item %s", b.Item.Short())
}

func (c *hearing) depositRefused(b *custody.DepositRefused) error {
	if _, _, err := c.caseState(b.Case); err != nil {
		return err
	}
	if b.About != b.Case {
		it, partial, err := c.itemState(b.About)
		if err != nil {
			return err
		}
		if !partial && it.Case != b.Case {
			return custody.Refuse("item.other-case", "predicate.body.about", "the item belongs to another case")
		}
	}
	c.observe(b.About)
	return nil
}

func (c *hearing) served(b *custody.Served) error {
	if !c.relies(b.Request) {
		return custody.Refuse("basis.required", "predicate.basis", "must name the access.requested %s", b.Request.Short())
	}
	if _, err := c.request(func(e *Entry, r *custody.AccessRequested) bool {
		return e.Leaf == b.Request && r.Item == b.Item && r.Artifact == b.Artifact
	}); err != nil {
		return err
	}
	c.observe(b.Item)
	return nil
}

// fixity: what the service says of its copy is of the artifact deposited, and
// fits its size.
func (c *hearing) fixity(item, artifact custody.ID, fits func(custody.Artifact) bool) error {
	it, partial, err := c.itemState(item)
	if err != nil {
		return err
	}
	switch {
	case partial:
	case it.Artifact == nil || it.Artifact.SHA256 != artifact:
		return custody.Refuse("fixity.other-artifact", "predicate.body.artifact", "the artifact is not that of item %s", item.Short())
	case !fits(*it.Artifact):
		return custody.Refuse("fixity.extent", "predicate.body", "the bytes or blocks are not those of an artifact of %d bytes", it.Artifact.Size)
	}
	c.observe(item)
	return nil
}

// within: no block is counted or named that an artifact of so many has not,
// and of a missing object all are.
func within(b *custody.FixityFailed, blocks uint64) bool {
	if n := len(b.Blocks); n > 0 && b.Blocks[n-1] >= blocks {
		return false
	}
	return b.Checked <= blocks && (b.Reason != custody.FixityMissing || b.Count == blocks)
}

// imageRead: what was decoded is the artifact that the service received.
func (c *hearing) imageRead(b *custody.ImageRead) error {
	for _, e := range c.relied {
		d, ok := e.Statement.Predicate.Body.(*custody.Received)
		if !ok || d.Item != b.Item {
			continue
		}
		if d.Artifact.SHA256 != b.Artifact {
			return custody.Refuse("image.other-artifact", "predicate.body.artifact", "the artifact is not the one received for item %s", b.Item.Short())
		}
		c.observe(b.Item)
		return nil
	}
	return custody.Refuse("basis.required", "predicate.basis", "must name the artifact.received of item %s", b.Item.Short())
}

func (c *hearing) reported(b *custody.ReportIssued) error {
	if _, _, err := c.caseState(b.Case); err != nil {
		return err
	}
	if b.Over.Size > c.e.Index {
		return custody.Refuse("report.future", "predicate.body.over", "a report is made from a checkpoint that was published before it")
	}
	for _, id := range b.Items {
		it, partial, err := c.itemState(id)
		if err != nil {
			return err
		}
		if !partial && it.Case != b.Case {
			return custody.Refuse("item.other-case", "predicate.body.items", "item %s belongs to another case", id.Short())
		}
	}
	c.observe(b.Case)
	return nil
}
