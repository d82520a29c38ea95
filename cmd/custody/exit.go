package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/evidence"
)

// Exit codes, as the help states them.
const (
	exitOK          = 0
	exitError       = 1 // an error, or evidence that could not be checked
	exitUsage       = 2
	exitBad         = 3 // verification failed
	exitDenied      = 4
	exitConflict    = 5
	exitInterrupted = 6 // interrupted; the same command takes it up again
)

// usageError is a mistake in how the command was called.
type usageError struct{ cause error }

func (e *usageError) Error() string { return e.cause.Error() }
func (e *usageError) Unwrap() error { return e.cause }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// verdictError carries the exit code of a verification whose findings were
// already printed.
type verdictError struct{ code int }

func (e *verdictError) Error() string { return "the evidence was not found whole" }

// exitCode maps an error to the code that scripts branch on. What is said of
// the evidence outweighs what is said of the errand.
func exitCode(err error) int {
	var usage *usageError
	var verdict *verdictError
	var split *keyring.SplitViewError
	var no *desk.Answer
	var refusal *custody.Refusal
	var differs *desk.LogMismatch
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &verdict):
		return verdict.code
	case errors.As(err, &split), errors.As(err, &differs), isAny(err, desk.ErrEvidence, desk.ErrFork, desk.ErrReceipt, keyring.ErrFingerprint, evidence.ErrBlock, errOtherLog):
		return exitBad
	case errors.As(err, &no):
		return answerCode(no, err)
	case isAny(err, desk.ErrInterrupted, desk.ErrPending):
		return exitInterrupted
	case isAny(err, desk.ErrNotHolder, desk.ErrNotRecipient, desk.ErrNotCertified, keyring.ErrPassphrase):
		return exitDenied
	case isAny(err, desk.ErrNotInTransit, desk.ErrMoved, keyring.ErrKeyExists, witness.ErrKnownLog, fs.ErrExist):
		return exitConflict
	case errors.As(err, &refusal):
		return exitUsage // a rule that needs no server to say no: the command was given wrong facts
	case errors.Is(err, context.Canceled):
		return exitError
	}
	return exitError
}

func answerCode(no *desk.Answer, err error) int {
	switch {
	case no.Code == desk.CodeMismatch:
		return exitBad
	case no.Status == 401, no.Status == 403, no.Status == 422:
		return exitDenied
	case no.Status == 409:
		return exitConflict
	case isAny(err, desk.ErrInterrupted, desk.ErrPending):
		return exitInterrupted
	}
	return exitError
}

func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
