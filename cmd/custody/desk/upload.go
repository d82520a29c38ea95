package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

// uploadMemory remembers on disk which session a file's deposit began, so that
// the same command takes it up after an interruption. What it says is only a
// hint: the file is measured anew in full, and the service says what it holds.
type uploadMemory struct {
	d       *Desk
	path    string // "" remembers nothing
	request UploadRequest
}

func (d *Desk) uploadMemory(in Depositing, file *source) *uploadMemory {
	m := &uploadMemory{d: d, request: UploadRequest{Case: in.Case, Parent: in.Parent, Size: file.size, FileName: in.Name, Legacy: in.legacy(), Segments: file.segments()}}
	if file.segmented() {
		m.request.Legacy = 0 // of one file
	}
	if d.State == "" {
		return m
	}
	path, err := filepath.Abs(in.Path)
	if err != nil {
		path = in.Path
	}
	parent := ""
	if in.Parent != nil {
		parent = in.Parent.String()
	}
	// Another file, another time of change, another key or place: another session.
	id := evidence.Sum(fmt.Appendf(nil, "%s\n%d\n%d\n%s\n%s\n%s\n%s", path, file.size, file.changed(),
		in.Case, parent, d.Key.KeyID(), d.Server))
	m.path = filepath.Join(d.State, id.String()+".json")
	return m
}

type rememberedUpload struct {
	Upload string `json:"upload"`
	Server string `json:"server"`
	File   string `json:"file"`
}

// begin takes up the remembered session if the service still has it, else
// begins one.
func (m *uploadMemory) begin(ctx context.Context) (Upload, error) {
	if m.path != "" {
		var r rememberedUpload
		if b, err := os.ReadFile(m.path); err == nil && json.Unmarshal(b, &r) == nil {
			u, err := m.d.Service.Upload(ctx, r.Upload)
			var no *Answer
			switch {
			case err == nil && u.Size == m.request.Size && u.Legacy == m.request.Legacy && slices.Equal(u.Segments, m.request.Segments):
				return u, nil
			case err != nil && !errors.As(err, &no):
				return Upload{}, fmt.Errorf("couldn't ask about the deposit begun before: %w", err)
			}
		}
	}
	u, err := m.d.Service.BeginUpload(ctx, m.request)
	if err != nil {
		return Upload{}, fmt.Errorf("couldn't begin the deposit: %w", err)
	}
	if m.path == "" {
		return u, nil
	}
	b, err := json.Marshal(rememberedUpload{Upload: u.ID, Server: m.d.Server, File: m.request.FileName})
	if err != nil {
		return Upload{}, fmt.Errorf("couldn't encode the deposit's session: %w", err)
	}
	if err := safefile.Dir(m.d.State); err != nil {
		return Upload{}, err
	}
	if err := safefile.Replace(m.path, b); err != nil {
		return Upload{}, fmt.Errorf("couldn't remember the deposit's session: %w", err)
	}
	return u, nil
}

func (m *uploadMemory) forget() error {
	if m.path == "" {
		return nil
	}
	if err := os.Remove(m.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't forget the deposit's session: %w", err)
	}
	return nil
}

// Session is a deposit begun and not finished, as its maker may see it.
type Session struct {
	ID       string    `json:"upload"`
	FileName string    `json:"fileName"`
	Size     int64     `json:"size"`     // bytes
	Held     int64     `json:"held"`     // bytes that the service holds
	Expires  time.Time `json:"expires"`  // discarded then, unless a part comes before
	EndsSoon bool      `json:"endsSoon"` // within a day
}

// Sessions lists the deposits that this key began and didn't finish, the one
// that ends first at the top. The same put takes each up again.
func (d *Desk) Sessions(ctx context.Context) ([]Session, error) {
	list, err := d.Service.Uploads(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't list the deposits begun: %w", err)
	}
	out := make([]Session, 0, len(list))
	for _, u := range list {
		s := Session{ID: u.ID, FileName: u.FileName, Size: u.Size, Expires: u.Expires, EndsSoon: u.Expires.Sub(d.Clock()) < 24*time.Hour}
		for _, n := range u.Received {
			s.Held += min(u.PartSize, u.Size-int64(n-1)*u.PartSize)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Session) int { return a.Expires.Compare(b.Expires) })
	return out, nil
}

// EndSession discards a deposit begun.
func (d *Desk) EndSession(ctx context.Context, id string) error {
	if err := d.Service.AbortUpload(ctx, id); err != nil {
		return fmt.Errorf("couldn't discard the deposit %.12s: %w", id, err)
	}
	return nil
}

// Tries of one part: how often it waits for its predecessors, and how often it
// is sent over a failing network before the deposit is interrupted.
const (
	windowTries  = 60
	networkTries = 5
)

// putPart sends one part until it is durable. A part may always be sent again:
// the same bytes have no further effect.
func (d *Desk) putPart(ctx context.Context, upload string, number int, content *parcel.Parcel) error {
	for early, failed := 0, 0; ; {
		err := d.Service.PutPart(ctx, upload, number, content)
		var wait time.Duration
		var no *Answer
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case errors.As(err, &no) && no.Code == "part-out-of-window":
			early++
			wait = time.Duration(min(early, 10)) * 50 * time.Millisecond
		case !errors.Is(interrupted(err), ErrInterrupted):
			return err
		default:
			wait = d.Pause << failed
			failed++
		}
		if early == windowTries || failed == networkTries {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// interrupted marks a failure of long work that the same command can take up
// again; a service's considered no is not one.
func interrupted(err error) error {
	var no *Answer
	if err == nil || errors.As(err, &no) && no.Status < 500 && no.Status != 429 && no.Status != 408 {
		return err
	}
	return fmt.Errorf("%w: %w", ErrInterrupted, err)
}

// tally adds up what is done; it is called by one at a time.
type tally struct {
	done, total int64
	tell        Progress
}

func newTally(total int64, tell Progress) *tally { return &tally{total: total, tell: tell} }

func (t *tally) add(n int64) {
	t.done += n
	if t.tell != nil {
		t.tell(t.done, t.total)
	}
}
