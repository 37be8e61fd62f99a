package gateway

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/tidegate/tidegate/backends"
)

// Facts is the set of what is kept with an object of its upload, as metadata. The zero value is
// DefaultFacts where the store can keep them, and nothing where it cannot.
type Facts uint8

// The facts, and the keys of the metadata that hold them.
const (
	FactUser    Facts = 1 << iota // user: who uploaded it
	FactClient                    // client: the IP address it came from
	FactSession                   // session: which the lines of the log name too
	FactUpload                    // upload: a name of this one upload, in the log too
	FactSHA256                    // sha256: of the bytes, where all of them came through the gateway
	NoFacts                       // nothing is kept

	DefaultFacts = FactUser | FactClient | FactSession | FactUpload
)

var factNames = []struct {
	name string
	fact Facts
}{
	{"user", FactUser}, {"client", FactClient}, {"session", FactSession}, {"upload", FactUpload},
	{"sha256", FactSHA256}, {"none", NoFacts},
}

// ParseFact returns the fact that name stands for in a configuration: user, client, session,
// upload, sha256, or none.
func ParseFact(name string) (Facts, error) {
	names := make([]string, 0, len(factNames))
	for _, f := range factNames {
		if f.name == name {
			return f.fact, nil
		}
		names = append(names, f.name)
	}
	return 0, fmt.Errorf("%q is no fact of an upload: want one of %s", name, strings.Join(names, ", "))
}

// has reports whether the fact is kept.
func (f Facts) has(fact Facts) bool {
	if f == 0 {
		f = DefaultFacts
	}
	return f&fact != 0
}

// kept is what is kept with every object that is uploaded to a mount.
type kept struct {
	facts        Facts
	tags         map[string]string
	storageClass string
}

// newKept refuses what the store cannot keep, at the start and not at the first upload.
func newKept(user string, m Mount, caps backends.Caps) (kept, error) {
	k := kept{facts: m.Metadata, storageClass: m.StorageClass, tags: make(map[string]string, len(m.Tags))}
	for name, value := range m.Tags {
		k.tags[name] = forUser(value, user)
	}
	switch {
	case k.facts.has(NoFacts) && k.facts != NoFacts:
		return k, errors.New("metadata: want either none or some")
	case k.facts&^NoFacts != 0 && !caps.Has(backends.CapMetadata):
		return k, fmt.Errorf("metadata: store %q can keep none", m.Store)
	case len(k.tags) > 0 && !caps.Has(backends.CapTags):
		return k, fmt.Errorf("tags: store %q has none", m.Store)
	case k.storageClass != "" && !caps.Has(backends.CapStorageClass):
		return k, fmt.Errorf("storage class: store %q has none", m.Store)
	}
	return k, nil
}

// addTo sets what is kept with one upload. Values of metadata are header lines, which printable
// ASCII alone passes unchanged: the rest of it is percent-encoded.
func (k kept) addTo(opts *backends.CreateOptions, fs *fileSystem, upload string) {
	opts.Tags, opts.StorageClass = k.tags, k.storageClass
	opts.SHA256 = k.facts.has(FactSHA256)
	opts.Metadata = make(map[string]string)
	for _, f := range []struct {
		fact       Facts
		key, value string
	}{
		{FactUser, "user", fs.user},
		{FactClient, "client", fs.conn.Remote.Addr().Unmap().String()},
		{FactSession, "session", fs.conn.ID},
		{FactUpload, "upload", upload},
	} {
		if k.facts.has(f.fact) {
			opts.Metadata[f.key] = url.PathEscape(f.value)
		}
	}
}
