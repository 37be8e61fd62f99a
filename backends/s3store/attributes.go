package s3store

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tidegate/tidegate/backends"
)

// attributes is what an object has beside its bytes, as a HEAD tells it. S3 copies either all of
// them or none: whoever changes one has to send the others again. Stat leaves them in
// Info.Native, so that Copy need not ask a second time.
type attributes struct {
	cacheControl, contentDisposition, contentEncoding, contentLanguage, contentType *string

	expires  *time.Time
	class    types.StorageClass
	metadata map[string]string // this package's own keys too
	modTime  time.Time         // by metadata, or else the store's own
	tags     int               // how many there are, as far as these credentials may know
}

func attributesIn(head *s3.HeadObjectOutput) *attributes {
	a := &attributes{
		cacheControl:       head.CacheControl,
		contentDisposition: head.ContentDisposition,
		contentEncoding:    head.ContentEncoding,
		contentLanguage:    head.ContentLanguage,
		contentType:        head.ContentType,
		class:              head.StorageClass,
		metadata:           head.Metadata,
		modTime:            modTime(head.Metadata, head.LastModified),
		tags:               int(aws.ToInt32(head.TagCount)),
	}
	if t, err := http.ParseTime(aws.ToString(head.ExpiresString)); err == nil {
		a.expires = &t
	}
	return a
}

// listedClass is the class of an object in a listing, which tells no other attributes. Info.Native
// is nil for the usual one.
type listedClass types.StorageClass

// attributesOf returns what is known of src, nil if that is not all.
func attributesOf(src backends.Info) *attributes {
	a, _ := src.Native.(*attributes)
	return a
}

// changed returns the attributes that a copy shall have: those that opts sets, and of the others
// also the time at which the bytes were written, because to the store a copy is new.
func (a attributes) changed(opts backends.WriteOptions, token string) attributes {
	if opts.ModTime.IsZero() {
		opts.ModTime = a.modTime
	}
	meta := maps.Clone(a.metadata)
	if meta == nil {
		meta = make(map[string]string)
	}
	maps.Copy(meta, metadata(opts, token))
	a.metadata, a.modTime = meta, opts.ModTime
	if opts.ContentType != "" {
		a.contentType = &opts.ContentType
	}
	if opts.StorageClass != "" {
		a.class = types.StorageClass(opts.StorageClass)
	}
	return a
}

// usualClass is what the store gives an object whose write names none.
func (d *Driver) usualClass() types.StorageClass {
	if d.opts.StorageClass != "" {
		return types.StorageClass(d.opts.StorageClass)
	}
	return types.StorageClassStandard
}

// copiedClass is what the copy of an object of class has to ask for, "" for the usual one. An
// answer without a class means STANDARD. A class that is not of S3 is MinIO's name for the
// place to which it has moved the object; it takes the word of nobody.
func (d *Driver) copiedClass(class types.StorageClass) types.StorageClass {
	if class == "" {
		class = types.StorageClassStandard
	}
	if class == d.usualClass() || !slices.Contains(class.Values(), class) {
		return ""
	}
	return class
}

// tagging returns the tags of an upload that is to be a copy of src: those of opts, or its own.
func (d *Driver) tagging(ctx context.Context, src backends.Info, kept *attributes, opts backends.WriteOptions) (*string, error) {
	if len(opts.Tags) > 0 || kept.tags == 0 {
		return tagging(opts.Tags), nil
	}
	out, err := d.client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: d.bucket(), Key: &src.Key})
	if err != nil {
		return nil, err
	}
	tags := make(map[string]string, len(out.TagSet))
	for _, tag := range out.TagSet {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tagging(tags), nil
}

// tagging writes tags as the header of a write has them, nil for none.
func tagging(tags map[string]string) *string {
	values := make(url.Values, len(tags))
	for key, value := range tags {
		values.Set(key, value)
	}
	return optional(values.Encode())
}
