package azstore

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// TestRequests is the bill: every request costs money and a round trip.
func TestRequests(t *testing.T) {
	p, d := newProxy(t)
	ctx := t.Context()
	small := put(t, d, "small", []byte("small"))
	put(t, d, "empty", nil)
	put(t, d, "folder/", nil)
	some := backends.WriteOptions{ModTime: time.Unix(1, 0)}
	for _, c := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"check", func() error { return d.Check(ctx) }, []string{"GET ?comp=list&prefix=.tidegate/check"}},
		{"stat", func() error { _, err := d.Stat(ctx, "small"); return err }, []string{"HEAD /small"}},
		{"stat of a folder", func() error { _, err := d.Stat(ctx, "folder/"); return err }, []string{"HEAD /folder/"}},
		{"list", func() error { _, err := d.ListPage(ctx, backends.ListOptions{Prefix: "s"}); return err },
			[]string{"GET ?comp=list&delimiter=/&prefix=s"}},
		{"read", func() error { return readAll(d.ReadRange(ctx, "small", small.Version, 2, -1)) }, []string{"GET /small"}},
		{"read at the end", func() error { return readAll(d.ReadRange(ctx, "small", small.Version, 5, -1)) }, []string{"GET /small"}},
		{"read nothing", func() error { return readAll(d.ReadRange(ctx, "small", "", 0, 0)) }, []string{"GET /small"}},
		{"read an empty object", func() error { return readAll(d.ReadRange(ctx, "empty", "", 0, -1)) }, []string{"GET /empty"}},
		{"put", func() error { _, err := d.Put(ctx, "new", body([]byte("x")), some); return err }, []string{"PUT /new"}},
		{"put if absent", func() error {
			_, err := d.Put(ctx, "newer", body([]byte("x")), backends.WriteOptions{IfAbsent: true})
			return err
		}, []string{"PUT /newer"}},
		{"put if absent, but it is there", func() error {
			_, err := d.Put(ctx, "newer", body([]byte("x")), backends.WriteOptions{IfAbsent: true})
			require.ErrorIs(t, err, backends.ErrExist)
			return nil
		}, []string{"PUT /newer", "HEAD /newer"}}, // it might be this very Put's own, from a try before
		{"upload", func() error { putParts(t, d, "large", some, "one", "two"); return nil }, []string{
			"PUT /large?comp=block", "PUT /large?comp=block", "GET /large?blocklisttype=uncommitted&comp=blocklist", "PUT /large?comp=blocklist"}},
		{"append behind blocks", func() error {
			info, err := d.Stat(ctx, "large")
			putParts(t, d, "large", backends.WriteOptions{Base: &info, BaseSize: info.Size}, "three")
			return err
		}, []string{
			"HEAD /large", "GET /large?blocklisttype=committed&comp=blocklist", "PUT /large?comp=block",
			"GET /large?blocklisttype=uncommitted&comp=blocklist", "PUT /large?comp=blocklist"}},
		{"append behind a blob without blocks", func() error {
			putParts(t, d, "small", backends.WriteOptions{Base: &small, BaseSize: small.Size}, "er")
			return nil
		}, []string{
			"GET /small?blocklisttype=committed&comp=blocklist", "PUT /small?comp=block", "PUT /small?comp=block",
			"GET /small?blocklisttype=uncommitted&comp=blocklist", "PUT /small?comp=blocklist"}},
		{"abort", func() error {
			u, err := d.StartUpload(ctx, "aborted", some)
			require.NoError(t, err)
			return u.Abort(ctx)
		}, []string{"PUT /aborted?comp=block"}},
		{"copy", func() error { _, err := d.Copy(ctx, "copy", backends.Info{Key: "small"}, some); return err }, []string{"HEAD /small", "PUT /copy"}},
		{"copy of what was looked at", func() error {
			info, err := d.Stat(ctx, "small")
			require.NoError(t, err)
			_, err = d.Copy(ctx, "copy", info, some)
			return err
		}, []string{"HEAD /small", "PUT /copy"}},
		{"set time", func() error { _, err := d.Copy(ctx, "small", backends.Info{Key: "small"}, some); return err },
			[]string{"HEAD /small", "PUT /small?comp=metadata"}},
		{"delete one", func() error { return d.Delete(ctx, backends.Targets("copy")) }, []string{"DELETE /copy"}},
		{"delete a folder", func() error { return d.Delete(ctx, backends.Targets("folder/")) }, []string{"HEAD /folder", "DELETE /folder/"}},
		{"delete nothing", func() error { return d.Delete(ctx, nil) }, nil},
	} {
		p.seen()
		require.NoError(t, c.do(), c.name)
		require.Equal(t, c.want, p.lines(), c.name)
	}
	require.Equal(t, "smaller", read(t, d, "small"))
	require.Equal(t, "onetwothree", read(t, d, "large"))
}

func readAll(content io.ReadCloser, _ backends.Info, err error) error {
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(io.Discard, content)
	return err
}

// countingSeeker counts the bytes that are read of a body.
type countingSeeker struct {
	io.ReadSeeker
	read int
}

func (s *countingSeeker) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p)
	s.read += n
	return n, err
}

func TestBodiesTravelOnceWithTheirSum(t *testing.T) {
	p, d := newProxy(t)
	data := bytes.Repeat([]byte("x"), 3*mebi) // above the size from which leave is asked first
	u, err := d.StartUpload(t.Context(), "part", backends.WriteOptions{})
	require.NoError(t, err)
	send := func(put func(backends.Body) error) {
		counted := body(data)
		counter := &countingSeeker{ReadSeeker: counted.ReadSeeker}
		counted.ReadSeeker = counter
		require.NoError(t, put(counted))
		require.Equal(t, len(data), counter.read)
	}
	send(func(b backends.Body) error {
		_, err := d.Put(t.Context(), "put", b, backends.WriteOptions{})
		return err
	})
	send(func(b backends.Body) error { _, err := u.PutPart(t.Context(), 1, b); return err })

	sum := base64.StdEncoding.EncodeToString(binary.LittleEndian.AppendUint64(nil, body(data).Sum))
	seen := p.seen()
	require.Len(t, seen, 2)
	for _, r := range seen {
		require.Equal(t, int64(len(data)), r.size, r.line)
		require.Equal(t, "100-continue", r.header.Get("Expect"))
		require.Equal(t, sum, r.header.Get("X-Ms-Content-Crc64"))
		require.Empty(t, r.header.Get("X-Ms-Structured-Body")+r.header.Get("Content-Md5"))
	}
}

// TestWhatAWriteSays looks at what Azurite does not show again.
func TestWhatAWriteSays(t *testing.T) {
	p, _ := newProxy(t)
	d := p.open(t, func(opts *Options, _ *tuning) { opts.Tier, opts.EncryptionScope = "Cool", "tenant1" })
	opts := backends.WriteOptions{
		ModTime: time.Date(2001, 2, 3, 4, 5, 6, 7000, time.FixedZone("", 3600)), ContentType: "text/plain",
		Metadata: map[string]string{"user": "alice"}, Tags: map[string]string{"kind": "scan"},
	}
	_, err := d.Put(t.Context(), "a", body([]byte("x")), opts)
	require.NoError(t, err)
	opts.StorageClass = "Cold"
	putParts(t, d, "a", opts, "x")
	seen := p.seen()
	for i, tier := range map[int]string{0: "Cool", len(seen) - 1: "Cold"} {
		h := seen[i].header
		require.Equal(t, tier, h.Get("X-Ms-Access-Tier"))
		require.Equal(t, "tenant1", h.Get("X-Ms-Encryption-Scope"))
		require.Equal(t, "2001-02-03T03:05:06.000007000Z", h.Get("X-Ms-Meta-Mtime"), "as rclone writes it")
		require.Equal(t, "alice", h.Get("X-Ms-Meta-User"))
		require.Equal(t, "text/plain", h.Get("X-Ms-Blob-Content-Type"))
		require.Equal(t, "kind=scan", h.Get("X-Ms-Tags"))
	}
	require.Equal(t, "tenant1", seen[1].header.Get("X-Ms-Encryption-Scope"), "of a block")
}

func TestResumeCostsNothingBesideTheList(t *testing.T) {
	p, d := newProxy(t)
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
	require.Equal(t, []string{"GET /a?blocklisttype=uncommitted&comp=blocklist"}, p.lines())

	newer, err := again.PutPart(t.Context(), 1, body([]byte("newer")))
	require.NoError(t, err)
	parts, err = again.Parts(t.Context())
	require.NoError(t, err)
	require.Equal(t, []backends.Part{newer}, parts)
}

// TestMangledUploadID gives back what a journal might hold after a disk has failed.
func TestMangledUploadID(t *testing.T) {
	_, d := newProxy(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	for _, id := range []backends.UploadID{"", "x", "1.2", "x" + u.ID(), u.ID() + "x", backends.UploadID(strings.ToUpper(string(u.ID())))} {
		_, err := d.ResumeUpload(t.Context(), "a", id, backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrUploadGone, "%q", id)
	}
}
