package s3store

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/minio"
)

// enforcer does what AWS does and MinIO answers 200 to: it holds copies and deletions to their
// conditions, and uploads to the size that was announced. Requests that make or remove an object
// go one at a time, so that of two that exclude each other one wins.
type enforcer struct {
	client *s3.Client
	bucket string
	writes sync.Mutex
}

// enforce makes the proxy an enforcer too.
func (p *proxy) enforce(t *testing.T) {
	t.Helper()
	e := &enforcer{client: minio.Shared(t).Client(), bucket: p.opts.Bucket}
	p.serve = e.serve
}

func (e *enforcer) serve(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	key, query := strings.TrimPrefix(r.URL.Path, "/"+e.bucket+"/"), r.URL.Query()
	part := query.Has("partNumber")
	if r.Method == http.MethodGet || r.Method == http.MethodHead || query.Has("uploads") || part && r.Header.Get("X-Amz-Copy-Source") == "" {
		forward.ServeHTTP(w, r)
		return
	}
	e.writes.Lock()
	defer e.writes.Unlock()
	var refusal string
	switch {
	case r.Method == http.MethodPost && query.Has("delete"):
		e.deleteMany(w, r)
		return
	case r.Method == http.MethodPost && query.Has("uploadId"):
		refusal = e.checkSize(r, key, query.Get("uploadId"))
	case r.Header.Get("X-Amz-Copy-Source") != "":
		refusal = e.checkSource(r)
		if !part {
			refusal = cmp.Or(refusal, e.check(r, key, r.Header.Get("If-Match"), r.Header.Get("If-None-Match")))
		}
	case r.Method == http.MethodDelete && !query.Has("uploadId"):
		refusal = e.checkDelete(r, key, r.Header.Get("If-Match"))
	}
	if refusal != "" {
		answer(statusOfCode[refusal], refusal)(w, r, nil)
		return
	}
	forward.ServeHTTP(w, r)
}

var statusOfCode = map[string]int{
	"NoSuchKey":          http.StatusNotFound,
	"PreconditionFailed": http.StatusPreconditionFailed,
	"InvalidRequest":     http.StatusBadRequest,
}

// check returns the code of S3's refusal if a condition does not hold of the object at key.
func (e *enforcer) check(r *http.Request, key, ifMatch, ifNoneMatch string) string {
	if ifMatch == "" && ifNoneMatch == "" {
		return ""
	}
	head, err := e.client.HeadObject(r.Context(), &s3.HeadObjectInput{Bucket: &e.bucket, Key: &key})
	switch {
	case err != nil && ifMatch != "":
		return "NoSuchKey"
	case err == nil && (ifMatch != "" && ifMatch != aws.ToString(head.ETag) || ifNoneMatch != ""):
		return "PreconditionFailed"
	}
	return ""
}

// checkDelete says the same of another version and of none.
func (e *enforcer) checkDelete(r *http.Request, key, ifMatch string) string {
	if e.check(r, key, ifMatch, "") != "" {
		return "PreconditionFailed"
	}
	return ""
}

func (e *enforcer) checkSource(r *http.Request) string {
	source, err := url.PathUnescape(r.Header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return "InvalidRequest"
	}
	return e.check(r, strings.TrimPrefix(source, e.bucket+"/"), r.Header.Get("X-Amz-Copy-Source-If-Match"), "")
}

// checkSize compares the parts that a Complete names with the size that it announces.
func (e *enforcer) checkSize(r *http.Request, key, id string) string {
	announced := r.Header.Get("X-Amz-Mp-Object-Size")
	if announced == "" {
		return ""
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var complete struct {
		Part []struct{ PartNumber int32 }
	}
	if xml.Unmarshal(body, &complete) != nil {
		return ""
	}
	var total int64
	sizes := make(map[int32]int64)
	in := &s3.ListPartsInput{Bucket: &e.bucket, Key: &key, UploadId: &id}
	for pages := s3.NewListPartsPaginator(e.client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(r.Context())
		if err != nil {
			return "" // MinIO will say why
		}
		for _, part := range page.Parts {
			sizes[aws.ToInt32(part.PartNumber)] = aws.ToInt64(part.Size)
		}
	}
	for _, part := range complete.Part {
		size, ok := sizes[part.PartNumber]
		if !ok {
			return ""
		}
		total += size
	}
	if strconv.FormatInt(total, 10) != announced {
		return "InvalidRequest"
	}
	return ""
}

// deleteMany is a DeleteObjects whose conditions count. It is done here, because a body with
// fewer keys would not match its signature.
func (e *enforcer) deleteMany(w http.ResponseWriter, r *http.Request) {
	type refused struct{ Key, Code, Message string }
	var asked struct {
		Object []struct{ Key, ETag string }
	}
	if xml.NewDecoder(r.Body).Decode(&asked) != nil {
		panic(http.ErrAbortHandler)
	}
	var result struct {
		XMLName xml.Name `xml:"DeleteResult"`
		Error   []refused
	}
	var left []types.ObjectIdentifier
	for _, o := range asked.Object {
		if code := e.checkDelete(r, o.Key, o.ETag); code != "" {
			result.Error = append(result.Error, refused{o.Key, code, "made up"})
		} else {
			left = append(left, types.ObjectIdentifier{Key: &o.Key})
		}
	}
	if len(left) > 0 {
		if _, err := e.client.DeleteObjects(r.Context(), &s3.DeleteObjectsInput{Bucket: &e.bucket, Delete: &types.Delete{Objects: left}}); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(result)
}

// TestEnforcer holds the enforcer itself to what it is there for: each condition that does not
// hold is refused, and the same request without it is not.
func TestEnforcer(t *testing.T) {
	p, d := newProxy(t)
	p.enforce(t)
	ctx, bucket := t.Context(), d.bucket()
	there := put(t, d, "there", []byte("x"))
	wrong := aws.String(`"wrong"`)
	source := d.source("there")
	complete := func(size int64) error {
		u, err := d.StartUpload(ctx, "upload", backends.WriteOptions{})
		require.NoError(t, err)
		defer func() { require.NoError(t, u.Abort(ctx)) }()
		part, err := u.PutPart(ctx, 1, body([]byte("data")))
		require.NoError(t, err)
		_, err = d.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: bucket, Key: aws.String("upload"), UploadId: aws.String(u.(*upload).id), MpuObjectSize: &size, //nolint:forcetypeassert // it is this package's
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: quoted(part.Tag), ChecksumCRC64NVME: encodeSum(part.Sum)}}},
		})
		return err
	}
	for name, try := range map[string]func(hold bool) error{
		"copy if absent": func(hold bool) error {
			key := map[bool]string{true: "absent", false: "there"}[hold]
			_, err := d.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: &key, CopySource: source, IfNoneMatch: aws.String("*"), MetadataDirective: types.MetadataDirectiveReplace})
			return err
		},
		"copy if the destination matches": func(hold bool) error {
			etag := map[bool]*string{true: quoted(there.Version), false: wrong}[hold]
			_, err := d.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("there"), CopySource: source, IfMatch: etag, MetadataDirective: types.MetadataDirectiveReplace})
			return err
		},
		"copy if the source matches": func(hold bool) error {
			etag := map[bool]*string{true: quoted(there.Version), false: wrong}[hold]
			_, err := d.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: source, CopySourceIfMatch: etag})
			return err
		},
		"delete": func(hold bool) error {
			info := put(t, d, "gone", []byte("x"))
			etag := map[bool]*string{true: quoted(info.Version), false: wrong}[hold]
			_, err := d.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("gone"), IfMatch: etag})
			return err
		},
		"size": func(hold bool) error { return complete(map[bool]int64{true: 4, false: 5}[hold]) },
	} {
		require.NoError(t, try(true), name)
		require.Error(t, try(false), name)
	}
}
