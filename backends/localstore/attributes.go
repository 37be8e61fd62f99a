package localstore

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"

	"github.com/tidegate/tidegate/backends"
)

const (
	// maxMetadata is how many bytes of keys and values a file may have. ext4 gives all extended
	// attributes of a file one block of 4 KiB, names and headers included; S3 takes as much as this.
	maxMetadata = 2 << 10

	// attributePrefix begins the names of the extended attributes that hold metadata.
	attributePrefix = "user.tidegate."
)

// admit refuses what a local directory cannot keep beside the bytes of a file.
func (d *Driver) admit(op, key string, opts backends.WriteOptions) error {
	switch {
	case len(opts.Tags) > 0:
		return backends.NewError(op, key, backends.ErrUnsupported, errors.New("a file has no tags"))
	case opts.StorageClass != "":
		return backends.NewError(op, key, backends.ErrUnsupported, errors.New("a disk has no storage classes"))
	}
	if err := d.checkMetadata(op, key, opts.Metadata); err != nil {
		return err
	}
	return checkTime(op, key, opts.ModTime)
}

// checkMetadata refuses metadata that could not be kept.
func (d *Driver) checkMetadata(op, key string, metadata map[string]string) error {
	size := 0
	for name, value := range metadata {
		size += len(name) + len(value)
	}
	switch {
	case size == 0:
		return nil
	case !d.attributes:
		return backends.NewError(op, key, backends.ErrUnsupported, errors.New("the file system keeps no extended attributes"))
	case isFolderKey(key):
		return backends.NewError(op, key, backends.ErrUnsupported, errors.New("a folder has no metadata"))
	case size > maxMetadata:
		return backends.NewError(op, key, backends.ErrInvalid, fmt.Errorf("%d bytes of metadata; a file keeps %d", size, maxMetadata))
	}
	return nil
}

// setMetadata adds metadata to what f has.
func setMetadata(f *os.File, metadata map[string]string) error {
	for name, value := range metadata {
		if err := setAttribute(f, attributePrefix+name, value); err != nil {
			return fmt.Errorf("metadata %q: %w", name, err)
		}
	}
	return nil
}

// metadata returns what setMetadata has kept with f, nil for nothing.
func (d *Driver) metadata(f *os.File) (map[string]string, error) {
	if !d.attributes {
		return nil, nil
	}
	return attributes(f, attributePrefix)
}

// describe is stat, and tells the metadata too. A file that may not be read is described without.
func (d *Driver) describe(op, key, local string) (backends.Info, error) {
	info, err := d.stat(op, key, local)
	if err != nil || info.IsMarker() || !d.attributes {
		return info, err
	}
	f, described, err := d.openAt(op, key, local)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return info, nil
	case err != nil:
		return backends.Info{}, err
	}
	discard(f)
	return described, nil
}

// merged returns old with what is more, and as more says where they differ.
func merged(old, more map[string]string) map[string]string {
	if len(old) == 0 {
		return more
	}
	all := maps.Clone(old)
	maps.Copy(all, more)
	return all
}
