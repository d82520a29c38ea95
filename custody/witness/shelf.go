package witness

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Log is a log that the witness knows, and the newest head of it that was cosigned.
type Log struct {
	Origin string   `json:"origin"`
	Keys   []string `json:"keys"` // verifier keys (C2SP signed-note), of which one must have signed

	Size     uint64          `json:"size"` // leaves; 0: nothing was cosigned yet
	Root     evidence.Digest `json:"root"`
	Cosigned time.Time       `json:"cosigned,omitzero"` // by the witness's clock
	Note     []byte          `json:"note,omitempty"`    // the head, with the log's signatures and ours
}

// Suspect is a head that the log signed and that was refused.
type Suspect struct {
	Origin string          `json:"origin"`
	Size   uint64          `json:"size"`
	Root   evidence.Digest `json:"root"`
	Fork   bool            `json:"fork"` // of the size of a cosigned head, with another root: proof by itself
	Note   []byte          `json:"note"`
}

// ErrUnknownLog reports an origin that the witness was not told of.
var ErrUnknownLog = errors.New("the witness does not know this log")

// ErrKnownLog reports an origin that it was told of already.
var ErrKnownLog = errors.New("the witness knows a log of this origin already")

// Shelf is where a witness keeps what it must never forget.
type Shelf interface {
	// Update calls f with what is kept of a log and writes down what f made of
	// it. From reading to writing nobody else, in no process, updates that log.
	// nil is returned only once the new state would outlive a crash of the
	// machine; after an error the state is the old one or the new one. Where f
	// fails nothing is written, and the error is f's.
	// ErrUnknownLog: f was not called.
	Update(origin string, f func(*Log) error) error
	// Log returns what is kept of a log, or ErrUnknownLog.
	Log(origin string) (Log, error)
	// Logs returns all, ordered by origin.
	Logs() ([]Log, error)
	// Keep puts a refused head away, as far as there is room.
	Keep(Suspect) error
}

// Directory is a shelf of files: one a log, replaced as a whole, so that a
// crash leaves the old state or the new one. Several processes may use it.
type Directory struct{ path string }

// maxLogs is how many logs a directory holds; maxSuspects how many refused
// heads of each kind. They are small files, and nobody may fill a disk.
const (
	maxLogs     = 1000
	maxSuspects = 32
	maxLogFile  = 256 << 10 // bytes
)

// OpenDirectory opens a directory, making it where it is missing.
func OpenDirectory(path string, now time.Time) (*Directory, error) {
	d := &Directory{path}
	for _, dir := range []string{path, d.logs(), d.refused()} {
		if err := safefile.Dir(dir); err != nil {
			return nil, fmt.Errorf("couldn't open the witness's directory: %w", err)
		}
		if err := safefile.Sweep(dir, now); err != nil {
			return nil, fmt.Errorf("couldn't open the witness's directory: %w", err)
		}
	}
	return d, nil
}

func (d *Directory) logs() string    { return filepath.Join(d.path, "logs") }
func (d *Directory) refused() string { return filepath.Join(d.path, "refused") }

// OriginHash names a log in paths: hex SHA-256 of its origin (C2SP tlog-witness).
func OriginHash(origin string) string {
	sum := evidence.Sum([]byte(origin))
	return hex.EncodeToString(sum[:])
}

func (d *Directory) file(origin string) string {
	return filepath.Join(d.logs(), OriginHash(origin)+".json")
}

func (d *Directory) lock(origin string) (unlock func(), err error) {
	unlock, err = lockedfile.MutexAt(filepath.Join(d.logs(), OriginHash(origin)+".lock")).Lock()
	if err != nil {
		return nil, fmt.Errorf("couldn't lock the log's state: %w", err)
	}
	return unlock, nil
}

// Add makes a log known, with nothing cosigned. A log is never removed: one
// added again would start at nothing and could be shown a second history.
// Errors wrap ErrKnownLog where the origin is known.
func (d *Directory) Add(origin string, keys ...string) error {
	l := Log{Origin: origin, Keys: keys}
	if _, err := l.verifiers(); err != nil {
		return err
	}
	all, err := d.Logs()
	if err != nil {
		return err
	}
	if len(all) >= maxLogs {
		return fmt.Errorf("couldn't add log: a witness knows at most %d", maxLogs)
	}
	b, err := encodeLog(l)
	if err != nil {
		return err
	}
	err = safefile.WriteNew(d.file(origin), b)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("couldn't add log %.80q: %w", origin, ErrKnownLog)
	}
	return err
}

// Update implements Shelf.
func (d *Directory) Update(origin string, f func(*Log) error) error {
	// Before a lock's file is made: anybody can ask for any origin.
	if _, err := os.Lstat(d.file(origin)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't find log %.80q: %w", origin, ErrUnknownLog)
	}
	unlock, err := d.lock(origin)
	if err != nil {
		return err
	}
	defer unlock()
	l, err := d.Log(origin)
	if err != nil {
		return err
	}
	if err := f(&l); err != nil {
		return err
	}
	b, err := encodeLog(l)
	if err != nil {
		return err
	}
	return safefile.Replace(d.file(origin), b)
}

// Log implements Shelf.
func (d *Directory) Log(origin string) (Log, error) {
	l, err := readLog(d.file(origin))
	if errors.Is(err, fs.ErrNotExist) {
		return l, fmt.Errorf("couldn't find log %.80q: %w", origin, ErrUnknownLog)
	}
	if err == nil && l.Origin != origin {
		err = fmt.Errorf("couldn't use the state of log %.80q: it is that of %.80q", origin, l.Origin)
	}
	return l, err
}

// Logs implements Shelf.
func (d *Directory) Logs() ([]Log, error) {
	paths, err := filepath.Glob(filepath.Join(d.logs(), "*.json"))
	if err != nil {
		return nil, fmt.Errorf("couldn't list logs: %w", err)
	}
	var all []Log
	for _, path := range paths {
		l, err := readLog(path)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b Log) int { return strings.Compare(a.Origin, b.Origin) })
	return all, nil
}

// Keep implements Shelf. The same head is kept once.
func (d *Directory) Keep(s Suspect) error {
	kind := "suspect"
	if s.Fork {
		kind = "fork"
	}
	prefix := kind + "-" + OriginHash(s.Origin)[:16] + "-"
	there, err := filepath.Glob(filepath.Join(d.refused(), prefix+"*.json"))
	if err != nil || len(there) >= maxSuspects {
		return err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("couldn't encode a refused head: %w", err)
	}
	err = safefile.WriteNew(filepath.Join(d.refused(), fmt.Sprintf("%s%d-%s.json", prefix, s.Size, hex.EncodeToString(s.Root[:8]))), append(b, '\n'))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Suspects returns the refused heads, forks first.
func (d *Directory) Suspects() ([]Suspect, error) {
	paths, err := filepath.Glob(filepath.Join(d.refused(), "*.json"))
	if err != nil {
		return nil, fmt.Errorf("couldn't list refused heads: %w", err)
	}
	all := []Suspect{}
	for _, path := range paths { // in the order of their names: "fork" is before "suspect"
		var s Suspect
		if err := readStrict(path, &s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func encodeLog(l Log) ([]byte, error) {
	b, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the log's state: %w", err)
	}
	return append(b, '\n'), nil
}

// readLog reads a state that must be whole: a witness that is not sure of what
// it has cosigned does not cosign.
func readLog(path string) (Log, error) {
	var l Log
	if err := readStrict(path, &l); err != nil {
		return Log{}, err
	}
	if l.Origin == "" || l.Size > tlog.MaxSize || l.Size > 0 && len(l.Note) == 0 {
		return Log{}, fmt.Errorf("couldn't use %s: it is damaged; a witness that forgot what it cosigned must not cosign again", path)
	}
	if l.Size > 0 {
		text, _, err := tlog.SplitNote(l.Note)
		if err == nil {
			var cp tlog.Checkpoint
			if cp, err = tlog.ParseForeignCheckpoint(text); err == nil && (cp.Origin != l.Origin || cp.Size != l.Size || cp.Root != l.Root) {
				err = errors.New("its note is of another head")
			}
		}
		if err != nil {
			return Log{}, fmt.Errorf("couldn't use %s: it is damaged (%w); a witness that forgot what it cosigned must not cosign again", path, err)
		}
	}
	return l, nil
}

func readStrict(path string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("couldn't read the witness's state: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxLogFile+1))
	if err == nil && len(b) > maxLogFile {
		err = errors.New("it is too large")
	}
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		err = dec.Decode(into)
	}
	if err != nil {
		return fmt.Errorf("couldn't read %s: %w", path, err)
	}
	return nil
}

// verifiers reads the log's keys.
func (l *Log) verifiers() (note.Verifiers, error) {
	if len(l.Keys) == 0 || len(l.Keys) > 8 {
		return nil, fmt.Errorf("couldn't use the log %.80q: it has %d keys, 1 to 8 are needed", l.Origin, len(l.Keys))
	}
	var all []note.Verifier
	for _, k := range l.Keys {
		v, err := tlog.ParseVerifierKey(k)
		if err != nil {
			return nil, err
		}
		if v.Name() != l.Origin {
			return nil, fmt.Errorf("couldn't use the log's key %.80q: its name is not the origin %.80q", k, l.Origin)
		}
		all = append(all, v)
	}
	return note.VerifierList(all...), nil
}
