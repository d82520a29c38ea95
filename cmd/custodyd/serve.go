package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/cmd/custodyd/metrics"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/evidence/vault"
)

func serveCommand() *cobra.Command {
	var invite bool
	cmd := &cobra.Command{Use: "serve", Short: "Run the service", Args: cobra.NoArgs,
		Long: `Runs the service until it is interrupted. With nothing configured it starts a private PostgreSQL and a
private S3 server under its data directory and says so; only --listen opens a port. A service without
any organisation prints a one-time token for the first administrator: it opens the API for an hour and
gives no trust, which is each organisation's own root key.

Every value can stand in a file (--config), in the environment or in a flag; see custodyd config.`,
		Example: "  custodyd serve\n  custodyd serve --data /srv/custody --listen 127.0.0.1:9000\n  custodyd serve --config /etc/custodyd.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(cmd.Flags(), os.Getenv)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, invite, cmd.OutOrStdout())
		}}
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&invite, "invite", false, "print a one-time token for another organisation's administrator at start")
	return cmd
}

// serve runs until ctx ends or a part of the service does.
func serve(ctx context.Context, cfg config.Config, invite bool, out io.Writer) (err error) {
	o, err := options(cfg)
	if err != nil {
		return err
	}
	o.Announce, o.Log = out, logger(cfg, os.Stderr)
	boundHeap()
	svc, err := service.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Drain+time.Minute)
		defer cancel()
		err = errors.Join(err, svc.Stop(stop))
		if err == nil {
			fmt.Fprintln(out, "stopped")
		}
	}()
	empty, err := svc.Empty(ctx)
	if err != nil {
		return err
	}
	if empty || invite {
		token, expires, err := svc.FirstToken(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "one-time token: %s\n                for one organisation's administrator (custody org found), until %s\n", token, expires.Local().Format(time.RFC3339))
	}
	fmt.Fprintln(out, "serving; Ctrl-C stops")
	select {
	case <-ctx.Done():
		fmt.Fprintf(out, "stopping; requests in hand have %s\n", o.Drain)
		return nil
	case err := <-svc.Failed():
		return fmt.Errorf("the service can't go on: %w; start it again, nothing acknowledged is lost", err)
	}
}

// heapLimit is from where on the garbage collector works harder, instead of
// letting garbage grow to the size of what is in use. Parts lie outside of it.
const heapLimit = 128 << 20

// boundHeap keeps the promise of a service below 300 MB, unless whoever runs it
// has said otherwise by GOMEMLIMIT.
func boundHeap() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit)
	}
}

// logger writes what log_format and log_level say.
func logger(cfg config.Config, to io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}[cfg.LogLevel]}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, o))
	}
	return slog.New(slog.NewTextHandler(to, o))
}

// options turns the configuration into what is run.
func options(cfg config.Config) (service.Options, error) {
	o := service.Options{Data: cfg.DataDir, Listen: cfg.Listen, Origin: cfg.Origin, Mode: custody.Mode(cfg.Mode), PGBinDir: cfg.PGBinDir,
		KeysDir: cfg.KeysDir, ServiceKey: cfg.ServiceKey, LogKey: cfg.LogKey, LogMLDSAKey: cfg.LogMLDSAKey, KMSTokenFile: cfg.KMSTokenFile,
		Plain: cfg.Encryption == "off", EncryptionKey: cfg.EncryptionKey,
		RetentionMode: vault.Mode(cfg.S3.RetentionMode), RetentionPeriod: time.Duration(cfg.S3.RetentionPeriod), PolicyFile: cfg.PolicyFile,
		MaxArtifact: uint64(cfg.Limits.MaxArtifact), MaxPart: int64(cfg.Limits.MaxPart), MaxSubmission: int64(cfg.Limits.MaxSubmission),
		TokenLife: time.Duration(cfg.TokenLife), InviteLife: time.Duration(cfg.InvitationLife),
		OpenEntries: cfg.LogEntries == "open", CertFile: cfg.TLSCertFile, KeyFile: cfg.TLSKeyFile, MetricsListen: cfg.MetricsListen, Drain: time.Duration(cfg.DrainTime)}
	for _, a := range cfg.TimestampAuthorities {
		o.TimestampAuthorities = append(o.TimestampAuthorities, service.TimestampAuthority(a))
	}
	o.LeaveImages = !cfg.DecodeImages
	o.FixityEvery, o.FixityRate = time.Duration(cfg.FixityEvery), uint64(cfg.FixityRate)
	o.TimestampEvery = time.Duration(cfg.TimestampEvery)
	for _, w := range cfg.Witnesses {
		p, err := witness.ParsePeer(w.URL + " " + w.Key)
		if err != nil {
			return o, fmt.Errorf("configuration value witnesses: %w", err)
		}
		o.Witnesses = append(o.Witnesses, p)
	}
	o.Quorum, o.WitnessWait = int(cfg.WitnessQuorum), time.Duration(cfg.WitnessWait)
	if cfg.OutsideDatabase() {
		app, migrator, err := cfg.Databases()
		if err != nil {
			return o, err
		}
		o.Database = &service.Database{App: app, Migrator: migrator}
	}
	if cfg.OutsideStore() {
		access, secret, err := cfg.S3.Keys()
		if err != nil {
			return o, err
		}
		o.Store = &vault.Config{Endpoint: cfg.S3.Endpoint, Bucket: cfg.S3.Bucket, Region: cfg.S3.Region, TLS: cfg.S3.TLS,
			AccessKey: access, SecretKey: secret, Mode: vault.Mode(cfg.S3.RetentionMode), Period: time.Duration(cfg.S3.RetentionPeriod)}
	}
	return o, nil
}

func configCommand() *cobra.Command {
	return &cobra.Command{Use: "config", Short: "Explain every value of the configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), config.Document())
			return err
		}}
}

func metricsCommand() *cobra.Command {
	return &cobra.Command{Use: "metrics", Short: "Explain every metric, as a Markdown table", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), metrics.Document())
			return err
		}}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			version, revision := "(devel)", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				version = info.Main.Version
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						revision = " " + s.Value
					}
				}
				version += " " + info.GoVersion
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "custodyd %s%s\n", version, revision)
			return err
		}}
}
