package gateway

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
	"github.com/tidegate/tidegate/ftpproto"
)

func sha256Of(data string) ftpproto.Digest {
	sum := sha256.Sum256([]byte(data))
	return ftpproto.Digest{Sum: sum[:], Bytes: int64(len(data))}
}

func TestHash(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		ctx := t.Context()
		fs := f.user(t,
			Mount{Path: "/", Store: "one", Prefix: "bob", Permissions: MayAll},
			Mount{Path: "/in", Store: "one", Permissions: MayAll &^ MayRead},
			Mount{Path: "/deep/in", Store: "two", Permissions: MayAll})
		data := strings.Repeat("0123456789abcdef", sumBuffer/16) + "the end"
		require.NoError(t, send(ctx, fs, "/a", data, ftpproto.CreateOptions{}))
		require.NoError(t, send(ctx, fs, "/empty", "", ftpproto.CreateOptions{}))
		require.NoError(t, send(ctx, fs, "/folder/b", "x", ftpproto.CreateOptions{}))
		hasher := fs.(ftpproto.Hasher)
		for _, algorithm := range []ftpproto.HashAlgorithm{ftpproto.SHA256, ftpproto.SHA512, ftpproto.SHA1, ftpproto.MD5, ftpproto.CRC32} {
			for name, content := range map[string]string{"/a": data, "/empty": ""} {
				want := algorithm.New()
				want.Write([]byte(content))
				got, err := hasher.Hash(ctx, name, algorithm, 0, -1)
				require.NoError(t, err)
				require.Equal(t, ftpproto.Digest{Sum: want.Sum(nil), Bytes: int64(len(content))}, got, "%v of %s", algorithm, name)
			}
		}
		size := int64(len(data))
		for _, r := range []struct{ from, to int64 }{
			{0, 0}, {0, 1}, {1, 2}, {0, size - 1}, {0, size}, {size - 1, size}, {size, size}, {sumBuffer - 1, sumBuffer + 1},
		} {
			got, err := hasher.Hash(ctx, "/a", ftpproto.SHA256, r.from, r.to)
			require.NoError(t, err)
			require.Equal(t, sha256Of(data[r.from:r.to]), got, "%+v", r)
		}
		got, err := hasher.Hash(ctx, "/a", ftpproto.SHA256, 5, -1)
		require.NoError(t, err)
		require.Equal(t, sha256Of(data[5:]), got)

		f.requests["one"].Calls()
		for _, test := range []struct {
			name     string
			from, to int64
			want     error
		}{
			{"/a", 0, size + 1, ftpproto.ErrRange},
			{"/a", size + 1, size + 1, ftpproto.ErrRange},
			{"/a", size + 1, -1, ftpproto.ErrRange},
			{"/empty", 0, 1, ftpproto.ErrRange},
			{"/none", 0, -1, ftpproto.ErrNotExist},
			{"/none", 1, 2, ftpproto.ErrNotExist},
			{"/folder", 0, -1, ftpproto.ErrNotExist},
			{"/deep", 0, -1, ftpproto.ErrNotFile},
			{"/deep/in", 0, -1, ftpproto.ErrNotFile},
			{"/in", 0, -1, ftpproto.ErrNotFile},
			{"/in/a", 0, -1, ftpproto.ErrDenied},
			{"/in/none", 0, -1, ftpproto.ErrDenied},
		} {
			_, err := hasher.Hash(ctx, test.name, ftpproto.SHA256, test.from, test.to)
			require.ErrorIs(t, err, test.want, "%+v", test)
		}
	})
}

// TestHashRequests: what the store knows of a whole file is not computed.
func TestHashRequests(t *testing.T) {
	const data = "0123456789"
	kept := strings.Repeat("0a", sha256.Size) // not the sum, to see that it is not computed
	keptMD5 := bytes.Repeat([]byte{0x0b}, md5.Size)
	for _, test := range []struct {
		name      string
		metadata  string
		md5       []byte
		algorithm ftpproto.HashAlgorithm
		from, to  int64
		asked     []string
		kept      bool
	}{
		{name: "kept", metadata: kept, to: -1, asked: []string{"Stat"}, kept: true},
		{name: "kept, in capitals", metadata: strings.ToUpper(kept), to: -1, asked: []string{"Stat"}, kept: true},
		{name: "range that is all", metadata: kept, to: 10, asked: []string{"Stat"}, kept: true},
		{name: "its beginning", metadata: kept, to: 9, asked: []string{"Stat", "ReadRange"}},
		{name: "its end", metadata: kept, from: 1, to: -1, asked: []string{"ReadRange"}},
		{name: "another sum", metadata: kept, algorithm: ftpproto.SHA512, to: -1, asked: []string{"ReadRange"}},
		{name: "not of MD5", metadata: kept, algorithm: ftpproto.MD5, to: -1, asked: []string{"Stat", "ReadRange"}},
		{name: "none", to: -1, asked: []string{"Stat", "ReadRange"}},
		{name: "too short", metadata: kept[2:], to: -1, asked: []string{"Stat", "ReadRange"}},
		{name: "too long", metadata: kept + "0a", to: -1, asked: []string{"Stat", "ReadRange"}},
		{name: "no digits", metadata: "xx" + kept[2:], to: -1, asked: []string{"Stat", "ReadRange"}},
		{name: "MD5", md5: keptMD5, algorithm: ftpproto.MD5, to: -1, asked: []string{"Stat"}, kept: true},
		{name: "MD5 of a part", md5: keptMD5, algorithm: ftpproto.MD5, to: 5, asked: []string{"Stat", "ReadRange"}},
		{name: "MD5 is no SHA-256", md5: keptMD5, to: -1, asked: []string{"Stat", "ReadRange"}},
		{name: "no MD5", md5: keptMD5[1:], algorithm: ftpproto.MD5, to: -1, asked: []string{"Stat", "ReadRange"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, func(*testing.T) backends.Driver {
				return &sumKeeper{memstore.New(memstore.Options{}), test.metadata, test.md5}
			})
			fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
			require.NoError(t, send(t.Context(), fs, "/a", data, ftpproto.CreateOptions{}))
			f.requests["one"].Calls()
			got, err := fs.(ftpproto.Hasher).Hash(t.Context(), "/a", test.algorithm, test.from, test.to)
			require.NoError(t, err)
			require.Equal(t, test.asked, f.requests["one"].Calls())
			if test.kept {
				want := map[ftpproto.HashAlgorithm]string{ftpproto.SHA256: kept, ftpproto.MD5: hex.EncodeToString(keptMD5)}[test.algorithm]
				require.Equal(t, want, hex.EncodeToString(got.Sum))
				require.EqualValues(t, len(data), got.Bytes)
				return
			}
			part := data[test.from:]
			if test.to >= 0 {
				part = data[test.from:test.to]
			}
			sum := test.algorithm.New()
			sum.Write([]byte(part))
			require.Equal(t, ftpproto.Digest{Sum: sum.Sum(nil), Bytes: int64(len(part))}, got)
		})
	}
}

// sumKeeper is a store that says it keeps these sums of every object.
type sumKeeper struct {
	backends.Driver
	sha256 string
	md5    []byte
}

func (d *sumKeeper) Stat(ctx context.Context, key string) (backends.Info, error) {
	info, err := d.Driver.Stat(ctx, key)
	info.Metadata, info.MD5 = map[string]string{backends.MetaSHA256: d.sha256}, d.md5
	return info, err
}

// interrupted is a store whose first answer ends after some bytes, and then calls then.
type interrupted struct {
	backends.Driver
	after int64
	then  func() error
	done  bool
}

func (d *interrupted) ReadRange(ctx context.Context, key, version string, off, n int64) (io.ReadCloser, backends.Info, error) {
	body, info, err := d.Driver.ReadRange(ctx, key, version, off, n)
	if err != nil || d.done {
		return body, info, err
	}
	d.done = true
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(body, d.after), readerFunc(func([]byte) (int, error) { return 0, d.then() })), body}, info, nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestHashOfAFileThatIsReplaced: no sum is of two versions.
func TestHashOfAFileThatIsReplaced(t *testing.T) {
	for name, replaced := range map[string]bool{"the store breaks off": false, "and the file is replaced": true} {
		t.Run(name, func(t *testing.T) {
			driver := &interrupted{Driver: memstore.New(memstore.Options{}), after: 4}
			f := newFixture(t, func(*testing.T) backends.Driver { return driver })
			fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
			require.NoError(t, send(t.Context(), fs, "/a", "first version", ftpproto.CreateOptions{}))
			driver.then = func() error {
				if replaced {
					require.NoError(t, send(t.Context(), fs, "/a", "other version", ftpproto.CreateOptions{}))
				}
				return backends.NewError("read", "a", backends.ErrUnavailable, nil)
			}
			got, err := fs.(ftpproto.Hasher).Hash(t.Context(), "/a", ftpproto.SHA256, 0, -1)
			if replaced {
				code, _ := ftpproto.ReplyTo(err, 0, "")
				require.Equal(t, 451, code)
				require.ErrorIs(t, err, backends.ErrChanged)
			} else {
				require.NoError(t, err)
				require.Equal(t, sha256Of("first version"), got)
			}
		})
	}
}

// TestHashEndsWithItsContext: also where the store goes on giving bytes.
func TestHashEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	aborted := ftpproto.NewError(426, "Transfer aborted.", nil)
	reads := 0
	endless := readerFunc(func(p []byte) (int, error) {
		reads++
		cancel(aborted)
		return len(p), nil
	})
	f := newFixture(t, func(*testing.T) backends.Driver {
		return &endlessStore{memstore.New(memstore.Options{}), endless}
	})
	fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
	_, err := fs.(ftpproto.Hasher).Hash(ctx, "/a", ftpproto.CRC32, 0, -1)
	require.Equal(t, error(aborted), err)
	require.Equal(t, 1, reads)
	require.NotContains(t, f.log.String(), "store failed")
}

type endlessStore struct {
	backends.Driver
	body io.Reader
}

func (d *endlessStore) ReadRange(_ context.Context, key, _ string, _, _ int64) (io.ReadCloser, backends.Info, error) {
	return io.NopCloser(d.body), backends.Info{Key: key, Size: 1 << 60, Version: "1"}, nil
}

// TestSumsAtOnce: those above the limit wait, and not for ever.
func TestSumsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, kinds["memory"])
		fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll}).(*fileSystem)
		require.NoError(t, send(t.Context(), fs, "/a", "data", ftpproto.CreateOptions{}))
		taken := int64(0)
		for fs.sums.TryAcquire(1) {
			taken++
		}
		require.LessOrEqual(t, taken, int64(maxSums))

		began := time.Now()
		_, err := fs.Hash(t.Context(), "/a", ftpproto.CRC32, 0, -1)
		require.Equal(t, error(errBusy), err)
		require.Equal(t, maxSumWait, time.Since(began))

		left := errors.New("the client left")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(left) })
		_, err = fs.Hash(ctx, "/a", ftpproto.CRC32, 0, -1)
		require.Equal(t, left, err)

		time.AfterFunc(time.Second, func() { fs.sums.Release(1) })
		_, err = fs.Hash(t.Context(), "/a", ftpproto.CRC32, 0, -1)
		require.NoError(t, err)
		require.True(t, fs.sums.TryAcquire(1), "it is free again")
		fs.sums.Release(taken)
	})
}
