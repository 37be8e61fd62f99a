package backends_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

func TestTheFirstPartThatFailsEndsTheUpload(t *testing.T) {
	for _, c := range []struct {
		op string
		n  int
	}{{"StartUpload", 1}, {"PutPart", 1}, {"PutPart", 2}, {"PutPart", 7}} {
		t.Run(fmt.Sprint(c.op, c.n), func(t *testing.T) {
			b := newBench(t, memstore.Options{})
			b.save(t, "a", []byte("before"))
			b.before = func(_ context.Context, op string, n int) error {
				if op == c.op && n == c.n {
					return down(op)
				}
				return nil
			}
			w, err := b.Create(t.Context(), "a", backends.CreateOptions{})
			require.NoError(t, err)
			client := &endless{}
			_, err = w.ReadFrom(client) // it returns, so the client hears of it
			require.ErrorIs(t, err, backends.ErrUnavailable)
			read := client.read
			_, err = w.ReadFrom(client)
			require.ErrorIs(t, err, backends.ErrUnavailable)
			_, err = w.Write([]byte("more"))
			require.ErrorIs(t, err, backends.ErrUnavailable)
			require.Equal(t, read, client.read, "nothing is read for a dead upload")
			_, err = w.Commit(t.Context())
			require.ErrorIs(t, err, backends.ErrUnavailable)
			require.Equal(t, "before", string(b.load(t, "a")))
			b.requireClean(t)
		})
	}
}

func TestAFailedCommitLeavesNothing(t *testing.T) {
	for _, c := range []struct {
		op   string
		size int
	}{{"Put", 10}, {"Commit", 3 * partSize}} {
		b := newBench(t, memstore.Options{})
		b.save(t, "a", []byte("before"))
		b.before = func(_ context.Context, call string, _ int) error {
			if call == c.op {
				return down(c.op)
			}
			return nil
		}
		w, err := b.Create(t.Context(), "a", backends.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Write(noise(1, c.size))
		require.NoError(t, err)
		_, err = w.Commit(t.Context())
		require.ErrorIs(t, err, backends.ErrUnavailable)
		require.NoError(t, w.Abort(t.Context()))
		require.Equal(t, "before", string(b.load(t, "a")))
		b.requireClean(t)
	}
}

func TestAbortWhileTheUploadStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memstore.Options{})
		proceed := make(chan struct{})
		b.before = func(ctx context.Context, op string, _ int) error {
			if op == "StartUpload" {
				<-proceed
				return ctx.Err() // it must not have ended with the client
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		w, err := b.Create(ctx, "a", backends.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Write(noise(1, partSize+1))
		require.NoError(t, err)
		cancel() // the client is gone
		aborted := make(chan error)
		go func() { aborted <- w.Abort(t.Context()) }()
		synctest.Wait()
		close(proceed)
		require.NoError(t, <-aborted)
		require.Equal(t, 1, b.count("Abort"))
		require.Zero(t, b.count("PutPart"))
		b.requireClean(t)
	})
}

func TestAbortDoesNotOutlastItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memstore.Options{})
		proceed := make(chan struct{})
		b.before = func(_ context.Context, op string, _ int) error {
			if op == "Abort" {
				<-proceed
			}
			return nil
		}
		w, err := b.Create(t.Context(), "a", backends.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Write(noise(1, partSize+1))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, w.Abort(ctx), context.Canceled)
		close(proceed)
		b.requireClean(t) // Close waits for the cleanup
	})
}

func TestCommitTellsTheTruthWhenTheClientGoes(t *testing.T) {
	for _, c := range []struct {
		op   string
		size int
	}{{"Put", 10}, {"Commit", 3 * partSize}} {
		b := newBench(t, memstore.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		b.before = func(_ context.Context, op string, _ int) error {
			if op == c.op {
				cancel()
			}
			return nil
		}
		w, err := b.Create(ctx, "a", backends.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Write(noise(1, c.size))
		require.NoError(t, err)
		info, err := w.Commit(ctx)
		require.NoError(t, err, "the request was sent, and it took effect")
		require.Equal(t, int64(c.size), info.Size)
		require.True(t, bytes.Equal(noise(1, c.size), b.load(t, "a")))
		b.requireClean(t)
	}
}

func TestCommitOfAStoreThatDoesNotAnswer(t *testing.T) {
	for _, c := range []struct {
		op   string
		size int
	}{{"Put", 10}, {"Commit", 3 * partSize}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, memstore.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			b.before = func(ctx context.Context, op string, _ int) error {
				if op == c.op {
					cancel()
					<-ctx.Done()
				}
				return ctx.Err()
			}
			w, err := b.Create(t.Context(), "a", backends.CreateOptions{})
			require.NoError(t, err)
			_, err = w.Write(noise(1, c.size))
			require.NoError(t, err)
			start := time.Now()
			_, err = w.Commit(ctx)
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, 30*time.Second, time.Since(start))
			b.requireClean(t)
		})
	}
}

func TestWhatFailedCannotBeCommitted(t *testing.T) {
	b := newBench(t, memstore.Options{Without: backends.CapBase, Limits: func(l *backends.Limits) { l.MaxObject = 1000 }})
	w, err := b.Create(t.Context(), "a", backends.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(noise(1, 1001))
	require.ErrorIs(t, err, backends.ErrTooLarge)
	_, err = w.Commit(t.Context())
	require.ErrorIs(t, err, backends.ErrTooLarge)

	b.save(t, "a", noise(1, 100))
	w, err = b.Create(t.Context(), "a", backends.CreateOptions{Append: true})
	require.NoError(t, err)
	b.before = func(_ context.Context, op string, _ int) error {
		if op == "ReadRange" {
			return down(op)
		}
		return nil
	}
	_, err = w.Write([]byte("more"))
	require.ErrorIs(t, err, backends.ErrUnavailable)
	_, err = w.Commit(t.Context())
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.True(t, bytes.Equal(noise(1, 100), b.load(t, "a")))
	b.requireClean(t)
}

func TestCommitWaitsForPartsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memstore.Options{})
		b.before = func(ctx context.Context, op string, _ int) error {
			if op == "PutPart" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		w, err := b.Create(t.Context(), "a", backends.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Write(noise(1, 3*partSize))
		require.NoError(t, err)
		gone := errors.New("client gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		committed := make(chan error)
		go func() {
			_, err := w.Commit(ctx)
			committed <- err
		}()
		synctest.Wait()
		cancel(gone)
		require.ErrorIs(t, <-committed, gone)
		b.requireClean(t)
	})
}

func TestPartsUnderWayAreLimited(t *testing.T) {
	for _, c := range []struct {
		without  backends.Caps
		parallel int
	}{{0, 4}, {backends.CapParallelParts, 1}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, memstore.Options{Without: c.without})
			var parts gauge
			proceed := make(chan struct{})
			b.before = func(_ context.Context, op string, _ int) error {
				if op == "PutPart" {
					parts.enter()
					<-proceed
				}
				return nil
			}
			b.after = func(op string) {
				if op == "PutPart" {
					parts.leave()
				}
			}
			w, err := b.Create(t.Context(), "a", backends.CreateOptions{})
			require.NoError(t, err)
			data := noise(1, 12*partSize)
			client := bytes.NewReader(data)
			written := make(chan error)
			go func() {
				_, err := w.ReadFrom(client)
				written <- err
			}()
			synctest.Wait()
			require.Equal(t, c.parallel, parts.now)
			read := len(data) - client.Len()
			require.LessOrEqual(t, read, (c.parallel+1)*partSize, "the client is not read while parts wait")
			close(proceed)
			require.NoError(t, <-written)
			_, err = w.Commit(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.parallel, parts.most)
			require.True(t, bytes.Equal(data, b.load(t, "a")))
			b.requireClean(t)
		})
	}
}

func TestTooLarge(t *testing.T) {
	for _, change := range []func(*backends.Limits){
		func(l *backends.Limits) { l.MaxObject = 3*partSize + 1000 },
		func(l *backends.Limits) { l.MaxParts, l.MaxPart = 3, partSize+partSize/2 },
	} {
		b := newBench(t, memstore.Options{Limits: change})
		_, limits := b.Describe()
		most := min(limits.MaxObject, b.reach(t))

		_, err := b.Create(t.Context(), "a", backends.CreateOptions{SizeHint: most + 1})
		require.ErrorIs(t, err, backends.ErrTooLarge)
		_, err = b.Create(t.Context(), "a", backends.CreateOptions{SizeHint: 1 << 62})
		require.ErrorIs(t, err, backends.ErrTooLarge)

		for _, one := range []bool{true, false} { // the largest just fits, by either way in
			w, err := b.Create(t.Context(), "a", backends.CreateOptions{SizeHint: most})
			require.NoError(t, err)
			if data := noise(1, int(most)); one {
				_, err = w.Write(data)
			} else {
				_, err = w.ReadFrom(iotest.OneByteReader(bytes.NewReader(data)))
			}
			require.NoError(t, err)
			_, err = w.Commit(t.Context())
			require.NoError(t, err)
		}
		w, err := b.Create(t.Context(), "a", backends.CreateOptions{})
		require.NoError(t, err)
		client := &endless{}
		_, err = w.ReadFrom(client)
		require.ErrorIs(t, err, backends.ErrTooLarge)
		require.Less(t, client.read, most+1000)
		require.NoError(t, w.Abort(t.Context()))
		require.True(t, bytes.Equal(noise(1, int(most)), b.load(t, "a")))
		b.requireClean(t)
	}
}

// reach finds the largest SizeHint that is taken.
func (b *bench) reach(t *testing.T) int64 {
	t.Helper()
	low, high := int64(0), int64(1)<<40
	for low+1 < high {
		middle := (low + high) / 2
		w, err := b.Create(t.Context(), "a", backends.CreateOptions{SizeHint: middle})
		if err != nil {
			high = middle
			continue
		}
		low = middle
		require.NoError(t, w.Abort(t.Context()))
	}
	return low
}

func TestAppendCountsThePartsOfItsBase(t *testing.T) {
	b := newBench(t, memstore.Options{Limits: func(l *backends.Limits) { l.MaxParts, l.MaxPart = 4, partSize }})
	b.save(t, "a", noise(1, 4*partSize))
	_, err := b.Create(t.Context(), "a", backends.CreateOptions{Offset: 2 * partSize, SizeHint: 2*partSize + 1})
	require.ErrorIs(t, err, backends.ErrTooLarge)
	w, err := b.Create(t.Context(), "a", backends.CreateOptions{Offset: 2 * partSize, SizeHint: 2 * partSize})
	require.NoError(t, err)
	_, err = w.Write(noise(2, 2*partSize))
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
	require.Zero(t, b.count("ReadRange"), "it is not read back")
	b.requireClean(t)
}

func TestAnErrorThatWrapsEOFIsNotTheEnd(t *testing.T) {
	b := newBench(t, memstore.Options{})
	w, err := b.Create(t.Context(), "a", backends.CreateOptions{})
	require.NoError(t, err)
	cut := fmt.Errorf("no close_notify: %w", io.EOF)
	_, err = w.ReadFrom(iotest.ErrReader(cut))
	require.ErrorIs(t, err, cut)
	require.NoError(t, w.Abort(t.Context()))
	b.requireClean(t)
}

func TestAReaderThatGivesNothing(t *testing.T) {
	b := newBench(t, memstore.Options{})
	w, err := b.Create(t.Context(), "a", backends.CreateOptions{})
	require.NoError(t, err)
	_, err = w.ReadFrom(silent{})
	require.ErrorIs(t, err, io.ErrNoProgress)
	n, err := w.ReadFrom(iotest.DataErrReader(strings.NewReader("data and EOF at once")))
	require.NoError(t, err)
	require.Equal(t, int64(20), n)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, "data and EOF at once", string(b.load(t, "a")))
	b.requireClean(t)
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

func TestContentTypeIsGuessedByName(t *testing.T) {
	for key, want := range map[string]string{"a/x.json": "application/json", "a.pdf": "application/pdf", "noextension": "", "a.zzzunknown": ""} {
		types := &typeSpy{Driver: memstore.New(memstore.Options{})}
		s := backends.NewStore("test", types, backends.StoreOptions{})
		w, err := s.Create(t.Context(), key, backends.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Commit(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, types.seen, key)
		require.NoError(t, s.Rename(t.Context(), backends.Info{Key: key}, "b.html", backends.RenameOptions{}))
		require.Equal(t, "text/html; charset=utf-8", types.seen)
		require.NoError(t, s.Rename(t.Context(), backends.Info{Key: "b.html"}, "c/d.html", backends.RenameOptions{}))
		require.Empty(t, types.seen, "it keeps its type")
	}
}

type typeSpy struct {
	backends.Driver
	seen string
}

func (d *typeSpy) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	d.seen = opts.ContentType
	return d.Driver.Put(ctx, key, body, opts)
}

func (d *typeSpy) Move(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	d.seen = opts.ContentType
	return d.Driver.Move(ctx, dst, src, opts)
}
