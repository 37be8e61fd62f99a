package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/config"
)

// storeCheckTimeout bounds how long "check --stores" waits for one store.
const storeCheckTimeout = 30 * time.Second

func newCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say whether a configuration is right, and what is wrong with it",
		Long: `Read a configuration as serve does, the certificate included, and list everything that
is wrong with it. Nothing is started or changed. With --stores every store is asked too
whether it can be used, and the directory of a local store is made.`,
		Args: cobra.NoArgs,
	}
	file := addConfigFlag(cmd)
	contact := cmd.Flags().Bool("stores", false, "ask every store whether it can be used")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := loadSettings(*file)
		if err != nil {
			return err
		}
		for _, w := range c.Warnings() {
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s %s\n", w.Field, w.Text)
		}
		if *contact {
			if err := checkStores(cmd, c); err != nil {
				return err
			}
		}
		fmt.Fprintln(cmd.OutOrStdout(), "OK")
		return nil
	}
	return cmd
}

// checkStores asks every store, and tells of each as its answer comes.
func checkStores(cmd *cobra.Command, c *config.Config) error {
	stores, err := openStores(cmd.Context(), c, newLogger(cmd.ErrOrStderr(), c.Log))
	if err != nil {
		return err
	}
	failed := false
	for _, s := range c.Stores {
		ctx, cancel := context.WithTimeout(cmd.Context(), storeCheckTimeout)
		err := stores[s.Name].Check(ctx)
		cancel()
		if err != nil {
			failed = true
			fmt.Fprintf(cmd.ErrOrStderr(), "store %s: %v\n", s.Name, err)
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "store %s: OK\n", s.Name)
	}
	if err := closeStores(stores); err != nil {
		return err
	}
	if failed {
		return errors.New("not every store can be used")
	}
	return nil
}
