package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tidegate/tidegate/gateway/auth"
)

// maxPassword bounds a password, in bytes: what a PASS line of 4 KiB can carry.
const maxPassword = 4 << 10

func newPasswd() *cobra.Command {
	return &cobra.Command{
		Use:   "passwd",
		Short: "Read a password from standard input, print its hash for password_hash",
		Long: `Read a password from standard input and print its argon2id hash, which goes into
password_hash of a user. On a terminal the password is asked for twice and not shown.`,
		Example: `  tidegate passwd
  printf %s "$PASSWORD" | tidegate passwd`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := readPassword(cmd.InOrStdin(), cmd.ErrOrStderr())
			if err != nil {
				return fmt.Errorf("reading the password: %w", err)
			}
			hash, err := auth.HashPassword(password)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), hash)
			return nil
		},
	}
}

func readPassword(in io.Reader, prompts io.Writer) (string, error) {
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return askPassword(int(file.Fd()), prompts)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPassword+2)) // and its line end
	if err != nil {
		return "", err
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if len(text) > maxPassword {
		return "", fmt.Errorf("it is longer than %d bytes", maxPassword)
	}
	return checkPassword(string(text))
}

func askPassword(terminal int, prompts io.Writer) (string, error) {
	ask := func(prompt string) (string, error) {
		fmt.Fprint(prompts, prompt)
		text, err := term.ReadPassword(terminal)
		fmt.Fprintln(prompts)
		return string(text), err
	}
	password, err := ask("Password: ")
	if err != nil {
		return "", err
	}
	again, err := ask("Once more: ")
	if err != nil {
		return "", err
	}
	if again != password {
		return "", errors.New("the two are not the same")
	}
	return checkPassword(password)
}

// checkPassword refuses what no client could log in with: a PASS command is one line.
func checkPassword(password string) (string, error) {
	if password == "" {
		return "", errors.New("it is empty")
	}
	if strings.ContainsAny(password, "\x00\r\n") {
		return "", errors.New("expected one line")
	}
	return password, nil
}
