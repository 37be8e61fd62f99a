package s3store

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// TestRequests is the bill: every request costs money and a round trip.
func TestRequests(t *testing.T) {
	p, d := newProxy(t)
	ctx := t.Context()
	big := bytes.Repeat([]byte("0123456789abcdef"), minPart/16)
	small := put(t, d, "small", []byte("small"))
	empty := put(t, d, "empty", nil)
	large := put(t, d, "large", big)
	some := backends.WriteOptions{ModTime: time.Unix(1, 0)}
	upload := func(parts int, opts backends.WriteOptions) error {
		u, err := d.StartUpload(ctx, "large", opts)
		if err != nil {
			return err
		}
		commit := backends.CommitOptions{Size: opts.BaseSize}
		var stored []backends.Part
		for i := range parts {
			part, err := u.PutPart(ctx, i+1, body(big))
			if err != nil {
				return err
			}
			stored, commit.Size = append(stored, part), commit.Size+part.Size
		}
		_, err = u.Commit(ctx, stored, commit)
		return err
	}
	for _, c := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"check", func() error { return d.Check(ctx) }, []string{"HEAD "}},
		{"stat", func() error { _, err := d.Stat(ctx, "small"); return err }, []string{"HEAD /small"}},
		{"list", func() error { _, err := d.ListPage(ctx, backends.ListOptions{Prefix: "s"}); return err },
			[]string{"GET ?delimiter=/&encoding-type=url&list-type=2&max-keys=1000&prefix=s"}},
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
		{"upload", func() error { return upload(2, some) }, []string{
			"POST /large?uploads", "PUT /large?partNumber=1&uploadId=U", "PUT /large?partNumber=2&uploadId=U", "POST /large?uploadId=U"}},
		{"append", func() error {
			info, err := d.Stat(ctx, "large")
			if err != nil {
				return err
			}
			return upload(1, backends.WriteOptions{Base: &info, BaseSize: info.Size, IfVersion: info.Version})
		}, []string{
			"HEAD /large", "POST /large?uploads", "PUT /large?partNumber=1&uploadId=U", "PUT /large?partNumber=2&uploadId=U", "POST /large?uploadId=U"}},
		{"copy", func() error { _, err := d.Copy(ctx, "copy", small, backends.WriteOptions{}); return err }, []string{"PUT /copy"}},
		{"set time", func() error {
			_, err := d.Copy(ctx, "small", backends.Info{Key: "small"}, some)
			return err
		}, []string{"HEAD /small", "PUT /small"}},
		{"copy if absent", func() error {
			_, err := d.Copy(ctx, "copied", small, backends.WriteOptions{IfAbsent: true})
			return err
		}, []string{"HEAD /small", "POST /copied?uploads", "PUT /copied?partNumber=1&uploadId=U", "POST /copied?uploadId=U"}},
		{"copy of nothing if absent", func() error {
			_, err := d.Copy(ctx, "nothing", empty, backends.WriteOptions{IfAbsent: true})
			return err
		}, []string{"HEAD /empty", "PUT /nothing"}},
		{"delete one", func() error { return d.Delete(ctx, backends.Targets("copy")) }, []string{"DELETE /copy"}},
		{"delete many", func() error { return d.Delete(ctx, backends.Targets("a", "b", "c")) }, []string{"POST ?delete"}},
		{"delete what XML cannot name", func() error { return d.Delete(ctx, backends.Targets("a", "b\x01", "c")) }, []string{"DELETE /b\x01", "POST ?delete"}},
		{"delete nothing", func() error { return d.Delete(ctx, nil) }, nil},
	} {
		p.seen()
		require.NoError(t, c.do(), c.name)
		require.Equal(t, c.want, p.lines(), c.name)
	}
	require.Equal(t, int64(len(big)), large.Size)
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
	require.Equal(t, []string{"GET /a?max-parts=1000&uploadId=U"}, p.lines())

	newer, err := again.PutPart(t.Context(), 1, body([]byte("newer")))
	require.NoError(t, err)
	parts, err = again.Parts(t.Context())
	require.NoError(t, err)
	require.Equal(t, []backends.Part{newer}, parts)
	require.NoError(t, again.Abort(t.Context()))
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
	for _, c := range []struct {
		checksum string
		reads    int // of each body
	}{{"", 1}, {ChecksumCRC64NVME, 1}, {ChecksumSHA256, 2}} {
		p, _ := newProxy(t)
		d := p.openWith(t, c.checksum)
		data := bytes.Repeat([]byte("x"), 3*mebi) // above the size from which leave is asked first
		u, err := d.StartUpload(t.Context(), "part", backends.WriteOptions{})
		require.NoError(t, err)
		p.seen()
		send := func(put func(backends.Body) error) {
			counted := body(data)
			counter := &countingSeeker{ReadSeeker: counted.ReadSeeker}
			counted.ReadSeeker = counter
			require.NoError(t, put(counted))
			require.Equal(t, c.reads*len(data), counter.read)
		}
		send(func(b backends.Body) error {
			_, err := d.Put(t.Context(), "put", b, backends.WriteOptions{})
			return err
		})
		send(func(b backends.Body) error { _, err := u.PutPart(t.Context(), 1, b); return err })

		seen := p.seen()
		require.Len(t, seen, 2)
		for _, r := range seen {
			require.Equal(t, int64(len(data)), r.size, r.line)
			require.Equal(t, fmt.Sprint(len(data)), r.header.Get("Content-Length"))
			require.Equal(t, "100-continue", r.header.Get("Expect"))
			require.Empty(t, r.header.Get("Content-Encoding")+r.header.Get("X-Amz-Trailer")+r.header.Get("X-Amz-Decoded-Content-Length"), "aws-chunked")
			if c.checksum == ChecksumSHA256 {
				require.Len(t, r.header.Get("X-Amz-Content-Sha256"), 64)
				require.Empty(t, r.header.Get("X-Amz-Checksum-Crc64nvme"))
			} else {
				require.Equal(t, "UNSIGNED-PAYLOAD", r.header.Get("X-Amz-Content-Sha256"))
				require.Equal(t, *encodeSum(body(data).Sum), r.header.Get("X-Amz-Checksum-Crc64nvme"))
			}
		}
		require.NoError(t, u.Abort(t.Context()))
	}
}

func TestWhatACompleteSays(t *testing.T) {
	p, d := newProxy(t)
	data := []byte("data")
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{IfAbsent: true})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body(data))
	require.NoError(t, err)
	_, err = u.Commit(t.Context(), []backends.Part{part}, whole(data))
	require.NoError(t, err)

	seen := p.seen()
	create, complete := seen[0].header, seen[2].header
	require.Equal(t, "CRC64NVME", create.Get("X-Amz-Checksum-Algorithm"))
	require.Equal(t, "FULL_OBJECT", create.Get("X-Amz-Checksum-Type"))
	require.Equal(t, *encodeSum(part.Sum), complete.Get("X-Amz-Checksum-Crc64nvme"))
	require.Equal(t, "FULL_OBJECT", complete.Get("X-Amz-Checksum-Type"))
	require.Equal(t, "4", complete.Get("X-Amz-Mp-Object-Size"))
	require.Equal(t, "*", complete.Get("If-None-Match"))
}

// TestPlainStore goes through what differs for a store that is not told of CRC64NVME.
func TestPlainStore(t *testing.T) {
	p, _ := newProxy(t)
	d := p.openWith(t, ChecksumSHA256)
	_, limits := d.Describe()
	require.Equal(t, backends.NoChecksum, limits.Checksum)
	plain := func(data []byte) backends.Body {
		return backends.Body{ReadSeeker: bytes.NewReader(data), Size: int64(len(data))}
	}
	info, err := d.Put(t.Context(), "a", plain([]byte("small")), backends.WriteOptions{})
	require.NoError(t, err)
	require.False(t, info.HasSum)

	big := bytes.Repeat([]byte("0123456789abcdef"), minPart/16)
	for range 2 { // anew, then behind what is there
		var opts backends.WriteOptions
		if info.Size >= minPart {
			opts.Base, opts.BaseSize = &info, info.Size
		}
		u, err := d.StartUpload(t.Context(), "a", opts)
		require.NoError(t, err)
		part, err := u.PutPart(t.Context(), 1, plain(big))
		require.NoError(t, err)
		u, err = d.ResumeUpload(t.Context(), "a", u.ID(), opts)
		require.NoError(t, err)
		parts, err := u.Parts(t.Context())
		require.NoError(t, err)
		require.Equal(t, []backends.Part{part}, parts)
		info, err = u.Commit(t.Context(), parts, backends.CommitOptions{Size: opts.BaseSize + part.Size})
		require.NoError(t, err)
		require.False(t, info.HasSum)
	}
	require.Equal(t, append(big, big...), read(t, d, "a"))
	require.NoError(t, d.Delete(t.Context(), backends.Targets("a", "b")))
	for _, r := range p.seen() {
		if r.line == "POST ?delete" {
			require.NotEmpty(t, r.header.Get("Content-Md5"))
		} else {
			require.NotContains(t, fmt.Sprint(r.header), "Crc64nvme", r.line)
		}
	}
}

// TestMangledUploadID gives back what a journal might hold after a disk has failed.
func TestMangledUploadID(t *testing.T) {
	_, d := newProxy(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	for _, id := range []backends.UploadID{"", "x", "1.2.3", "x" + u.ID(), "-" + u.ID(), "1" + u.ID(), u.ID() + "x"} {
		_, err := d.ResumeUpload(t.Context(), "a", id, backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrUploadGone, "%q", id)
	}
	require.NoError(t, u.Abort(t.Context()))
}
