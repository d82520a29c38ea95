package ruling

import (
	"github.com/evidence-custody/custodyd/custody"
)

// disposed: another person approved exactly this, and the method is one for
// what the item is.
func (c *hearing) disposed(b *custody.Disposed) error {
	if err := c.approvedFor(custody.ActionDispose, []custody.ID{b.Item}); err != nil {
		return err
	}
	it, partial, err := c.itemState(b.Item)
	if err != nil {
		return err
	}
	if !partial && it.Case != b.Case {
		return custody.Refuse("item.other-case", "predicate.body.case", "item %s belongs to another case", b.Item.Short())
	}
	if !partial && (it.Artifact != nil) != (b.Method == custody.DisposeKeyDestroyed) {
		return custody.Refuse("dispose.method", "predicate.body.method", "stored bytes are disposed of by key-destroyed, and nothing else is; this is an item of class %s", it.Class)
	}
	return c.moveItems()
}

// erased: the disposal ordered it, and there was a key to destroy.
func (c *hearing) erased(b *custody.Erased) error {
	ordered, encrypted := false, false
	for _, e := range c.relied {
		switch d := e.Statement.Predicate.Body.(type) {
		case *custody.Disposed:
			ordered = ordered || e.Leaf == b.Disposal && d.Item == b.Item && d.Method == custody.DisposeKeyDestroyed
		case *custody.Received:
			if d.Item != b.Item || d.Artifact.SHA256 != b.Artifact {
				continue
			}
			if d.Encoding == custody.EncodingPlain {
				return custody.Refuse("erased.plain", "predicate.body.artifact", "the artifact of item %s is stored in plain: there was no key to destroy", b.Item.Short())
			}
			encrypted = true
		}
	}
	if !ordered || !encrypted {
		return custody.Refuse("basis.required", "predicate.basis", "must name the item.disposed %s of item %s, and the artifact.received of its artifact", b.Disposal.Short(), b.Item.Short())
	}
	c.observe(b.Item)
	return nil
}
