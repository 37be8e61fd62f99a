package ftpproto

import (
	"context"
	"path"
)

func folderCommands() []command {
	return []command{
		{verb: "CWD", syntax: "<folder>", run: (*session).changeTo, needsArg: true, features: feature("TVFS")},
		{verb: "XCWD", syntax: "<folder>", run: (*session).changeTo, needsArg: true},
		{verb: "CDUP", run: (*session).cdup},
		{verb: "XCUP", run: (*session).cdup},
		{verb: "PWD", run: (*session).pwd},
		{verb: "XPWD", run: (*session).pwd},
		{verb: "MKD", syntax: "<folder>", run: (*session).mkd, needsArg: true},
		{verb: "XMKD", syntax: "<folder>", run: (*session).mkd, needsArg: true},
		{verb: "RMD", syntax: "<folder>", run: (*session).rmd, needsArg: true},
		{verb: "XRMD", syntax: "<folder>", run: (*session).rmd, needsArg: true},
	}
}

func (s *session) changeTo(ctx context.Context, arg string) (reply, error) {
	name := s.resolve(arg)
	info, err := s.fs.Stat(ctx, name, DirKind)
	if err != nil {
		return reply{}, err
	}
	if !info.IsDir {
		return reply{}, ErrNotDir
	}
	s.cwd = name
	return reply{code: 250, text: "Directory is now " + name}, nil
}

func (s *session) cdup(ctx context.Context, _ string) (reply, error) {
	return s.changeTo(ctx, path.Dir(s.cwd))
}

func (s *session) pwd(context.Context, string) (reply, error) {
	return reply{code: 257, text: quoted(s.cwd) + " is current directory"}, nil
}

func (s *session) mkd(ctx context.Context, arg string) (reply, error) {
	name := s.resolve(arg)
	if name == "/" {
		return reply{}, ErrExist
	}
	if err := s.fs.Mkdir(ctx, name); err != nil {
		return reply{}, err
	}
	return reply{code: 257, text: quoted(name) + " created"}, nil
}

func (s *session) rmd(ctx context.Context, arg string) (reply, error) {
	name := s.resolve(arg)
	if name == "/" {
		return reply{}, ErrDenied
	}
	if err := s.fs.Rmdir(ctx, name); err != nil {
		return reply{}, err
	}
	return reply{code: 250, text: "Directory removed."}, nil
}
