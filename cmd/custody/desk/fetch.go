package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/bulk"
)

// How a retrieval works. Each download asks for some blocks in a row, none far
// ahead of the digest of the whole, which takes them in order from memory: what
// was written isn't read again.
const (
	streams     = 3
	inRow       = 4  // blocks of one download: 32 MiB
	ahead       = 16 // blocks ahead of the digest that are kept in memory: 128 MiB
	syncEvery   = 32 // blocks after which what was written is made durable, while the rest comes
	fetchTries  = 4  // of a block at which the network fails
	codeDamaged = "copy-damaged"
)

// fetch is one retrieval under way.
type fetch struct {
	service  Artifacts
	reader   Reader
	blocks   *evidence.Blocks
	out      io.Writer // nil: into the file
	progress Progress
	streams  int
	memory   *bulk.Stock

	file interface {
		io.ReaderAt
		io.WriterAt
		Sync() error
	}
	part  string
	state *fetchState

	mu       sync.Mutex
	moved    *sync.Cond
	status   []blockStatus
	handed   map[uint64][]byte // checked, for the digest
	next     uint64            // of the digest
	done     int64             // bytes that are checked and where they belong
	unsynced int
	syncing  bool
	bad      []BadBlock
	notes    []string
	over     error // ends everything

	sum    evidence.Digest
	reused uint64
}

type blockStatus uint8

const (
	blockWanted blockStatus = iota
	blockAsked              // a download has it
	blockLeft               // an earlier attempt left it: to be checked
	blockThere              // checked, and in the file
	blockBad
)

func newFetch(service Artifacts, reader Reader, blocks *evidence.Blocks, in Retrieval) *fetch {
	f := &fetch{service: service, reader: reader, blocks: blocks, out: in.Out, progress: in.Progress, streams: in.Streams,
		status: make([]blockStatus, blocks.Count()), handed: map[uint64][]byte{}}
	if f.streams == 0 {
		f.streams = streams
	}
	f.moved = sync.NewCond(&f.mu)
	f.memory = bulk.NewStock(int(min(evidence.BlockSize, reader.Artifact.Size)))
	return f
}

// run fetches, checks and digests everything.
func (f *fetch) run(ctx context.Context) error {
	if f.state != nil {
		for i := range f.status {
			if f.state.has(uint64(i)) {
				f.status[i] = blockLeft
			}
		}
	}
	group, gctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(gctx, func() { f.end(gctx.Err()) })
	defer stop()
	for range f.streams {
		group.Go(func() error { return f.download(gctx) })
	}
	group.Go(f.digest)
	err := group.Wait()
	defer f.memory.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, data := range f.handed {
		f.memory.Give(data)
		delete(f.handed, i)
	}
	slices.SortFunc(f.bad, func(a, b BadBlock) int { return int(int64(a.Index) - int64(b.Index)) })
	switch {
	case err != nil && !errors.Is(err, errBad):
		return fmt.Errorf("couldn't receive the artifact: %w", interrupted(err))
	case len(f.bad) > 0:
		whole := uint64(0)
		for _, s := range f.status {
			if s == blockThere {
				whole++
			}
		}
		return &BadBlocksError{Blocks: f.bad, Whole: whole, Of: f.blocks.Count(), Part: f.part}
	case f.sum != f.reader.Artifact.SHA256:
		return fmt.Errorf("the bytes received have SHA-256 %s, on record is %s: %w", f.sum, f.reader.Artifact.SHA256, ErrEvidence)
	}
	return nil
}

var errBad = errors.New("a block is bad")

func (f *fetch) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over == nil {
		f.over = err
	}
	f.moved.Broadcast()
}

// claim takes the next blocks in a row that nobody has; n is 0 when there will
// be none any more.
func (f *fetch) claim() (from, n uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if f.over != nil {
			return 0, 0, f.over
		}
		open := false
		for i := f.next; i < uint64(len(f.status)); i++ {
			open = open || f.status[i] == blockLeft || f.status[i] == blockAsked
			if i >= f.next+ahead {
				open = true
				break
			}
			if f.status[i] != blockWanted {
				continue
			}
			for n = 0; n < inRow && i+n < min(f.next+ahead, uint64(len(f.status))) && f.status[i+n] == blockWanted; n++ {
				f.status[i+n] = blockAsked
			}
			return i, n, nil
		}
		if !open {
			return 0, 0, nil
		}
		f.moved.Wait() // a block that was left may turn out to be wanted
	}
}

// download fetches rows of blocks until all are asked for.
func (f *fetch) download(ctx context.Context) error {
	for {
		from, n, err := f.claim()
		if err != nil || n == 0 {
			return err
		}
		for end := from + n; from < end; {
			if from, err = f.row(ctx, from, end); err != nil {
				return err
			}
		}
	}
}

// row fetches blocks from..end and returns the first that it did not come to,
// where the transfer broke off behind at least one.
func (f *fetch) row(ctx context.Context, from, end uint64) (uint64, error) {
	var failed error
	for try := 0; try < fetchTries; try++ {
		at, err := f.transfer(ctx, from, end)
		var no *Answer
		switch {
		case err == nil:
			return at, nil
		case ctx.Err() != nil:
			return at, ctx.Err()
		case errors.Is(err, errUnlike):
			// Bytes came, and not those: once may be the network's doing.
			if f.again(at) {
				from = at
				continue
			}
			f.markBad(at, "other bytes came twice")
			return at + 1, nil
		case at > from:
			return at, nil // some came: go on from there
		case errors.As(err, &no) && no.Code == codeDamaged:
			f.markBad(at, "the service says that its copy is damaged ("+no.Rule+")")
			return at + 1, nil
		case errors.As(err, &no) && no.Status < http.StatusInternalServerError || errors.Is(err, errLocal):
			return at, err
		}
		failed = err
	}
	return from, failed
}

var (
	errUnlike = errors.New("other bytes came than were deposited")
	errLocal  = errors.New("couldn't keep what came")
)

// transfer is one download of blocks from..end. It returns the block that it
// did not bring.
func (f *fetch) transfer(ctx context.Context, from, end uint64) (uint64, error) {
	off, _ := f.blocks.Span(from)
	last, length := f.blocks.Span(end - 1)
	content, err := f.service.Content(ctx, f.reader.Artifact.SHA256, f.reader.EventID, int64(off), int64(last-off)+int64(length))
	if err != nil {
		return from, err
	}
	defer content.Close()
	for i := from; i < end; i++ {
		_, n := f.blocks.Span(i)
		memory := f.memory.Take()
		data := memory[:n]
		if _, err := io.ReadFull(content, data); err != nil {
			f.memory.Give(memory)
			return i, fmt.Errorf("block %d: %w", i, err)
		}
		if err := f.blocks.Check(i, data); err != nil {
			f.memory.Give(memory)
			return i, fmt.Errorf("block %d: %w", i, errUnlike)
		}
		if err := f.keep(i, data); err != nil {
			f.memory.Give(memory)
			return i, fmt.Errorf("%w: %w", errLocal, err)
		}
	}
	return end, nil
}

// again says, once for a block, that it is worth asking for again, and keeps a
// note of it.
func (f *fetch) again(i uint64) bool {
	note := fmt.Sprintf("block %d came damaged once and was asked for again", i)
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.notes, note) {
		return false
	}
	f.notes = append(f.notes, note)
	return true
}

func (f *fetch) markBad(i uint64, why string) {
	off, n := f.blocks.Span(i)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status[i] = blockBad
	f.bad = append(f.bad, BadBlock{Index: i, Offset: off, Length: n, Why: why})
	f.moved.Broadcast()
}

// keep puts a checked block where it belongs.
func (f *fetch) keep(i uint64, data []byte) error {
	off, n := f.blocks.Span(i)
	if f.file != nil {
		if _, err := f.file.WriteAt(data, int64(off)); err != nil {
			return err
		}
		f.state.add(i)
	}
	f.mu.Lock()
	f.status[i] = blockThere
	f.done += int64(n)
	f.handed[i] = data
	f.unsynced++
	sync := f.file != nil && f.unsynced >= syncEvery && !f.syncing
	if sync {
		f.unsynced, f.syncing = 0, true
	}
	f.tell()
	f.moved.Broadcast()
	f.mu.Unlock()
	if sync {
		go func() {
			// What fails here fails again at the end, where it counts.
			if f.file.Sync() == nil {
				_ = f.state.write()
			}
			f.mu.Lock()
			f.syncing = false
			f.moved.Broadcast()
			f.mu.Unlock()
		}()
	}
	return nil
}

func (f *fetch) tell() {
	if f.progress != nil {
		f.progress(f.done, int64(f.reader.Artifact.Size))
	}
}
