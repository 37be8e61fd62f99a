package s3store

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/transport"
)

func TestCorruptedBodyIsRefused(t *testing.T) {
	for _, checksum := range []string{ChecksumCRC64NVME, ChecksumSHA256} {
		t.Run(checksum, func(t *testing.T) {
			p, _ := newProxy(t)
			d := p.openWith(t, checksum)
			p.spoil("PUT ", 2, corrupt)
			_, err := d.Put(t.Context(), "a", body([]byte("data")), backends.WriteOptions{})
			require.ErrorIs(t, err, backends.ErrInvalid)
			requireAbsent(t, d, "a")

			u, err := d.StartUpload(t.Context(), "b", backends.WriteOptions{})
			require.NoError(t, err)
			_, err = u.PutPart(t.Context(), 1, body([]byte("data")))
			require.ErrorIs(t, err, backends.ErrInvalid)
			parts, err := u.Parts(t.Context())
			require.NoError(t, err)
			require.Empty(t, parts)
			require.NoError(t, u.Abort(t.Context()))
		})
	}
}

// TestLostAnswers cuts the answer of a write, which is then tried again and finds its own work
// in the way.
func TestLostAnswers(t *testing.T) {
	data := []byte("data")
	p, d := newProxy(t)
	commit := func(opts backends.WriteOptions) func(string) (backends.Info, error) {
		return func(key string) (backends.Info, error) {
			u, err := d.StartUpload(t.Context(), key, opts)
			require.NoError(t, err)
			part, err := u.PutPart(t.Context(), 1, body(data))
			require.NoError(t, err)
			return u.Commit(t.Context(), []backends.Part{part}, whole(data))
		}
	}
	for name, c := range map[string]struct {
		line  string
		write func(key string) (backends.Info, error)
	}{
		"Put": {"PUT /", func(key string) (backends.Info, error) {
			return d.Put(t.Context(), key, body(data), backends.WriteOptions{})
		}},
		"PutIfAbsent": {"PUT /", func(key string) (backends.Info, error) {
			return d.Put(t.Context(), key, body(data), backends.WriteOptions{IfAbsent: true})
		}},
		"PutIfVersion": {"PUT /PutIfVersion", func(key string) (backends.Info, error) {
			before := put(t, d, "x", []byte("before"))
			before, err := d.Copy(t.Context(), key, before, backends.WriteOptions{IfAbsent: true})
			require.NoError(t, err)
			p.spoil("PUT /"+key, 1, loseAnswer)
			return d.Put(t.Context(), key, body(data), backends.WriteOptions{IfVersion: before.Version})
		}},
		"Commit":         {"POST /Commit?uploadId", commit(backends.WriteOptions{})},
		"CommitIfAbsent": {"POST /CommitIfAbsent?uploadId", commit(backends.WriteOptions{IfAbsent: true})},
		"CopyIfAbsent": {"POST /CopyIfAbsent?uploadId", func(key string) (backends.Info, error) {
			return d.Copy(t.Context(), key, put(t, d, "source", data), backends.WriteOptions{IfAbsent: true})
		}},
		"SetTime": {"PUT /SetTime", func(key string) (backends.Info, error) {
			u, err := d.StartUpload(t.Context(), key, backends.WriteOptions{})
			require.NoError(t, err)
			part, err := u.PutPart(t.Context(), 1, body(data))
			require.NoError(t, err)
			before, err := u.Commit(t.Context(), []backends.Part{part}, whole(data))
			require.NoError(t, err)
			p.spoil("PUT /"+key, 1, loseAnswer)
			return d.Copy(t.Context(), key, before, backends.WriteOptions{ModTime: time.Unix(1, 0)})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p.spoil(c.line, 1, loseAnswer)
			info, err := c.write(name)
			require.NoError(t, err)
			require.Equal(t, data, read(t, d, name))
			stat, err := d.Stat(t.Context(), name)
			require.NoError(t, err)
			require.Equal(t, stat.Version, info.Version)
			require.Equal(t, stat.Size, info.Size)
		})
	}
	requireNoUploads(t, d)
}

// TestLastAnswerLost loses the answers of all tries, so that only the key can tell.
func TestLastAnswerLost(t *testing.T) {
	p, d := newProxy(t)
	data := []byte("data")
	source := put(t, d, "source", data)
	put(t, d, "old", []byte("before"))
	for _, lose := range []func(http.ResponseWriter, *http.Request, http.Handler){loseAnswer, mangleAnswer} {
		for key, write := range map[string]func(key string) (backends.Info, error){
			"new": func(key string) (backends.Info, error) {
				return d.Put(t.Context(), key, body(data), backends.WriteOptions{})
			},
			"old": func(key string) (backends.Info, error) {
				return d.Put(t.Context(), key, body(data), backends.WriteOptions{})
			},
			"copy": func(key string) (backends.Info, error) {
				return d.Copy(t.Context(), key, source, backends.WriteOptions{})
			},
		} {
			p.spoil("PUT /"+key, maxAttempts, lose)
			info, err := write(key)
			require.NoError(t, err, key)
			require.Equal(t, data, read(t, d, key))
			stat, err := d.Stat(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, stat, info)
		}
		p.spoil("DELETE /copy", maxAttempts, lose)
		require.NoError(t, d.Delete(t.Context(), backends.Targets("copy")))
	}
}

// TestWritesThatNeverArrive fails, and what was there is there.
func TestWritesThatNeverArrive(t *testing.T) {
	p, d := newProxy(t)
	source := put(t, d, "source", []byte("data"))
	before := put(t, d, "a", []byte("data")) // the same bytes, but not this write's
	for _, line := range []string{"PUT /a", "PUT /a", "DELETE /a"} {
		p.spoil(line, maxAttempts, loseRequest)
	}
	_, err := d.Put(t.Context(), "a", body([]byte("data")), backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrUnavailable)
	_, err = d.Copy(t.Context(), "a", source, backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.ErrorIs(t, d.Delete(t.Context(), backends.Targets("a")), backends.ErrUnavailable)
	now, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, before.Version, now.Version)
}

// TestLostBatches loses the answers of a batch of deletions: what is gone is asked of each key.
func TestLostBatches(t *testing.T) {
	p, d := newProxy(t)
	p.enforce(t)
	fill := func() []backends.Target {
		var targets []backends.Target
		for _, key := range []string{"a", "b", "c"} {
			targets = append(targets, backends.Target{Key: key, Version: put(t, d, key, []byte(key)).Version})
		}
		return targets
	}
	targets := fill()
	p.spoil("POST ?delete", 1, loseAnswer)
	require.NoError(t, d.Delete(t.Context(), targets))
	targets = fill()
	p.seen()
	p.spoil("POST ?delete", maxAttempts, loseAnswer)
	require.NoError(t, d.Delete(t.Context(), targets))
	require.Len(t, p.seen(), maxAttempts+len(targets))

	// It never arrives, one is gone all the same, and one has been replaced.
	targets = fill()
	put(t, d, "b", []byte("newer"))
	require.NoError(t, d.Delete(t.Context(), backends.Targets("c")))
	p.spoil("POST ?delete", maxAttempts, loseRequest)
	err := d.Delete(t.Context(), targets)
	failed := make(map[string]backends.Kind)
	for _, one := range err.(interface{ Unwrap() []error }).Unwrap() { //nolint:forcetypeassert // joined, says the contract
		var e *backends.Error
		require.ErrorAs(t, one, &e)
		failed[e.Key] = e.Kind
	}
	require.Equal(t, map[string]backends.Kind{"a": backends.ErrUnavailable, "b": backends.ErrChanged}, failed)

	// The store is away for good: it is asked for each once more at the most.
	p.seen()
	p.spoil("", 1000, loseRequest)
	require.ErrorIs(t, d.Delete(t.Context(), targets), backends.ErrUnavailable)
	require.LessOrEqual(t, len(p.seen()), maxAttempts+len(targets))
}

func TestLostAnswerOfAWriteThatLost(t *testing.T) {
	p, d := newProxy(t)
	theirs := []byte("theirs")
	put(t, d, "a", theirs)

	p.spoil("PUT /a", 1, loseAnswer)
	_, err := d.Put(t.Context(), "a", body([]byte("mine")), backends.WriteOptions{IfAbsent: true})
	require.ErrorIs(t, err, backends.ErrExist)

	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{IfAbsent: true})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("mine")))
	require.NoError(t, err)
	p.spoil("POST /a?uploadId", 1, loseAnswer)
	_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("mine")))
	require.ErrorIs(t, err, backends.ErrExist)
	require.NoError(t, u.Abort(t.Context()))
	require.Equal(t, theirs, read(t, d, "a"))
	requireNoUploads(t, d)
}

func TestCommitThatNeverArrives(t *testing.T) {
	p, d := newProxy(t)
	before := put(t, d, "a", []byte("before"))
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("after")))
	require.NoError(t, err)
	p.seen()
	p.spoil("POST /a?uploadId", maxAttempts, loseRequest)
	_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("after")))
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.Len(t, p.seen(), maxAttempts+1, "all attempts, and the question whether one of them counted")
	now, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, before.Version, now.Version)

	_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("after"))) // the store is back
	require.NoError(t, err)
	require.Equal(t, []byte("after"), read(t, d, "a"))
}

func TestBusyStoreIsAskedAgain(t *testing.T) {
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusInternalServerError} {
		p, d := newProxy(t)
		p.spoil("PUT /a", maxAttempts-1, answer(status, "SlowDown"))
		put(t, d, "a", []byte("data"))
		require.Len(t, p.seen(), maxAttempts)
		require.Equal(t, []byte("data"), read(t, d, "a"))

		p.seen()
		p.spoil("GET /a", 100, answer(status, "SlowDown"))
		_, _, err := d.ReadRange(t.Context(), "a", "", 0, -1)
		require.ErrorIs(t, err, backends.ErrUnavailable)
		require.Len(t, p.seen(), maxAttempts)
	}
}

func TestRefusalIsNotAskedAgain(t *testing.T) {
	p, d := newProxy(t)
	p.spoil("PUT /a", 1, answer(http.StatusForbidden, "AccessDenied"))
	_, err := d.Put(t.Context(), "a", body(make([]byte, minPart)), backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrPermission)
	seen := p.seen()
	require.Len(t, seen, 1)
	require.Zero(t, seen[0].size, "the body was sent before the store had asked for it")
}

// silence says nothing until the client goes away.
func silence(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestSilentStore(t *testing.T) {
	p, _ := newProxy(t)
	d := p.openImpatient(t)
	p.spoil("HEAD /a", 100, silence)
	_, err := d.Stat(t.Context(), "a")
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.Len(t, p.seen(), maxTimeouts)
}

func TestStalledBodies(t *testing.T) {
	p, d := newProxy(t)
	data := make([]byte, mebi)
	put(t, d, "a", data)
	d = p.openImpatient(t)
	p.spoil("GET /a", 1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("ETag", `"some"`)
		w.Header().Set("Content-Length", "1048576")
		_, _ = w.Write(data[:1000])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	content, _, err := d.ReadRange(t.Context(), "a", "", 0, -1)
	require.NoError(t, err)
	got, err := io.ReadAll(content)
	require.ErrorIs(t, err, backends.ErrUnavailable, "the Store reads on from there")
	require.ErrorIs(t, err, transport.ErrStalled)
	require.Len(t, got, 1000)
	require.NoError(t, content.Close())

	// In the other direction the store stops taking what it has asked for.
	over := make(chan struct{}) // a server does not see its client go while a body is unread
	defer close(over)
	p.spoil("PUT /b", 100, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = r.Body.Read(make([]byte, 1))
		<-over
	})
	p.seen()
	_, err = d.Put(t.Context(), "b", body(make([]byte, 32*mebi)), backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.Equal(t, []string{"PUT /b", "PUT /b", "HEAD /b"}, p.lines())
}

func TestSlowReaderIsNoStall(t *testing.T) {
	p, d := newProxy(t)
	data := make([]byte, 16*mebi) // more than the buffers on the way hold
	put(t, d, "a", data)
	content, _, err := p.openImpatient(t).ReadRange(t.Context(), "a", "", 0, -1)
	require.NoError(t, err)
	defer content.Close()
	_, err = io.ReadFull(content, make([]byte, 1000))
	require.NoError(t, err)
	time.Sleep(2 * impatience) // the reader's own slowness
	rest, err := io.ReadAll(content)
	require.NoError(t, err)
	require.Len(t, rest, len(data)-1000)
}

func TestBrokenBody(t *testing.T) {
	p, d := newProxy(t)
	put(t, d, "a", make([]byte, mebi))
	p.spoil("GET /a", 1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("ETag", `"some"`)
		w.Header().Set("Content-Length", "1048576")
		_, _ = w.Write(make([]byte, 1000))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	content, _, err := d.ReadRange(t.Context(), "a", "", 0, -1)
	require.NoError(t, err)
	defer content.Close()
	_, err = io.ReadAll(content)
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// TestBodyIsNotReadAfterwards gives a body's bytes to another as soon as a Put has returned, as
// the Store does. The race detector is the judge.
func TestBodyIsNotReadAfterwards(t *testing.T) {
	p, d := newProxy(t)
	data := make([]byte, 8*mebi)
	reuse := func() {
		for i := range data {
			data[i]++
		}
	}
	early := func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		_, _ = r.Body.Read(make([]byte, 1000)) // asks for the body, and does not wait for it
		answer(http.StatusForbidden, "AccessDenied")(w, r, forward)
	}
	for range 10 {
		p.spoil("PUT /a", 1, early)
		_, err := d.Put(t.Context(), "a", body(data), backends.WriteOptions{})
		require.Error(t, err)
		reuse()
	}

	u, err := d.StartUpload(t.Context(), "b", backends.WriteOptions{})
	require.NoError(t, err)
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		p.spoil("PUT /b", 1, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
			_, _ = r.Body.Read(make([]byte, 1000))
			cancel()
			<-over
		})
		_, err := u.PutPart(ctx, 1, body(data))
		require.ErrorIs(t, err, context.Canceled)
		reuse()
		close(over)
	}
	require.NoError(t, u.Abort(t.Context()))
}

// TestCancelledStartLeavesNoUpload loses interest while the store makes the upload.
func TestCancelledStartLeavesNoUpload(t *testing.T) {
	p, d := newProxy(t)
	ctx, cancel := context.WithCancel(t.Context())
	p.spoil("POST /a?uploads", 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		cancel()
		forward.ServeHTTP(w, r)
	})
	_, err := d.StartUpload(ctx, "a", backends.WriteOptions{})
	require.ErrorIs(t, err, context.Canceled)
	requireNoUploads(t, d)
}

// TestCancelledCommitTellsTheTruth loses interest while the store publishes the object.
func TestCancelledCommitTellsTheTruth(t *testing.T) {
	p, d := newProxy(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	p.spoil("POST /a?uploadId", 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		cancel()
		forward.ServeHTTP(w, r)
	})
	_, err = u.Commit(ctx, []backends.Part{part}, whole([]byte("data")))
	require.NoError(t, err)
	require.Equal(t, []byte("data"), read(t, d, "a"))
}

func TestFailedCopyInPartsLeavesNothing(t *testing.T) {
	p, d := newProxy(t)
	src := put(t, d, "a", bytes.Repeat([]byte("x"), 1000))
	for _, line := range []string{"PUT /b?partNumber", "POST /b?uploadId"} {
		p.spoil(line, 1, answer(http.StatusForbidden, "AccessDenied"))
		_, err := d.Copy(t.Context(), "b", src, backends.WriteOptions{IfAbsent: true})
		require.ErrorIs(t, err, backends.ErrPermission)
	}
	requireAbsent(t, d, "b")
	requireNoUploads(t, d)
}

func TestBackoff(t *testing.T) {
	for attempt, want := range map[int]time.Duration{1: minDelay, 2: 2 * minDelay, 3: 4 * minDelay, 40: maxDelay} {
		for range 100 {
			got := backoff(attempt, minDelay)
			require.GreaterOrEqual(t, got, want/2)
			require.Less(t, got, want)
		}
	}
}
