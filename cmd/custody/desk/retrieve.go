package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/evidence"
)

// Progress is told how far long work has come, in bytes.
type Progress func(done, total int64)

// ErrInterrupted says that long work stopped where it can be taken up again.
var ErrInterrupted = errors.New("interrupted; the same command takes it up again")

// Retrieval gets one item's bytes.
type Retrieval struct {
	Reading
	Path     string // where the file appears, once whole; must not exist
	Progress Progress
}

// Retrieved is an artifact that arrived whole.
type Retrieved struct {
	Reader   Reader           `json:"request"`
	Path     string           `json:"path"`
	Computed custody.Artifact `json:"computed"`
	SHA1     string           `json:"sha1,omitempty"`
	MD5      string           `json:"md5,omitempty"`
}

// Retrieve signs a request of access and reads the artifact, each block held
// to the block tree that the depositor signed. The file appears under its name
// only when it is whole and its SHA-256 is the signed one. What was fetched
// before an interruption is used again, after checking it again.
func (d *Desk) Retrieve(ctx context.Context, in Retrieval) (Retrieved, error) {
	if _, err := os.Lstat(in.Path); err == nil {
		return Retrieved{}, fmt.Errorf("couldn't write %s: %w", in.Path, fs.ErrExist)
	}
	reader, err := d.RequestAccess(ctx, in.Reading)
	if err != nil {
		return Retrieved{}, err
	}
	raw, err := d.Service.Blocks(ctx, reader.Artifact.SHA256, reader.EventID)
	if err != nil {
		return Retrieved{}, fmt.Errorf("couldn't get the artifact's blocks: %w", err)
	}
	leaves, err := evidence.SplitLeaves(raw)
	if err != nil {
		return Retrieved{}, err
	}
	blocks, err := evidence.NewBlocks(reader.Artifact.Size, reader.Artifact.BlockRoot, leaves)
	if err != nil {
		return Retrieved{}, fmt.Errorf("the service's blocks are not those the depositor signed: %w", errors.Join(ErrEvidence, err))
	}
	f := &fetch{d: d, reader: reader, blocks: blocks, progress: in.Progress}
	m, err := f.run(ctx, in.Path)
	if err != nil {
		return Retrieved{}, err
	}
	return Retrieved{
		Reader: reader, Path: in.Path, SHA1: m.SHA1, MD5: m.MD5,
		Computed: custody.Artifact{BlockRoot: m.BlockRoot, SHA256: m.SHA256, Size: m.Size},
	}, nil
}

// fetch is one retrieval under way.
type fetch struct {
	d        *Desk
	reader   Reader
	blocks   *evidence.Blocks
	progress Progress
	hasher   *evidence.Hasher
	block    []byte
}

func (f *fetch) run(ctx context.Context, path string) (evidence.Measured, error) {
	// The part's name holds the artifact's digest: another artifact's part is
	// never taken up. It lies beside the final name, so that one rename ends it.
	part := filepath.Join(filepath.Dir(path), "."+f.reader.Artifact.SHA256.Short()+".custody-part")
	// Locked, so that two retrievals of one artifact follow one another.
	file, err := lockedfile.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return evidence.Measured{}, fmt.Errorf("couldn't create file: %w", err)
	}
	defer file.Close() // the success path closes, and checks it, below
	f.hasher, f.block = evidence.NewHasher(), make([]byte, min(evidence.BlockSize, f.reader.Artifact.Size))
	next, err := f.takeUp(file)
	if err != nil {
		return evidence.Measured{}, err
	}
	if err := f.receive(ctx, file, next); err != nil {
		if errors.Is(err, evidence.ErrBlock) {
			return evidence.Measured{}, fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		return evidence.Measured{}, fmt.Errorf("couldn't receive the artifact: %w", interrupted(err))
	}
	m := f.hasher.Measured()
	if m.SHA256 != f.reader.Artifact.SHA256 || m.Size != f.reader.Artifact.Size {
		return m, fmt.Errorf("the bytes received have SHA-256 %s, on record is %s: %w", m.SHA256, f.reader.Artifact.SHA256, ErrEvidence)
	}
	if err := file.Sync(); err != nil {
		return m, fmt.Errorf("couldn't make the file durable: %w", err)
	}
	if err := file.Close(); err != nil {
		return m, fmt.Errorf("couldn't close the file: %w", err)
	}
	return m, safefile.PlaceNew(part, path)
}

// takeUp checks the blocks that an earlier attempt left, cuts off what is not
// whole, and returns the number of the first block still missing.
func (f *fetch) takeUp(file *lockedfile.File) (uint64, error) {
	var i uint64
	for ; i < f.blocks.Count(); i++ {
		_, n := f.blocks.Span(i)
		if _, err := io.ReadFull(file, f.block[:n]); err != nil || f.blocks.Check(i, f.block[:n]) != nil {
			break
		}
		if err := f.take(i, f.block[:n]); err != nil {
			return 0, err
		}
	}
	off, _ := f.blocks.Span(i)
	off = min(off, f.reader.Artifact.Size)
	if err := file.Truncate(int64(off)); err != nil {
		return 0, fmt.Errorf("couldn't cut the file: %w", err)
	}
	if _, err := file.Seek(int64(off), io.SeekStart); err != nil {
		return 0, fmt.Errorf("couldn't take up the file: %w", err)
	}
	return i, nil
}

func (f *fetch) receive(ctx context.Context, file *lockedfile.File, next uint64) error {
	if next >= f.blocks.Count() {
		return nil
	}
	off, _ := f.blocks.Span(next)
	content, err := f.d.Service.Content(ctx, f.reader.Artifact.SHA256, f.reader.EventID, int64(off))
	if err != nil {
		return err
	}
	defer content.Close()
	for i := next; i < f.blocks.Count(); i++ {
		_, n := f.blocks.Span(i)
		if _, err := io.ReadFull(content, f.block[:n]); err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
		if err := f.blocks.Check(i, f.block[:n]); err != nil {
			return err
		}
		if _, err := file.Write(f.block[:n]); err != nil {
			return fmt.Errorf("couldn't write the file: %w", err)
		}
		if err := f.take(i, f.block[:n]); err != nil {
			return err
		}
	}
	return nil
}

func (f *fetch) take(i uint64, block []byte) error {
	if _, err := f.hasher.Part(block); err != nil {
		return fmt.Errorf("couldn't hash block %d: %w", i, err)
	}
	if f.progress != nil {
		f.progress(int64(f.hasher.Size()), int64(f.reader.Artifact.Size))
	}
	return nil
}
