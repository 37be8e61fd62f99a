package backends_test

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// sensor sends 10 KB a second, and after some bytes nothing more until it may proceed.
type sensor struct {
	data    io.Reader
	stopsAt int
	proceed chan struct{}
}

func (s *sensor) Read(p []byte) (int, error) {
	if s.stopsAt <= 0 {
		<-s.proceed
	}
	time.Sleep(time.Second)
	n, err := s.data.Read(p[:min(len(p), 10_000)])
	s.stopsAt -= n
	return n, err
}

// Slow uploads hold all the memory that they can get, and then send nothing more.
func TestSlowUploadsDoNotStopFastOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := backends.NewMemory(backends.MinMemory)
		mem := memstore.New(memstore.Options{})
		s := backends.NewStore("test", mem, backends.StoreOptions{Memory: memory})
		const sensors, size = 100, 1_500_000
		proceed := make(chan struct{})
		var all sync.WaitGroup
		for i := range sensors {
			all.Go(func() {
				data := bytes.NewReader(noise(uint64(i), size))
				upload(t, s, fmt.Sprint("slow", i), &sensor{data, 800_000, proceed})
			})
		}
		time.Sleep(time.Hour) // all of them stand still, or wait for those that do

		began := time.Now()
		for _, size := range []int{1000, 100_000, 400_000, 2_000_000, 20_000_000} {
			for i := range 3 {
				all.Go(func() {
					upload(t, s, fmt.Sprint("fast", size, "-", i), bytes.NewReader(noise(1, size)))
					if time.Since(began) > 0 {
						t.Errorf("%d bytes took %v", size, time.Since(began))
					}
				})
			}
		}
		synctest.Wait()
		before, _ := mem.Left()
		close(proceed)
		all.Wait()
		require.Len(t, before, 5*3)
		after, _ := mem.Left()
		require.Len(t, after, 5*3+sensors)
		require.NoError(t, s.Close())
		memory.RequireAllFree(t, backends.MinMemory)
	})
}

func TestPartsAreSentEarlyWhileMemoryIsShort(t *testing.T) {
	for _, c := range []struct {
		minPart int64
		parts   int
	}{{1, 1 + 2*3}, {partSize, 4}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, memstore.Options{Limits: func(l *backends.Limits) { l.MinPart = c.minPart }})
			const holders = budget / 4 / backends.ChunkSize // one chunk of a second part for each
			proceed := make(chan struct{})
			var all sync.WaitGroup
			for i := range holders {
				all.Go(func() {
					upload(t, b.Store, fmt.Sprint("holder", i), io.MultiReader(bytes.NewReader(noise(1, partSize+1000)), &held{proceed}))
				})
				synctest.Wait() // its first part has been sent
			}
			b.save(t, "a", noise(2, 4*partSize)) // the first part is a small object's
			parts := b.count("PutPart") - holders
			close(proceed)
			all.Wait()
			require.Equal(t, c.parts, parts)
			require.True(t, bytes.Equal(noise(2, 4*partSize), b.load(t, "a")))
			b.requireClean(t)
		})
	}
}

func upload(t *testing.T, s *backends.Store, key string, from io.Reader) {
	t.Helper()
	w, err := s.Create(t.Context(), key, backends.CreateOptions{})
	if err == nil {
		_, err = w.ReadFrom(from)
	}
	if err == nil {
		_, err = w.Commit(t.Context())
	}
	if err != nil {
		t.Errorf("%s: %v", key, err)
	}
}
