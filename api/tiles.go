package api

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
)

// Paths of tiles and entry bundles. What is spelt otherwise has no route, and
// so is 404 before anybody is asked who asks.
const (
	tileIndex = `{index:(?:x(?:00[1-9]|0[1-9][0-9]|[1-9][0-9][0-9])/(?:x[0-9][0-9][0-9]/)*)?[0-9][0-9][0-9]` +
		`(?:\.p/(?:[1-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5]))?}`
	tilePath    = `/tile/{level:(?:[0-9]|[1-5][0-9]|6[0-3])}/` + tileIndex
	entriesPath = `/tile/entries/` + tileIndex
)

// tiles answers for the log as C2SP tlog-tiles has it, at the service's root:
// its clients are not made from this document, and know one failure, 404.
type tiles struct {
	use  registrar.Log
	edge *edge
}

func (h tiles) checkpoint(w http.ResponseWriter, r *http.Request) {
	note, err := h.use.Checkpoint(r.Context())
	if err != nil {
		h.edge.exit(w, r, fmt.Errorf("couldn't find the checkpoint: %w", err))
		return
	}
	toAnybody(w.Header())
	w.Header().Set("Cache-Control", "public, max-age=1")
	give(w, r, "text/plain; charset=utf-8", note)
}

// tile answers with a tile or an entry bundle, whose bytes never change.
func (h tiles) tile(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawPath != "" { // another spelling of the path
		h.edge.noRoute(w, r)
		return
	}
	entries := routeName(r) == entriesRoute
	b, err := h.use.Tile(r.Context(), callerOf(r.Context()), strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil {
		h.edge.exit(w, r, fmt.Errorf("couldn't find a tile: %w", err))
		return
	}
	kept := "public"
	if entries && !h.edge.cfg.OpenEntries {
		kept = "private"
	} else {
		toAnybody(w.Header())
	}
	w.Header().Set("Cache-Control", kept+", max-age=31536000, immutable")
	sum := evidence.Sum(b)
	tag := hex.EncodeToString(sum[:16])
	if entries {
		w.Header().Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			if b, err = compressed(b); err != nil {
				h.edge.exit(w, r, fmt.Errorf("couldn't compress a bundle: %w", err))
				return
			}
			w.Header().Set("Content-Encoding", "gzip")
			tag += "-gzip"
		}
	}
	w.Header().Set("ETag", `"`+tag+`"`)
	if hasTag(r, `"`+tag+`"`) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	give(w, r, "application/octet-stream", b)
}

// give answers with b; for HEAD, as if with b.
func give(w http.ResponseWriter, r *http.Request, media string, b []byte) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b) // the peer is gone; the log line has the status
	}
}

// toAnybody lets pages of any origin read what is public anyway: a browser can
// verify a proof with no help of ours.
func toAnybody(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// acceptsGzip reads Accept-Encoding no further than it must: gzip by name, not
// refused by a weight of nothing.
func acceptsGzip(r *http.Request) bool {
	for _, one := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return !slices.Contains([]string{"q=0", "q=0.0", "q=0.00", "q=0.000"}, weight)
		}
	}
	return false
}

func compressed(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	err = z.Close() // before the bytes are looked at: it writes the last of them
	return out.Bytes(), err
}

// hasTag reports whether the request has this entity tag already (RFC 9110,
// section 13.1.2).
func hasTag(r *http.Request, tag string) bool {
	for _, one := range strings.Split(strings.Join(r.Header.Values("If-None-Match"), ","), ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
