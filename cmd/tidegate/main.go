// Command tidegate is the gateway: it reads a configuration, puts the parts together and runs
// them. What the parts do is in their own packages.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// Exit codes. Supervisors restart a process that failed, and should not restart one whose
// configuration is wrong.
const (
	exitOK      = 0
	exitFailed  = 1
	exitRefused = 2 // a wrong configuration or command line
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root, accepted := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	switch {
	case err == nil:
		return exitOK
	case !*accepted:
		fmt.Fprintf(stderr, "tidegate: %v\nTry \"tidegate --help\".\n", err)
		return exitRefused
	case isRefusal(err):
		fmt.Fprintln(stderr, err)
		return exitRefused
	}
	fmt.Fprintf(stderr, "tidegate: %v\n", err)
	return exitFailed
}

// newRoot returns the command tree, and whether its command line was accepted, once executed.
func newRoot() (root *cobra.Command, accepted *bool) {
	accepted = new(bool)
	root = &cobra.Command{
		Use:   "tidegate",
		Short: "A cloud-storage FTP gateway: FTP in, objects out",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// cobra calls it once flags and arguments are known to be right.
		PersistentPreRun: func(*cobra.Command, []string) { *accepted = true },
		SilenceErrors:    true,
		SilenceUsage:     true,
	}
	root.AddCommand(newServe(), newCheck(), newPasswd(), newHealthcheck(), newVersion())
	return root, accepted
}
