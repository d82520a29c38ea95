package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
)

// readyPatience bounds the question and its answer.
const readyPatience = 4 * time.Second

func readyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ready", Short: "Ask the running service whether it is ready", Args: cobra.NoArgs,
		Long: `Asks /readyz of the service that runs on this machine with this configuration: the health check of a
container that holds nothing but custodyd. Exit code 0: it is ready; 1: it is not, or does not answer.`,
		Example: "  custodyd ready\n  custodyd ready --listen 127.0.0.1:9000",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(cmd.Flags(), os.Getenv)
			if err != nil {
				return err
			}
			return askReady(cmd.Context(), cfg.Listen, cfg.TLS(), cmd.OutOrStdout())
		}}
	config.AddFlags(cmd.Flags())
	return cmd
}

func askReady(ctx context.Context, listen string, secure bool, out io.Writer) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return err
	}
	if port == "0" {
		return errors.New("the service takes any free port (listen), so nobody can say where to ask")
	}
	// An address that means every network is reached by this machine's own.
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	url := "http://" + net.JoinHostPort(host, port) + "/readyz"
	transport := &http.Transport{}
	if secure {
		url = "https" + url[len("http"):]
		// The certificate is made out to the name others use. Nothing is said
		// here but the question.
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
	}
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("the service does not answer: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(out, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the service is not ready: %s", resp.Status)
	}
	return nil
}
