package gateway

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/ftpproto"
)

// outcome is what a client is told of a kind of error, and whether the operator should hear of it.
type outcome struct {
	code  int
	text  string
	fault bool // of the store or its configuration, not of the request
}

// outcomes is the one table from the errors of stores to the replies of FTP. The texts of stores
// and drivers stay in the log: they name buckets, keys and addresses.
var outcomes = map[backends.Kind]outcome{
	backends.ErrUnknown:     {451, "The store behind this server failed; nothing is wrong with the request. Try again later.", true},
	backends.ErrNotExist:    {ftpproto.ErrNotExist.Code, ftpproto.ErrNotExist.Text, false},
	backends.ErrExist:       {ftpproto.ErrExist.Code, ftpproto.ErrExist.Text, false},
	backends.ErrNotEmpty:    {ftpproto.ErrNotEmpty.Code, ftpproto.ErrNotEmpty.Text, false},
	backends.ErrPermission:  {451, "The store behind this server refuses this server access; nothing is wrong with the request. Try again later.", true},
	backends.ErrInvalid:     {ftpproto.ErrName.Code, ftpproto.ErrName.Text, false},
	backends.ErrChanged:     {451, "The file was changed by somebody else meanwhile. Try again.", false},
	backends.ErrRange:       {ftpproto.ErrRange.Code, ftpproto.ErrRange.Text, false},
	backends.ErrUploadGone:  {451, "The unfinished upload is gone. Send the file again from its beginning.", true},
	backends.ErrTooLarge:    {552, "The file is larger than the store takes.", false},
	backends.ErrQuota:       {552, "The store is out of space.", true},
	backends.ErrUnavailable: {451, "The store behind this server is not available; nothing is wrong with the request. Try again later.", true},
	backends.ErrUnsupported: {504, "The store cannot do this.", false},
}

// reply turns the error of a store into the client's, and logs what the operator should know.
// What did not come from a store stays as it is.
func (fs *fileSystem) reply(p place, err error) error {
	var kind backends.Kind
	if err == nil || !errors.As(err, &kind) {
		return err
	}
	if kind == backends.ErrNotExist && fs.health.unusable(p.mount.store.Name()) {
		kind = backends.ErrUnavailable // of a bucket that is not there, some stores say no more than that
	}
	o := outcomes[kind]
	if o.fault && !byClient(err) {
		fs.log.Warn("store failed", "path", p.name, "store", p.mount.store.Name(), "err", err)
		fs.health.suspect(p.mount.store.Name())
	}
	return ftpproto.NewError(o.code, o.text, err)
}

// byClient reports whether err only says that the client ended what it had begun: the cause of a
// transfer's context is then a reply, such as that to ABOR.
func byClient(err error) bool {
	_, ended := errors.AsType[*ftpproto.Error](err)
	return ended || errors.Is(err, context.Canceled)
}

// absent is reply for a lookup: what cannot have this name is not there, and a store that may only
// be written to refuses to tell whether anything is.
func (fs *fileSystem) absent(p place, err error) error {
	switch backends.KindOf(err) {
	case backends.ErrInvalid:
		return ftpproto.ErrNotExist
	case backends.ErrPermission:
		if fs.health.unusable(p.mount.store.Name()) {
			return fs.reply(p, err)
		}
		return ftpproto.NewError(ftpproto.ErrDenied.Code, ftpproto.ErrDenied.Text, err)
	}
	return fs.reply(p, err)
}
