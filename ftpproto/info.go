package ftpproto

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

func infoCommands() []command {
	return []command{
		{verb: "ABOR", run: (*session).abor, beforeLogin: true},
		{verb: "STAT", syntax: "[<name>]", run: (*session).stat, beforeLogin: true, duringTransfer: true},
		{verb: "NOOP", run: (*session).noop, beforeLogin: true, duringTransfer: true},
		{verb: "SYST", run: (*session).syst, beforeLogin: true},
		{verb: "FEAT", run: (*session).feat, refusesArg: true, beforeLogin: true},
		{verb: "HELP", syntax: "[<command>|SITE]", run: (*session).help, beforeLogin: true},
		{verb: "SITE", syntax: "HELP|CHMOD <mode> <file>", run: (*session).site, needsArg: true},
		{verb: "CLNT", syntax: "<client>", run: (*session).clnt, beforeLogin: true},
	}
}

// unimplementedCommands are known from the RFCs, so that HELP can say they are not there and a
// client hears 502 instead of 500.
func unimplementedCommands() []command {
	verbs := []string{"SMNT", "LPRT", "LPSV", "ADAT", "MIC", "CONF", "ENC", "LANG", "HOST",
		"RANG", "MFCT", "MFF", "AVBL", "CSID", "RMDA", "COMB"}
	rows := make([]command, len(verbs))
	for i, verb := range verbs {
		rows[i].verb = verb
	}
	return rows
}

// abor has nothing left to abort when it runs: a transfer was ended when the line came.
func (s *session) abor(context.Context, string) (reply, error) {
	s.dropData()
	if s.aborted {
		s.aborted = false
		return reply{code: 226, text: "ABOR done."}, nil
	}
	return reply{code: 225, text: "No transfer to abort."}, nil
}

func (s *session) noop(context.Context, string) (reply, error) {
	return reply{code: 200, text: "OK."}, nil
}

func (s *session) syst(context.Context, string) (reply, error) {
	return reply{code: 215, text: "UNIX Type: L8"}, nil
}

func (s *session) clnt(context.Context, string) (reply, error) {
	return reply{code: 200, text: "Noted."}, nil
}

func (s *session) feat(context.Context, string) (reply, error) {
	var lines []string
	for _, cmd := range s.server.commands.rows {
		if cmd.features != nil && cmd.usable(s) {
			for _, feature := range cmd.features(s) {
				lines = append(lines, " "+feature)
			}
		}
	}
	slices.Sort(lines)
	return reply{code: 211, text: "Extensions supported:", lines: lines}, nil
}

func (s *session) help(ctx context.Context, arg string) (reply, error) {
	verb := strings.ToUpper(strings.TrimSpace(arg))
	if verb == "SITE" {
		return s.siteHelp()
	}
	if verb == "" {
		return reply{code: 214, text: "Commands (* is not implemented):",
			lines: columns(s.commandNames())}, nil
	}
	cmd := s.server.commands.find(verb)
	if cmd == nil || !cmd.usable(s) {
		return reply{}, NewError(502, "Command not implemented.", nil)
	}
	return reply{code: 214, text: strings.TrimSpace("Syntax: " + verb + " " + cmd.syntax)}, nil
}

func (s *session) commandNames() []string {
	var names []string
	for _, cmd := range s.server.commands.rows {
		name := cmd.verb
		if !cmd.usable(s) {
			name += "*"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// columns lays names out in lines.
func columns(names []string) []string {
	var lines []string
	for row := range slices.Chunk(names, 8) {
		var b strings.Builder
		for _, name := range row {
			fmt.Fprintf(&b, " %-8s", name)
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// site has no more than what clients ask for as a matter of course.
func (s *session) site(_ context.Context, arg string) (reply, error) {
	verb, rest, _ := strings.Cut(arg, " ")
	switch strings.ToUpper(verb) {
	case "HELP":
		return s.siteHelp()
	case "CHMOD":
		// Clients send it behind an upload. What users may do is not kept with the file.
		if mode, name, ok := strings.Cut(rest, " "); !ok || mode == "" || name == "" {
			return reply{}, NewError(501, "Want SITE CHMOD <mode> <file>.", nil)
		}
		return reply{code: 200, text: "Modes are not kept."}, nil
	}
	return reply{}, NewError(500, "Unknown SITE command.", nil)
}

func (s *session) siteHelp() (reply, error) {
	return reply{code: 214, text: "SITE commands:", lines: columns([]string{"CHMOD", "HELP"})}, nil
}

// stat tells about the session, its transfer, or a name as LIST would.
func (s *session) stat(ctx context.Context, arg string) (reply, error) {
	if arg != "" {
		return s.statName(ctx, arg)
	}
	lines := []string{
		" Connected from " + s.info.Remote.Addr().String(),
		" TYPE: " + s.typeName() + ", STRU: File, MODE: Stream",
	}
	if s.fs != nil {
		lines = append(lines, " Logged in, in "+s.cwd)
	}
	if s.secure {
		lines = append(lines, " Control connection in TLS")
	}
	if s.protected {
		lines = append(lines, " Data connections in TLS")
	}
	if t := s.running; t != nil {
		lines = append(lines, " "+t.status())
	} else {
		lines = append(lines, " No transfer running")
	}
	return reply{code: 211, text: "Status:", lines: lines}, nil
}

func (s *session) typeName() string {
	if s.binary {
		return "Image"
	}
	return "ASCII"
}

// maxStat is how many entries STAT shows of a folder. They go over the control connection, which
// can do nothing else meanwhile: whoever wants more has LIST.
const maxStat = 1000

// statName lists on the control connection: 213 for a file, 212 for a folder (RFC 959 §4.2.2).
func (s *session) statName(ctx context.Context, arg string) (reply, error) {
	if s.fs == nil {
		return reply{}, errNotLoggedIn
	}
	name := s.resolve(dropOptions(arg))
	info, err := s.fs.Stat(ctx, name, AnyKind)
	if err != nil {
		return reply{}, err
	}
	format := unixFormat(time.Now())
	if !info.IsDir {
		return reply{code: 213, text: "Status of " + name, lines: []string{string(format(nil, info, info.Name))}}, nil
	}
	lines := []string{}
	for info, err := range s.fs.ReadDir(ctx, name) {
		if err != nil {
			return reply{}, err
		}
		if len(lines) == maxStat {
			lines = append(lines, " There is more: use LIST.")
			break
		}
		lines = append(lines, string(format(nil, info, info.Name)))
	}
	return reply{code: 212, text: "Status of " + name, lines: lines}, nil
}
