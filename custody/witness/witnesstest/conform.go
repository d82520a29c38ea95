package witnesstest

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Subject is a running witness.
type Subject struct {
	URL string
	Key string // verifier key of its cosignatures
	// Know makes a log known to it. Each case has a log of its own.
	Know func(t *testing.T, origin, verifierKey string)
	// Strict demands exactly the status that the specification names. Others
	// may answer that a request is malformed in their own way, as long as they
	// refuse it; what protects from forks is demanded of all.
	Strict bool
}

// Post sends a body to the witness and returns its answer.
func (s Subject) Post(t *testing.T, body string) (status int, contentType, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/add-checkpoint", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(b)
}

// Cosigned demands a cosignature, of now, that holds for the head in a request.
func (s Subject) Cosigned(t *testing.T, body string) {
	t.Helper()
	status, _, answer := s.Post(t, body)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, answer)
	}
	v, err := tlog.NewWitnessVerifier(s.Key)
	if err != nil {
		t.Fatal(err)
	}
	_, msg, _ := strings.Cut(body, "\n\n")
	if tlog.CountWitnesses([]byte(msg+answer), []note.Verifier{v}) != 1 {
		t.Fatalf("the cosignature does not hold: %s", answer)
	}
	lines, err := tlog.ParseSignatures([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if age := time.Since(l.Time()); age < -time.Minute || age > time.Minute {
			t.Errorf("cosigned at %s", l.Time())
		}
	}
}

// Holds demands that the witness says to have cosigned size leaves of l.
func (s Subject) Holds(t *testing.T, l *Log, size uint64) {
	t.Helper()
	last := uint64(len(l.leaves))
	old := last
	if size == last {
		old-- // not the size that it should hold, which would be answered with a cosignature
	}
	status, kind, answer := s.Post(t, Request(old, nil, l.Signed(t, last)))
	if status != http.StatusConflict || kind != "text/x.tlog.size" || answer != fmt.Sprintf("%d\n", size) {
		t.Errorf("status %d, %s, %q; want 409 and %d", status, kind, answer, size)
	}
}

// step is one request and the status that must answer it.
type step struct {
	body string
	want int
	or   []int // of a subject that is not strict
}

type conformCase struct {
	name  string
	held  uint64 // leaves that the witness must hold at the end
	steps func(t *testing.T, l, fork *Log) []step
}

// leaves of each case's log; a fork tells another story from leaf 5 on.
const leaves, forked = 20, 5

// Conform runs every case against a witness.
func Conform(t *testing.T, s Subject) {
	t.Helper()
	for i, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			l := NewLog(fmt.Sprintf("log-%d.example.org", i), leaves, "one", leaves)
			s.Know(t, l.Origin, l.VerifierKey())
			for n, st := range c.steps(t, l, NewLog(l.Origin, leaves, "another", forked)) {
				if st.want == http.StatusOK {
					s.Cosigned(t, st.body)
					continue
				}
				status, kind, answer := s.Post(t, st.body)
				if status != st.want && (s.Strict || !slices.Contains(st.or, status)) {
					t.Errorf("step %d: status %d (%s), want %d", n, status, answer, st.want)
				}
				if strings.Contains(answer, "\u2014 ") {
					t.Errorf("step %d: a signature line in a refusal: %s", n, answer)
				}
				if status == http.StatusConflict && kind != "text/x.tlog.size" {
					t.Errorf("step %d: 409 as %s", n, kind)
				}
			}
			s.Holds(t, l, c.held)
		})
	}
}

// any refusal will do of somebody else's witness.
var anyRefusal = []int{400, 403, 404, 405, 409, 413, 422, 500}

func cases() []conformCase {
	malformed := func(body string) step { return step{body, 400, anyRefusal} }
	return []conformCase{
		{"the first head", 7, func(t *testing.T, l, _ *Log) []step {
			return []step{{l.Request(t, 0, 7), 200, nil}}
		}},
		{"heads that go on", 20, func(t *testing.T, l, _ *Log) []step {
			return []step{{l.Request(t, 0, 1), 200, nil}, {l.Request(t, 1, 2), 200, nil}, {l.Request(t, 2, 7), 200, nil}, {l.Request(t, 7, 20), 200, nil}}
		}},
		{"the same head again", 7, func(t *testing.T, l, _ *Log) []step {
			return []step{{l.Request(t, 0, 7), 200, nil}, {l.Request(t, 7, 7), 200, nil}, {l.Request(t, 7, 7), 200, nil}}
		}},
		{"a stale old size", 7, func(t *testing.T, l, _ *Log) []step {
			return []step{{l.Request(t, 0, 7), 200, nil}, {l.Request(t, 0, 9), 409, nil}, {l.Request(t, 5, 9), 409, nil}, {l.Request(t, 8, 9), 409, nil}, {l.Request(t, 5, 5), 409, nil}}
		}},
		{"an old size before any head", 0, func(t *testing.T, l, _ *Log) []step {
			return []step{{l.Request(t, 3, 7), 409, nil}}
		}},
		{"a fork", 7, func(t *testing.T, l, fork *Log) []step {
			return []step{{l.Request(t, 0, 7), 200, nil}, {fork.Request(t, 7, 9), 422, nil}, {fork.Request(t, 7, 7), 422, nil}, {fork.Request(t, 7, 20), 422, nil},
				{Request(7, nil, fork.Signed(t, 9)), 422, nil}}
		}},
		{"a fork after having gone on", 9, func(t *testing.T, l, fork *Log) []step {
			return []step{{l.Request(t, 0, 4), 200, nil}, {l.Request(t, 4, 9), 200, nil}, {fork.Request(t, 4, 10), 409, nil}, {fork.Request(t, 9, 10), 422, nil}, {l.Request(t, 9, 9), 200, nil}}
		}},
		{"a history that was cut back", 9, func(t *testing.T, l, _ *Log) []step {
			return []step{{l.Request(t, 0, 9), 200, nil}, {l.Request(t, 0, 4), 409, nil}, {l.Request(t, 4, 4), 409, nil}, malformed(Request(9, nil, l.Signed(t, 4)))}
		}},
		{"a proof of another tree", 7, func(t *testing.T, l, _ *Log) []step {
			proof, err := l.Prove(t.Context(), 7, 12)
			if err != nil {
				t.Fatal(err)
			}
			longer := append(slices.Clone(proof), proof[0])
			flipped := slices.Clone(proof)
			flipped[len(flipped)-1][0] ^= 1
			return []step{{l.Request(t, 0, 7), 200, nil}, {Request(7, proof, l.Signed(t, 13)), 422, nil}, {Request(7, proof[1:], l.Signed(t, 12)), 422, nil},
				{Request(7, longer, l.Signed(t, 12)), 422, nil}, {Request(7, flipped, l.Signed(t, 12)), 422, nil}, {Request(7, nil, l.Signed(t, 12)), 422, nil}}
		}},
		{"a proof where none is needed", 7, func(t *testing.T, l, _ *Log) []step {
			h := l.Head(t, 7).Root
			return []step{{l.Request(t, 0, 7), 200, nil}, {Request(7, []evidence.Digest{h}, l.Signed(t, 7)), 422, nil}}
		}},
		{"another key", 0, func(t *testing.T, l, _ *Log) []step {
			stranger := NewLog("stranger.example.org", 7, "one", 7)
			line, _, _ := strings.Cut(l.VerifierKey(), "+")
			byStranger := string(l.Head(t, 7).Body()) + strings.TrimPrefix(string(stranger.Sign(l.Head(t, 7).Body())), string(l.Head(t, 7).Body()))
			good := string(l.Signed(t, 7))
			body := string(l.Head(t, 7).Body())
			return []step{
				{Request(0, nil, []byte(byStranger)), 403, nil},
				{Request(0, nil, []byte(strings.Replace(byStranger, "stranger.example.org", line, 1))), 403, nil},
				// The log's own signature, over another head.
				{Request(0, nil, []byte(strings.Replace(good, body, string(l.Head(t, 8).Body()), 1))), 403, nil},
			}
		}},
		{"an unknown log", 0, func(t *testing.T, _, _ *Log) []step {
			return []step{{NewLog("unknown.example.org", 7, "one", 7).Request(t, 0, 7), 404, nil}}
		}},
		{"malformed", 0, func(t *testing.T, l, _ *Log) []step {
			good := l.Request(t, 0, 7)
			msg := l.Signed(t, 7)
			hash := base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n"
			out := []step{malformed(""), malformed("old 0\n"), malformed("old 0\n\n"), malformed(strings.TrimPrefix(good, "old 0\n")), malformed(string(msg)),
				malformed("old -1\n\n" + string(msg)), malformed("old \n\n" + string(msg)), malformed("old 99999999999999999999\n\n" + string(msg)),
				malformed("old 0\nAAAA\n\n" + string(msg)), malformed("old 0\n" + strings.Repeat(hash, 64) + "\n" + string(msg)),
				malformed("old 8\n\n" + string(msg)), malformed("old 0\n\n" + strings.TrimSuffix(string(msg), "\n")),
				malformed("old 0\n\n" + string(l.Head(t, 7).Body()))}
			for _, text := range []string{l.Origin + "\nseven\n" + hash, l.Origin + "\n7\n", l.Origin + "\n7\nAAAA\n", l.Origin + "\n-7\n" + hash, l.Origin + "\n07\n" + hash, l.Origin + "\n99999999999999999999\n" + hash} {
				out = append(out, malformed(Request(0, nil, l.Sign([]byte(text)))))
			}
			return out
		}},
		{"many signatures", 7, func(t *testing.T, l, _ *Log) []step {
			more := tlog.Signature{Name: "others.example.org", KeyHash: 7, Bytes: make([]byte, 72)}
			return []step{{l.Request(t, 0, 7) + more.String() + more.String(), 200, nil}}
		}},
	}
}

// ConformStrict are the cases in which witnesses differ, where the
// specification leaves no room.
func ConformStrict(t *testing.T, s Subject) {
	t.Helper()
	l := NewLog("strict.example.org", leaves, "one", leaves)
	s.Know(t, l.Origin, l.VerifierKey())
	empty := tlog.Checkpoint{Origin: l.Origin, Root: tlog.EmptyRoot}
	lie := tlog.Checkpoint{Origin: l.Origin, Root: l.Head(t, 1).Root}
	for _, st := range []step{
		{Request(0, []evidence.Digest{l.Head(t, 3).Root}, l.Signed(t, 7)), 422, nil},
		{Request(0, nil, l.Sign(lie.Body())), 422, nil},
		{"old 00\n\n" + string(l.Signed(t, 7)), 400, nil},
		{"old +0\n\n" + string(l.Signed(t, 7)), 400, nil},
		{"old 0\r\n\n" + string(l.Signed(t, 7)), 400, nil},
		{Request(0, nil, []byte(strings.Repeat("x", 70<<10))), 413, nil},
	} {
		if status, _, answer := s.Post(t, st.body); status != st.want {
			t.Errorf("%.60q: status %d (%s), want %d", st.body, status, answer, st.want)
		}
	}
	s.Cosigned(t, Request(0, nil, l.Sign(empty.Body())))
	s.Holds(t, l, 0)
	s.Cosigned(t, l.Request(t, 0, 7))
	s.Cosigned(t, Request(7, nil, l.Sign(append(l.Head(t, 7).Body(), "extension\n"...))))
	s.Holds(t, l, 7)
}
