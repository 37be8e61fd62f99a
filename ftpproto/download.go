package ftpproto

import "io"

func (s *session) retr(arg string) (job, error) {
	if err := s.readyForData(); err != nil {
		return job{}, err
	}
	name, err := s.resolveFile(arg)
	if err != nil {
		return job{}, err
	}
	off := s.before.restart
	if off > 0 && !s.binary {
		return job{}, errRestartText
	}
	d := download{fs: s.fs, name: name, off: off, text: !s.binary}
	return job{name: name, run: d.run}, nil
}

type download struct {
	fs   FileSystem
	name string
	off  int64
	text bool // TYPE A
}

func (d *download) run(t *transfer) (reply, error) {
	src, err := d.fs.Open(t.ctx, d.name, d.off)
	if err != nil {
		return reply{}, err
	}
	defer src.Close()
	if err := t.begin("Opening data connection."); err != nil {
		return reply{}, err
	}
	if err := d.send(t, src); err != nil {
		return reply{}, err
	}
	return reply{code: 226, text: "Transfer complete."}, nil
}

func (d *download) send(t *transfer, src io.Reader) error {
	buffers := t.session.server.buffers
	var dst io.Writer = t.conn
	if d.text {
		buffer := buffers.get()
		defer buffers.put(buffer)
		dst = &toText{dst: t.conn, buf: *buffer}
	}
	_, err := copyData(dst, src, buffers)
	if t.conn.err != nil {
		return t.conn.err
	}
	if err != nil {
		return err
	}
	return t.conn.finish()
}
