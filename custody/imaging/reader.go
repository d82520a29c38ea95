package imaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// Ledger is what is needed of the audit chain.
type Ledger interface {
	fixity.Teller
	// ClaimImage takes the artifact whose turn it is; docket.ErrNotFound: none.
	ClaimImage(ctx context.Context, holder string, life time.Duration) (docket.Image, error)
	// HoldImage keeps it; docket.ErrClosed: another process has it.
	HoldImage(ctx context.Context, holder string, item custody.ID, life time.Duration) error
	// LetGoImage gives it back, to be taken again after a while; tried: the try
	// came to nothing.
	LetGoImage(ctx context.Context, holder string, item custody.ID, again time.Duration, tried bool) error
	// PassImage notes why nothing will be said of it.
	PassImage(ctx context.Context, holder string, item custody.ID, why docket.ImageState) error
	Artifact(ctx context.Context, item custody.ID) (docket.Artifact, error)
	Chain(ctx context.Context, id custody.ID) (*docket.Chain, error)
	ChainEvents(ctx context.Context, chains ...custody.ID) ([]*docket.Event, error)
}

// Bounds of the work in hand.
const (
	holds    = 2 * time.Minute // how long an image is held without a sign of life
	poll     = 2 * time.Second // between looks for work where there is none
	again    = time.Minute     // before what couldn't be read is tried again; doubles with each try
	maxAgain = 12 * time.Hour
	maxPause = 5 * time.Minute // after images in a row that couldn't
)

// Options say what is read, and how fast.
type Options struct {
	Ledger Ledger
	Store  fixity.Store
	Holder string       // this process, by a name of its own
	Pace   *fixity.Pace // shared by all that read beside the service's work; nil: as fast as they come
	Busy   func() bool  // evidence is being taken in, which goes first; nil: never

	Workers int           // that decode in parallel; 0: one for every two processors
	Pause   time.Duration // before the first repetition of what the store doesn't answer; 0: a second
	Holds   time.Duration // 0: two minutes
	Done    func(Result)  // told of every artifact; nil: nobody is
	Log     *slog.Logger  // nil: nothing
	Now     func() time.Time
}

// Reader decodes one image after the other, the one that waits the longest
// first. Several processes share the work through the ledger. An image that was
// begun and not finished is begun anew.
type Reader struct{ o Options }

// New makes a reader.
func New(o Options) *Reader {
	if o.Pace == nil {
		o.Pace = fixity.NewPace(0)
	}
	if o.Busy == nil {
		o.Busy = func() bool { return false }
	}
	if o.Workers == 0 {
		o.Workers = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	if o.Holds == 0 {
		o.Holds = holds
	}
	if o.Done == nil {
		o.Done = func(Result) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Reader{o}
}

// Result is how it went with one artifact.
type Result struct {
	Item  custody.ID
	State docket.ImageState  // "": it couldn't be read, and is tried again
	Body  *custody.ImageRead // what was recorded
	Bytes uint64             // read by this process
}

// Run works until ctx ends.
func (r *Reader) Run(ctx context.Context) {
	pause := poll
	for ctx.Err() == nil {
		result, err := r.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, docket.ErrNotFound):
			pause = poll
		case err != nil:
			r.o.Log.Warn("couldn't go on decoding images", "error", err)
			pause = min(2*pause, maxPause)
		case result.State == "": // others will hardly fare better
			pause = min(2*pause, maxPause)
		default:
			pause = poll
			continue
		}
		fixity.Rest(ctx, pause)
	}
}

// Next looks at the artifact whose turn it is, and records what it found where
// it is an image. docket.ErrNotFound: it is no artifact's turn. An error says
// that nothing was found out, and that the ledger doesn't answer or ctx ended.
func (r *Reader) Next(ctx context.Context) (Result, error) {
	turn, err := r.o.Ledger.ClaimImage(ctx, r.o.Holder, r.o.Holds)
	if err != nil {
		return Result{}, err
	}
	look := &looking{r: r, turn: turn, began: r.o.Now()}
	holding, letGo := context.WithCancelCause(ctx)
	held := make(chan struct{})
	go func() {
		defer close(held)
		r.hold(holding, turn.Item, letGo)
	}()
	result, err := look.run(holding)
	lost := context.Cause(holding)
	letGo(nil)
	<-held
	if err == nil {
		r.o.Done(result)
		return result, nil
	}
	if ctx.Err() == nil && lost != nil {
		return Result{}, lost // another process has it
	}
	// Whoever comes next begins anew, at once where the service stops or the
	// ledger is away. Anything else is the ledger's no to what was found, which it
	// would say again: the others' turn comes first. Where letting go fails, too,
	// the time runs out.
	var away *docket.Unavailable
	refused := ctx.Err() == nil && !errors.As(err, &away)
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = r.o.Ledger.LetGoImage(leaving, r.o.Holder, turn.Item, pauseAfter(turn.Tries), refused)
	return Result{}, err
}

// hold gives signs of life until ctx ends, and ends the work where another
// process has the image.
func (r *Reader) hold(ctx context.Context, item custody.ID, letGo context.CancelCauseFunc) {
	for {
		fixity.Rest(ctx, r.o.Holds/4)
		if ctx.Err() != nil {
			return
		}
		if err := r.o.Ledger.HoldImage(ctx, r.o.Holder, item, r.o.Holds); errors.Is(err, docket.ErrClosed) {
			letGo(fmt.Errorf("couldn't go on decoding the image of item %s: %w", item.Short(), err))
			return
		}
	}
}

// pauseAfter is how long an image rests that was tried in vain so often.
func pauseAfter(tries int) time.Duration {
	return min(again<<min(tries, 16), maxAgain)
}
