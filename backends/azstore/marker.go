package azstore

import (
	"context"
	"strings"

	"github.com/tidegate/tidegate/backends"
)

// A folder's marker is the empty blob "dir/" here, as in other stores. Hadoop's tools, the portal
// and hierarchical accounts mark it by a blob "dir" instead, whose metadata says that it is a folder;
// that is shown as "dir/" too, and there is then no object "dir". On hierarchical accounts, where it
// is the only way, this package makes such markers itself. Only Delete does not look before it
// removes a "dir": what goes at the worst is the mark of a folder, and never a full one that exists
// by itself.

// name returns the blob that is written for key.
func (d *Driver) name(key string) string {
	if d.opts.Hierarchical {
		return strings.TrimSuffix(key, "/")
	}
	return key
}

func isFolder(meta map[string]string) bool { return strings.EqualFold(meta[metaFolder], "true") }

// isOf reports whether a blob of that name with that metadata is what key means.
func isOf(key, name string, meta map[string]string) bool {
	return isFolder(meta) == (name != key)
}

// find returns the blob that key means, of a version or ("") any. For a marker that is not found
// under its own name it asks again for one of the other kind.
func (d *Driver) find(ctx context.Context, key, version string) (properties, error) {
	found, err := d.head(ctx, d.name(key), version)
	if folder, ok := strings.CutSuffix(key, "/"); ok && !d.opts.Hierarchical && missing(err) {
		if other, otherErr := d.head(ctx, folder, version); otherErr == nil {
			found, err = other, nil
		}
	}
	if err == nil && !isOf(key, found.name, found.meta) {
		return properties{}, errOtherKind
	}
	return found, err
}

// missing reports whether a blob of that version is not there.
func missing(err error) bool {
	kind := kindOf(err)
	return err != nil && (kind == backends.ErrNotExist || kind == backends.ErrChanged)
}

// errOtherKind is a file found where a folder was meant, or the reverse.
var errOtherKind = backends.ErrNotExist
