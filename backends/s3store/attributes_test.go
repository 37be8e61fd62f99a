package s3store

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/minio"
)

// tags returns those that the store has for key.
func tags(t *testing.T, d *Driver, key string) map[string]string {
	t.Helper()
	out, err := minio.Shared(t).Client().GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: d.bucket(), Key: &key})
	require.NoError(t, err)
	tags := make(map[string]string)
	for _, tag := range out.TagSet {
		tags[*tag.Key] = *tag.Value
	}
	return tags
}

// writes are the ways to make an object at key.
func writes(t *testing.T, d *Driver, data []byte) map[string]func(key string, opts backends.WriteOptions) (backends.Info, error) {
	t.Helper()
	return map[string]func(string, backends.WriteOptions) (backends.Info, error){
		"put": func(key string, opts backends.WriteOptions) (backends.Info, error) {
			return d.Put(t.Context(), key, body(data), opts)
		},
		"upload": func(key string, opts backends.WriteOptions) (backends.Info, error) {
			u, err := d.StartUpload(t.Context(), key, opts)
			if err != nil {
				return backends.Info{}, err
			}
			part, err := u.PutPart(t.Context(), 1, body(data))
			require.NoError(t, err)
			return u.Commit(t.Context(), []backends.Part{part}, whole(data))
		},
	}
}

func TestTagsAndClasses(t *testing.T) {
	_, d := newProxy(t)
	data := []byte("data")
	want := map[string]string{"kind": "a + b=c", "x:y": "/@."}
	for name, write := range writes(t, d, data) {
		_, err := write(name, backends.WriteOptions{Tags: want, StorageClass: "REDUCED_REDUNDANCY"})
		require.NoError(t, err)
		require.Equal(t, want, tags(t, d, name), name)
		head, err := d.head(t.Context(), name, "")
		require.NoError(t, err)
		require.EqualValues(t, "REDUCED_REDUNDANCY", head.StorageClass, name)
	}
	src, err := d.Stat(t.Context(), "put")
	require.NoError(t, err)
	page, err := d.ListPage(t.Context(), backends.ListOptions{Prefix: "put"})
	require.NoError(t, err)
	other := map[string]string{"kind": "other"}
	for _, c := range []struct {
		name  string
		src   backends.Info
		opts  backends.WriteOptions
		tags  map[string]string
		class string
	}{
		{"as it is", src, backends.WriteOptions{}, want, "REDUCED_REDUNDANCY"},
		{"from a listing", page.Entries[0], backends.WriteOptions{}, want, "REDUCED_REDUNDANCY"},
		{"by its key", backends.Info{Key: "put"}, backends.WriteOptions{}, want, "REDUCED_REDUNDANCY"},
		{"changed", src, backends.WriteOptions{ContentType: "text/plain"}, want, "REDUCED_REDUNDANCY"},
		{"in parts", src, backends.WriteOptions{IfAbsent: true}, want, "REDUCED_REDUNDANCY"},
		{"other tags", src, backends.WriteOptions{Tags: other}, other, "REDUCED_REDUNDANCY"},
		{"other tags in parts", src, backends.WriteOptions{Tags: other, IfAbsent: true}, other, "REDUCED_REDUNDANCY"},
		{"another class", src, backends.WriteOptions{StorageClass: "STANDARD"}, want, ""},
		{"another class in parts", src, backends.WriteOptions{StorageClass: "STANDARD", IfAbsent: true}, want, ""},
	} {
		_, err := d.Copy(t.Context(), c.name, c.src, c.opts)
		require.NoError(t, err, c.name)
		require.Equal(t, c.tags, tags(t, d, c.name), c.name)
		head, err := d.head(t.Context(), c.name, "")
		require.NoError(t, err)
		require.Equal(t, c.class, strings.TrimPrefix(string(head.StorageClass), "STANDARD"), c.name)
		require.Equal(t, data, read(t, d, c.name))
	}
}

// TestRenameKeepsTheTime is what a user sees of it: MDTM after RNTO is that of before.
func TestRenameKeepsTheTime(t *testing.T) {
	p, d := newProxy(t)
	store := backends.NewStore("test", d, backends.StoreOptions{})
	client := minio.Shared(t).Client()
	for _, c := range []struct {
		dst  string
		opts backends.RenameOptions
		want []string
	}{
		{"b.txt", backends.RenameOptions{}, []string{"HEAD /a.txt", "PUT /b.txt", "DELETE /a.txt"}},
		{"b.html", backends.RenameOptions{}, []string{"HEAD /a.txt", "PUT /b.html", "DELETE /a.txt"}},
		{"c.txt", backends.RenameOptions{IfAbsent: true}, []string{"HEAD /a.txt", "GET /a.txt?tagging", "POST /c.txt?uploads", "PUT /c.txt?partNumber=1&uploadId=U", "POST /c.txt?uploadId=U", "DELETE /a.txt"}},
	} {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{ // another tool's, without a time of its own
			Bucket: d.bucket(), Key: aws.String("a.txt"), Body: strings.NewReader("data"), ContentType: aws.String("text/x-log"),
			CacheControl: aws.String("no-store"), Tagging: aws.String("kind=log"), Metadata: map[string]string{"owner": "somebody"},
		})
		require.NoError(t, err)
		p.seen()
		before, err := store.Stat(t.Context(), "a.txt")
		require.NoError(t, err)
		require.Equal(t, map[string]string{"owner": "somebody"}, before.Metadata)
		require.NoError(t, store.Rename(t.Context(), before, c.dst, c.opts))
		require.Equal(t, c.want, p.lines())

		after, err := d.Stat(t.Context(), c.dst)
		require.NoError(t, err)
		require.WithinDuration(t, before.ModTime, after.ModTime, 0, c.dst)
		require.Equal(t, before.Metadata, after.Metadata)
		kept := attributesOf(after)
		require.Equal(t, "no-store", *kept.cacheControl)
		require.Equal(t, 1, kept.tags)
		require.Equal(t, formatModTime(before.ModTime), kept.metadata[metaModTime], "the store's own time of a copy is another")
		if strings.HasSuffix(c.dst, ".txt") {
			require.Equal(t, "text/x-log", *kept.contentType)
		} else {
			require.Contains(t, *kept.contentType, "text/html")
		}

		// What has its time in its metadata is left to the store.
		p.seen()
		require.NoError(t, store.Rename(t.Context(), after, "again", backends.RenameOptions{}))
		seen := p.seen()
		require.Equal(t, "PUT /again", seen[0].line)
		require.Empty(t, seen[0].header.Get("X-Amz-Metadata-Directive"))
		again, err := d.Stat(t.Context(), "again")
		require.NoError(t, err)
		require.WithinDuration(t, before.ModTime, again.ModTime, 0)
	}
}

// TestConditionalCopyOfAWS is one request, which AWS holds to its conditions. Which of the two
// objects did not meet them is asked, because S3 does not say.
func TestConditionalCopyOfAWS(t *testing.T) {
	p, d := newProxy(t)
	p.enforce(t)
	d.traits.aws = true
	ctx := t.Context()
	src, old := put(t, d, "src", []byte("new")), put(t, d, "old", []byte("old"))
	src, err := d.Stat(ctx, src.Key)
	require.NoError(t, err)
	stale, gone := src, src
	stale.Version, gone.Key = "stale", "gone"
	for _, c := range []struct {
		name, dst string
		src       backends.Info
		opts      backends.WriteOptions
		kind      backends.Kind
		want      []string
	}{
		{"taken", "old", src, backends.WriteOptions{IfAbsent: true}, backends.ErrExist, []string{"PUT /old", "HEAD /old", "HEAD /src"}},
		{"another version", "old", src, backends.WriteOptions{IfVersion: "stale"}, backends.ErrChanged, []string{"PUT /old", "HEAD /old", "HEAD /src"}},
		{"no version", "free", src, backends.WriteOptions{IfVersion: old.Version}, backends.ErrChanged, []string{"PUT /free", "HEAD /free", "HEAD /src"}},
		{"source changed", "free", stale, backends.WriteOptions{IfAbsent: true}, backends.ErrChanged, []string{"PUT /free", "HEAD /free", "HEAD /src"}},
		{"source gone", "free", gone, backends.WriteOptions{IfAbsent: true}, backends.ErrNotExist, []string{"PUT /free", "HEAD /free", "HEAD /gone"}},
		{"source gone, version there", "old", gone, backends.WriteOptions{IfVersion: old.Version}, backends.ErrNotExist, []string{"PUT /old", "HEAD /old", "HEAD /gone"}},
	} {
		p.seen()
		_, err := d.Copy(ctx, c.dst, c.src, c.opts)
		require.ErrorIs(t, err, c.kind, c.name)
		require.Equal(t, c.want, p.lines(), c.name)
	}
	require.Equal(t, []byte("old"), read(t, d, "old"))
	requireAbsent(t, d, "free")

	p.seen()
	p.spoil("PUT /free", 1, loseAnswer) // and then finds its own work in the way
	_, err = d.Copy(ctx, "free", src, backends.WriteOptions{IfAbsent: true})
	require.NoError(t, err)
	require.Equal(t, []string{"PUT /free", "PUT /free", "HEAD /free"}, p.lines())
	_, err = d.Copy(ctx, "old", src, backends.WriteOptions{IfVersion: old.Version})
	require.NoError(t, err)
	require.Equal(t, []string{"PUT /old"}, p.lines())
	require.Equal(t, []byte("new"), read(t, d, "old"))
}

func TestClassesOfCopies(t *testing.T) {
	for _, c := range []struct{ usual, source, want string }{
		{"", "", ""},
		{"", "STANDARD", ""},
		{"", "STANDARD_IA", "STANDARD_IA"},
		{"", "WARM-TIER-OF-MINIO", ""},
		{"STANDARD_IA", "STANDARD_IA", ""},
		{"STANDARD_IA", "", "STANDARD"},
		{"STANDARD_IA", "GLACIER_IR", "GLACIER_IR"},
	} {
		d := &Driver{opts: Options{StorageClass: c.usual}}
		require.EqualValues(t, c.want, d.copiedClass(types.StorageClass(c.source)), "%+v", c)
	}
}

// TestMD5 is told of what AWS calls one, and of nothing else.
func TestMD5(t *testing.T) {
	_, d := newProxy(t)
	data := []byte("data")
	sum := md5.Sum(data)
	for name, write := range writes(t, d, data) {
		_, err := write(name, backends.WriteOptions{})
		require.NoError(t, err)
	}
	for _, c := range []struct {
		traits traits
		key    string
		want   []byte
	}{
		{traits{aws: true}, "put", sum[:]}, {traits{aws: true}, "upload", nil},
		{traits{}, "put", nil}, {traits{aws: true, directory: true}, "put", nil},
	} {
		d.traits = c.traits
		info, err := d.Stat(t.Context(), c.key)
		require.NoError(t, err)
		require.Equal(t, c.want, info.MD5, "%+v", c)
	}
	d.traits = traits{aws: true}
	etag := quoted(hex.EncodeToString(sum[:]))
	for encrypted, want := range map[types.ServerSideEncryption][]byte{"": sum[:], EncryptionS3: sum[:], EncryptionKMS: nil, EncryptionKMSDSSE: nil} {
		require.Equal(t, want, d.md5In(&s3.HeadObjectOutput{ETag: etag, ServerSideEncryption: encrypted}), encrypted)
	}
	require.Nil(t, d.md5In(&s3.HeadObjectOutput{ETag: etag, SSECustomerAlgorithm: aws.String("AES256")}))
}
