package emulator

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
)

// process is a running server and the guardian that ends it should the test binary die first.
type process struct {
	server   *exec.Cmd
	guardian *exec.Cmd
	lifeline io.Closer     // the guardian's standard input; the kernel closes it when this process dies
	output   bytes.Buffer  // of the server; to be read once exited is closed
	exited   chan struct{} // closed when the server has ended
}

// guardianScript waits for the end of its standard input. A panic or a time-out ends a test
// binary without any clean-up of its own, and would leave a server and its data behind.
const guardianScript = `read -r line; kill -KILL "$1"; rm -rf "$2"`

func startProcess(program string, args, env []string, data string) (*process, error) {
	p := &process{exited: make(chan struct{})}
	p.server = exec.CommandContext(context.Background(), program, args...)
	p.server.Env = append(os.Environ(), env...)
	p.server.Stdout, p.server.Stderr = &p.output, &p.output
	if err := p.server.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.exited)
		_ = p.server.Wait() // it is killed: there is no exit code to look at
	}()

	pid := strconv.Itoa(p.server.Process.Pid)
	p.guardian = exec.CommandContext(context.Background(), "/bin/sh", "-c", guardianScript, "guardian", pid, data)
	lifeline, err := p.guardian.StdinPipe()
	if err == nil {
		err = p.guardian.Start()
	}
	if err != nil {
		_ = p.server.Process.Kill()
		<-p.exited
		return nil, err
	}
	p.lifeline = lifeline
	return p, nil
}

// kill ends the server at once and returns when it has ended.
func (p *process) kill() {
	// The guardian first, so that it cannot take data that is still wanted.
	_ = p.guardian.Process.Kill()
	_ = p.guardian.Wait()
	_ = p.lifeline.Close()
	_ = p.server.Process.Kill()
	<-p.exited
}
