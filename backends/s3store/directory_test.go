package s3store

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/minio"
)

// directoryBucket plays a directory bucket in front of MinIO, as far as it is documented: it
// renames, lists folders only and in no order, and refuses what there is not.
type directoryBucket struct {
	enforcer
	renames map[string]bool // the tokens of those that have been done
}

// newDirectoryBucket returns a proxy and the driver of a directory bucket behind it.
func newDirectoryBucket(t *testing.T) (*proxy, *Driver) {
	t.Helper()
	p, d := newProxy(t)
	b := &directoryBucket{renames: make(map[string]bool)}
	b.client, b.bucket = minio.Shared(t).Client(), p.opts.Bucket
	p.serve = b.serve
	d.traits = traits{aws: true, directory: true}
	return p, d
}

func (b *directoryBucket) serve(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	query := r.URL.Query()
	refused := query.Has("start-after") || query.Has("upload-id-marker") || query.Has("tagging")
	for _, name := range []string{"X-Amz-Tagging", "X-Amz-Acl", "X-Amz-Request-Payer", "X-Amz-Storage-Class"} {
		refused = refused || r.Header.Get(name) != ""
	}
	if prefix := query.Get("prefix"); prefix != "" && !strings.HasSuffix(prefix, "/") {
		refused = true
	}
	switch {
	case refused:
		answer(http.StatusBadRequest, "InvalidRequest")(w, r, nil)
	case query.Has("renameObject"):
		b.rename(w, r)
	case query.Has("list-type"):
		b.list(w, r)
	default:
		b.enforcer.serve(w, r, forward)
	}
}

func (b *directoryBucket) rename(w http.ResponseWriter, r *http.Request) {
	b.writes.Lock()
	defer b.writes.Unlock()
	ctx := r.Context()
	token := r.Header.Get("X-Amz-Client-Token")
	if b.renames[token] {
		return
	}
	dst := strings.TrimPrefix(r.URL.Path, "/"+b.bucket+"/")
	src, err := url.PathUnescape(r.Header.Get("X-Amz-Rename-Source"))
	refusal := b.check(r, src, r.Header.Get("X-Amz-Rename-Source-If-Match"), "")
	if refusal == "" {
		refusal = b.check(r, dst, r.Header.Get("If-Match"), r.Header.Get("If-None-Match"))
	}
	if refusal == "" && (token == "" || err != nil || strings.HasSuffix(src, "/") || strings.HasSuffix(dst, "/")) {
		refusal = "InvalidRequest"
	}
	if refusal != "" {
		answer(statusOfCode[refusal], refusal)(w, r, nil)
		return
	}
	if _, err := b.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &b.bucket, Key: &dst, CopySource: aws.String(b.bucket + "/" + url.PathEscape(src))}); err != nil {
		answer(http.StatusNotFound, "NoSuchKey")(w, r, nil)
		return
	}
	if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: &src}); err != nil {
		panic(http.ErrAbortHandler)
	}
	b.renames[token] = true
}

// list answers with MinIO's pages, in the opposite order.
func (b *directoryBucket) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	maxKeys, err := strconv.ParseInt(query.Get("max-keys"), 10, 32)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	out, err := b.client.ListObjectsV2(r.Context(), &s3.ListObjectsV2Input{
		Bucket: &b.bucket, Prefix: optional(query.Get("prefix")), Delimiter: optional(query.Get("delimiter")),
		ContinuationToken: optional(query.Get("continuation-token")), MaxKeys: aws.Int32(int32(maxKeys)), EncodingType: "url",
	})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	slices.Reverse(out.Contents)
	slices.Reverse(out.CommonPrefixes)
	type prefix struct{ Prefix string }
	type object struct {
		Key, ETag, StorageClass string
		Size                    int64
		LastModified            time.Time
	}
	page := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []object
		CommonPrefixes        []prefix
	}{IsTruncated: *out.IsTruncated, NextContinuationToken: aws.ToString(out.NextContinuationToken)}
	for _, o := range out.Contents {
		page.Contents = append(page.Contents, object{*o.Key, *o.ETag, "EXPRESS_ONEZONE", *o.Size, *o.LastModified})
	}
	for _, p := range out.CommonPrefixes {
		page.CommonPrefixes = append(page.CommonPrefixes, prefix{*p.Prefix})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(page)
}

func TestWhatADirectoryBucketCan(t *testing.T) {
	_, d := newDirectoryBucket(t)
	caps, limits := d.Describe()
	require.True(t, caps.Has(backends.CapMove|backends.CapIfAbsent|backends.CapIfVersion|backends.CapMetadata))
	require.False(t, caps.Has(backends.CapTags) || caps.Has(backends.CapStorageClass))
	require.Equal(t, int64(maxObject), limits.MaxObject)
	src := put(t, d, "a", nil)
	for _, opts := range []backends.WriteOptions{{Tags: map[string]string{"a": "b"}}, {StorageClass: "STANDARD"}} {
		_, putErr := d.Put(t.Context(), "b", body(nil), opts)
		_, startErr := d.StartUpload(t.Context(), "b", opts)
		_, copyErr := d.Copy(t.Context(), "b", src, opts)
		_, moveErr := d.Move(t.Context(), "b", src, opts)
		for _, err := range []error{putErr, startErr, copyErr, moveErr} {
			require.ErrorIs(t, err, backends.ErrUnsupported)
		}
	}
	requireAbsent(t, d, "b")

	_, other := newProxy(t)
	caps, _ = other.Describe()
	require.False(t, caps.Has(backends.CapMove))
	_, err := other.Move(t.Context(), "b", put(t, other, "a", []byte("x")), backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrUnsupported)
	require.Equal(t, []byte("x"), read(t, other, "a"))
}

func TestMove(t *testing.T) {
	p, d := newDirectoryBucket(t)
	ctx := t.Context()
	mtime := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	fill := func(key string) backends.Info {
		_, err := d.Put(ctx, key, body([]byte("data")), backends.WriteOptions{ModTime: mtime, Metadata: map[string]string{"user": "alice"}})
		require.NoError(t, err)
		info, err := d.Stat(ctx, key)
		require.NoError(t, err)
		p.seen()
		return info
	}
	old := put(t, d, "old", []byte("old"))
	for _, c := range []struct {
		dst  string
		opts backends.WriteOptions
		want []string
	}{
		{"b", backends.WriteOptions{}, []string{"PUT /b?renameObject"}},
		{"old", backends.WriteOptions{IfVersion: old.Version}, []string{"PUT /old?renameObject"}},
		{"c/d % ü?+", backends.WriteOptions{IfAbsent: true}, []string{"PUT /c/d % ü?+?renameObject"}},
		{"e", backends.WriteOptions{Metadata: map[string]string{"sha256": "0123"}, ContentType: "text/html"},
			[]string{"PUT /a % ü?+", "HEAD /a % ü?+", "PUT /e?renameObject"}},
	} {
		src := fill("a % ü?+")
		info, err := d.Move(ctx, c.dst, src, c.opts)
		require.NoError(t, err, c.dst)
		require.Equal(t, c.want, p.lines())
		requireAbsent(t, d, src.Key)
		stat, err := d.Stat(ctx, c.dst)
		require.NoError(t, err)
		require.Equal(t, stat.Version, info.Version)
		require.Equal(t, "alice", stat.Metadata["user"])
		require.Equal(t, c.opts.Metadata["sha256"], stat.Metadata["sha256"])
		require.WithinDuration(t, mtime, stat.ModTime, 0)
		require.WithinDuration(t, mtime, info.ModTime, 0)
		require.Equal(t, []byte("data"), read(t, d, c.dst))
	}

	src := fill("a")
	stale, gone := src, src
	stale.Version, gone.Key = "stale", "gone"
	for name, c := range map[string]struct {
		src  backends.Info
		dst  string
		opts backends.WriteOptions
		kind backends.Kind
	}{
		"taken":           {src, "b", backends.WriteOptions{IfAbsent: true}, backends.ErrExist},
		"another version": {src, "b", backends.WriteOptions{IfVersion: "stale"}, backends.ErrChanged},
		"none":            {src, "free", backends.WriteOptions{IfVersion: src.Version}, backends.ErrChanged},
		"source changed":  {stale, "free", backends.WriteOptions{}, backends.ErrChanged},
		"source gone":     {gone, "free", backends.WriteOptions{}, backends.ErrNotExist},
		"and conditions":  {gone, "free", backends.WriteOptions{IfAbsent: true}, backends.ErrNotExist},
	} {
		_, err := d.Move(ctx, c.dst, c.src, c.opts)
		require.ErrorIs(t, err, c.kind, name)
	}
	require.Equal(t, []byte("data"), read(t, d, "a"))
	requireAbsent(t, d, "free")
}

func TestLostAnswersOfAMove(t *testing.T) {
	p, d := newDirectoryBucket(t)
	ctx := t.Context()
	for _, times := range []int{1, maxAttempts} {
		src := put(t, d, "a", []byte("data")) // which knows no attributes
		p.spoil("PUT /b?renameObject", times, loseAnswer)
		info, err := d.Move(ctx, "b", src, backends.WriteOptions{})
		require.NoError(t, err)
		require.Equal(t, "b", info.Key)
		requireAbsent(t, d, "a")
		require.Equal(t, []byte("data"), read(t, d, "b"))
	}
	src := put(t, d, "a", []byte("data"))
	_, err := d.Copy(ctx, "b", src, backends.WriteOptions{}) // looks as if it had been moved
	require.NoError(t, err)
	p.spoil("PUT /b?renameObject", maxAttempts, loseRequest)
	_, err = d.Move(ctx, "b", src, backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.Equal(t, []byte("data"), read(t, d, "a"))
}

func TestListOfADirectoryBucket(t *testing.T) {
	_, d := newDirectoryBucket(t)
	for _, key := range []string{"a/b", "a/bc", "a/bd/x", "a/c", "a/", "b"} {
		put(t, d, key, nil)
	}
	for _, c := range []struct {
		opts backends.ListOptions
		want []string
	}{
		{backends.ListOptions{}, []string{"a/", "b"}},
		{backends.ListOptions{Prefix: "a/"}, []string{"a/", "a/b", "a/bc", "a/bd/", "a/c"}},
		{backends.ListOptions{Prefix: "a/b"}, []string{"a/b", "a/bc", "a/bd/"}},
		{backends.ListOptions{Prefix: "a/b", Recursive: true}, []string{"a/b", "a/bc", "a/bd/x"}},
		{backends.ListOptions{Prefix: "a", Recursive: true}, []string{"a/", "a/b", "a/bc", "a/bd/x", "a/c"}},
		{backends.ListOptions{Prefix: "x"}, nil},
	} {
		page, err := d.ListPage(t.Context(), c.opts)
		require.NoError(t, err)
		var keys []string
		for _, entry := range page.Entries {
			keys = append(keys, entry.Key)
			require.Equal(t, entry.IsPrefix, entry.Version == "")
		}
		require.Equal(t, c.want, keys, "%+v", c.opts)
	}
	store := backends.NewStore("test", d, backends.StoreOptions{})
	info, err := store.StatFolder(t.Context(), "a/bd")
	require.NoError(t, err)
	require.True(t, info.IsPrefix)
	require.ErrorIs(t, store.RemoveFolder(t.Context(), "a"), backends.ErrNotEmpty)
}

// TestLostBeginningInADirectoryBucket finds the upload among others of its folder.
func TestLostBeginningInADirectoryBucket(t *testing.T) {
	p, d := newDirectoryBucket(t)
	list := "GET ?encoding-type=url&prefix=f/&uploads"
	page := func(key, marker string) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "application/xml")
			_, _ = w.Write([]byte(`<ListMultipartUploadsResult><IsTruncated>` + strconv.FormatBool(marker != "") + `</IsTruncated><NextKeyMarker>` + marker +
				`</NextKeyMarker><Upload><Key>` + key + `</Key><UploadId>lost</UploadId><Initiated>` + time.Now().UTC().Format(time.RFC3339) + `</Initiated></Upload></ListMultipartUploadsResult>`))
		}
	}
	p.spoil("POST /f/a?uploads", 1, loseRequest)
	p.spoil(list, 1, page("f/z", "token"))
	p.spoil("GET ?encoding-type=url&key-marker=token&prefix=f/&uploads", 1, page("f/a", ""))
	p.spoil("DELETE /f/a?uploadId", 1, answer(http.StatusNoContent, ""))
	u, err := d.StartUpload(t.Context(), "f/a", backends.WriteOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"POST /f/a?uploads", list, "GET ?encoding-type=url&key-marker=token&prefix=f/&uploads", "DELETE /f/a?uploadId=U", "POST /f/a?uploads"}, p.lines())
	require.NoError(t, u.Abort(t.Context()))
}
