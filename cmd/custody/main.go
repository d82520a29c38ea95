// Command custody is the people's command: keys, deposits, handovers, reading,
// verification and reports.
//
// Keys are made and kept here and every signature is made here; the service
// only receives what was signed. See `custody help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(invoke()) }

func invoke() int {
	// The first Ctrl-C lets long work stop where it can be taken up again; a
	// second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return newApp().run(ctx, os.Args[1:])
}
