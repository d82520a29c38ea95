package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/bulk"
)

// Progress is told how far long work has come, in bytes.
type Progress func(done, total int64)

// ErrInterrupted says that long work stopped where it can be taken up again.
var ErrInterrupted = errors.New("interrupted; the same command takes it up again")

// Retrieval gets one item's bytes, into a file or a stream.
type Retrieval struct {
	Reading
	Path     string    // where the file appears, once whole; must not exist
	Out      io.Writer // instead: gets checked bytes, in order; what came out before an error is a true beginning and not the whole
	Progress Progress
	Streams  int // downloads at once; 0: three
}

// Retrieved is an artifact that arrived whole.
type Retrieved struct {
	Reader   Reader           `json:"request"`
	Path     string           `json:"path,omitempty"`
	Computed custody.Artifact `json:"computed"`
	Reused   uint64           `json:"reused"`          // blocks that an earlier attempt had left, checked again
	Notes    []string         `json:"notes,omitempty"` // what was not as it should be on the way, and did no harm
}

// BadBlock is one that could not be had as it was deposited.
type BadBlock struct {
	Index, Offset uint64
	Length        int
	Why           string
}

func (b BadBlock) String() string {
	return fmt.Sprintf("block %d (bytes %d to %d) is not what was deposited: %s", b.Index, b.Offset, b.Offset+uint64(b.Length)-1, b.Why)
}

// BadBlocksError: some blocks are bad. Whole says how many are not, of Of; they
// are kept in Part where it is not "".
type BadBlocksError struct {
	Blocks    []BadBlock // ascending
	Whole, Of uint64
	Part      string
}

func (e *BadBlocksError) Error() string {
	const named = 8
	var lines []string
	for i, b := range e.Blocks {
		if i == named {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Blocks)-named))
			break
		}
		lines = append(lines, b.String())
	}
	rest := fmt.Sprintf("%d of %d blocks are what was deposited", e.Whole, e.Of)
	if e.Part != "" {
		rest += ", and are kept in " + e.Part + ": the same command asks only for the others"
	}
	return strings.Join(lines, "; ") + "; " + rest
}

// Is: bad blocks are evidence that does not verify.
func (e *BadBlocksError) Is(target error) bool { return target == ErrEvidence }

// Retrieve signs a request of access and reads the artifact, in several
// downloads at once, each block held to the block tree that the depositor
// signed and the whole to its SHA-256. The file appears under its name only when
// it is whole and durable. What was fetched before an interruption is used
// again, after checking it again. A block that is bad is named; nothing is put
// right without saying so.
func (d *Desk) Retrieve(ctx context.Context, in Retrieval) (Retrieved, error) {
	if in.Out == nil {
		if _, err := os.Lstat(in.Path); err == nil {
			return Retrieved{}, fmt.Errorf("couldn't write %s: %w", in.Path, fs.ErrExist)
		}
	}
	reader, err := d.RequestAccess(ctx, in.Reading)
	if err != nil {
		return Retrieved{}, err
	}
	if len(reader.Segments) != len(reader.manifest) {
		return Retrieved{}, errWithheld
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
	f := newFetch(d.Service, reader, blocks, in)
	if in.Out != nil {
		err = f.run(ctx)
	} else {
		err = f.intoFile(ctx, in.Path)
	}
	if err != nil {
		return Retrieved{}, err
	}
	return Retrieved{Reader: reader, Path: in.Path, Reused: f.reused, Notes: f.notes,
		// Every block was held to leaves that lead to the signed root.
		Computed: custody.Artifact{BlockRoot: reader.Artifact.BlockRoot, SHA256: f.sum, Size: reader.Artifact.Size}}, nil
}

// intoFile fetches into a part beside path and gives it its name at the end.
func (f *fetch) intoFile(ctx context.Context, path string) error {
	// The part's name holds the artifact's digest: another artifact's part is
	// never taken up. It lies beside the final name, so that one rename ends it.
	part := filepath.Join(filepath.Dir(path), "."+f.reader.Artifact.SHA256.Short()+".custody-part")
	// Locked, so that two retrievals of one artifact follow one another.
	file, err := lockedfile.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't create file: %w", err)
	}
	defer file.Close() // the success path closes, and checks it, below
	if err := bulk.Reserve(file.File, int64(f.reader.Artifact.Size)); err != nil {
		return fmt.Errorf("couldn't make room for the file: %w", err)
	}
	past := bulk.Past(file.File, true)
	defer past.Release()
	f.file, f.state = past, openState(part+".blocks", f.reader.Artifact.BlockRoot, f.blocks.Count())
	f.part = part
	err = f.run(ctx)
	if kept := f.state.write(); err != nil {
		return errors.Join(err, kept)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("couldn't make the file durable: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("couldn't close the file: %w", err)
	}
	place := safefile.PlaceNew
	if len(f.reader.Segments) > 0 {
		place = f.reader.placeSegments
	}
	if err := place(part, path); err != nil {
		return err
	}
	f.state.remove()
	return nil
}
