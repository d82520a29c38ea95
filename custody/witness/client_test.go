package witness_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/custody/witness/witnesstest"
	"github.com/evidence-custody/custodyd/evidence"
)

func client(t *testing.T, s witnesstest.Subject) *witness.Client {
	t.Helper()
	p, err := witness.ParsePeer(s.URL + " " + s.Key)
	if err != nil {
		t.Fatal(err)
	}
	return witness.NewClient(p, nil)
}

func TestClientGoesOn(t *testing.T) {
	s := house(t, open(t, t.TempDir()), "w")
	l := witnesstest.NewLog("l.example.org", 12, "one", 12)
	c := client(t, s)
	if _, err := c.Cosign(t.Context(), l.Signed(t, 3), l.Prove); !errors.Is(err, witness.ErrNotKnown) {
		t.Fatalf("not known yet: %v", err)
	}
	s.Know(t, l.Origin, l.VerifierKey())
	hold := func(c *witness.Client, size uint64) {
		t.Helper()
		msg := l.Signed(t, size)
		sig, err := c.Cosign(t.Context(), msg, l.Prove)
		if err != nil {
			t.Fatal(err)
		}
		msg, err = tlog.AddSignatures(msg, sig)
		if err != nil || tlog.CountWitnesses(msg, []note.Verifier{c.Peer().Verifier()}) != 1 {
			t.Fatalf("%v: %s", err, msg)
		}
	}
	hold(c, 3)
	hold(c, 3)
	hold(c, 5)
	other := client(t, s) // another replica, which does not know how far the witness is
	hold(other, 9)
	hold(c, 12) // and the first one, which does not know that it went on
	var ahead *witness.Ahead
	for range 2 {
		if _, err := other.Cosign(t.Context(), l.Signed(t, 9), l.Prove); !errors.As(err, &ahead) || ahead.Size != 12 || ahead.Over != 9 {
			t.Errorf("an old head: %v", err)
		}
	}
	hold(other, 12)
	fork := witnesstest.NewLog("l.example.org", 20, "two", 4)
	var inconsistent *witness.Inconsistent
	for _, size := range []uint64{12, 20} {
		if _, err := client(t, s).Cosign(t.Context(), fork.Signed(t, size), fork.Prove); !errors.As(err, &inconsistent) || inconsistent.Old != 12 || inconsistent.Size != size {
			t.Errorf("a fork of %d: %v", size, err)
		}
	}
	stranger := witnesstest.NewLog("m.example.org", 5, "one", 5)
	s.Know(t, stranger.Origin, stranger.VerifierKey())
	forged := strings.Replace(string(stranger.Signed(t, 5)), "\n5\n", "\n4\n", 1)
	if _, err := client(t, s).Cosign(t.Context(), []byte(forged), stranger.Prove); !errors.Is(err, witness.ErrKey) {
		t.Errorf("another key: %v", err)
	}
}

// TestClientBelievesNothing: a witness that answers anything but its own,
// holding cosignature is not believed, and no answer hangs or floods the client.
func TestClientBelievesNothing(t *testing.T) {
	l := witnesstest.NewLog("l.example.org", 12, "one", 12)
	good, evil := cosigner(t, "w"), cosigner(t, "evil")
	cosign := func(c *tlog.Cosigner, size uint64) string {
		s, err := c.Cosign(l.Head(t, size).Body(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return s.String()
	}
	renamed := strings.Replace(cosign(evil, 5), "evil", "w", 1)
	for _, tt := range []struct {
		name, kind, body string
		status           int
		want             error
	}{
		{"another's cosignature", "", cosign(evil, 5), 200, witness.ErrAnswer},
		{"another's under its name", "", renamed, 200, witness.ErrAnswer},
		{"of another head", "", cosign(good, 6), 200, witness.ErrAnswer},
		{"nothing", "", "", 200, witness.ErrAnswer},
		{"a page", "text/html", "<html>", 200, witness.ErrAnswer},
		{"a flood", "", strings.Repeat(cosign(evil, 5), 2000), 200, witness.ErrAnswer},
		{"stale without a size", "text/x.tlog.size", "", 409, witness.ErrAnswer},
		{"stale with junk", "text/x.tlog.size", "12 \n", 409, witness.ErrAnswer},
		{"stale with a huge size", "text/x.tlog.size", "99999999999999999999\n", 409, witness.ErrAnswer},
		{"stale without its type", "text/plain", "3\n", 409, witness.ErrAnswer},
		{"stale with the same size", "text/x.tlog.size", "0\n", 409, witness.ErrAnswer},
		{"elsewhere", "", "", 307, witness.ErrAnswer},
		{"trouble", "", "", 500, witness.ErrAnswer},
		{"too many", "", "", 429, witness.ErrAnswer},
		{"good", "", cosign(evil, 5) + cosign(good, 5), 200, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			}))
			defer server.Close()
			_, err := client(t, witnesstest.Subject{URL: server.URL, Key: good.VerifierKey()}).Cosign(t.Context(), l.Signed(t, 5), l.Prove)
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("%v", err)
			}
		})
	}
	// A size that changes each time does not keep the client busy for ever.
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, "%d\n", 1+asked%2)
	}))
	defer server.Close()
	if _, err := client(t, witnesstest.Subject{URL: server.URL, Key: good.VerifierKey()}).Cosign(t.Context(), l.Signed(t, 5), l.Prove); !errors.Is(err, witness.ErrAnswer) || asked > 8 {
		t.Errorf("asked %d times: %v", asked, err)
	}
	// One that never answers is given up when the caller says.
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		<-r.Context().Done()
	}))
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client(t, witnesstest.Subject{URL: silent.URL, Key: good.VerifierKey()}).Cosign(ctx, l.Signed(t, 5), l.Prove); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	// What cannot be proven is not asked for.
	s := house(t, open(t, t.TempDir()), "w")
	s.Know(t, l.Origin, l.VerifierKey())
	s.Cosigned(t, l.Request(t, 0, 3))
	broken := errors.New("no tiles")
	if _, err := client(t, s).Cosign(t.Context(), l.Signed(t, 5), func(context.Context, uint64, uint64) ([]evidence.Digest, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func TestParsePeer(t *testing.T) {
	key := cosigner(t, "w").VerifierKey()
	for text, ok := range map[string]bool{
		"https://w.example.org " + key:         true,
		"http://127.0.0.1:7380/prefix/ " + key: true,
		"https://w.example.org":                false,
		key:                                    false,
		"ftp://w.example.org " + key:           false,
		"https://u:p@w.example.org " + key:     false,
		"https://w.example.org?x=1 " + key:     false,
		"https:// " + key:                      false,
		"https://w.example.org junk":           false,
		"https://w.example.org " + key + " x":  false,
		"https://w.example.org " + witnesstest.NewLog("l.example.org", 0, "", 0).VerifierKey(): false,
	} {
		p, err := witness.ParsePeer(text)
		if (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
		if ok && (p.Key != key || p.Name() != "w" || strings.HasSuffix(p.URL, "/")) {
			t.Errorf("%s: read %+v", text, p)
		}
	}
}
