package ftpproto

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

func transferCommands() []command {
	return []command{
		{verb: "RETR", syntax: "<file>", open: (*session).retr, needsArg: true},
		{verb: "STOR", syntax: "<file>", open: (*session).stor, needsArg: true},
		{verb: "APPE", syntax: "<file>", open: (*session).appe, needsArg: true},
		{verb: "STOU", syntax: "[<file>]", open: (*session).stou},
		{verb: "LIST", syntax: "[<name>]", open: (*session).list},
		{verb: "NLST", syntax: "[<name>]", open: (*session).nlst},
		{verb: "MLSD", syntax: "[<folder>]", open: (*session).mlsd},
	}
}

// job is the part of a command that runs beside the session. It calls t.begin before it uses
// the data connection, if it does, and returns the final reply.
type job struct {
	name string // of the file or folder
	run  func(t *transfer) (reply, error)
}

// transfer is a running job. Its goroutine ends before the session takes the next command.
type transfer struct {
	session *session
	verb    string
	name    string
	began   time.Time
	moved   atomic.Int64 // bytes on the data connection

	ctx    context.Context // ends with ABOR, with the client, with the session
	cancel context.CancelCauseFunc
	quit   chan struct{} // closed when the client has sent QUIT: it may leave now
	done   chan struct{} // closed when reply and err are set

	source dataSource // where the data connection comes from; nil for what needs none
	conn   *dataConn  // once it is there

	reply reply
	err   error
}

// transfer runs j and meanwhile attends to the control connection.
func (s *session) transfer(verb string, j job, source dataSource) (reply, error) {
	t := &transfer{
		session: s,
		verb:    verb,
		name:    j.name,
		began:   time.Now(),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
		source:  source,
	}
	t.ctx, t.cancel = context.WithCancelCause(s.ctx)
	defer t.cancel(nil)
	if s.abortQueued() {
		t.cancel(errAborted)
	}
	if s.quitting {
		close(t.quit)
	}
	s.raw.SetReadDeadline(time.Time{})
	s.running = t
	go func() {
		// The session is woken from its read, and finds done closed soon after. The other
		// way round the wake-up could hit a later read.
		defer close(t.done)
		defer s.raw.SetReadDeadline(past)
		t.run(j)
	}()
	s.attend(t)
	s.running = nil
	t.log()
	if t.err != nil {
		return failure(t.err), nil
	}
	return t.reply, nil
}

func (t *transfer) run(j job) {
	if t.source != nil {
		defer t.source.close()
	}
	t.err = t.session.guarded(func() (err error) {
		t.reply, err = j.run(t)
		return err
	})
	if t.conn != nil {
		t.conn.cut()
	}
	// What the client did explains an error better than what broke because of it.
	if cause := context.Cause(t.ctx); t.err != nil && cause != nil && !errors.Is(t.err, errPanic) {
		t.err = cause
	}
}

// begin tells the client that the transfer starts, and opens the data connection. Until then a
// failure is answered without "150".
func (t *transfer) begin(text string) error {
	if err := context.Cause(t.ctx); err != nil {
		return err
	}
	if err := t.session.send(reply{code: 150, text: text}); err != nil {
		return err
	}
	conn, err := t.session.openData(t)
	t.conn = conn
	return err
}

// attend reads the control connection until t has ended. It answers what may be answered
// during a transfer, keeps the rest for later, and sees a client that leaves.
func (s *session) attend(t *transfer) {
	for {
		select {
		case <-t.done:
			return
		default:
		}
		l, err := s.in.next()
		switch {
		case err == nil:
			if err = s.meanwhile(t, l); err == nil {
				continue
			}
			s.giveUp(t, err)
		case errors.Is(err, os.ErrDeadlineExceeded): // t wakes us
		case s.quitting: // the client has said that it would leave
		default:
			s.giveUp(t, err)
		}
		<-t.done
		return
	}
}

// giveUp ends t, and what was to run behind it, since the client is not there any more.
func (s *session) giveUp(t *transfer, err error) {
	s.queue = nil
	if _, isReply := errors.AsType[*Error](err); !isReply {
		s.log.Debug("control connection lost", "err", err)
		err = errClientGone
	}
	t.cancel(err)
}

// meanwhile handles a line that comes during t. An error ends t.
func (s *session) meanwhile(t *transfer, l line) error {
	cmd := s.server.commands.find(l.verb)
	switch {
	case s.quitting && l.verb != "ABOR":
		return nil // nothing is answered behind QUIT
	case l.problem == nil && cmd != nil && cmd.duringTransfer:
		return s.execute(l)
	case len(s.queue) == maxQueue:
		return NewError(421, "Too many commands during a transfer.", nil)
	}
	s.queue = append(s.queue, l)
	switch l.verb {
	case "ABOR": // is answered behind the transfers that it aborts
		s.aborted = true
		t.cancel(errAborted)
	case "QUIT":
		s.quitting = true
		close(t.quit)
	}
	return nil
}

// abortQueued reports whether the client has sent ABOR behind the command that runs now.
func (s *session) abortQueued() bool {
	return slices.ContainsFunc(s.queue, func(l line) bool { return l.verb == "ABOR" })
}

// status is what STAT says meanwhile.
func (t *transfer) status() string {
	took := time.Since(t.began).Round(time.Millisecond)
	if t.source == nil {
		return fmt.Sprintf("%s %s: running for %v", t.verb, t.name, took)
	}
	return fmt.Sprintf("%s %s: %d bytes transferred in %v", t.verb, t.name, t.moved.Load(), took)
}

func (t *transfer) log() {
	result, level := "complete", slog.LevelInfo
	switch _, isReply := errors.AsType[*Error](t.err); {
	case errors.Is(t.err, errAborted):
		result = "aborted"
	case t.err != nil:
		result = "failed"
		if !isReply {
			level = slog.LevelError
		}
	}
	attrs := []slog.Attr{
		slog.String("command", t.verb),
		slog.String("path", t.name),
		slog.Int64("bytes", t.moved.Load()), // on the data connection
		slog.Duration("duration", time.Since(t.began)),
		slog.String("result", result),
	}
	if t.err != nil {
		attrs = append(attrs, slog.Any("err", t.err))
	}
	if t.source == nil {
		t.session.log.LogAttrs(t.session.ctx, level, "computation", attrs...)
	} else {
		t.session.log.LogAttrs(t.session.ctx, level, "transfer", attrs...)
	}
}
