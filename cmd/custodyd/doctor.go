package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/cmd/custodyd/doctor"
)

// errTodo makes the exit code 1 where there is something to do; the findings
// have said what.
var errTodo = errors.New("there is something to do")

func doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "doctor", Short: "Look the service over: what is configured, reachable, safe, and what to do", Args: cobra.NoArgs,
		Long: `Looks at the service that the configuration describes, running or stopped, and says what to do about
each finding. It changes nothing; the probe of an outside object store leaves a few bytes there, locked
for minutes. Exit code 0: nothing to do; 1: something is.`,
		Example: "  custodyd doctor\n  custodyd doctor --config /etc/custodyd.yaml --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var found doctor.Findings
			if cfg, err := config.Load(cmd.Flags(), os.Getenv); err != nil {
				found = doctor.Misconfigured(err)
			} else {
				found = doctor.Configured(cmd.Context(), cfg)
			}
			if asJSON {
				b, err := found.JSON()
				if err != nil {
					return err
				}
				if _, err := cmd.OutOrStdout().Write(append(b, '\n')); err != nil {
					return err
				}
			} else if err := found.Write(cmd.OutOrStdout()); err != nil {
				return err
			}
			if !found.Healthy() {
				return errTodo
			}
			return nil
		}}
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the findings as JSON")
	return cmd
}
