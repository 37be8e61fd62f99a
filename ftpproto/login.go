package ftpproto

import (
	"context"
	"crypto/tls"
	"time"
)

func loginCommands() []command {
	return []command{
		{verb: "USER", syntax: "<name>", run: (*session).userName, needsArg: true, beforeLogin: true},
		{verb: "PASS", syntax: "<password>", run: (*session).pass, beforeLogin: true},
		{verb: "ACCT", syntax: "<account>", run: (*session).acct, beforeLogin: true},
		{verb: "REIN", run: (*session).rein, beforeLogin: true},
		{verb: "QUIT", run: (*session).quit, beforeLogin: true},
		{verb: "AUTH", syntax: "TLS", run: (*session).auth, needsArg: true, beforeLogin: true,
			available: hasTLS, features: feature("AUTH TLS")},
		{verb: "PBSZ", syntax: "0", run: (*session).bufferSize, needsArg: true, beforeLogin: true,
			features: ifTLS("PBSZ")},
		{verb: "PROT", syntax: "C|P", run: (*session).prot, needsArg: true, beforeLogin: true,
			features: ifTLS("PROT")},
		{verb: "CCC", run: (*session).ccc, beforeLogin: true},
	}
}

var errLoginTime = NewError(421, "Login took too long.", context.DeadlineExceeded)

// userName begins a login, also where another user is logged in (RFC 959 §4.1.1). It answers
// the same for every name, so that nobody can try out which exist.
func (s *session) userName(_ context.Context, arg string) (reply, error) {
	s.logout()
	if s.opts.TLS == TLSRequired && !s.secure {
		return reply{}, NewError(530, "Use AUTH TLS first.", nil)
	}
	s.user = arg
	return reply{code: 331, text: "Password required."}, nil
}

func (s *session) pass(ctx context.Context, arg string) (reply, error) {
	user := s.user
	s.user = ""
	switch {
	case s.opts.TLS == TLSRequired && !s.secure:
		return reply{}, NewError(530, "Use AUTH TLS first.", nil)
	case user == "":
		return reply{}, NewError(503, "Send USER first.", nil)
	}
	credentials := Credentials{User: user, Password: arg}
	if conn, ok := s.conn.(*tls.Conn); ok {
		state := conn.ConnectionState()
		credentials.TLS = &state
	}
	ctx, cancel := context.WithDeadlineCause(ctx, s.loginDeadline, errLoginTime)
	defer cancel()
	fs, err := s.backend.Login(ctx, credentials)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return reply{}, s.loginFailed(user, err)
	}
	s.fs, s.cwd = fs, "/"
	s.log = s.log.With("user", user)
	s.log.Info("login", "result", "ok", "remote", s.info.Remote.String(), "tls", s.secure)
	return reply{code: 230, text: "Logged in."}, nil
}

// loginFailed logs err, and returns what of it is for the client.
func (s *session) loginFailed(user string, err error) error {
	s.log.Info("login", "result", "failed", "user", user, "remote", s.info.Remote.String(),
		"tls", s.secure, "err", err)
	code, text := ReplyTo(err, 530, "Login incorrect.")
	if code == 530 {
		s.failures++
	}
	if s.failures >= maxLoginFailures {
		return NewError(421, "Too many failed logins.", nil)
	}
	return NewError(code, text, nil)
}

// logout forgets the user. Only a session that was logged in gets new time to log in.
func (s *session) logout() {
	if s.fs == nil {
		return
	}
	s.fs = nil
	s.log = s.server.log.With("session", s.info.ID)
	s.loginDeadline = time.Now().Add(s.opts.Timeouts.Login)
}

func (s *session) acct(context.Context, string) (reply, error) {
	return reply{code: 202, text: "No account is needed."}, nil
}

// rein returns to the state behind the greeting. TLS that AUTH began is ended (RFC 4217 §13);
// on an implicit listener there is nothing but TLS.
func (s *session) rein(context.Context, string) (reply, error) {
	s.logout()
	s.reset()
	r := reply{code: 220, text: "Ready for a new user."}
	if s.secure && s.opts.TLS != TLSImplicit {
		r.then = s.stopTLS
	}
	return r, nil
}

func (s *session) quit(context.Context, string) (reply, error) {
	return reply{code: 221, text: "Goodbye.", then: func() error { return errEnd }}, nil
}
