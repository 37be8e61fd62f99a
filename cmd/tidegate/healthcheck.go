package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthcheckTimeout lies below the time-outs that container engines have by default.
const healthcheckTimeout = 5 * time.Second

func newHealthcheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a running gateway on this machine whether it is healthy",
		Long: `Ask /healthz at admin.address of the configuration and exit with 0 if it answers 200,
else with 1. It is the health check of the container image, which holds no other program.`,
		Args: cobra.NoArgs,
	}
	file := addConfigFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := loadSettings(*file)
		if err != nil {
			return err
		}
		if c.Admin.Address == "" {
			return errors.New("admin.address is not set, there is nothing to ask")
		}
		return askHealth(cmd.Context(), dialAddress(string(c.Admin.Address)))
	}
	return cmd
}

func askHealth(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return err
	}
	// Its own transport: a proxy of the environment has no say on this machine.
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return fmt.Errorf("asking %s: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", address, err)
	}
	return fmt.Errorf("%s answers %s: %s", address, response.Status, strings.TrimSpace(string(text)))
}

// dialAddress returns where a listener at address is reached from its own machine.
func dialAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
