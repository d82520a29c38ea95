package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

const maxAnswer = 64 << 20 // bytes of a JSON answer

// call is one request that may be sent several times.
type call struct {
	build  func() (*http.Request, error) // a new request with a new body each time
	public bool                          // needs no token
	again  bool                          // sending it twice has one effect
}

// do sends the call and answers with a 2xx response, whose body is the
// caller's to close, or an error: an *Error where the service answered.
func (c *Client) do(ctx context.Context, k call) (*http.Response, error) {
	renewed := false
	for attempt := 0; ; attempt++ {
		res, err := c.once(ctx, k)
		if err == nil {
			return res, nil
		}
		var answer *Error
		if errors.As(err, &answer) && answer.Status == http.StatusUnauthorized && c.signer != nil && !k.public && !renewed {
			// The token was known to nobody or had just expired: nothing was done.
			renewed = true
			c.dropToken()
			continue
		}
		if !k.again || attempt >= c.retries || !worthAgain(ctx, err) {
			return nil, err
		}
		if err := c.backOff(ctx, attempt, answer); err != nil {
			return nil, err
		}
	}
}

func (c *Client) once(ctx context.Context, k call) (*http.Response, error) {
	token := ""
	if !k.public {
		var err error
		if token, err = c.bearer(ctx); err != nil {
			return nil, err
		}
	}
	req, err := k.build()
	if err != nil {
		return nil, &unsendable{fmt.Errorf("couldn't build a request: %w", err)}
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("couldn't reach the service: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, problemOf(res)
	}
	return res, nil
}

// unsendable: the fault is on this side, trying again doesn't help.
type unsendable struct{ error }

func (u *unsendable) Unwrap() error { return u.error }

// worthAgain: the network failed, or the service said it may be tried again.
func worthAgain(ctx context.Context, err error) bool {
	var mine *unsendable
	if ctx.Err() != nil || errors.As(err, &mine) {
		return false
	}
	var answer *Error
	if !errors.As(err, &answer) {
		return true
	}
	switch answer.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return answer.Problem.Code == "truncated" || answer.Problem.Code == "request-in-flight"
}

func (c *Client) backOff(ctx context.Context, attempt int, answer *Error) error {
	d := min(c.wait<<min(attempt, 10), 10*time.Second)
	d = d/2 + rand.N(d/2+1) // so that many clients don't come back at once
	if answer != nil {
		d = max(d, answer.after)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask sends a call and reads its JSON answer into out.
func (c *Client) ask(ctx context.Context, k call, out any) (status int, err error) {
	for attempt := 0; ; attempt++ {
		res, err := c.do(ctx, k)
		if err != nil {
			return 0, err
		}
		b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
		res.Body.Close()
		switch {
		case err != nil && k.again && attempt < c.retries && ctx.Err() == nil:
			if err := c.backOff(ctx, attempt, nil); err != nil {
				return 0, err
			}
			continue
		case err != nil:
			return 0, fmt.Errorf("couldn't read the service's answer: %w", err)
		case len(b) > maxAnswer:
			return 0, fmt.Errorf("couldn't read the service's answer: more than %d bytes", maxAnswer)
		case out == nil:
			return res.StatusCode, nil
		}
		if err := json.NewDecoder(bytes.NewReader(b)).Decode(out); err != nil {
			return 0, fmt.Errorf("couldn't read the service's answer: %w", err)
		}
		return res.StatusCode, nil
	}
}
