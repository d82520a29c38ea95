package auditor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/custody/tlog"
)

// Errors of a Source. Nothing that it returns is believed; these say only
// whether there is something to judge.
var (
	// ErrUnreachable: what was asked for did not arrive. Nothing is known.
	ErrUnreachable = errors.New("the log could not be read")
	// ErrMalformed: what arrived, whole by HTTP's own measure, cannot be what
	// the log signed.
	ErrMalformed = errors.New("the log serves what cannot be its content")

	errMissing = errors.New("the log does not have it (404)")
)

// Limits on answers, in bytes.
const (
	maxCheckpoint = 64 << 10
	// maxEntry is more than any leaf of this format has (SPEC, leaf: below 520).
	maxEntry  = 1 << 10
	maxBundle = tlog.TileWidth * (2 + maxEntry)
)

// Source reads one log by the C2SP tlog-tiles API. It is safe for concurrent use.
type Source struct {
	base   string
	token  string
	client *http.Client

	// Timeout bounds one request with its body; Retries, how often it is
	// repeated where it did not arrive; Pause, the first wait between, which
	// doubles.
	Timeout time.Duration
	Retries int
	Pause   time.Duration
}

// NewSource reads the log at a URL prefix. The token, if any, is a bearer shown
// for entry bundles alone, and over plain HTTP only to this machine itself.
// A nil client means one of its own.
func NewSource(prefix, token string, client *http.Client) (*Source, error) {
	u, err := url.Parse(prefix)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the log's address: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("couldn't use %.200q as the log's address: want http(s)://host[:port][/path]", prefix)
	}
	if token != "" && u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("couldn't show a token to %s: plain HTTP is only for this machine itself", u.Host)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("couldn't use the token: it has characters that no token has")
	}
	var own http.Client
	if client != nil {
		own = *client
	} else {
		own.Transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: parallel * 2,
			IdleConnTimeout:     time.Minute,
			ForceAttemptHTTP2:   true,
		}
	}
	// A redirect would take the token, and the question of whose log this is,
	// elsewhere; the read API has none.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Source{base: strings.TrimRight(prefix, "/") + "/", token: token, client: &own, Timeout: 30 * time.Second, Retries: 3, Pause: 300 * time.Millisecond}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Checkpoint returns the published signed note.
func (s *Source) Checkpoint(ctx context.Context) ([]byte, error) {
	b, err := s.get(ctx, "checkpoint", maxCheckpoint, false)
	if errors.Is(err, errMissing) {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return b, err
}

// get fetches one resource, at most limit bytes of it.
func (s *Source) get(ctx context.Context, path string, limit int, token bool) ([]byte, error) {
	pause := s.Pause
	for try := 0; ; try++ {
		b, again, err := s.once(ctx, path, limit, token)
		if err == nil || !again || try >= s.Retries || ctx.Err() != nil {
			return b, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("couldn't get %s: %w: %w", path, ErrUnreachable, ctx.Err())
		}
		pause *= 2
	}
}

// once asks once; again says that asking once more may help.
func (s *Source) once(ctx context.Context, path string, limit int, token bool) (b []byte, again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		return nil, false, fmt.Errorf("couldn't ask for %s: %w", path, err)
	}
	req.Header.Set("User-Agent", "custody-audit")
	if token && s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, true, fmt.Errorf("couldn't get %s: %w: %w", path, ErrUnreachable, err)
	}
	defer res.Body.Close()
	switch code := res.StatusCode; {
	case code == http.StatusOK:
	case code == http.StatusNotFound:
		return nil, false, fmt.Errorf("couldn't get %s: %w", path, errMissing)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return nil, false, fmt.Errorf("couldn't get %s: %w: the service wants a token that may read it (%d)", path, ErrUnreachable, code)
	case code >= 300 && code < 400:
		return nil, false, fmt.Errorf("couldn't get %s: %w: it sends us elsewhere (%d), which is not followed", path, ErrUnreachable, code)
	default:
		again := code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
		return nil, again, fmt.Errorf("couldn't get %s: %w: status %d", path, ErrUnreachable, code)
	}
	b, err = io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	if err != nil {
		return nil, true, fmt.Errorf("couldn't get all of %s: %w: %w", path, ErrUnreachable, err)
	}
	if len(b) > limit {
		return nil, false, fmt.Errorf("couldn't read %s: %w: more than %d bytes", path, ErrMalformed, limit)
	}
	return b, false, nil
}
