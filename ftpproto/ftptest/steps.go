package ftptest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/ftpproto"
)

// send writes a group of client lines. A {port} in them opens a port for active mode.
func (p *player) send(c *playerClient, st step) error {
	data, err := parseData(strings.Join(st.text, " "))
	if err != nil {
		return err
	}
	text := string(data)
	if strings.Contains(text, "{port}") {
		own, err := c.Listen()
		if err != nil {
			return err
		}
		port := strconv.Itoa(int(own.Port()))
		if strings.HasPrefix(strings.ToUpper(text), "PORT ") {
			port = fmt.Sprintf("%d,%d", own.Port()>>8, own.Port()&0xff)
		}
		text = strings.Replace(text, "{port}", port, 1)
	}
	return c.Send([]byte(p.known.fill(text)))
}

// clientIn reads bytes that are no reply.
func (p *player) clientIn(c *playerClient, st step) error {
	want, err := parseData(strings.Join(st.text, " "))
	if err != nil {
		return err
	}
	got, err := c.ReadBytes(len(want))
	if err != nil {
		return fmt.Errorf("want %q: %w", want, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("want %q, got %q", want, got)
	}
	return nil
}

func (p *player) clientDoes(c *playerClient, what string) error {
	verb, arg, _ := strings.Cut(what, " ")
	switch verb {
	case "login":
		return p.login(c, arg)
	case "tls":
		versions := map[string]uint16{"": 0, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}
		version, ok := versions[arg]
		if !ok {
			return fmt.Errorf("%q is no version of TLS", arg)
		}
		return c.StartTLS(version)
	case "clear":
		return c.StopTLS()
	case "close":
		c.ended = true
		return c.control.Close()
	case "half-close":
		return c.control.raw.CloseWrite()
	case "reset":
		c.ended = true
		return c.Reset()
	}
	return fmt.Errorf("%q is nothing that a client does", what)
}

// login logs a user of the script in, from the greeting on if this is the first thing that the
// client does.
func (p *player) login(c *playerClient, name string) error {
	i := slices.IndexFunc(p.script.users, func(u User) bool { return u.Name == name })
	if i < 0 {
		return fmt.Errorf("%q is no user of this transcript", name)
	}
	if c.fresh {
		if p.script.listener.TLS == ftpproto.TLSImplicit {
			if err := c.StartTLS(0); err != nil {
				return err
			}
		}
		if err := c.command("", "220"); err != nil {
			return err
		}
	}
	if err := c.command("USER "+name, "331"); err != nil {
		return err
	}
	return c.command("PASS "+p.script.users[i].Password, "230")
}

func (p *player) serverDoes(c *playerClient, what string) error {
	c.ended = true
	defer c.Close()
	switch what {
	case "closed":
		return c.ReadEnd()
	case "gone":
		return c.WaitGone()
	}
	return fmt.Errorf("%q is nothing that a server does", what)
}

// reply reads one reply and compares it.
func (p *player) reply(c *playerClient, st step) error {
	got, err := c.ReadReply()
	if err != nil {
		return fmt.Errorf("want %q: %w", st.text, err)
	}
	c.last = got[0][:3]
	if slices.EqualFunc(st.text, got, p.known.match) {
		return nil
	}
	if p.mode.Update && strings.HasPrefix(st.text[0], c.last) {
		got[0] = c.withoutPort(got[0])
		p.edit(st, got)
		return nil
	}
	return fmt.Errorf("want\n\t%s\ngot\n\t%s", strings.Join(st.text, "\n\t"), strings.Join(got, "\n\t"))
}

// withoutPort puts a placeholder for the port that a reply tells.
func (c *playerClient) withoutPort(line string) string {
	switch c.last {
	case "227":
		return pasvReply.ReplaceAllString(line, "($1,{port})")
	case "229":
		return epsvReply.ReplaceAllString(line, "(|||{port}|)")
	case "200":
		if c.active != nil {
			port := c.active.Addr().(*net.TCPAddr).Port
			return strings.Replace(line, fmt.Sprintf(":%d", port), ":{port}", 1)
		}
	}
	return line
}

// dataIn reads from the data connection: as many bytes as are expected, or up to the end.
func (p *player) dataIn(c *playerClient, st step, toEnd bool) error {
	var got, want []byte
	var err error
	switch st.text[0] {
	case "gone":
		return c.WaitDataGone()
	case "end":
		toEnd = true
	default:
		if want, err = parseData(strings.Join(st.text, " ")); err != nil {
			return err
		}
	}
	if toEnd {
		got, err = c.ReadDataToEnd()
	} else {
		got, err = c.ReadData(len(want))
	}
	if err != nil {
		return fmt.Errorf("after %s: %w", formatData(got), err)
	}
	if p.known.match(string(want), string(got)) {
		return nil
	}
	if p.mode.Update && toEnd && st.text[0] != "end" {
		p.edit(st, dataLines(got))
		return nil
	}
	return fmt.Errorf("want data\n\t%s\ngot\n\t%s", formatData(want), formatData(got))
}

// dataLines writes data as transcripts have them, a line of data on each.
func dataLines(data []byte) []string {
	var lines []string
	for line := range strings.Lines(string(data)) {
		lines = append(lines, strconv.Quote(line))
	}
	if len(lines) == 0 {
		return []string{`""`}
	}
	return lines
}

func (p *player) dataDoes(c *playerClient, what string) error {
	verb, arg, _ := strings.Cut(what, " ")
	switch verb {
	case "connect":
		return c.Connect(strings.TrimPrefix(arg, "from "))
	case "refused":
		if err := c.Connect(""); err == nil {
			return errors.New("the port is still open")
		}
		return nil
	case "accept":
		return c.Accept()
	case "tls":
		return c.StartDataTLS()
	case "close":
		return c.CloseData()
	case "cut":
		return c.CutData()
	case "reset":
		return c.ResetData()
	}
	return fmt.Errorf("%q is nothing that a data connection does", what)
}

// edit notes that the lines of a step are to be rewritten.
func (p *player) edit(st step, text []string) {
	prefix, _, _ := strings.Cut(p.script.lines[st.first], " ")
	lines := make([]string, len(text))
	for i := range text {
		lines[i] = prefix + " " + text[i]
	}
	p.edits = append(p.edits, edit{first: st.first, count: len(st.text), lines: lines})
}

// rewritten returns the script's file with all edits made.
func (p *player) rewritten() string {
	lines := slices.Clone(p.script.lines)
	for _, e := range slices.Backward(p.edits) {
		lines = slices.Replace(lines, e.first, e.first+e.count, e.lines...)
	}
	return strings.Join(lines, "\n")
}
