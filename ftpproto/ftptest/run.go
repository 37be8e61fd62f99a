package ftptest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/ftpproto"
)

// Mode says how Run plays a transcript.
type Mode struct {
	// Update rewrites the texts of replies and the data received as the server sends them.
	// What decides whether a server is right is never rewritten: reply codes, the order of
	// things, and the trees.
	Update bool

	// ReadFrom makes uploads of the FS an io.ReaderFrom.
	ReadFrom bool
}

// Run plays the transcript in file against a server of its own, and fails t at the first line
// that is not as written.
func Run(t *testing.T, file string, mode Mode) {
	t.Helper()
	p, err := newPlayer(file, mode)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.play(); err != nil {
		t.Fatalf("%v\n\nThe server's log:\n%s", err, p.log.String())
	}
	if len(p.edits) > 0 {
		if err := os.WriteFile(file, []byte(p.rewritten()), 0o644); err != nil { //nolint:gosec // a source file
			t.Fatal(err)
		}
	}
}

// logBuffer is the log of a server, which writes it from many goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// player plays one script.
type player struct {
	script  *script
	mode    Mode
	timeout time.Duration // of each step
	log     logBuffer     // of the server
	fs      *FS
	address string
	tls     *tls.Config // of the clients
	clients map[string]*playerClient
	known   names
	edits   []edit
}

// playerClient is a client of a script.
type playerClient struct {
	*Client
	fresh bool   // it has done nothing yet
	last  string // code of the last reply
	ended bool   // its control connection has ended
}

// edit replaces lines of the script.
type edit struct {
	first, count int
	lines        []string
}

func newPlayer(file string, mode Mode) (*player, error) {
	s, err := parseFile(file)
	if err != nil {
		return nil, err
	}
	return &player{
		script:  s,
		mode:    mode,
		timeout: stepTimeout,
		clients: map[string]*playerClient{},
		known:   names{},
	}, nil
}

func (p *player) play() error {
	before, err := treeOf(p.script.before)
	if err != nil {
		return fmt.Errorf("%s: before: %w", p.script.file, err)
	}
	after := before
	if p.script.after != nil {
		if after, err = treeOf(p.script.after); err != nil {
			return fmt.Errorf("%s: after: %w", p.script.file, err)
		}
	}
	stop, err := p.serve()
	if err != nil {
		return err
	}
	err = p.dialogue()
	for _, c := range p.clients {
		c.Close()
	}
	if err = errors.Join(err, stop()); err != nil {
		return err
	}
	if problems := p.fs.Problems(); len(problems) > 0 {
		return fmt.Errorf("%s: the server left\n\t%s", p.script.file, strings.Join(problems, "\n\t"))
	}
	if tree := p.fs.Tree(); !slices.Equal(tree, after) {
		return fmt.Errorf("%s: the tree should be\n\t%s\nbut is\n\t%s", p.script.file,
			strings.Join(after, "\n\t"), strings.Join(tree, "\n\t"))
	}
	return nil
}

// serve starts the server that the script asks for. stop drains it and waits for it.
func (p *player) serve() (stop func() error, err error) {
	s := p.script
	p.fs = New()
	p.fs.SetReadFrom(p.mode.ReadFrom)
	for _, u := range s.users {
		p.fs.AddUser(u)
	}
	for _, h := range s.hooks {
		p.fs.AddHook(h)
	}
	for _, line := range s.before {
		if err := plant(p.fs, line); err != nil {
			return nil, err
		}
	}
	if s.listener.TLS != ftpproto.TLSNone {
		if s.listener.TLSConfig, p.tls, err = NewTLS(); err != nil {
			return nil, err
		}
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(s.listen, "0"))
	if err != nil {
		return nil, err
	}
	p.address = l.Addr().String()
	s.server.Logger = slog.New(slog.NewTextHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server := ftpproto.NewServer(p.fs, s.server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l, s.listener) }()
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			return fmt.Errorf("%s: sessions are left after all clients have gone: %w", s.file, err)
		}
		if err := <-served; !errors.Is(err, ftpproto.ErrServerClosed) {
			return fmt.Errorf("%s: Serve: %w", s.file, err)
		}
		return nil
	}, nil
}

// dialogue plays all steps and then lets every client that is still there quit.
func (p *player) dialogue() error {
	for i := 0; i < len(p.script.steps); i++ {
		st := p.script.steps[i]
		c, err := p.client(st.conn)
		if err != nil {
			return p.script.errorAt(st.first, err)
		}
		toEnd := false
		if next := i + 1; st.kind == dataIn && st.text[0] != "end" && next < len(p.script.steps) {
			n := p.script.steps[next]
			toEnd = n.conn == st.conn && n.kind == dataIn && n.text[0] == "end"
		}
		if err := p.step(c, st, toEnd); err != nil {
			return p.script.errorAt(st.first, err)
		}
		if toEnd {
			i++
		}
	}
	for name, c := range p.clients {
		if err := c.quit(); err != nil {
			return fmt.Errorf("%s: at the end of connection %s: %w", p.script.file, name, err)
		}
	}
	return nil
}

// client returns the client of that name, which connects when it is first mentioned.
func (p *player) client(name string) (*playerClient, error) {
	if c, ok := p.clients[name]; ok {
		return c, nil
	}
	c, err := dial(p.address, p.tls, p.timeout)
	if err != nil {
		return nil, err
	}
	pc := &playerClient{Client: c, fresh: true}
	p.clients[name] = pc
	return pc, nil
}

// quit ends a session that the script has left open; so a reply that the script does not have
// is noticed.
func (c *playerClient) quit() error {
	if c.ended {
		return nil
	}
	if c.last != "221" && c.last != "421" {
		if err := c.command("QUIT", "221"); err != nil {
			return err
		}
	}
	return c.ReadEnd()
}

// command sends a line and wants a reply of that code.
func (c *playerClient) command(line, code string) error {
	if line != "" {
		if err := c.Send([]byte(line + "\r\n")); err != nil {
			return err
		}
	}
	got, err := c.ReadReply()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(got[0], code) {
		return fmt.Errorf("got %q instead of %s", got, code)
	}
	return nil
}

func (p *player) step(c *playerClient, st step, toEnd bool) error {
	defer func() { c.fresh = false }()
	onData := st.kind == dataOut || st.kind == dataIn || st.kind == dataDoes
	connects := strings.HasPrefix(st.text[0], "connect") || st.text[0] == "accept" || st.text[0] == "refused"
	if onData && c.data.Conn == nil && !connects {
		return errors.New("there is no data connection")
	}
	switch st.kind {
	case clientRaw:
		return p.send(c, st)
	case clientIn:
		return p.clientIn(c, st)
	case clientDoes:
		return p.clientDoes(c, st.text[0])
	case reply:
		return p.reply(c, st)
	case serverDoes:
		return p.serverDoes(c, st.text[0])
	case dataOut:
		data, err := parseData(strings.Join(st.text, " "))
		if err != nil {
			return err
		}
		return c.WriteData(data)
	case dataIn:
		return p.dataIn(c, st, toEnd)
	case dataDoes:
		return p.dataDoes(c, st.text[0])
	}
	return fmt.Errorf("%q is no kind of step", st.kind)
}
