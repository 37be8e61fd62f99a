package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/config"
)

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Start the gateway",
		Long: fmt.Sprintf(`Start the gateway and run until SIGTERM or SIGINT. Then running transfers may end within
drain_timeout; a second signal cuts them.

Without a configuration, neither a file nor %s variables, it serves ./%s on
%s to a user whose password it prints.`, "TIDEGATE_…", quickStartFolder, quickStartAddress),
		Args: cobra.NoArgs,
	}
	file := addConfigFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *file == "" && !config.InEnvironment(os.Environ()) {
			return serveQuickStart(cmd)
		}
		c, err := loadSettings(*file)
		if err != nil {
			return err
		}
		return serve(cmd, c, func() {})
	}
	return cmd
}

func serveQuickStart(cmd *cobra.Command) error {
	c, password, err := quickStart()
	if err != nil {
		return err
	}
	return explainTaken(serve(cmd, c, func() { greet(cmd.OutOrStdout(), password) }))
}

// serve runs a gateway until it is told to end, or fails. It calls started once clients can
// connect.
func serve(cmd *cobra.Command, c *config.Config, started func()) error {
	// Two, so that a second signal is kept while the first is being served.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)

	log := newLogger(cmd.ErrOrStderr(), c.Log)
	for _, w := range c.Warnings() {
		log.Warn("doubtful setting", "field", w.Field, "text", w.Text)
	}
	p, err := startProcess(cmd.Context(), c, log)
	if err != nil {
		return err
	}
	boundGarbage()
	started()

	select {
	case s := <-signals:
		log.Info("draining", "signal", s.String(), "timeout", c.DrainTimeout)
		err = p.drain(signals)
	case err = <-p.failed:
		log.Error("ending", "err", err)
	}
	err = errors.Join(err, p.close())
	if err == nil {
		log.Info("ended")
	}
	return err
}
