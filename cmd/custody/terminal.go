package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/cheggaaa/pb/v3"
	"golang.org/x/term"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
)

// ask wants a yes on a terminal; without one it refuses.
func (a *app) ask(question string) error {
	if a.stdin == nil || !term.IsTerminal(int(a.stdin.Fd())) {
		return usagef("no terminal to ask on: compare, then use --yes")
	}
	fmt.Fprint(a.stderr, question)
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil {
		return fmt.Errorf("couldn't read the answer: %w", err)
	}
	if strings.TrimSpace(line) != "yes" {
		return errors.New("not confirmed, nothing done")
	}
	return nil
}

// progress shows a bar on standard error, only on a terminal and never beside
// JSON. The returned function ends it.
func (a *app) progress() (desk.Progress, func()) {
	f, ok := a.stderr.(*os.File)
	if !ok || a.json || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	var bar *pb.ProgressBar
	show := func(done, total int64) {
		if bar == nil {
			bar = pb.Full.New(0).Set(pb.Bytes, true).SetWriter(f).SetTotal(total).Start()
		}
		bar.SetCurrent(done)
	}
	return show, func() {
		if bar != nil {
			bar.Finish()
		}
	}
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// bar is the progress of a batch: what is being sent, bytes of all, rate, time left.
type bar struct{ pb *pb.ProgressBar }

func newBar(f *os.File, total int64) *bar {
	b := pb.ProgressBarTemplate(`{{string . "name"}} {{counters . }} {{bar . }} {{percent . }} {{speed . }} {{rtime . "%s left"}}`).New(0)
	return &bar{b.Set(pb.Bytes, true).SetWriter(f).SetTotal(total).Start()}
}

func (b *bar) at(done int64) { b.pb.SetCurrent(done) }

// name shows what is being sent, cut so that the bar keeps its place.
func (b *bar) name(s string) {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:39]) + "…"
	}
	b.pb.Set("name", s)
}

func (b *bar) end() { b.pb.Finish() }

// printable makes text of others safe to show on a terminal: control and
// direction characters, which could hide or reorder what is read, become '?'.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\u200c' || r == '\u200d' {
			return r
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, s)
}
