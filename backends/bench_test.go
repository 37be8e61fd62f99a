package backends_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// sink is a driver that reads what it is sent, as a network connection would, and keeps nothing:
// what is measured is the engine.
type sink struct{ backends.Driver }

func (d sink) Put(_ context.Context, key string, body backends.Body, _ backends.WriteOptions) (backends.Info, error) {
	_, err := io.Copy(io.Discard, body)
	return backends.Info{Key: key, Size: body.Size, Version: "v"}, err
}

func (d sink) StartUpload(context.Context, string, backends.WriteOptions) (backends.Upload, error) {
	return sinkUpload{}, nil
}

type sinkUpload struct{ backends.Upload }

func (sinkUpload) PutPart(_ context.Context, number int, body backends.Body) (backends.Part, error) {
	_, err := io.Copy(io.Discard, body)
	return backends.Part{Number: number, Size: body.Size, Tag: "t", Sum: body.Sum}, err
}

func (sinkUpload) Commit(_ context.Context, _ []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	return backends.Info{Size: opts.Size, Version: "v"}, nil
}

func BenchmarkUpload(b *testing.B) {
	for _, size := range []int64{0, 4 << 10, 200 << 10, 8 << 20, 256 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			s := backends.NewStore("sink", sink{memstore.New(memstore.Options{})}, backends.StoreOptions{})
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				w, err := s.Create(b.Context(), "a.bin", backends.CreateOptions{})
				require.NoError(b, err)
				_, err = w.ReadFrom(io.LimitReader(&endless{}, size))
				require.NoError(b, err)
				_, err = w.Commit(b.Context())
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkUploadsAtOnce(b *testing.B) {
	const size = 32 << 20
	s := backends.NewStore("sink", sink{memstore.New(memstore.Options{})}, backends.StoreOptions{})
	b.SetBytes(size)
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w, err := s.Create(b.Context(), "a.bin", backends.CreateOptions{})
			if err == nil {
				_, err = w.ReadFrom(io.LimitReader(&endless{}, size))
			}
			if err == nil {
				_, err = w.Commit(b.Context())
			}
			if err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkDownload(b *testing.B) {
	data := bytes.Repeat([]byte("tidegate"), 1<<20)
	m := memstore.New(memstore.Options{})
	_, limits := m.Describe()
	_, err := m.Put(b.Context(), "a", backends.Body{
		ReadSeeker: bytes.NewReader(data), Size: int64(len(data)), Sum: limits.Checksum.Update(0, data),
	}, backends.WriteOptions{})
	require.NoError(b, err)
	h := &hooked{Driver: m, body: func(body io.ReadCloser) io.ReadCloser { return &breaking{body, len(data), io.EOF} }}
	s := backends.NewStore("test", h, backends.StoreOptions{})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := s.Open(b.Context(), "a", 0)
		require.NoError(b, err)
		_, err = r.WriteTo(io.Discard)
		require.NoError(b, err)
		require.NoError(b, r.Close())
	}
}

// Of a store 30 ms away, whose streams carry 50 MB/s each, to a client that is faster.
func BenchmarkDownloadFromAfar(b *testing.B) {
	for _, streams := range []int{1, 4} {
		b.Run(fmt.Sprintf("%d at the most", streams), func(b *testing.B) {
			d := &far{Driver: memstore.New(memstore.Options{}), size: 256 << 20, latency: 30 * time.Millisecond, speed: 50e6}
			s := backends.NewStore("far", d, backends.StoreOptions{ParallelReads: streams})
			b.SetBytes(d.size)
			for b.Loop() {
				r, err := s.Open(b.Context(), "a", 0)
				require.NoError(b, err)
				_, err = r.WriteTo(io.Discard)
				require.NoError(b, err)
				require.NoError(b, r.Close())
			}
			b.ReportMetric(float64(len(d.asked()))/float64(b.N), "requests/op")
		})
	}
}
