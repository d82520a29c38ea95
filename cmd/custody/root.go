package main

import (
	"github.com/spf13/cobra"
)

const longHelp = `custody is for the people who seize, hold, examine and judge digital evidence.

Your keys are made and kept on this computer, encrypted. Before an act on a case
or an item is signed, its dossier is verified under the trust policy that you
accepted. What you signed is stored before it is sent, and sent again until the
service has shown that it is in the log.

Exit codes: 0 done; 1 error, or evidence that could not be checked; 2 wrong
usage; 3 verification failed; 4 denied; 5 conflict (the record has moved on, or
the thing exists); 6 interrupted, the same command takes it up again.`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "custody", Short: "Act on evidence and verify it", Long: longHelp,
		SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	examples(root,
		"custody key create inspector-ali",
		"custody put exhibit-3.dd --case CASE --item ITEM",
		"custody verify --policy trust.json dossier.zip --artifact exhibit-3.dd")
	f := root.PersistentFlags()
	f.BoolVar(&a.json, "json", false, "write the result as JSON")
	f.StringVar(&a.home, "home", "", "directory of your keys and records (default $CUSTODY_HOME, else the user's data directory)")
	f.StringVar(&a.server, "server", "", "URL of the service (default $CUSTODY_SERVER, else the one the key belongs to)")
	f.StringVar(&a.caFile, "ca-file", "", "PEM file of the authority that vouches for the service's TLS certificate")
	f.StringVarP(&a.key, "key", "k", "", "name of the key to act with (default $CUSTODY_KEY, else the only one)")
	f.StringVar(&a.policy, "policy", "", "accepted trust policy to verify under (default $CUSTODY_POLICY, else the only one)")
	f.StringVar(&a.passphraseFile, "passphrase-file", "", "file that holds the key's passphrase (default $CUSTODY_PASSPHRASE_FILE, else asked)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(
		a.keyCommand(), a.organisationCommand(), a.inviteCommand(), a.policyCommand(),
		a.caseCommand(), a.itemCommand(), a.putCommand(), a.uploadsCommand(),
		a.releaseCommand(), a.acceptCommand(), a.declineCommand(), a.recallCommand(), a.confirmCommand(), a.approveCommand(), a.assumeCommand(), a.disposeCommand(),
		a.grantCommand(), a.getCommand(), a.opinionCommand(), a.correctCommand(), a.reportCommand(),
		a.dossierCommand(), a.verifyCommand(), a.auditCommand(), a.logCommand(), a.outboxCommand(), a.witnessCommand(),
	)
	usageOnly(root)
	return root
}

// usageOnly makes every complaint of cobra's about arguments a usage error.
func usageOnly(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return &usageError{err}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		usageOnly(sub)
	}
}

// group is a command that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmd.Help(); err != nil {
				return err
			}
			return usagef("%s needs a subcommand", cmd.CommandPath())
		}}
	cmd.AddCommand(subs...)
	return cmd
}

// required makes flags mandatory, with a usage error of our own.
func required(cmd *cobra.Command, flags ...string) *cobra.Command {
	cmd.PreRunE = func(c *cobra.Command, _ []string) error {
		for _, name := range flags {
			if !c.Flags().Changed(name) {
				return usagef("%s needs --%s", c.CommandPath(), name)
			}
		}
		return nil
	}
	for _, name := range flags {
		if f := cmd.Flags().Lookup(name); f != nil {
			f.Usage += " (required)"
		}
	}
	return cmd
}
