package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/auth"
)

// refusal is a configuration that cannot be run.
type refusal struct {
	source string // where it was read
	err    error
}

func (r *refusal) Unwrap() error { return r.err }

func (r *refusal) Error() string {
	var wrong *config.Error
	if !errors.As(r.err, &wrong) {
		return fmt.Sprintf("tidegate: %v", r.err)
	}
	lines := make([]string, 1, 1+len(wrong.Problems))
	lines[0] = fmt.Sprintf("tidegate: %s is refused:", r.source)
	for _, p := range wrong.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

func isRefusal(err error) bool {
	var r *refusal
	return errors.As(err, &r)
}

// addConfigFlag gives a command the flag that names the configuration file.
func addConfigFlag(cmd *cobra.Command) *string {
	file := cmd.Flags().String("config", os.Getenv(config.FileVariable),
		"the configuration file, .yaml, .toml or .json (environment: "+config.FileVariable+")")
	// It fails only for a flag that does not exist.
	_ = cmd.MarkFlagFilename("config", "yaml", "yml", "toml", "json")
	return file
}

// loadSettings reads the configuration from a file, or from the environment alone.
func loadSettings(file string) (*config.Config, error) {
	c, err := config.Load(file, os.Environ(), checkHashes, checkCertificate)
	if err == nil {
		return c, nil
	}
	source := file
	if source == "" {
		source = "the configuration in the environment"
	}
	return nil, &refusal{source: source, err: err}
}

func checkHashes(c *config.Config, refuse func(string, error)) {
	for i, u := range c.Users {
		if u.PasswordHash == "" {
			continue
		}
		if err := auth.Check(string(u.PasswordHash)); err != nil {
			refuse(fmt.Sprintf("users[%d].password_hash", i), err)
		}
	}
}

func checkCertificate(c *config.Config, refuse func(string, error)) {
	if !c.NeedsCertificate() || c.TLS.CertFile == "" || c.TLS.KeyFile == "" {
		return
	}
	if _, field, err := loadCertificate(c.TLS); err != nil {
		refuse(field, err)
	}
}
