package witness_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
	"github.com/evidence-custody/custodyd/custody/witness"
)

var message = []byte("log.example\n7\nMSdH9pvPKQ9mjlr7nZwKhmuThGV3eTVDqAsPZHRITzg=\n")

func tsa(t *testing.T, h http.Handler, a *tsatest.Authority) *witness.TSA {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := witness.NewTSA(server.URL+"/tsa", []*x509.Certificate{a.Root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStamp(t *testing.T) {
	a := tsatest.New(t, "TSA")
	at := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	for name, h := range map[string]http.Handler{"ours": a.Handler(now), "with words": a.Handler(now, tsatest.StatusWords), "openssl": nil} {
		t.Run(name, func(t *testing.T) {
			if h == nil {
				openssl, err := exec.LookPath("openssl")
				if err != nil {
					sealtest.Tool(t, "openssl")
				}
				h = a.OpenSSL(t, openssl)
			}
			c := tsa(t, h, a)
			kept, said, err := c.Stamp(t.Context(), message)
			if err != nil {
				t.Fatal(err)
			}
			if name != "openssl" && !said.Time.Equal(at) || said.Authority != c.Name() || !strings.HasSuffix(c.Name(), "/tsa") {
				t.Errorf("said %+v", said)
			}
			if _, err := tlog.VerifyTimestamp(kept, message, []tlog.Authority{a.Accepted()}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestStampRefused: what a hostile or broken authority sends is not kept.
func TestStampRefused(t *testing.T) {
	a, other := tsatest.New(t, "TSA"), tsatest.New(t, "other")
	good := a.Handler(nil)
	// replay answers every request with the answer to the first.
	var first []byte
	replay := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first == nil {
			rec := httptest.NewRecorder()
			good.ServeHTTP(rec, r)
			first = rec.Body.Bytes()
		}
		answer("application/timestamp-reply", first).ServeHTTP(w, r)
	})
	if _, _, err := tsa(t, replay, a).Stamp(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		h    http.Handler
		want error
	}{
		"another's":      {other.Handler(nil), tlog.ErrAuthority},
		"refused":        {a.Handler(nil, tsatest.Refusal), witness.ErrTimestampReply},
		"signature":      {a.Handler(nil, tsatest.WrongSignature), tlog.ErrTimestamp},
		"no attribute":   {a.Handler(nil, tsatest.NoSigningAttribute), tlog.ErrTimestamp},
		"bytes behind":   {a.Handler(nil, tsatest.TrailingBytes), tlog.ErrTimestamp},
		"an old answer":  {replay, witness.ErrTimestampReply},
		"without nonce":  {answer("application/timestamp-reply", a.Stamp(t, message, time.Now())), witness.ErrTimestampReply},
		"another type":   {answer("text/html", first), witness.ErrTimestampReply},
		"nothing":        {answer("application/timestamp-reply", nil), tlog.ErrTimestamp},
		"without end":    {answer("application/timestamp-reply", make([]byte, 1<<20)), witness.ErrTimestampReply},
		"not found":      {http.NotFoundHandler(), witness.ErrTimestampReply},
		"sent elsewhere": {http.RedirectHandler("http://127.0.0.1:1/", http.StatusTemporaryRedirect), witness.ErrTimestampReply},
	} {
		t.Run(name, func(t *testing.T) {
			kept, said, err := tsa(t, tc.h, a).Stamp(t.Context(), message)
			if !errors.Is(err, tc.want) || kept != nil || said.Certificate != nil {
				t.Errorf("%v; want %v", err, tc.want)
			}
		})
	}
	// One that never answers costs no more than the caller's patience.
	end := make(chan struct{})
	silent := tsa(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-end
	}), a)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := silent.Stamp(ctx, message); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(end)
}

func answer(kind string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(body)
	})
}

func TestNewTSARefused(t *testing.T) {
	a := tsatest.New(t, "TSA")
	for _, u := range []string{"", "tsa.example", "ftp://tsa.example/", "http://user:pass@tsa.example/", "http:///x", "https://" + strings.Repeat("a", 300)} {
		if _, err := witness.NewTSA(u, []*x509.Certificate{a.Root}, nil); err == nil {
			t.Errorf("%q is taken", u)
		}
	}
	if _, err := witness.NewTSA("https://tsa.example/", nil, nil); err == nil {
		t.Error("no certificate is taken")
	}
}

func TestParseCertificates(t *testing.T) {
	a := tsatest.New(t, "TSA")
	if got, err := witness.ParseCertificates(append(a.PEM(), a.PEM()...)); err != nil || len(got) != 2 || !got[0].Equal(a.Root) {
		t.Errorf("%d, %v", len(got), err)
	}
	for _, bad := range []string{"", "x", string(a.PEM()) + "x", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"} {
		if _, err := witness.ParseCertificates([]byte(bad)); err == nil {
			t.Errorf("%.30q is taken", bad)
		}
	}
}
