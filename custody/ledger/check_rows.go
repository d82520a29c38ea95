package ledger

import (
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// each hands every row of a query to do.
func (c *checking) each(query string, to []any, do func() error) error {
	rows, err := c.tx.QueryContext(c.ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return err
		}
		if err := do(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// kindRows: each event is listed as the kind that it says it is.
func (c *checking) kindRows() error {
	var index uint64
	var kind custody.Kind
	return c.each(`SELECT index, kind FROM custody.events`, []any{&index, &kind}, func() error {
		if index >= uint64(len(c.kinds)) || c.kinds[index] != kind {
			return docket.AlteredF("event %d is listed as %s and is not", index, kind)
		}
		return nil
	})
}

// linkRows: exactly the links that the statements have.
func (c *checking) linkRows() error {
	var k linkID
	n := 0
	err := c.each(`SELECT chain, seq, index FROM custody.links`, []any{idValue{&k.chain}, &k.seq, &k.index}, func() error {
		n++
		if !c.links[k] {
			return docket.AlteredF("event %d is listed as number %d of chain %s and does not say so", k.index, k.seq, k.chain.Short())
		}
		return nil
	})
	if err == nil && n != len(c.links) {
		err = docket.AlteredF("%d links are listed, the events have %d", n, len(c.links))
	}
	return err
}

// tiles: exactly the complete tiles of the tree.
func (c *checking) tiles() error {
	want := make(map[tileID]tile, len(c.full))
	for _, t := range c.full {
		want[tileID{t.level, t.n}] = t
	}
	var id tileID
	var root evidence.Digest
	var hashes []byte
	n := 0
	err := c.each(`SELECT level, n, root, hashes FROM custody.tiles`, []any{&id.level, &id.n, idValue{&root}, &hashes}, func() error {
		n++
		t, ok := want[id]
		same := ok && t.root() == root && len(hashes) == tileWidth*len(root)
		for i := 0; same && i < tileWidth; i++ {
			same = evidence.Digest(hashes[i*len(root):(i+1)*len(root)]) == t.twigs[0][i]
		}
		if !same {
			return docket.AlteredF("tile %d of level %d is not that of the events", id.n, id.level)
		}
		return nil
	})
	if err == nil && n != len(want) {
		err = docket.AlteredF("there are %d tiles, the tree has %d", n, len(want))
	}
	return err
}

// checkpoints: every one is the tree's root at its size. The newest is the
// head's: each commit writes its own.
func (c *checking) checkpoints() error {
	var size uint64
	var root evidence.Digest
	var newest uint64
	err := c.each(`SELECT size, root FROM custody.checkpoints ORDER BY size`, []any{&size, idValue{&root}}, func() error {
		switch mine, ok := c.roots[size]; {
		case !ok:
			return docket.AlteredF("a checkpoint of %d leaves was published, the log has %d", size, c.frontier.Size())
		case mine != root:
			return docket.AlteredF("the first %d events are not those of the published checkpoint", size)
		}
		newest = size
		return nil
	})
	if err == nil && newest != c.frontier.Size() {
		err = docket.AlteredF("the newest checkpoint is of %d leaves, the log has %d", newest, c.frontier.Size())
	}
	return err
}

// notes: every one is signed by this log over a checkpoint that it has.
func (c *checking) notes() error {
	var size uint64
	var note []byte
	return c.each(`SELECT size, note FROM custody.notes ORDER BY size`, []any{&size, &note}, func() error {
		if c.id == nil {
			return docket.AlteredF("a note of %d leaves is kept for a log without genesis", size)
		}
		cp, err := tlog.OpenCheckpoint(note, c.id.doc.Origin, c.id.verifiers)
		if root, ok := c.roots[size]; err != nil || !ok || cp.Size != size || cp.Root != root {
			return docket.AlteredF("the note kept for %d leaves is not what this log signed over that checkpoint", size)
		}
		return nil
	})
}

// keyRows: exactly the keys that events introduced.
func (c *checking) keyRows() error {
	var id custody.ID
	var spki []byte
	var index uint64
	n := 0
	err := c.each(`SELECT id, spki, index FROM custody.keys`, []any{idValue{&id}, &spki, &index}, func() error {
		n++
		if at, ok := c.spkis[id]; !ok || at != index || evidence.Sum(spki) != id {
			return docket.AlteredF("key %s was not introduced by event %d", id.Short(), index)
		}
		return nil
	})
	if err == nil && n != len(c.spkis) {
		err = docket.AlteredF("%d keys are listed, the events introduce %d", n, len(c.spkis))
	}
	return err
}

// words: no detail and no document that no event commits to, none with other
// bytes or as another thing. That every event has its own was checked with the event.
func (c *checking) words() error {
	var sum evidence.Digest
	var b []byte
	for query, used := range map[string]map[custody.ID]bool{
		`SELECT sha256, bytes FROM custody.details`: c.told, `SELECT sha256, bytes FROM custody.documents`: c.shown} {
		if err := c.each(query, []any{idValue{&sum}, &b}, func() error {
			if evidence.Sum(b) != sum || !used[sum] {
				return docket.AlteredF("the bytes kept as %s have another digest, or belong to no event", sum.Short())
			}
			return nil
		}); err != nil {
			return err
		}
	}
	var typ string
	return c.each(`SELECT sha256, type FROM custody.documents`, []any{idValue{&sum}, &typ}, func() error {
		if c.docs[sum] != typ {
			return docket.AlteredF("document %s is listed as %.40q and is not", sum.Short(), typ)
		}
		return nil
	})
}

// artifacts: every row is what its artifact.deposited says, and its block
// leaves make the root signed.
func (c *checking) artifacts() error {
	rows, err := c.tx.QueryContext(c.ctx, `SELECT `+artifactColumns+` FROM custody.artifacts`)
	all, err := collect(rows, err, scanInto(artifactInto))
	if err != nil {
		return err
	}
	for _, a := range all {
		chain := c.all.chains[a.Item]
		if chain == nil || chain.State.Item == nil || chain.State.Item.Artifact == nil {
			return docket.AlteredF("an artifact is kept for item %s, which has none", a.Item.Short())
		}
		it := chain.State.Item
		leaves := make([]evidence.Digest, len(a.Leaves)/len(a.SHA256))
		for i := range leaves {
			copy(leaves[i][:], a.Leaves[i*len(a.SHA256):])
		}
		said := custody.Artifact{BlockRoot: a.BlockRoot, SHA256: a.SHA256, Size: a.Size}
		if *it.Artifact != said || it.Case != a.Case || evidence.BlockRoot(leaves) != a.BlockRoot {
			return docket.AlteredF("the artifact kept for item %s is not the one deposited", a.Item.Short())
		}
		if b := c.received[a.Item]; b != nil && (b.MD5 != hex.EncodeToString(a.MD5) || b.SHA1 != hex.EncodeToString(a.SHA1) || b.Encoding != a.Encoding || b.Retention.Mode != a.Retention) {
			return docket.AlteredF("the artifact kept for item %s is not as it was received", a.Item.Short())
		}
	}
	return nil
}

// reports: every report and every file of one is what its event says. The
// files' digests are in the record; that one is gone changes nothing of it.
func (c *checking) reports() error {
	var id, sum evidence.Digest
	var of custody.ID
	var who custody.Party
	if err := c.each(`SELECT id, case_id, org, person FROM custody.reports`, []any{idValue{&id}, idValue{&of}, idValue{&who.Org}, idValue{&who.Person}}, func() error {
		if b := c.issued[id]; b == nil || b.Case != of || b.For != who {
			return docket.AlteredF("report %s is not as it was issued", id.Short())
		}
		return nil
	}); err != nil {
		return err
	}
	var name string
	var b []byte
	return c.each(`SELECT report, name, sha256, bytes FROM custody.report_files`, []any{idValue{&id}, &name, idValue{&sum}, &b}, func() error {
		issued := c.issued[id]
		if issued == nil || evidence.Sum(b) != sum || name != "report.json" && name != "report.pdf" ||
			name == "report.json" && sum != issued.Files.JSON || name == "report.pdf" && sum != issued.Files.PDF {
			return docket.AlteredF("file %.64q is not the one issued with report %s", name, id.Short())
		}
		return nil
	})
}

// timestamps: every token is of what it is kept for. Whom to believe about time
// is the verifier's to say.
func (c *checking) timestamps() error {
	var sum, root evidence.Digest
	var token, signature []byte
	var index, size uint64
	var said time.Time
	right := func(message []byte, of string, n uint64) error {
		t, err := tlog.ParseTimestamp(token)
		if err != nil || evidence.Sum(token) != sum || !t.Of(message) || !t.Time.Truncate(time.Microsecond).Equal(said) {
			return docket.AlteredF("a timestamp kept for %s %d is not one of it", of, n)
		}
		return nil
	}
	err := c.each(`SELECT t.index, t.sha256, t.token, t.said, e.signature FROM custody.event_timestamps t LEFT JOIN custody.events e USING (index)`,
		[]any{&index, idValue{&sum}, &token, &said, &signature}, func() error { return right(signature, "event", index) })
	if err != nil {
		return err
	}
	return c.each(`SELECT t.size, c.root, t.sha256, t.token, t.said FROM custody.checkpoint_timestamps t LEFT JOIN custody.checkpoints c USING (size)`,
		[]any{&size, idValue{&root}, idValue{&sum}, &token, &said}, func() error {
			return right(tlog.Checkpoint{Origin: c.id.doc.Origin, Size: size, Root: root}.Body(), "the checkpoint of size", size)
		})
}

// cosignatures: each says the time that it is listed with, and holds where its
// witness is known here.
func (c *checking) cosignatures() error {
	var size uint64
	var root evidence.Digest
	var line tlog.Signature
	var hash []byte
	var said time.Time
	return c.each(`SELECT w.size, c.root, w.name, w.key_hash, w.signature, w.said FROM custody.cosignatures w LEFT JOIN custody.checkpoints c USING (size)`,
		[]any{&size, idValue{&root}, &line.Name, &hash, &line.Bytes, &said}, func() error {
			if len(hash) != 4 {
				return docket.AlteredF("the cosignature of %.80q kept for the checkpoint of size %d has no key hash", line.Name, size)
			}
			line.KeyHash = binary.BigEndian.Uint32(hash)
			text := tlog.Checkpoint{Origin: c.id.doc.Origin, Size: size, Root: root}.Body()
			for _, v := range c.l.cfg.Witnesses {
				if v.Name() == line.Name && v.KeyHash() == line.KeyHash && !v.Verify(text, line.Bytes) {
					return docket.AlteredF("the cosignature of %.80q kept for the checkpoint of size %d is not one of it", line.Name, size)
				}
			}
			if !line.Time().Equal(said) {
				return docket.AlteredF("the cosignature of %.80q kept for the checkpoint of size %d does not say when it is listed", line.Name, size)
			}
			return nil
		})
}
