package ftpproto

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"path"
	"strings"
	"time"
)

// abortTimeout bounds File.Abort, so that a store that hangs does not hold the session for ever.
const abortTimeout = 30 * time.Second

// uniqueNameTail is how many random characters make a STOU name unique: more than 64 bits.
const uniqueNameTail = 13

func (s *session) stor(arg string) (job, error) {
	return s.upload(arg, CreateOptions{Offset: s.before.restart})
}

// appe appends. Behind REST it is STOR behind REST (RFC 3659 §5).
func (s *session) appe(arg string) (job, error) {
	return s.upload(arg, CreateOptions{Offset: s.before.restart, Append: s.before.restart == 0})
}

// stou stores under a new name, which the 150 reply tells in the form of RFC 1123 §4.1.2.9.
func (s *session) stou(arg string) (job, error) {
	stem := arg
	if stem == "" {
		stem = "upload"
	}
	return s.upload(stem+"."+strings.ToLower(rand.Text()[:uniqueNameTail]), CreateOptions{Exclusive: true})
}

func (s *session) upload(arg string, opts CreateOptions) (job, error) {
	announced := s.allocated
	s.allocated = 0
	if err := s.readyForData(); err != nil {
		return job{}, err
	}
	name, err := s.resolveFile(arg)
	if err != nil {
		return job{}, err
	}
	if opts.Offset > 0 && !s.binary {
		return job{}, errRestartText
	}
	opts.SizeHint = max(0, announced-opts.Offset)
	begun := "Ok to send data."
	if opts.Exclusive {
		begun = "FILE: " + path.Base(name)
	}
	u := upload{fs: s.fs, name: name, opts: opts, announced: announced, text: !s.binary, begun: begun}
	return job{name: name, run: u.run}, nil
}

type upload struct {
	fs        FileSystem
	name      string
	opts      CreateOptions
	announced int64 // by ALLO; 0 if it was not
	text      bool  // TYPE A
	begun     string
}

func (u *upload) run(t *transfer) (_ reply, err error) {
	f, err := u.fs.Create(t.ctx, u.name, u.opts)
	if err != nil {
		return reply{}, err
	}
	err = errPanic // unless something else is said below
	received := false
	defer func() {
		if !received {
			t.abort(f, err)
		}
	}()
	if err = u.receive(t, f); err != nil {
		return reply{}, err
	}
	received = true
	if err := f.Commit(t.ctx); err != nil {
		return reply{}, err
	}
	return reply{code: 226, text: "Transfer complete."}, nil
}

// receive reads the data connection to its end, and returns nil if there is all the evidence
// that the file is complete.
func (u *upload) receive(t *transfer, f File) error {
	if err := t.begin(u.begun); err != nil {
		return err
	}
	var src io.Reader = t.conn
	if u.text {
		src = &fromText{src: src}
	}
	_, err := copyData(f, src, t.session.server.buffers)
	if t.conn.err != nil {
		return t.conn.err // not what the File made of it
	}
	if err != nil {
		return err
	}
	ended, silence := t.conn.wire.end()
	// ftplib waits for our close_notify before it looks for the reply. Whether a client is still
	// there to read it says nothing about the upload.
	_ = t.conn.finish()
	if t.moved.Load()+u.opts.Offset < u.announced {
		return NewError(451, "Fewer bytes came than ALLO announced.", nil)
	}
	return t.settle(time.Until(ended.Add(settleTime(t.conn.network, ended.Sub(t.began), silence))))
}

// abort ends f without publishing it. The client may have gone: t's context does not count.
func (t *transfer) abort(f File, cause error) {
	if err := context.Cause(t.ctx); err != nil {
		cause = err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), abortTimeout)
	defer cancel()
	if err := f.Abort(ctx, cause); err != nil {
		t.session.log.Warn("abort of an upload failed", "path", t.name, "err", err)
	}
}

// settle waits a moment for a sign that the client is gone: when it is killed, its kernel
// closes both connections, and the one that carried data may well be the first.
func (t *transfer) settle(pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.quit:
	case <-t.ctx.Done():
		return context.Cause(t.ctx)
	}
	if control, ok := t.session.raw.(*net.TCPConn); !ok || peerOpen(control) {
		return context.Cause(t.ctx)
	}
	// The control connection has ended, but what came before its end may still be unread: a
	// QUIT makes it an orderly end.
	select {
	case <-t.quit:
	case <-t.ctx.Done():
	}
	return context.Cause(t.ctx)
}
