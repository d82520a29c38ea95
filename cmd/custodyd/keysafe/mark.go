package keysafe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// markFile holds the newest checkpoint that the log's key has signed, as a
// signed note: beside the keys, so that it is not restored with the database.
const markFile = "last-signed.checkpoint"

// markEvery is how often a newer checkpoint is written down. What was signed
// in the moment before a crash may be missing: the mark is never ahead of the
// truth, and a little behind it at worst.
const markEvery = time.Second

// Mark remembers outside the database how far the log was signed. Replicas
// may share its directory: it only ever moves on.
type Mark struct {
	paths []string
	log   *slog.Logger

	mu            sync.Mutex
	size, written uint64
	note          []byte
}

// OpenMark reads what was marked in the directories, of which the first that
// can be written is used from now on. Read it before the database: a replica
// beside this one may move both on meanwhile.
func OpenMark(log *slog.Logger, dirs ...string) (*Mark, error) {
	m := &Mark{log: log}
	for _, dir := range dirs {
		path := filepath.Join(dir, markFile)
		size, note, err := readMark(path)
		if err != nil {
			return nil, err
		}
		m.paths = append(m.paths, path)
		if size > m.size {
			m.size, m.note = size, note
		}
	}
	m.written = m.size
	return m, nil
}

func readMark(path string) (uint64, []byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("couldn't read the newest signed checkpoint: %w", err)
	}
	// Who signed it is the ledger's question.
	body, _, ok := strings.Cut(string(b), "\n\n")
	cp, err := tlog.ParseCheckpointBody([]byte(body + "\n"))
	if !ok || err != nil {
		return 0, nil, fmt.Errorf("couldn't read the newest signed checkpoint in %s: it is no checkpoint; it shows whether an old copy of the database was put back: restore it from the backup of the keys, or move it away if you are sure of the database", path)
	}
	return cp.Size, b, nil
}

// Signed returns the newest checkpoint marked, as a signed note; nil for none.
func (m *Mark) Signed() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.note
}

// Note takes over a checkpoint that was published. It never blocks.
func (m *Mark) Note(size uint64, note []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if size > m.size {
		m.size, m.note = size, note
	}
}

// Run writes the mark down, at most once a second, until ctx ends.
func (m *Mark) Run(ctx context.Context) {
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := m.Write()
		if err != nil && !failing {
			m.log.Warn("couldn't write down the newest signed checkpoint: an old copy of the database would not be recognised", "error", err)
		}
		failing = err != nil
	}
}

// Write writes the mark down now, if there is a newer one than on disk.
func (m *Mark) Write() error {
	m.mu.Lock()
	size, written, note := m.size, m.written, m.note
	m.mu.Unlock()
	if size == written {
		return nil
	}
	var all []error
	for _, path := range m.paths {
		// Another replica's, where the directory is shared, may be newer.
		if there, _, err := readMark(path); err == nil && there >= size {
			all = nil
			break
		}
		err := safefile.Replace(path, note)
		if err == nil {
			all = nil
			break
		}
		all = append(all, err)
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	m.mu.Lock()
	m.written = size
	m.mu.Unlock()
	return nil
}

// Archive moves the marks aside, in every directory, so that the log can go on
// from an older copy of its database whose loss is signed and recorded. The
// files stay, under a name with their size and the time: they prove what the
// log had signed. It returns their new paths.
func (m *Mark) Archive(now time.Time) (moved []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, path := range m.paths {
		size, note, err := readMark(path)
		if err != nil {
			return moved, err
		}
		if note == nil {
			continue
		}
		to := fmt.Sprintf("%s.lost-%d-%s", path, size, now.UTC().Format("20060102T150405Z"))
		// A copy first: a crash between the two leaves both, and the mark counts.
		if err := safefile.WriteNew(to, note); err != nil && !errors.Is(err, fs.ErrExist) {
			return moved, fmt.Errorf("couldn't archive the newest signed checkpoint: %w", err)
		}
		if err := os.Remove(path); err != nil {
			return moved, fmt.Errorf("couldn't move the newest signed checkpoint aside: %w", err)
		}
		moved = append(moved, to)
	}
	m.size, m.written, m.note = 0, 0, nil
	return moved, nil
}
