package gcsstore

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// TestRequests is the bill: every request costs money and a round trip.
func TestRequests(t *testing.T) {
	p, d := newProxied(t)
	ctx := t.Context()
	small := put(t, d, "small", []byte("small"))
	put(t, d, "empty", nil)
	some := backends.WriteOptions{ModTime: time.Unix(1, 0)}
	stat := func(key string) backends.Info {
		info, err := d.Stat(ctx, key)
		require.NoError(t, err)
		return info
	}
	upload := func(parts int, opts backends.WriteOptions) error {
		u, err := d.StartUpload(ctx, "large", opts)
		if err != nil {
			return err
		}
		commit := backends.CommitOptions{Size: opts.BaseSize}
		var stored []backends.Part
		for i := range parts {
			part, err := u.PutPart(ctx, i+1, body([]byte("part")))
			if err != nil {
				return err
			}
			stored, commit.Size = append(stored, part), commit.Size+part.Size
		}
		_, err = u.Commit(ctx, stored, commit)
		return err
	}
	record, list := ".tidegate/uploads/U/record", "GET prefix=.tidegate/uploads/U/ maxResults=1000"
	for _, c := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"check", func() error { return d.Check(ctx) }, []string{"GET maxResults=1"}},
		{"stat", func() error { _, err := d.Stat(ctx, "small"); return err }, []string{"GET small"}},
		{"list", func() error { _, err := d.ListPage(ctx, backends.ListOptions{Prefix: "s"}); return err },
			[]string{"GET prefix=s delimiter=/ maxResults=1000"}},
		{"read", func() error { return readAll(d.ReadRange(ctx, "small", small.Version, 2, -1)) }, []string{"GET small"}},
		{"read at the end", func() error { return readAll(d.ReadRange(ctx, "small", small.Version, 5, -1)) }, []string{"GET small"}},
		{"read nothing", func() error { return readAll(d.ReadRange(ctx, "small", "", 0, 0)) }, []string{"GET small"}},
		{"read an empty object", func() error { return readAll(d.ReadRange(ctx, "empty", "", 0, -1)) }, []string{"GET empty"}},
		{"put", func() error { _, err := d.Put(ctx, "new", body([]byte("x")), some); return err }, []string{"INSERT new"}},
		{"put if absent", func() error {
			_, err := d.Put(ctx, "newer", body([]byte("x")), backends.WriteOptions{IfAbsent: true})
			return err
		}, []string{"INSERT newer ifGenerationMatch=0"}},
		{"put if absent, but it is there", func() error {
			_, err := d.Put(ctx, "newer", body([]byte("x")), backends.WriteOptions{IfAbsent: true})
			require.ErrorIs(t, err, backends.ErrExist)
			return nil
		}, []string{"INSERT newer ifGenerationMatch=0"}},
		{"upload", func() error { return upload(2, some) }, []string{
			"INSERT " + record + " ifGenerationMatch=0", "INSERT .tidegate/uploads/U/part-000001", "INSERT .tidegate/uploads/U/part-000002",
			"POST large compose", list, "DELETE " + record, "DELETE .tidegate/uploads/U/part-000001", "DELETE .tidegate/uploads/U/part-000002",
		}},
		{"append", func() error {
			info := stat("large")
			return upload(1, backends.WriteOptions{Base: &info, BaseSize: info.Size, IfVersion: info.Version})
		}, []string{
			"GET large", "GET large ifGenerationMatch=G", "INSERT " + record + " ifGenerationMatch=0", "INSERT .tidegate/uploads/U/part-000001",
			"POST large compose ifGenerationMatch=G", list, "DELETE " + record, "DELETE .tidegate/uploads/U/part-000001",
		}},
		{"copy", func() error { _, err := d.Copy(ctx, "copy", stat("small"), backends.WriteOptions{}); return err },
			[]string{"GET small", "POST small rewriteTo b " + p.bucket + " o copy ifSourceGenerationMatch=G"}},
		{"copy of what was not looked at", func() error {
			_, err := d.Copy(ctx, "copy", backends.Info{Key: "small"}, backends.WriteOptions{})
			return err
		}, []string{"GET small", "POST small rewriteTo b " + p.bucket + " o copy ifSourceGenerationMatch=G"}},
		{"set time", func() error {
			_, err := d.Copy(ctx, "small", backends.Info{Key: "small"}, some)
			return err
		}, []string{"PATCH small"}},
		{"move", func() error { _, err := d.Move(ctx, "moved", stat("copy"), backends.WriteOptions{}); return err },
			[]string{"GET copy", "POST copy moveTo o moved ifSourceGenerationMatch=G"}},
		{"delete one", func() error { return d.Delete(ctx, backends.Targets("moved")) }, []string{"DELETE moved"}},
		{"delete a version", func() error {
			return d.Delete(ctx, []backends.Target{{Key: "small", Version: small.Version}})
		}, []string{"DELETE small ifGenerationMatch=G"}},
		{"delete many", func() error { return d.Delete(ctx, backends.Targets("empty", "large", "new")) }, []string{"DELETE empty", "DELETE large", "DELETE new"}},
		{"delete nothing", func() error { return d.Delete(ctx, nil) }, nil},
	} {
		p.seen()
		require.NoError(t, c.do(), c.name)
		lines := p.lines()
		if i := slices.Index(lines, "DELETE "+record); i >= 0 {
			slices.Sort(lines[i+1:]) // what is deleted in parallel comes in any order
		} else if c.name == "delete many" {
			slices.Sort(lines)
		}
		require.Equal(t, c.want, lines, c.name)
	}
}

func readAll(content io.ReadCloser, _ backends.Info, err error) error {
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(io.Discard, content)
	return err
}

func TestResumeCostsNothingBesideTheList(t *testing.T) {
	p, d := newProxied(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
	require.NoError(t, err)

	p.seen()
	again, err := d.ResumeUpload(t.Context(), "a", u.ID(), backends.WriteOptions{})
	require.NoError(t, err)
	parts, err := again.Parts(t.Context())
	require.NoError(t, err)
	require.Equal(t, []backends.Part{part}, parts)
	require.Len(t, p.lines(), 1)

	newer, err := again.PutPart(t.Context(), 1, body([]byte("newer")))
	require.NoError(t, err)
	parts, err = again.Parts(t.Context())
	require.NoError(t, err)
	require.Equal(t, []backends.Part{newer}, parts)
	require.NoError(t, again.Abort(t.Context()))
}

// TestManyParts joins more than one Compose takes: 70 parts are 3 groups, which make one object.
func TestManyParts(t *testing.T) {
	p, d := newProxied(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{IfAbsent: true})
	require.NoError(t, err)
	var parts []backends.Part
	var all []byte
	for i := range 70 {
		data := fmt.Appendf(nil, "part %d,", i)
		part, err := u.PutPart(t.Context(), i+1, body(data))
		require.NoError(t, err)
		parts, all = append(parts, part), append(all, data...)
	}
	p.seen()
	info, err := u.Commit(t.Context(), parts, whole(all))
	require.NoError(t, err)
	composes := p.lines()[:4]
	slices.Sort(composes)
	require.Equal(t, []string{
		"POST .tidegate/uploads/U/joined-1-000000 compose", "POST .tidegate/uploads/U/joined-1-000001 compose", "POST .tidegate/uploads/U/joined-1-000002 compose",
		"POST a compose ifGenerationMatch=0",
	}, composes)
	require.Equal(t, all, read(t, d, "a"))
	require.Equal(t, whole(all).Sum, info.Sum)
	p.requireNoUploads(t)
}

// TestWhatAnInsertSays looks at the form in which bytes are sent.
func TestWhatAnInsertSays(t *testing.T) {
	p := newProxy(t)
	d := p.open(t, func(opts *Options, _ *tuning) {
		opts.KMSKey, opts.StorageClass, opts.ACL, opts.UserProject = kmsKey, "NEARLINE", "private", "payer"
	})
	data := bytes.Repeat([]byte("x"), 1<<20)
	_, err := d.Put(t.Context(), "a", body(data), backends.WriteOptions{
		ModTime:     time.Date(2001, 2, 3, 4, 5, 6, 700, time.UTC),
		ContentType: "image/jpeg", Metadata: map[string]string{"user": "alice"},
	})
	require.NoError(t, err)
	seen := p.seen()
	require.Len(t, seen, 1, "no resumable upload")
	for _, parameter := range []string{"kmsKeyName=projects%2Fp%2F", "predefinedAcl=private", "userProject=payer", "uploadType=multipart"} {
		require.Contains(t, seen[0].query, parameter)
	}
	_, params, err := mime.ParseMediaType(seen[0].header.Get("Content-Type"))
	require.NoError(t, err)
	form := multipart.NewReader(bytes.NewReader(seen[0].body), params["boundary"])
	attrs, err := form.NextPart()
	require.NoError(t, err)
	said, err := io.ReadAll(attrs)
	require.NoError(t, err)
	for _, field := range []string{
		`"crc32c":"` + encodeSum(body(data).Sum) + `"`, `"storageClass":"NEARLINE"`, `"contentType":"image/jpeg"`,
		`"user":"alice"`, `"mtime":"2001-02-03T04:05:06.0000007Z"`, `"goog-reserved-file-mtime":"981173106"`,
	} {
		require.Contains(t, string(said), field)
	}
}

// TestWhatAComposeSays looks for what the emulator does not.
func TestWhatAComposeSays(t *testing.T) {
	p := newProxy(t)
	key := bytes.Repeat([]byte("k"), 32)
	for name, c := range map[string]struct {
		change func(*Options)
		header map[string]string
		query  string
	}{
		"KMS":         {func(o *Options) { o.KMSKey = kmsKey }, nil, "kmsKeyName="},
		"ACL":         {func(o *Options) { o.ACL = "private" }, nil, "destinationPredefinedAcl=private"},
		"UserProject": {func(o *Options) { o.UserProject = "payer" }, nil, "userProject=payer"},
		"own key": {func(o *Options) { o.EncryptionKey = base64.StdEncoding.EncodeToString(key) }, map[string]string{
			"X-Goog-Encryption-Algorithm": "AES256", "X-Goog-Encryption-Key": base64.StdEncoding.EncodeToString(key),
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := p.open(t, func(opts *Options, _ *tuning) { c.change(opts) })
			u, err := d.StartUpload(t.Context(), name, backends.WriteOptions{StorageClass: "COLDLINE"})
			require.NoError(t, err)
			part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
			require.NoError(t, err)
			p.seen()
			_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("data")))
			require.NoError(t, err)
			compose := p.seen()[0]
			require.Equal(t, "POST "+name+" compose", compose.line)
			require.Contains(t, compose.query, c.query)
			for header, value := range c.header {
				require.Equal(t, value, compose.header.Get(header))
			}
			require.Contains(t, string(compose.body), `"crc32c":"`+encodeSum(part.Sum)+`"`)
			require.Contains(t, string(compose.body), `"generation":"`+part.Tag+`"`)
			require.Contains(t, string(compose.body), `"storageClass":"COLDLINE"`)
		})
	}
}

// TestPartsAreDeletedForGood: a bucket that keeps what is deleted by its name would keep every upload twice.
func TestPartsAreDeletedForGood(t *testing.T) {
	p, d := newProxied(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
	require.NoError(t, err)
	p.seen()
	_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("data")))
	require.NoError(t, err)
	var deletions []string
	for _, r := range p.seen() {
		if strings.HasPrefix(r.line, "DELETE ") {
			require.Contains(t, r.query, "generation=")
			require.NotContains(t, r.query, "ifGenerationMatch=")
			deletions = append(deletions, r.query)
		}
	}
	require.Len(t, deletions, 2)
	require.Contains(t, deletions[1], "generation="+part.Tag)
	p.requireNoUploads(t)
}

func TestKeysThatAreRefused(t *testing.T) {
	d := new(Driver)
	for _, key := range []string{
		"", ".", "..", "a\nb", "a\rb", "a\x00", "\xff", ".well-known/acme-challenge/a", uploadsPrefix + "a", ".tidegate/uploads", strings.Repeat("x", maxKey+1),
	} {
		require.ErrorIs(t, d.CheckKey(key), backends.ErrInvalid, "%q", key)
	}
	for _, key := range []string{"a", "...", "./a", "a//b", "/", ".well-known/a", ".tidegate/uploads-of-others", ".tidegate/journal/a", strings.Repeat("x", maxKey)} {
		require.NoError(t, d.CheckKey(key), "%q", key)
	}
}

// TestMangledUploadID gives back what a journal might hold after a disk has failed.
func TestMangledUploadID(t *testing.T) {
	_, d := newProxied(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	for _, id := range []backends.UploadID{"", "x", "../" + u.ID(), u.ID() + "/", u.ID()[1:], "AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		_, err := d.ResumeUpload(t.Context(), "a", id, backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrUploadGone, "%q", id)
	}
	_, err = d.ResumeUpload(t.Context(), "b", u.ID(), backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrUploadGone, "of another key")
	require.NoError(t, u.Abort(t.Context()))
}

// TestTimesOfOtherTools reads what rclone, gcloud and gsutil have written, and what is neither.
func TestTimesOfOtherTools(t *testing.T) {
	stored := time.Date(2020, 1, 1, 0, 0, 0, 999, time.UTC)
	for _, c := range []struct {
		meta map[string]string
		want time.Time
	}{
		{map[string]string{metaModTime: "2001-02-03T04:05:06.000000007Z", metaModSeconds: "1"}, time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)},
		{map[string]string{metaModSeconds: "981173106"}, time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)},
		{map[string]string{metaModTime: "yesterday", metaModSeconds: "x"}, stored.Truncate(time.Second)},
		{nil, stored.Truncate(time.Second)},
	} {
		require.True(t, c.want.Equal(modTime(c.meta, stored)), "%v", c.meta)
	}
}
