// Command custodyd is the evidence custody service.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code: 0 done, 1 error, 2 usage, 3 not as recorded.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "custodyd",
		Short:         "The evidence custody service",
		Long:          "custodyd keeps forensic images under Object Lock and every act on them in a signed,\npublicly auditable log. People sign with their own keys (see the command custody).",
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(serveCommand(), demoCommand(), doctorCommand(), checkCommand(), fixityCommand(), recoverCommand(), checkStoreCommand(), retentionCommand(), rotateKeyCommand(), auditorCommand(), configCommand(), metricsCommand(), readyCommand(), versionCommand(), storeChild())
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch e := err.(type) {
	case nil:
		return 0
	case usageError:
		fmt.Fprintf(os.Stderr, "custodyd: %v (custodyd --help)\n", e)
		return 2
	case notAsRecorded:
		fmt.Fprintf(os.Stderr, "custodyd: %v\n", e)
		return 3
	}
	if err != errTodo {
		fmt.Fprintf(os.Stderr, "custodyd: %v\n", err)
	}
	return 1
}

type usageError struct{ error }

// storeChild is the private S3 server: the service executes itself anew, under
// another account where it is root.
func storeChild() *cobra.Command {
	return &cobra.Command{Use: service.S3Command, Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return locals3.Child(context.WithoutCancel(cmd.Context()), os.Stdin)
		}}
}
