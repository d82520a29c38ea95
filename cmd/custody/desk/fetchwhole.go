package desk

import (
	"fmt"

	"github.com/evidence-custody/custodyd/evidence"
)

// digest takes all blocks into the SHA-256 of the whole, in order, and writes
// them to the stream if there is one. It ends at the first bad block.
func (f *fetch) digest() error {
	whole := evidence.NewSHA256()
	segments := evidence.NewSegmentDigests(f.reader.Segments)
	for i := uint64(0); i < f.blocks.Count(); i++ {
		data, err := f.await(i)
		if err != nil {
			return err
		}
		if f.out != nil {
			if _, err := f.out.Write(data); err != nil {
				return fmt.Errorf("%w: %w", errLocal, err)
			}
		}
		if len(f.reader.Segments) > 0 {
			segments.Write(data)
		} else {
			whole.Write(data)
		}
		f.memory.Give(data)
		f.mu.Lock()
		f.next = i + 1
		f.moved.Broadcast()
		f.mu.Unlock()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.syncing {
		f.moved.Wait()
	}
	whole.Sum(f.sum[:0])
	if len(f.reader.Segments) > 0 {
		f.sum = f.reader.recomputed(segments.Sums())
	}
	return nil
}

// await returns block i, checked.
func (f *fetch) await(i uint64) ([]byte, error) {
	f.mu.Lock()
	for f.over == nil && f.status[i] != blockThere && f.status[i] != blockLeft && f.status[i] != blockBad {
		f.moved.Wait()
	}
	status, data, over := f.status[i], f.handed[i], f.over
	delete(f.handed, i)
	f.mu.Unlock()
	switch {
	case over != nil:
		return nil, over
	case status == blockBad:
		if f.out != nil {
			f.end(errBad) // nothing behind it can be written
			return nil, errBad
		}
		return nil, f.restOf(i)
	case data != nil:
		return data, nil
	}
	off, n := f.blocks.Span(i)
	data = f.memory.Take()[:n]
	_, err := f.file.ReadAt(data, int64(off))
	f.mu.Lock()
	if err != nil || f.blocks.Check(i, data) != nil {
		f.memory.Give(data)
		f.status[i] = blockWanted // what was left is not what it should be: fetched like any other
		f.moved.Broadcast()
		f.mu.Unlock()
		f.state.drop(i)
		return f.await(i)
	}
	f.status[i] = blockThere
	f.reused++
	f.done += int64(n)
	f.tell()
	f.moved.Broadcast()
	f.mu.Unlock()
	return data, nil
}

// restOf checks what an earlier attempt left behind a bad block, so that it can
// be said what the others are like, and waits for those under way.
func (f *fetch) restOf(bad uint64) error {
	for i := bad + 1; i < f.blocks.Count(); i++ {
		f.mu.Lock()
		f.next = max(f.next, i) // nobody waits for a bad one
		isBad := f.status[i] == blockBad
		f.moved.Broadcast()
		f.mu.Unlock()
		if isBad {
			continue
		}
		data, err := f.await(i)
		if err != nil {
			return err
		}
		f.memory.Give(data)
	}
	f.mu.Lock()
	f.next = f.blocks.Count()
	f.moved.Broadcast()
	f.mu.Unlock()
	return errBad
}
