package ftpproto

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
)

func parameterCommands() []command {
	return []command{
		{verb: "TYPE", syntax: "A|A N|I|L 8", run: (*session).typ, needsArg: true},
		{verb: "STRU", syntax: "F", run: (*session).stru, needsArg: true},
		{verb: "MODE", syntax: "S", run: (*session).mode, needsArg: true},
		{verb: "ALLO", syntax: "<bytes> [R <bytes>]", run: (*session).allo, needsArg: true},
		{verb: "REST", syntax: "<offset>", run: (*session).rest, needsArg: true, features: feature("REST STREAM")},
		{verb: "OPTS", syntax: "UTF8 ON|MLST <facts>|HASH [<algorithm>]", run: (*session).options, needsArg: true, beforeLogin: true,
			features: feature("UTF8")},
	}
}

func (s *session) typ(_ context.Context, arg string) (reply, error) {
	fields := strings.Fields(strings.ToUpper(arg))
	var form string
	switch len(fields) {
	case 1:
	case 2:
		form = fields[1]
	default:
		return reply{}, NewError(501, "Want TYPE A, A N, I or L 8.", nil)
	}
	switch fields[0] + " " + form {
	case "A ", "A N":
		s.binary = false
		return reply{code: 200, text: "Type is ASCII."}, nil
	case "I ", "L 8":
		s.binary = true
		return reply{code: 200, text: "Type is binary."}, nil
	case "L ":
		return reply{}, NewError(501, "Want TYPE L 8.", nil)
	}
	return reply{}, NewError(504, "Only TYPE A N, I and L 8 are supported.", nil)
}

// stru: a store keeps bytes, and has no place for the records of RFC 959 §3.1.2.2.
func (s *session) stru(_ context.Context, arg string) (reply, error) {
	if strings.EqualFold(strings.TrimSpace(arg), "F") {
		return reply{code: 200, text: "Structure is file."}, nil
	}
	return reply{}, NewError(504, "Only STRU F is supported.", nil)
}

func (s *session) mode(_ context.Context, arg string) (reply, error) {
	if strings.EqualFold(strings.TrimSpace(arg), "S") {
		return reply{code: 200, text: "Mode is stream."}, nil
	}
	return reply{}, NewError(504, "Only MODE S is supported.", nil)
}

// allo keeps the size that the client announces for its next upload. It answers 200, not 202,
// which some devices take for a failure.
func (s *session) allo(_ context.Context, arg string) (reply, error) {
	fields := strings.Fields(strings.ToUpper(arg))
	if len(fields) != 1 && (len(fields) != 3 || fields[1] != "R") {
		return reply{}, NewError(501, "Want ALLO <bytes> [R <bytes>].", nil)
	}
	for i := 0; i < len(fields); i += 2 {
		n, err := strconv.ParseUint(fields[i], 10, 64)
		switch {
		case errors.Is(err, strconv.ErrRange), n > math.MaxInt64:
			return reply{}, NewError(552, "No store holds that much.", nil)
		case err != nil:
			return reply{}, NewError(501, "Want ALLO <bytes> [R <bytes>].", nil)
		case i == 0:
			s.allocated = int64(n)
		}
	}
	return reply{code: 200, text: "Noted."}, nil
}

// errRestartText: the offset would count bytes on the wire (RFC 3659 §5.2), which are not those of
// the stored file.
var errRestartText = NewError(554, "Restart needs TYPE I.", nil)

// rest keeps the offset for the next command. Whether the file has it, the FileSystem knows then.
func (s *session) rest(_ context.Context, arg string) (reply, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(arg), 10, 63)
	if err != nil {
		return reply{}, NewError(501, "Want REST <offset>.", nil)
	}
	s.once.restart = int64(n)
	return reply{code: 350, text: "Restarting at " + strconv.FormatUint(n, 10) + "."}, nil
}

func (s *session) options(_ context.Context, arg string) (reply, error) {
	verb, rest, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(arg)), " ")
	switch verb {
	case "UTF8", "UTF-8":
		if rest == "" || rest == "ON" {
			return reply{code: 200, text: "UTF-8 is always on."}, nil
		}
		return reply{}, NewError(504, "UTF-8 cannot be turned off.", nil)
	case "MLST":
		s.facts = parseFacts(rest)
		return reply{code: 200, text: strings.TrimSpace("MLST OPTS " + s.facts.String())}, nil
	case "HASH":
		if tellsSums(s) {
			return s.selectHash(rest)
		}
	}
	return reply{}, NewError(501, "No options for that command.", nil)
}
