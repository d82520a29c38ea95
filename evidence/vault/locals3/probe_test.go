package locals3_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
)

// lying answers some requests itself and lets the others through.
type lying struct {
	http.RoundTripper
	lie func(r *http.Request) *http.Response // nil: let it through
}

func (l lying) RoundTrip(r *http.Request) (*http.Response, error) {
	if resp := l.lie(r); resp != nil {
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		resp.Request, resp.Proto, resp.ProtoMajor, resp.ProtoMinor = r, "HTTP/1.1", 1, 1
		return resp, nil
	}
	return l.RoundTripper.RoundTrip(r)
}

func says(status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// TestProbeRefusesUnsafeServers puts one broken promise at a time between the
// probe and a server that keeps all of them.
func TestProbeRefusesUnsafeServers(t *testing.T) {
	c := config(newPlace(t).start(t))
	honest := open(t, c)
	if err := honest.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	var aborted atomic.Bool
	var lists atomic.Int32
	query := func(r *http.Request, name string) bool { return r.URL.Query().Has(name) }
	for check, lie := range map[string]func(r *http.Request) *http.Response{
		"bucket-versioning": func(r *http.Request) *http.Response {
			if query(r, "versioning") {
				return says(200, `<VersioningConfiguration/>`)
			}
			return nil
		},
		"bucket-lock": func(r *http.Request) *http.Response {
			if query(r, "object-lock") {
				return says(404, `<Error><Code>ObjectLockConfigurationNotFoundError</Code></Error>`)
			}
			return nil
		},
		"wrong-checksum": func(r *http.Request) *http.Response {
			if query(r, "partNumber") {
				return says(200, "", "ETag", `"x"`)
			}
			return nil
		},
		"truncated-part": func(r *http.Request) *http.Response {
			// The first list is asked for after the wrong checksum.
			if r.Method == http.MethodGet && query(r, "uploadId") && lists.Add(1) > 1 {
				return says(200, `<ListPartsResult><Part><PartNumber>1</PartNumber><Size>5</Size><ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME></Part></ListPartsResult>`)
			}
			return nil
		},
		"aborted-part": func(r *http.Request) *http.Response {
			if r.Method == http.MethodHead && r.URL.Query().Get("versionId") == "" && strings.Contains(r.URL.Path, "/probe/") && aborted.Load() {
				return says(200, "", "Content-Length", "46", "Last-Modified", "Mon, 23 Nov 2026 10:00:00 GMT")
			}
			if r.Method == http.MethodDelete && query(r, "uploadId") {
				aborted.Store(true)
			}
			return nil
		},
		"delete-locked": func(r *http.Request) *http.Response {
			if r.Method == http.MethodDelete && query(r, "versionId") {
				return says(204, "")
			}
			return nil
		},
		"shorten-locked": func(r *http.Request) *http.Response {
			if query(r, "retention") {
				return says(200, "")
			}
			return nil
		},
		"lock-kept": nil, // see hidingLock
	} {
		t.Run(check, func(t *testing.T) {
			c := c
			if lie == nil {
				c.Transport = hidingLock{vaulttest.Transport(c)}
			} else {
				c.Transport = lying{vaulttest.Transport(c), lie}
			}
			s, err := vault.Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			err = s.Probe(t.Context())
			var unsafe *vault.UnsafeStoreError
			if !errors.As(err, &unsafe) || unsafe.Check != check {
				t.Errorf("got %v, want a store that is unsafe by %s", err, check)
			}
		})
	}
}

// TestExamineGoesOn: one broken promise is found beside all the kept ones, and
// a hold that ends with the retention is found out.
func TestExamineGoesOn(t *testing.T) {
	c := config(newPlace(t).start(t))
	open(t, c)
	for check, lie := range map[string]func(r *http.Request) *http.Response{
		"shorten-locked": func(r *http.Request) *http.Response {
			if r.URL.Query().Has("retention") {
				return says(200, "")
			}
			return nil
		},
		// The hold is acknowledged and forgotten.
		"legal-hold": func(r *http.Request) *http.Response {
			if r.URL.Query().Has("legal-hold") {
				return says(200, "")
			}
			return nil
		},
	} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			c := c
			c.Transport = lying{vaulttest.Transport(c), lie}
			s, err := vault.Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			findings, err := s.Examine(t.Context())
			if err != nil || len(findings) != 10 {
				t.Fatalf("%d findings, %v", len(findings), err)
			}
			for _, f := range findings {
				if (f.Refused != "") != (f.Check == check) || f.Skipped != "" {
					t.Errorf("%s: refused %q, skipped %q", f.Check, f.Refused, f.Skipped)
				}
			}
		})
	}
}

// hidingLock takes the lock out of every description of an object.
type hidingLock struct{ http.RoundTripper }

func (h hidingLock) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := h.RoundTripper.RoundTrip(r)
	if err == nil && r.Method == http.MethodHead {
		resp.Header.Del("X-Amz-Object-Lock-Mode")
	}
	return resp, err
}

// TestProbeDoesntBlameAServerItCantReach: no answer is no finding.
func TestProbeDoesntBlameAServerItCantReach(t *testing.T) {
	p := newPlace(t)
	s := p.start(t)
	c := config(s)
	store := open(t, c)
	kill(t, s)
	if err := store.Probe(t.Context()); err == nil || errors.Is(err, vault.ErrUnsafeStore) {
		t.Errorf("got %v, want an error that isn't ErrUnsafeStore", err)
	}
}
