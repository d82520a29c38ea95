package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestDescribeLoss: what an operator must know before and after is said.
func TestDescribeLoss(t *testing.T) {
	root := evidence.Sum([]byte("root"))
	lost := service.Head{Source: "w.example.org/court", URL: "https://w", Size: 20, Root: &root, Proven: true, Stands: "ahead"}
	word := service.Head{Source: "w.example.org/lab", URL: "https://l", Size: 20, Stands: "ahead"}
	for name, tt := range map[string]struct {
		loss   service.Loss
		failed error
		says   []string
		not    []string
	}{
		"nothing missing": {service.Loss{Events: 12}, nil, []string{"nothing is missing"}, []string{"--accept-loss"}},
		"lost": {service.Loss{Events: 12, Lost: true, Signed: 20, Heads: []service.Head{lost, word, {Source: "w/away", Stands: "unknown", Problem: "no answer"}}}, nil,
			[]string{"events 12 to 19", "--accept-loss 20", "refuse this log for ever", "the log's own signature: root " + root.String(), "did not show the log's signature", "no answer"}, nil},
		"forked":       {service.Loss{Events: 12, Forked: true, Heads: []service.Head{{Source: "w", Size: 12, Stands: "other"}}}, nil, []string{"HAS SEEN OTHER EVENTS", "begin a new log"}, []string{"--accept-loss"}},
		"mark only":    {service.Loss{Events: 12, MarkOnly: true, GivenUp: 20}, nil, []string{"--accept-loss 20", "The loss is recorded"}, nil},
		"recorded":     {service.Loss{Events: 12, Lost: true, Signed: 20, Recorded: 12, Event: "abcd", Archived: []string{"/keys/old"}, Heads: []service.Head{lost}}, nil, []string{"event 12", "from 12 up to 20 are lost", "abcd", "recoveries", "/keys/old", "WITNESS     w.example.org/court will refuse"}, []string{"Look for a newer copy"}},
		"wrong number": {service.Loss{Events: 12, Lost: true, Signed: 20, Heads: []service.Head{lost}}, errors.New("no"), []string{"HAS SEEN MORE"}, []string{"recorded", "lost:"}},
	} {
		var b bytes.Buffer
		describeLoss(&b, &tt.loss, tt.failed)
		for _, s := range tt.says {
			if !strings.Contains(b.String(), s) {
				t.Errorf("%s: %q is not said:\n%s", name, s, &b)
			}
		}
		for _, s := range tt.not {
			if strings.Contains(b.String(), s) {
				t.Errorf("%s: %q is said:\n%s", name, s, &b)
			}
		}
	}
	if code := run([]string{"recover", "--cause", "carelessness", "--data", t.TempDir()}); code != 2 {
		t.Errorf("another cause: exit code %d", code)
	}
}
