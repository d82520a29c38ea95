package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/evidence-custody/custodyd/api"
)

// Set is one process's metrics. It is safe for concurrent use.
type Set struct {
	registry *prometheus.Registry

	requests, aborted, received, sent, refusals, uploads, events, timestamps, storeErrors, copies, copyBytes, images, imageBytes, tileReads, tilesKept, tilesRefused *prometheus.CounterVec
	requestTime, appendTime, storeTime                                                                                                                               *prometheus.HistogramVec

	rules struct {
		sync.Mutex
		seen map[string]bool
	}
}

// Sources are asked at each scrape. A nil one is left out.
type Sources struct {
	Checkpoint func(context.Context) (size uint64, published time.Time, err error)
	// Witnesses is how it stands with each; WitnessedSize is the newest checkpoint
	// that the quorum cosigned, 0 for none.
	Witnesses     func(context.Context) ([]Witness, error)
	WitnessedSize func(context.Context) (uint64, error)

	Timestamps  func(context.Context) (map[string]time.Duration, error) // by authority: how long the oldest event has waited
	Copies      func(context.Context) (Copies, error)
	Images      func(context.Context) (Images, error)
	OpenUploads func(context.Context) (int, error)
	Connections func(context.Context) (map[string]int, error) // by state
	Certificate func() time.Time                              // when it expires
}

// Seconds: a refusal takes milliseconds, a large part minutes.
var buckets = []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}

// New makes a Set that nothing was counted in yet.
func New(from Sources) *Set {
	s := &Set{registry: prometheus.NewRegistry()}
	s.rules.seen = map[string]bool{}
	s.requests, s.aborted = s.counter(requests), s.counter(aborted)
	s.received, s.sent, s.refusals = s.counter(received), s.counter(sent), s.counter(refusals)
	s.uploads, s.events, s.storeErrors = s.counter(uploads), s.counter(events), s.counter(storeErrors)
	s.tileReads, s.tilesKept, s.tilesRefused = s.counter(tileReads), s.counter(tilesKept), s.counter(tilesRefused)
	s.tilesRefused.WithLabelValues() // 0 is said from the start: an alarm waits for it to grow
	s.timestamps = s.counter(timestamps)
	s.copies, s.copyBytes = s.counter(copies), s.counter(copyBytes)
	s.copies.WithLabelValues("failed") // 0 is said from the start
	s.images, s.imageBytes = s.counter(images), s.counter(imageBytes)
	s.requestTime, s.appendTime, s.storeTime = s.histogram(requestTime), s.histogram(appendTime), s.histogram(storeTime)
	s.registry.MustRegister(asked{from}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

func (s *Set) counter(d definition) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.name, Help: d.help}, d.labels)
	s.registry.MustRegister(v)
	return v
}

func (s *Set) histogram(d definition) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: d.name, Help: d.help, Buckets: buckets}, d.labels)
	s.registry.MustRegister(v)
	return v
}

// Handler answers GET /metrics and nothing else.
func (s *Set) Handler(log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4}))
	return mux
}

// Observe counts one request; it is an api.Config's Observe.
func (s *Set) Observe(a api.Answered) {
	s.requests.WithLabelValues(a.Method, a.Route, strconv.Itoa(a.Status)).Inc()
	s.requestTime.WithLabelValues(a.Route).Observe(a.Took.Seconds())
	s.received.WithLabelValues(a.Route).Add(float64(a.In))
	s.sent.WithLabelValues(a.Route).Add(float64(a.Out))
	if a.Aborted {
		s.aborted.WithLabelValues(a.Route).Inc()
	}
	if a.Code != "" {
		s.refusals.WithLabelValues(a.Code, s.rule(a.Rule)).Inc()
	}
}

// Timestamp counts one request to a time-stamping authority of the configuration.
func (s *Set) Timestamp(authority, of string, err error) {
	outcome := "kept"
	if err != nil {
		outcome = "failed"
	}
	s.timestamps.WithLabelValues(authority, of, outcome).Inc()
}

// Fixity counts one copy read back.
func (s *Set) Fixity(result string, bytes uint64) {
	s.copies.WithLabelValues(result).Inc()
	s.copyBytes.WithLabelValues().Add(float64(bytes))
}

// Copies is how it stands with the copies of all artifacts.
type Copies struct {
	Artifacts, Due, Failed, Unchecked uint64
	Oldest                            time.Time // when the one was last told apart that waits the longest; of what is not erased, as Due and Unchecked
}

// Image counts one artifact that was looked at; "" of one that couldn't be read.
func (s *Set) Image(outcome string, bytes uint64) {
	if outcome == "" {
		outcome = "failed"
	}
	s.images.WithLabelValues(outcome).Inc()
	s.imageBytes.WithLabelValues().Add(float64(bytes))
}

// Images is how it stands with the media data of all artifacts.
type Images struct{ Waiting, Failing, Damaged uint64 }

var ruleForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)

const maxRules = 300

// rule lets through what looks like a rule's name, and not more of them than
// there can be: each is a series that Prometheus keeps.
func (s *Set) rule(name string) string {
	if name == "" {
		return ""
	}
	s.rules.Lock()
	defer s.rules.Unlock()
	if !s.rules.seen[name] {
		if !ruleForm.MatchString(name) || len(s.rules.seen) >= maxRules {
			return "other"
		}
		s.rules.seen[name] = true
	}
	return name
}

// asked is what is asked at each scrape.
type asked struct{ Sources }

const askPatience = 3 * time.Second

func (d definition) desc() *prometheus.Desc { return prometheus.NewDesc(d.name, d.help, d.labels, nil) }

func (a asked) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []definition{uploadsOpen, logSize, logAge, timesWaiting, copiesBad, copiesOpen, copiesDue, copiesAge, imagesWaiting, imagesFailing, imagesDamaged, connections, certificate, sourceStands} {
		to <- d.desc()
	}
}

func (a asked) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), askPatience)
	defer cancel()
	tell := func(d definition, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d.desc(), prometheus.GaugeValue, v, labels...)
	}
	stands := func(source string, err error) {
		if err == nil {
			tell(sourceStands, 1, source)
		} else {
			tell(sourceStands, 0, source)
		}
	}
	var both sync.WaitGroup
	if a.Checkpoint != nil {
		both.Go(func() {
			size, published, err := a.Checkpoint(ctx)
			if stands("ledger", err); err == nil {
				tell(logSize, float64(size))
				tell(logAge, time.Since(published).Seconds())
			}
		})
	}
	if a.Timestamps != nil {
		both.Go(func() {
			waiting, err := a.Timestamps(ctx)
			stands("timestamps", err)
			for authority, d := range waiting {
				tell(timesWaiting, d.Seconds(), authority)
			}
		})
	}
	if a.Copies != nil {
		both.Go(func() {
			c, err := a.Copies(ctx)
			if stands("fixity", err); err != nil {
				return
			}
			tell(copiesBad, float64(c.Failed))
			tell(copiesOpen, float64(c.Unchecked))
			tell(copiesDue, float64(c.Due))
			if !c.Oldest.IsZero() {
				tell(copiesAge, time.Since(c.Oldest).Seconds())
			}
		})
	}
	if a.Images != nil {
		both.Go(func() {
			i, err := a.Images(ctx)
			if stands("images", err); err != nil {
				return
			}
			tell(imagesWaiting, float64(i.Waiting))
			tell(imagesFailing, float64(i.Failing))
			tell(imagesDamaged, float64(i.Damaged))
		})
	}
	if a.Witnesses != nil {
		both.Go(func() {
			all, err := a.Witnesses(ctx)
			stands("witnesses", err)
			for _, w := range all {
				tell(cosignedSize, float64(w.Size), w.Name)
				if !w.At.IsZero() {
					tell(cosignedAge, time.Since(w.At).Seconds(), w.Name)
				}
				up := 1.0
				if w.Problem {
					up = 0
				}
				tell(witnessUp, up, w.Name)
			}
		})
	}
	if a.WitnessedSize != nil {
		both.Go(func() {
			if size, err := a.WitnessedSize(ctx); err == nil {
				tell(witnessedSize, float64(size))
			}
		})
	}
	if a.OpenUploads != nil && a.Connections != nil {
		both.Go(func() {
			open, err := a.OpenUploads(ctx)
			if err == nil {
				tell(uploadsOpen, float64(open))
				var states map[string]int
				if states, err = a.Connections(ctx); err == nil {
					for state, n := range states {
						tell(connections, float64(n), state)
					}
				}
			}
			stands("database", err)
		})
	}
	if a.Certificate != nil {
		tell(certificate, float64(a.Certificate().Unix()))
	}
	both.Wait()
}

// Witness is how it stands with one.
type Witness struct {
	Name    string
	Size    uint64    // of the newest checkpoint cosigned; 0: none
	At      time.Time // when, as it says
	Problem bool      // it did not cosign what it was last asked to
}
