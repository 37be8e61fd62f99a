package ftpproto

import (
	"context"
	"errors"
	"log/slog"
)

// command is a row of the command table. What FEAT and HELP say is derived from the rows.
type command struct {
	verb   string
	syntax string // of the argument, for HELP

	// run handles the command: it parses arg, looks at the session's state, asks the
	// FileSystem and returns the reply. nil for a command that is known and not implemented.
	run func(s *session, ctx context.Context, arg string) (reply, error)
	// open stands instead of run for a command that opens a data connection. It returns
	// what then runs as a transfer.
	open func(s *session, arg string) (job, error)
	// compute stands instead of run for a command that may take long and opens no data
	// connection. What it returns runs as a transfer does: the client is heard meanwhile.
	compute func(s *session, arg string) job

	needsArg       bool
	refusesArg     bool
	beforeLogin    bool
	duringTransfer bool // answered at once while a transfer runs; others wait for its end
	keepsRestart   bool // REST before it is still good behind it

	// available is nil, or tells whether this session has what the command needs.
	available func(s *session) bool
	// features are the lines that FEAT shows for it.
	features func(s *session) []string
}

// commandTable is the rows, in one order and by verb.
type commandTable struct {
	rows   []*command
	byVerb map[string]*command
}

func newCommandTable() commandTable {
	t := commandTable{byVerb: make(map[string]*command)}
	for _, rows := range [][]command{loginCommands(), parameterCommands(), dataCommands(),
		transferCommands(), folderCommands(), fileCommands(), hashCommands(), infoCommands(), unimplementedCommands()} {
		for _, row := range rows {
			t.rows = append(t.rows, &row)
			t.byVerb[row.verb] = &row
		}
	}
	return t
}

func (t commandTable) find(verb string) *command { return t.byVerb[verb] }

var errNotLoggedIn = NewError(530, "Please log in with USER and PASS.", nil)

// feature returns a features function for fixed lines.
func feature(lines ...string) func(*session) []string {
	return func(*session) []string { return lines }
}

// execute runs one command and sends its reply. An error ends the session.
func (s *session) execute(l line) error {
	s.before, s.once = s.once, oneCommand{}
	if !s.greeted && isForeign(l.verb) {
		return errors.New("the client does not speak FTP")
	}
	s.greeted = true
	r, err := s.handle(l)
	if err != nil {
		s.logFailure(l, err)
		r = failure(err)
	}
	return s.send(r)
}

func (s *session) handle(l line) (reply, error) {
	cmd, err := s.admits(l)
	if err != nil {
		return reply{}, err
	}
	if cmd.keepsRestart {
		s.once.restart = s.before.restart
	}
	switch {
	case cmd.run != nil:
		return cmd.run(s, s.ctx, l.arg)
	case cmd.compute != nil:
		return s.transfer(cmd.verb, cmd.compute(s, l.arg), nil)
	}
	j, err := cmd.open(s, l.arg)
	if err != nil {
		s.dropData() // it may already hold the connection of a client that gave up
		return reply{}, err
	}
	source := s.data
	s.data = nil // a data connection serves one transfer
	return s.transfer(cmd.verb, j, source)
}

// failure is where every error becomes a reply: one that carries a reply is sent as that, any
// other is answered with a fixed text, since it may tell what is not for clients.
func failure(err error) reply {
	code, text := ReplyTo(err, 451, "Requested action aborted: local error in processing.")
	return reply{code: code, text: text}
}

// logFailure keeps what the reply does not say.
func (s *session) logFailure(l line, err error) {
	level := slog.LevelError
	if e, isReply := errors.AsType[*Error](err); isReply {
		switch {
		case e.Err == nil:
			return // the reply says it all
		case e.Code < 500:
			level = slog.LevelWarn // something of the server's is at fault
		default:
			level = slog.LevelDebug
		}
	}
	if l.verb == "PASS" {
		l.arg = "(hidden)"
	}
	s.log.Log(s.ctx, level, "command failed", "command", l.verb, "arg", l.arg, "err", err)
}

// admits returns the row of l if the session may run it now.
func (s *session) admits(l line) (*command, error) {
	if l.problem != nil {
		return nil, l.problem
	}
	cmd := s.server.commands.find(l.verb)
	switch {
	case cmd == nil:
		return nil, NewError(500, "Unknown command.", nil)
	case !cmd.usable(s):
		return nil, NewError(502, "Command not implemented.", nil)
	case s.fs == nil && !cmd.beforeLogin:
		return nil, errNotLoggedIn
	case cmd.needsArg && l.arg == "":
		return nil, NewError(501, "Missing argument: "+cmd.verb+" "+cmd.syntax, nil)
	case cmd.refusesArg && l.arg != "":
		return nil, NewError(501, cmd.verb+" takes no argument.", nil)
	}
	return cmd, nil
}

// usable reports whether the command works in this session.
func (c *command) usable(s *session) bool {
	return (c.run != nil || c.open != nil || c.compute != nil) && (c.available == nil || c.available(s))
}

// isForeign reports whether a first line with this verb comes from an HTTP or SMTP client, as
// one does that a browser is made to send (the ALPACA attack).
func isForeign(verb string) bool {
	switch verb {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI",
		"EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", "VRFY", "EXPN":
		return true
	}
	return false
}
