package consignment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/evidence"
)

// Status of an entry at the end.
const (
	Deposited = "deposited"
	Before    = "deposited before" // by this command, or the service has these bytes
	Failed    = "failed"
	Waiting   = "not begun" // the command was interrupted, or the image failed
)

// Outcome is what became of an entry.
type Outcome struct {
	Entry
	Status  string
	Item    evidence.Digest
	Index   uint64 // log index of the deposit; of this run's deposits
	SHA256  string
	SHA1    string
	MD5     string
	Sums    []string // SHA-256 of each file of a segmented image
	Format  custody.ImageFormat
	Role    custody.Role
	Compare []string // what may be said of each log beside what was measured
	Err     error
}

// Bearer deposits, several at once where a delivery has jobs. *desk.Desk is one.
type Bearer interface {
	Deposit(ctx context.Context, in desk.Depositing) (desk.Deposited, error)
}

// Delivery deposits the entries of a consignment.
type Delivery struct {
	Bearer Bearer
	// Known tells whether the service shows an item, before one is taken to have
	// been deposited by an earlier run.
	Known func(ctx context.Context, item evidence.Digest) bool
	// Template is what all deposits have in common.
	Template desk.Depositing
	// State is a folder in which what was deposited is remembered; empty: nothing
	// is. Place is part of what is remembered: which service, key, case, parent.
	State, Place string
	// Jobs is how many entries are sent at once, where they are small; one of Large
	// bytes (0: 64 MiB) counts as two, and so on, and one of Jobs times as many is
	// sent alone: it fills the line by itself, and memory stays bounded. 0 jobs: one
	// after another.
	Jobs  int
	Large int64
	// Tell, where set, hears of each entry: before it is sent (Status empty) and
	// after. Progress hears of its bytes. They are called one at a time.
	Tell     func(i int, o Outcome)
	Progress func(i int, done int64)

	telling sync.Mutex
	turns   []turn // by entry
}

// turn is an entry's place among those of its size, which alone can have its bytes.
type turn struct {
	after int           // the entry before it, -1 for none
	over  chan struct{} // closed when the entry is done
}

func turns(entries []Entry) []turn {
	out, last := make([]turn, len(entries)), map[int64]int{}
	for _, i := range byImage(entries) {
		out[i] = turn{after: -1, over: make(chan struct{})}
		if e := entries[i]; e.leads() {
			if before, ok := last[e.Bytes(entries)]; ok {
				out[i].after = before
			}
			last[e.Bytes(entries)] = i
		}
	}
	return out
}

// turn waits until the entry before i of its size is done. Nobody waits for one
// that is begun later, so that all get theirs.
func (d *Delivery) turn(ctx context.Context, i int) error {
	before := d.turns[i].after
	if before < 0 {
		return nil
	}
	select {
	case <-d.turns[before].over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Deliver deposits every entry that is to be deposited, an image before its logs,
// and goes on after one that failed. Only an interruption ends it early: what was
// not begun is then Waiting. Entries are begun in their order, and the outcomes
// stand in it. An image and its logs are one job. Of the same bytes found twice
// the first in that order is deposited, whichever was sent first.
func (d *Delivery) Deliver(ctx context.Context, entries []Entry) []Outcome {
	out := make([]Outcome, len(entries))
	for i, e := range entries {
		out[i] = Outcome{Entry: e, Status: Waiting}
		if e.What == LeftOut {
			out[i].Status = LeftOut
		}
	}
	large := d.Large
	if large == 0 {
		large = 64 << 20
	}
	d.turns = turns(entries)
	slots := semaphore.NewWeighted(int64(max(1, d.Jobs)))
	var jobs sync.WaitGroup
	for _, job := range jobsOf(entries) {
		weight := min(int64(max(1, d.Jobs)), 1+entries[job[0]].Bytes(entries)/large)
		if slots.Acquire(ctx, weight) != nil { // interrupted
			break
		}
		jobs.Go(func() {
			defer slots.Release(weight)
			for _, i := range job {
				d.deliver(ctx, i, out)
			}
		})
	}
	jobs.Wait()
	for i := range out {
		if o := &out[i]; o.Status == Waiting && o.What == Log && ctx.Err() == nil {
			o.Err = fmt.Errorf("its image %s was not deposited", entries[o.Of].Rel)
		}
	}
	return out
}

// jobsOf groups the entries that are deposited: each image with its logs behind
// it. What a job writes, no other looks at.
func jobsOf(entries []Entry) (jobs [][]int) {
	for _, i := range byImage(entries) {
		switch e := entries[i]; {
		case !e.leads():
		case e.What == Log && len(jobs) > 0 && jobs[len(jobs)-1][0] == e.Of:
			jobs[len(jobs)-1] = append(jobs[len(jobs)-1], i)
		case e.What != Log:
			jobs = append(jobs, []int{i})
		}
	}
	return jobs
}

func (d *Delivery) deliver(ctx context.Context, i int, out []Outcome) {
	o := &out[i]
	defer close(d.turns[i].over)
	if ctx.Err() != nil || o.What == Log && out[o.Of].Item.IsZero() {
		return
	}
	d.tell(i, Outcome{Entry: o.Entry})
	d.one(ctx, i, o, out)
	if o.Set != nil {
		carried(*o, out)
	}
	d.tell(i, *o)
}

func (d *Delivery) tell(i int, o Outcome) {
	if d.Tell != nil {
		d.telling.Lock()
		defer d.telling.Unlock()
		d.Tell(i, o)
	}
}

func (d *Delivery) one(ctx context.Context, i int, o *Outcome, all []Outcome) {
	in := d.Template
	in.Path, in.Name, in.Logs, in.Alone = o.Path, o.Name, o.Logs, o.Set == nil
	in.Turn = func(ctx context.Context) error { return d.turn(ctx, i) }
	if o.Set != nil {
		in.Legacy = 0 // MD5 and SHA-1 are of one file
	}
	in.Fields = map[string]string{}
	for k, v := range d.Template.Fields {
		in.Fields[k] = v
	}
	if o.Rel != o.Name && in.Fields["description"] == "" {
		in.Fields["description"] = o.Rel
	}
	if o.What == Log {
		in.Parent, in.Role, in.Format, in.Logs = &all[o.Of].Item, custody.RoleLog, custody.FormatOther, nil
		in.Telling, in.Despite = d.Template.Telling.Time(), ""
	}
	o.Role = in.Role
	if d.Progress != nil {
		in.Progress = func(done, _ int64) {
			d.telling.Lock()
			defer d.telling.Unlock()
			d.Progress(i, done)
		}
	}
	memory := d.memory(*o, newest(o.Entry, all), in.Parent)
	if before, ok := d.recall(ctx, memory); ok {
		o.Status, o.Item, o.SHA256, o.SHA1, o.MD5, o.Sums, o.Index = Before, before.Item, before.SHA256, before.SHA1, before.MD5, before.Segments, before.Index
		return
	}
	r, err := d.Bearer.Deposit(ctx, in)
	for _, e := range r.Manifest {
		o.Sums = append(o.Sums, e.SHA256.String())
	}
	for _, c := range r.Logs {
		o.Compare = append(o.Compare, c.Summary())
	}
	var no *desk.Answer
	switch {
	case err == nil:
		o.Status, o.Item, o.Index = Deposited, r.Item, r.Index
		o.SHA256, o.SHA1, o.MD5 = r.Artifact.SHA256.String(), r.SHA1, r.MD5
	case errors.As(err, &no) && no.Code == "artifact-exists":
		o.Status, o.Item, o.SHA256 = Before, no.Existing, zeroAsEmpty(r.Artifact.SHA256)
	default:
		o.Status, o.Err = Failed, err
		return
	}
	if err := d.remember(memory, *o); err != nil {
		o.Note = "deposited, and not remembered here: " + err.Error()
	}
}

func zeroAsEmpty(d evidence.Digest) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

// kept is what is remembered of a deposit: a hint, which the service confirms.
type kept struct {
	Item   evidence.Digest `json:"item"`
	Index  uint64          `json:"index"`
	SHA256 string          `json:"sha256"`
	SHA1   string          `json:"sha1,omitempty"`
	MD5    string          `json:"md5,omitempty"`
	File   string          `json:"file"`
	// Segments are the SHA-256 of a segmented image's files.
	Segments []string `json:"segments,omitempty"`
}

// memory is where the deposit of this very file is remembered: another size, time
// of change, key, case or parent is another deposit.
func (d *Delivery) memory(o Outcome, changed int64, parent *evidence.Digest) string {
	if d.State == "" {
		return ""
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		path = o.Path
	}
	under := ""
	if parent != nil {
		under = parent.String()
	}
	id := evidence.Sum(fmt.Appendf(nil, "%s\n%d\n%d\n%s\n%s\n%s", path, o.Size, changed, d.Place, under, o.Role))
	return filepath.Join(d.State, id.String()+".json")
}

func (d *Delivery) recall(ctx context.Context, path string) (kept, bool) {
	var k kept
	if path == "" {
		return k, false
	}
	b, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(b, &k) != nil || k.Item.IsZero() {
		return kept{}, false
	}
	return k, d.Known == nil || d.Known(ctx, k.Item)
}

func (d *Delivery) remember(path string, o Outcome) error {
	if path == "" {
		return nil
	}
	b, err := json.Marshal(kept{Item: o.Item, Index: o.Index, SHA256: o.SHA256, SHA1: o.SHA1, MD5: o.MD5, File: o.Name, Segments: o.Sums})
	if err != nil {
		return fmt.Errorf("couldn't encode the deposit: %w", err)
	}
	if err := safefile.Dir(d.State); err != nil {
		return err
	}
	return safefile.Replace(path, b)
}

// Tally counts the outcomes by status.
func Tally(all []Outcome) map[string]int {
	out := map[string]int{}
	for _, o := range all {
		out[o.Status]++
	}
	return out
}
