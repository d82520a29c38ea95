package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Peer is a witness that cosigns for us: where it answers, and by which key.
type Peer struct {
	URL string // submission prefix, without a slash at the end
	Key string // verifier key, as tlog.NewWitnessVerifier reads it

	verifier note.Verifier
}

// ParsePeer reads "URL KEY": an http or https URL and a verifier key.
func ParsePeer(text string) (Peer, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return Peer{}, fmt.Errorf("couldn't read witness %.200q: a URL and a verifier key are needed, with a space between", text)
	}
	u, err := url.Parse(fields[0])
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Peer{}, fmt.Errorf("couldn't read witness %.200q: not an http or https URL without query", fields[0])
	}
	v, err := tlog.NewWitnessVerifier(fields[1])
	if err != nil {
		return Peer{}, err
	}
	return Peer{URL: strings.TrimSuffix(u.String(), "/"), Key: fields[1], verifier: v}, nil
}

// Name is the witness's name in signature lines.
func (p Peer) Name() string { return p.verifier.Name() }

// Verifier verifies the witness's cosignatures.
func (p Peer) Verifier() note.Verifier { return p.verifier }

// Ahead reports a witness that says to have cosigned more leaves than the head
// that it was shown. Another replica may just have shown it a newer one; if
// there is none, it has seen a history that is lost here.
type Ahead struct {
	Name string
	Size uint64 // leaves that it says to have cosigned
	Over uint64 // leaves that it was shown
}

func (a *Ahead) Error() string {
	return fmt.Sprintf("witness %s says that it has cosigned %d events of this log, over the %d shown to it", a.Name, a.Size, a.Over)
}

// Inconsistent reports a witness to which a head was proven to go on from the
// leaves that it says to have cosigned, and which refused it: it has cosigned
// another history of this log.
type Inconsistent struct {
	Name string
	Old  uint64 // leaves that it has cosigned
	Size uint64 // leaves that it was shown
}

func (i *Inconsistent) Error() string {
	return fmt.Sprintf("witness %s refuses the head of %d events: the %d that it has cosigned are not those of this log", i.Name, i.Size, i.Old)
}

// Why a witness gives no cosignature, and who has to do something.
var (
	ErrNotKnown = errors.New("the witness does not know this log: its operator must add it (custody witness add)")
	ErrKey      = errors.New("the witness does not take the log's signature: it was told another key")
	ErrAnswer   = errors.New("the witness's answer is not one of the protocol")
)

// Prover returns the proof that the first from leaves are a prefix of to.
type Prover func(ctx context.Context, from, to uint64) ([]evidence.Digest, error)

// Client asks one witness. It is safe for concurrent use, one request after another.
type Client struct {
	peer Peer
	http *http.Client

	mu    sync.Mutex
	known uint64 // leaves that the witness has cosigned, by its own word
}

// Bounds of one exchange.
const (
	requestTimeout = 10 * time.Second
	maxAnswer      = 64 << 10 // bytes
	maxRounds      = 4        // of learning the witness's size: another replica may move it on meanwhile
)

// NewClient asks peer over transport, or the default one where it is nil.
func NewClient(peer Peer, transport http.RoundTripper) *Client {
	return &Client{peer: peer, http: &http.Client{Transport: transport, Timeout: requestTimeout,
		// A witness is where it was said to be; a redirected POST would be another request.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Peer is the witness asked.
func (c *Client) Peer() Peer { return c.peer }

// Cosign shows the witness a signed checkpoint and returns its cosignature,
// verified. It learns from the witness how far it is, and proves that the head
// goes on from there. Errors: *Ahead, *Inconsistent, those wrapping ErrNotKnown,
// ErrKey and ErrAnswer, and what the network or prove said.
func (c *Client) Cosign(ctx context.Context, msg []byte, prove Prover) (tlog.Signature, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sig, err := c.cosign(ctx, msg, prove)
	if err != nil {
		return sig, fmt.Errorf("couldn't have a checkpoint cosigned: %w", err)
	}
	return sig, nil
}

func (c *Client) cosign(ctx context.Context, msg []byte, prove Prover) (tlog.Signature, error) {
	text, _, err := tlog.SplitNote(msg)
	if err != nil {
		return tlog.Signature{}, err
	}
	cp, err := tlog.ParseForeignCheckpoint(text)
	if err != nil {
		return tlog.Signature{}, err
	}
	for range maxRounds {
		if c.known > cp.Size {
			err := &Ahead{c.peer.Name(), c.known, cp.Size}
			c.known = 0 // ask anew the next time: it may have been told something wrong
			return tlog.Signature{}, err
		}
		var proof []evidence.Digest
		if c.known > 0 && c.known < cp.Size {
			if proof, err = prove(ctx, c.known, cp.Size); err != nil {
				return tlog.Signature{}, err
			}
		}
		status, kind, body, err := c.post(ctx, request{Old: c.known, Proof: proof, Note: msg}.encode())
		if err != nil {
			return tlog.Signature{}, err
		}
		switch status {
		case http.StatusOK:
			lines, err := tlog.ParseSignatures(body)
			if err != nil {
				return tlog.Signature{}, fmt.Errorf("%w: %w", ErrAnswer, err)
			}
			sig, ok := tlog.Cosignature(c.peer.verifier, text, lines)
			if !ok {
				return tlog.Signature{}, fmt.Errorf("%w: no cosignature of the witness's key that holds for this head", ErrAnswer)
			}
			c.known = cp.Size
			return sig, nil
		case http.StatusConflict:
			size, err := parseSize(strings.TrimSuffix(string(body), "\n"))
			if err != nil || kind != sizeType || size == c.known {
				return tlog.Signature{}, fmt.Errorf("%w: 409 without another size", ErrAnswer)
			}
			c.known = size
		case http.StatusUnprocessableEntity:
			old := c.known
			c.known = 0
			return tlog.Signature{}, &Inconsistent{c.peer.Name(), old, cp.Size}
		case http.StatusNotFound:
			return tlog.Signature{}, ErrNotKnown
		case http.StatusForbidden:
			return tlog.Signature{}, ErrKey
		default:
			return tlog.Signature{}, fmt.Errorf("%w: status %d", ErrAnswer, status)
		}
	}
	return tlog.Signature{}, fmt.Errorf("%w: another size each time", ErrAnswer)
}

func (c *Client) post(ctx context.Context, body []byte) (status int, contentType string, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.peer.URL+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	req.Header.Set("Content-Type", textType)
	return c.do(req)
}

func (c *Client) do(req *http.Request) (status int, contentType string, answer []byte, err error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(answer) > maxAnswer {
		err = fmt.Errorf("%w: over %d bytes", ErrAnswer, maxAnswer)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), answer, err
}

// Shown fetches the newest head of a log that the witness shows to whoever
// asks, if it does (C2SP tlog-witness, monitor retrieval), verified by the log's
// keys: proof of what the log has signed, whatever anybody says.
func (c *Client) Shown(ctx context.Context, origin string, keys note.Verifiers) (tlog.Checkpoint, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.peer.URL+"/"+OriginHash(origin)+"/checkpoint", nil)
	if err != nil {
		return tlog.Checkpoint{}, fmt.Errorf("couldn't ask a witness for its newest head: %w", err)
	}
	status, _, body, err := c.do(req)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%w: status %d", ErrAnswer, status)
	}
	if err != nil {
		return tlog.Checkpoint{}, fmt.Errorf("couldn't get a witness's newest head: %w", err)
	}
	return tlog.OpenCheckpoint(body, origin, tlog.AnyLogKey(keys))
}
