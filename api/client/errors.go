package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/evidence-custody/custodyd/api/wire"
)

// Error is an answer of the service that isn't success. Branch on
// Problem.Code; Rule, Field, Heads, Next, Differences and the like are there
// as the OpenAPI document says.
type Error struct {
	Status  int // HTTP status
	Problem wire.Problem
	after   time.Duration // Retry-After
}

func (e *Error) Error() string {
	s := fmt.Sprintf("the service answered %d %s", e.Status, e.Problem.Code)
	if e.Problem.Rule != "" {
		s += " by rule " + e.Problem.Rule
	}
	if e.Problem.Field != "" {
		s += " at " + e.Problem.Field
	}
	if e.Problem.Detail != "" {
		s += ": " + e.Problem.Detail
	}
	return s
}

// CodeOf is the code of the *Error in err's chain, or "".
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Problem.Code
	}
	return ""
}

// RuleOf is the rule of the *Error in err's chain, or "".
func RuleOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Problem.Rule
	}
	return ""
}

// HeadsOf is what a stale-chain answer said the current heads are, or nil.
func HeadsOf(err error) []wire.Head {
	var e *Error
	if errors.As(err, &e) {
		return e.Problem.Heads
	}
	return nil
}

const maxProblem = 1 << 20 // bytes

// problemOf reads an unsuccessful answer and closes it. Something in between
// that doesn't speak problem+json still gives an *Error, without a code.
func problemOf(r *http.Response) *Error {
	defer r.Body.Close()
	e := &Error{Status: r.StatusCode}
	if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && s >= 0 {
		e.after = min(time.Duration(s)*time.Second, 30*time.Second)
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	b, err := io.ReadAll(io.LimitReader(r.Body, maxProblem))
	if media != "application/problem+json" || err != nil || json.Unmarshal(b, &e.Problem) != nil {
		e.Problem = wire.Problem{Status: r.StatusCode, Title: http.StatusText(r.StatusCode), Detail: "the answer isn't one of the custody service"}
	}
	return e
}
