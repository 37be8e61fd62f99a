package gcsstore

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	rawstorage "google.golang.org/api/storage/v1"

	"github.com/tidegate/tidegate/backends"
)

const (
	// maxSources is how many objects one Compose joins.
	maxSources = 32
	// parallelComposes of one upload are under way at once.
	parallelComposes = 8
)

// source is an object to be joined, at exactly one generation.
type source struct {
	name       string
	generation int64
	size       int64
	sum        uint64
	hasSum     bool
}

// Commit implements backends.Upload. One more request than there are groups of 32 parts publishes the
// object; then what it was made of is deleted. What that leaves, if it fails, is hidden and does no harm.
func (u *upload) Commit(ctx context.Context, parts []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	const op = "commit upload of"
	if err := u.admit(ctx, op); err != nil {
		return backends.Info{}, err
	}
	sources := u.sources(parts)
	whole, err := verify(parts, sources, opts)
	if err != nil {
		return backends.Info{}, backends.NewError(op, u.key, backends.ErrInvalid, err)
	}
	answered, cancel := lasting(ctx)
	defer cancel()
	for level := 1; len(sources) > maxSources; level++ {
		if sources, err = u.join(answered, level, sources); err != nil {
			return backends.Info{}, u.failCommit(ctx, op, parts, err)
		}
	}
	meta := signed(u.opts, u.id)
	maps.Copy(meta, opts.Metadata)
	made, doubt, err := u.driver.compose(answered, composition{
		name:    u.key,
		sources: sources,
		whole:   whole,
		attrs:   rawstorage.Object{ContentType: either(u.opts.ContentType, defaultType), Metadata: meta, StorageClass: u.class},
		acl:     u.driver.opts.ACL,
		must:    u.opts,
	})
	if status := statusOf(err); err != nil && (doubt || status == http.StatusNotFound || status == http.StatusPreconditionFailed) {
		// Another process may have published the upload: of these parts, or of others.
		if landed := u.driver.landed(ctx, u.key, u.id); landed != nil && is(infoOf(landed), whole) {
			made, err = infoOf(landed), nil
		}
	}
	if err != nil {
		return backends.Info{}, u.failCommit(ctx, op, parts, err)
	}
	u.end()
	tidied, done := after(ctx, cleanupTimeout)
	defer done()
	_ = u.remove(tidied) // the object is published, whatever becomes of its parts
	return made, nil
}

// sources are Base and the parts, in order.
func (u *upload) sources(parts []backends.Part) []source {
	var all []source
	if base := u.opts.Base; base != nil {
		all = append(all, source{base.Key, generation(base.Version), base.Size, base.Sum, base.HasSum})
	}
	for _, part := range parts {
		all = append(all, source{u.partName(part.Number), generation(part.Tag), part.Size, part.Sum, hasSum(uint32(part.Sum), part.Size)})
	}
	return all
}

// verify checks the numbers, and what the sources make together against what the writer says. It
// returns the latter, with the sum if that is known here.
func verify(parts []backends.Part, sources []source, opts backends.CommitOptions) (backends.CommitOptions, error) {
	for i, part := range parts {
		if part.Number != i+1 {
			return opts, fmt.Errorf("part %d in place %d", part.Number, i+1)
		}
	}
	if len(sources) == 0 {
		return opts, errors.New("no parts")
	}
	whole := joined(sources)
	switch {
	case whole.size != opts.Size:
		return opts, fmt.Errorf("parts of %d bytes together, not %d", whole.size, opts.Size)
	case opts.HasSum && (opts.Sum>>32 != 0 || whole.hasSum && whole.sum != opts.Sum):
		return opts, errSum
	case !opts.HasSum:
		opts.Sum, opts.HasSum = whole.sum, whole.hasSum
	}
	return opts, nil
}

// is reports whether an object can be what was to be published.
func is(info backends.Info, whole backends.CommitOptions) bool {
	return info.Size == whole.Size && (!info.HasSum || !whole.HasSum || info.Sum == whole.Sum)
}

// joined is what a Compose of sources makes, but for its name.
func joined(sources []source) source {
	whole := source{hasSum: true}
	for _, s := range sources {
		whole.sum = backends.CRC32C.Combine(whole.sum, s.sum, s.size)
		whole.hasSum = whole.hasSum && s.hasSum
		whole.size += s.size
	}
	return whole
}

// join makes one hidden object of each group of sources.
func (u *upload) join(ctx context.Context, level int, sources []source) ([]source, error) {
	fewer := make([]source, (len(sources)+maxSources-1)/maxSources)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelComposes)
	for i := range fewer {
		from := sources[i*maxSources : min((i+1)*maxSources, len(sources))]
		group.Go(func() error {
			whole := joined(from)
			whole.name = u.name(fmt.Sprintf("%s%d-%06d", joinedName, level, i))
			made, _, err := u.driver.compose(ctx, composition{
				name:    whole.name,
				sources: from,
				whole:   backends.CommitOptions{Size: whole.size, Sum: whole.sum, HasSum: whole.hasSum},
				attrs:   rawstorage.Object{ContentType: defaultType, StorageClass: u.class},
			})
			whole.generation = generation(made.Version)
			fewer[i] = whole
			return err
		})
	}
	return fewer, group.Wait()
}

// composition is one Compose.
type composition struct {
	name    string
	sources []source
	whole   backends.CommitOptions // what comes of it, for the store to verify
	attrs   rawstorage.Object      // beside that
	acl     string
	must    backends.WriteOptions // whose conditions hold for it
}

// compose makes an object of others. The library's own Composer cannot name a KMS key.
func (d *Driver) compose(ctx context.Context, c composition) (info backends.Info, doubt bool, err error) {
	call := d.composeCall(c).Context(ctx)
	var made *rawstorage.Object
	doubt, err = d.retry(ctx, func() error {
		made, err = call.Do()
		return err
	})
	if err != nil {
		return backends.Info{}, doubt, err
	}
	if made.Size != uint64(c.whole.Size) || c.whole.HasSum && made.Crc32c != encodeSum(c.whole.Sum) {
		return backends.Info{}, false, fmt.Errorf("the store has made %d bytes of sum %s of what are %d of %s",
			made.Size, made.Crc32c, c.whole.Size, encodeSum(c.whole.Sum))
	}
	updated, err := time.Parse(time.RFC3339, made.Updated)
	return backends.Info{
		Key:      c.name,
		Size:     c.whole.Size,
		ModTime:  modTime(c.attrs.Metadata, updated),
		Version:  version(made.Generation),
		Sum:      c.whole.Sum,
		HasSum:   c.whole.HasSum,
		Metadata: custom(c.attrs.Metadata),
	}, false, err
}

func (d *Driver) composeCall(c composition) *rawstorage.ObjectsComposeCall {
	c.attrs.Bucket = d.opts.Bucket
	if c.whole.HasSum {
		c.attrs.Crc32c = encodeSum(c.whole.Sum)
	}
	request := &rawstorage.ComposeRequest{Destination: &c.attrs}
	for _, s := range c.sources {
		request.SourceObjects = append(request.SourceObjects, &rawstorage.ComposeRequestSourceObjects{Name: s.name, Generation: s.generation})
	}
	call := d.composer.Compose(d.opts.Bucket, c.name, request)
	switch {
	case c.must.IfAbsent:
		call.IfGenerationMatch(0)
	case c.must.IfVersion != "":
		call.IfGenerationMatch(generation(c.must.IfVersion))
	}
	if d.opts.KMSKey != "" {
		call.KmsKeyName(d.opts.KMSKey)
	}
	if c.acl != "" {
		call.DestinationPredefinedAcl(c.acl)
	}
	if d.opts.UserProject != "" {
		call.UserProject(d.opts.UserProject)
	}
	d.encrypt(call.Header())
	return call
}

// failCommit tells from a 404 what it does not: whether the upload has ended, a part or Base was
// replaced by another writer (ErrChanged), or a part was never put (ErrInvalid).
func (u *upload) failCommit(ctx context.Context, op string, parts []backends.Part, err error) error {
	d := u.driver
	if statusOf(err) != http.StatusNotFound || noBucket(err) {
		return d.failWrite(op, u.key, u.opts, err)
	}
	ctx, cancel := after(ctx, resolveTimeout)
	defer cancel()
	stored, _, listErr := u.list(ctx, op)
	switch {
	case listErr != nil:
		return listErr
	case replaced(parts, stored), u.opts.Base != nil && !missing(parts, stored):
		return d.failAs(backends.ErrChanged, "", op, u.key, err)
	}
	return d.failAs(backends.ErrInvalid, "", op, u.key, err)
}

// replaced reports whether one of parts is stored with another tag.
func replaced(parts, stored []backends.Part) bool {
	tags := tagsOf(stored)
	for _, part := range parts {
		if tag, ok := tags[part.Number]; ok && tag != part.Tag {
			return true
		}
	}
	return false
}

// missing reports whether one of parts is not stored.
func missing(parts, stored []backends.Part) bool {
	tags := tagsOf(stored)
	for _, part := range parts {
		if _, ok := tags[part.Number]; !ok {
			return true
		}
	}
	return false
}

func tagsOf(parts []backends.Part) map[int]string {
	tags := make(map[int]string, len(parts))
	for _, part := range parts {
		tags[part.Number] = part.Tag
	}
	return tags
}

// encodeSum is for the JSON of Google: base64 of the sum, high byte first.
func encodeSum(sum uint64) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(sum)))
}
