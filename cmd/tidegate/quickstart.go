package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/auth"
)

// What "tidegate serve" runs without any configuration: enough to try it, reachable from this
// machine only.
const (
	quickStartAddress = "127.0.0.1:2121"
	quickStartFolder  = "tidegate-data"
	quickStartUser    = "tidegate"
)

// quickStart returns the configuration of a first try and its password, which lives as long as
// the process.
func quickStart() (c *config.Config, password string, err error) {
	password = strings.ToLower(rand.Text())
	hash, err := auth.HashPassword(password)
	if err != nil {
		return nil, "", err
	}
	c, err = config.Load("", []string{
		"TIDEGATE_LISTENERS_0_ADDRESS=" + quickStartAddress,
		"TIDEGATE_STORES_0_NAME=local",
		"TIDEGATE_STORES_0_TYPE=local",
		"TIDEGATE_STORES_0_PATH=" + quickStartFolder,
		"TIDEGATE_USERS_0_NAME=" + quickStartUser,
		"TIDEGATE_USERS_0_PASSWORD_HASH=" + hash,
		"TIDEGATE_USERS_0_MOUNTS_0_PATH=/",
		"TIDEGATE_USERS_0_MOUNTS_0_STORE=local",
		"TIDEGATE_USERS_0_MOUNTS_0_PERMISSIONS=all",
	})
	return c, password, err
}

// greet tells how to send the first file.
func greet(w io.Writer, password string) {
	fmt.Fprintf(w, `
Tidegate serves FTP on %[1]s, for this machine only. Send it a file:

  echo hello | curl -T - ftp://%[2]s:%[3]s@%[1]s/hello.txt

It is then ./%[4]s/hello.txt. User %[2]s and password %[3]s are good for this run.
Ctrl-C ends it. Your own configuration: tidegate serve --config tidegate.yaml

`, quickStartAddress, quickStartUser, password, quickStartFolder)
}

// explainTaken adds to an error of a quick start what to do about a taken address: there is no
// configuration yet to look it up in.
func explainTaken(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w\nAnother program serves %s already. End it, or choose another address in a configuration", err, quickStartAddress)
	}
	return err
}
