package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/demo"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence/vault"
)

func demoCommand() *cobra.Command {
	var image, out, pgBin string
	cmd := &cobra.Command{Use: "demo", Short: "Play the whole story on this machine, from seizure to court report", Args: cobra.NoArgs,
		Long: `Starts a private service in a temporary directory and plays one exhibit's whole story through the
public API, each person with a key of their own: seizure, deposit, handover under two signatures, an
independent laboratory, the court's report, offline verification, and two forgeries that must be
caught. Exit code 0 only if every step held.`,
		Example: "  custodyd demo\n  custodyd demo --image evidence.E01 --out results",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), image, out, pgBin)
		}}
	cmd.Flags().StringVar(&image, "image", "", "disk image to use, of any format; without it a small one is made")
	cmd.Flags().StringVar(&out, "out", "", "directory for dossier, policy, report and image (default: a new one here)")
	cmd.Flags().StringVar(&pgBin, "pg-bindir", "", "directory of PostgreSQL's initdb and postgres")
	return cmd
}

// runDemo starts a service of its own, plays, and leaves nothing behind but
// the results.
func runDemo(ctx context.Context, image, out, pgBin string) (err error) {
	if out == "" {
		out = "custody-demo-" + time.Now().Format("20060102-150405")
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	if err := freshDir(out); err != nil {
		return err
	}
	if image != "" {
		if err := usableImage(image); err != nil {
			return err
		}
	}
	runner, err := child.NewRunner()
	if err != nil {
		return err
	}
	data, remove, err := runner.TempState()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	work, err := os.MkdirTemp("", "custody-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	began := time.Now()
	fmt.Println("Starting a private service (nothing of yours is touched):")
	svc, err := service.Start(ctx, service.Options{Data: data, Listen: "127.0.0.1:0", Mode: custody.ModeTest, PGBinDir: pgBin, RetentionMode: vault.Compliance,
		RetentionPeriod: 24 * time.Hour, PolicyFile: filepath.Join(out, demo.TrustFile), Announce: os.Stdout})
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, svc.Stop(stop))
	}()
	fmt.Printf("started in %.1f s\n\n", time.Since(began).Seconds())
	sum, err := demo.Play(ctx, svc, demo.Options{Image: image, Out: out, Work: work, Say: os.Stdout, Progress: term.IsTerminal(int(os.Stdout.Fd()))})
	if err != nil {
		return err
	}
	fmt.Printf("\nEvery step held (%.1f s). Results in %s\nVerify it yourself, from another process, with the network off:\n", sum.Seconds, out)
	fmt.Printf("  custody verify --policy %s %s --artifact %s\n", filepath.Join(out, demo.TrustFile), filepath.Join(out, demo.DossierFile), demo.RetrievedPath(out, image))
	return nil
}

// freshDir makes out, which must not hold results already.
func freshDir(out string) error {
	entries, err := os.ReadDir(out)
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("couldn't use %s for results: it is not empty", out)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("couldn't use %s for results: %w", out, err)
	}
	return nil
}

func usableImage(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return fmt.Errorf("couldn't use the image: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("couldn't use %s: not a regular file (make an image of a device first)", name)
	case info.Size() == 0:
		return fmt.Errorf("couldn't use %s: it is empty", name)
	}
	return nil
}
