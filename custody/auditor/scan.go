package auditor

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

const (
	// maxUses bounds how many uses one run reports; the next goes on from there.
	maxUses = 1 << 14
	// saveEvery is how many entries a re-hash does between saving where it is.
	saveEvery = 1 << 16
	// maxKeys bounds the parsed keys that are remembered.
	maxKeys = 1 << 12
)

// scan reads entries: all for a re-hash, the new ones for the watched keys.
// Every entry is held against the tiles, and those against the head.
func (r *run) scan(live head) error {
	if !r.Full && len(r.Keys) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel() // what is still in hand when a finding ends the scan
	tree, err := newLiveTree(ctx, r.Source, live)
	if err != nil {
		return err
	}
	s := &scanner{run: r, live: live, from: live.Size, keys: map[string]seal.PublicKey{}, tree: tree, cancel: cancel}
	for _, k := range r.Keys {
		s.from = min(s.from, r.state.through(k))
	}
	if r.Full {
		if err := s.resume(); err != nil {
			return err
		}
		s.from = min(s.from, s.frontier.Size())
	}
	if err := s.read(); err != nil {
		return err
	}
	if s.stopped {
		return nil
	}
	if r.Full {
		return s.finish()
	}
	return nil
}

type scanner struct {
	*run
	live     head
	tree     *liveTree
	cancel   context.CancelFunc
	from     uint64
	frontier *tlog.Frontier // nil but in a re-hash
	stopped  bool           // a finding ended it
	omitted  *uint64        // the first use that is not reported

	mu   sync.Mutex
	keys map[string]seal.PublicKey // by SPKI
}

// resume takes an interrupted re-hash up again, or goes on after what this
// process has done.
func (s *scanner) resume() error {
	s.frontier = &tlog.Frontier{}
	switch {
	case s.done != nil:
		s.frontier = s.done.Clone()
	case s.state.Full != nil:
		if err := s.frontier.UnmarshalBinary(s.state.Full); err != nil {
			return fmt.Errorf("couldn't take the re-hash up again: %w: %w", ErrState, err)
		}
	}
	if s.frontier.Size() > s.live.Size {
		s.frontier = &tlog.Frontier{}
	}
	s.out.Full = &Rehashed{From: s.frontier.Size()}
	return nil
}

// finish compares the computed root with the signed one.
func (s *scanner) finish() error {
	s.out.Full.Root = s.frontier.Root()
	s.state.Full = nil
	if s.out.Full.Root != s.live.Root {
		s.find(ContentMismatch, nil, "the root computed from all %d entries is %s; the log signed %s", s.live.Size, s.out.Full.Root, s.live.Root)
		return s.state.save(s.path)
	}
	s.done = s.frontier.Clone()
	return nil
}

// bundleRead is one bundle, read and judged by itself.
type bundleRead struct {
	start  uint64 // index of the first entry
	leaves []evidence.Digest
	uses   []Use
	bad    *Finding // the first thing wrong, at an index of its own
	err    error
}

// read goes through the bundles in order, several in hand at once: memory is
// bounded by parallel bundles, whatever the size of the log.
func (s *scanner) read() error {
	if s.from >= s.live.Size {
		s.advance(s.live.Size)
		return nil
	}
	first, last := s.from/tlog.TileWidth, (s.live.Size-1)/tlog.TileWidth
	order := make(chan chan bundleRead, parallel)
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(order)
		for n := first; n <= last; n++ {
			c := make(chan bundleRead, 1)
			select {
			case order <- c:
				wg.Go(func() { c <- s.open(n) })
			case <-quit:
				return
			case <-s.ctx.Done():
				return
			}
		}
	})
	defer wg.Wait()
	defer s.cancel()
	defer close(quit)
	saved := s.from
	for c := range order {
		b := <-c
		end, err := s.take(b)
		if err != nil || s.stopped {
			return err
		}
		if s.Progress != nil {
			s.Progress(end, s.live.Size)
		}
		if s.frontier != nil && end-saved >= saveEvery {
			if err := s.saveProgress(); err != nil {
				return err
			}
			saved = end
		}
	}
	if s.ctx.Err() == nil {
		s.advance(s.live.Size)
		return nil
	}
	s.stopped = true
	return s.saveProgress()
}

// take adds one bundle's findings, in the order of the log.
func (s *scanner) take(b bundleRead) (end uint64, err error) {
	end = b.start + uint64(len(b.leaves))
	if b.err != nil {
		s.stopped = true
		if s.ctx.Err() == nil {
			s.failed(b.err)
		}
		return end, s.saveProgress()
	}
	for _, u := range b.uses {
		if u.Index < s.state.through(u.Key) || s.omitted != nil {
			continue
		}
		if len(s.out.Uses) == maxUses {
			s.omitted = &u.Index
			s.find(UsesOmitted, &u.Index, "%d uses are reported; the next run goes on from here", maxUses)
			if s.frontier == nil {
				s.stopped = true
				s.advance(u.Index)
				return end, nil
			}
			continue
		}
		s.out.Uses = append(s.out.Uses, u)
	}
	if b.bad != nil {
		s.stopped = true
		s.find(b.bad.Name, b.bad.Index, "%s", b.bad.Detail)
		return end, nil
	}
	if s.frontier != nil {
		for i, leaf := range b.leaves {
			if b.start+uint64(i) >= s.frontier.Size() {
				s.frontier.Append(leaf)
				s.out.Full.Entries++
			}
		}
	}
	return end, nil
}

// advance says that the watched keys' uses were reported below an index.
func (s *scanner) advance(through uint64) {
	if s.omitted != nil {
		through = min(through, *s.omitted)
	}
	for _, k := range s.Keys {
		s.state.setThrough(k, max(through, s.state.through(k)))
	}
}

// saveProgress keeps where the re-hash is; the head stays the one checked last.
func (s *scanner) saveProgress() error {
	if s.frontier == nil {
		return nil
	}
	b, err := s.frontier.MarshalBinary()
	if err != nil {
		return fmt.Errorf("couldn't keep where the re-hash is: %w", err)
	}
	kept, err := loadState(s.path, s.Log)
	if err != nil {
		return err
	}
	kept.Full = b
	return kept.save(s.path)
}

// open reads bundle n and judges every entry: its form, its place in the tree
// and, for a re-hash or a watched key, its signature.
func (s *scanner) open(n uint64) bundleRead {
	b := bundleRead{start: n * tlog.TileWidth}
	width := int(min(tlog.TileWidth, s.live.Size-b.start))
	entries, err := s.tree.bundle(n, width)
	if err != nil {
		b.err = err
		return b
	}
	proven, err := s.tree.Tile(0, n)
	if err != nil {
		b.err = err
		return b
	}
	b.leaves = make([]evidence.Digest, width)
	for i, e := range entries {
		index := b.start + uint64(i)
		wrong := func(name Name, format string, args ...any) bundleRead {
			b.bad = &Finding{Name: name, Index: &index, Detail: fmt.Sprintf(format, args...)}
			return b
		}
		if b.leaves[i] = tlog.LeafHash(e); b.leaves[i] != proven[i] {
			return wrong(ContentMismatch, "the entry is not the one that the log's tree commits to")
		}
		f, key, err := tlog.ParseLeafBy(e, s.parseKey)
		if err != nil {
			return wrong(EntryMalformed, "the log holds what is no leaf of this format: %v", err)
		}
		watched := slices.Contains(s.Keys, key.ID())
		if !watched && !s.Full {
			continue
		}
		err = key.VerifyEventID(f.EventID, f.Signature)
		if watched {
			b.uses = append(b.uses, Use{Key: key.ID(), Index: index, Event: f.EventID, Signature: f.Signature, Holds: err == nil})
		}
		if err != nil {
			return wrong(SignatureInvalid, "the log holds an entry in the name of key %s whose signature is not that key's", key.ID())
		}
	}
	return b
}

// parseKey remembers keys: few people sign most of a log.
func (s *scanner) parseKey(spki []byte) (seal.PublicKey, error) {
	s.mu.Lock()
	key, ok := s.keys[string(spki)]
	s.mu.Unlock()
	if ok {
		return key, nil
	}
	key, err := seal.ParseSPKI(spki)
	if err != nil {
		return key, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) >= maxKeys {
		clear(s.keys)
	}
	s.keys[string(spki)] = key
	return key, nil
}
