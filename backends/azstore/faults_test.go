package azstore

import (
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
	p, d := newProxy(t)
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
		"Put": {"PUT /Put", func(key string) (backends.Info, error) {
			return d.Put(t.Context(), key, body(data), backends.WriteOptions{})
		}},
		"PutIfAbsent": {"PUT /PutIfAbsent", func(key string) (backends.Info, error) {
			return d.Put(t.Context(), key, body(data), backends.WriteOptions{IfAbsent: true})
		}},
		"OverIfVersion": {"DELETE /none", func(key string) (backends.Info, error) {
			before := put(t, d, key, []byte("before"))
			p.spoil("PUT /"+key, 1, loseAnswer)
			return d.Put(t.Context(), key, body(data), backends.WriteOptions{IfVersion: before.Version})
		}},
		"Commit":         {"PUT /Commit?comp=blocklist", commit(backends.WriteOptions{})},
		"CommitIfAbsent": {"PUT /CommitIfAbsent?comp=blocklist", commit(backends.WriteOptions{IfAbsent: true})},
		"CopyIfAbsent": {"PUT /CopyIfAbsent", func(key string) (backends.Info, error) {
			return d.Copy(t.Context(), key, put(t, d, "source", data), backends.WriteOptions{IfAbsent: true})
		}},
		"SetTime": {"PUT /SetTime?comp=metadata", func(key string) (backends.Info, error) {
			return d.Copy(t.Context(), key, put(t, d, key, data), backends.WriteOptions{ModTime: time.Unix(1, 0)})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p.spoil(c.line, 1, loseAnswer)
			info, err := c.write(name)
			require.NoError(t, err)
			require.Equal(t, "data", read(t, d, name))
			stat, err := d.Stat(t.Context(), name)
			require.NoError(t, err)
			require.Equal(t, stat.Version, info.Version)
			require.Equal(t, stat.Size, info.Size)
		})
	}
}

// TestLastAnswerLost loses the answers of all tries, so that only the key can tell.
func TestLastAnswerLost(t *testing.T) {
	p, d := newProxy(t)
	source := put(t, d, "source", []byte("data"))
	put(t, d, "old", []byte("before"))
	for _, lose := range []deed{loseAnswer, mangleAnswer} {
		for key, write := range map[string]func(key string) (backends.Info, error){
			"new": func(key string) (backends.Info, error) {
				return d.Put(t.Context(), key, body([]byte("data")), backends.WriteOptions{})
			},
			"old": func(key string) (backends.Info, error) {
				return d.Put(t.Context(), key, body([]byte("data")), backends.WriteOptions{})
			},
			"copy": func(key string) (backends.Info, error) {
				return d.Copy(t.Context(), key, source, backends.WriteOptions{})
			},
		} {
			p.spoil("PUT /"+key, maxAttempts, lose)
			info, err := write(key)
			require.NoError(t, err, key)
			require.Equal(t, "data", read(t, d, key))
			stat, err := d.Stat(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, stat.Version, info.Version)
		}
		put(t, d, "once", []byte("data"))
		p.spoil("DELETE /once", 1, lose)
		require.NoError(t, d.Delete(t.Context(), backends.Targets("once")), "the second try finds nothing, because the first did it")
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

// TestCommitWhoseBlocksGo has another writer between the look at the blocks and the commit.
func TestCommitWhoseBlocksGo(t *testing.T) {
	for name, c := range map[string]struct {
		opts backends.WriteOptions
		kind backends.Kind
	}{
		"any":       {backends.WriteOptions{}, backends.ErrUploadGone},
		"IfAbsent":  {backends.WriteOptions{IfAbsent: true}, backends.ErrExist},
		"IfVersion": {backends.WriteOptions{IfVersion: "0x1"}, backends.ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			p, d := newProxy(t)
			u, err := d.StartUpload(t.Context(), "a", c.opts)
			require.NoError(t, err)
			part, err := u.PutPart(t.Context(), 1, body([]byte("mine")))
			require.NoError(t, err)
			p.spoil("PUT /a?comp=blocklist", 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
				putParts(t, d, "a", backends.WriteOptions{}, "theirs")
				forward.ServeHTTP(w, r)
			})
			_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("mine")))
			require.ErrorIs(t, err, c.kind)
			require.Equal(t, "theirs", read(t, d, "a"))
		})
	}
}

func TestBusyStoreIsAskedAgain(t *testing.T) {
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusInternalServerError} {
		p, d := newProxy(t)
		p.spoil("PUT /a", maxAttempts-1, answering(status, "ServerBusy"))
		put(t, d, "a", []byte("data"))
		require.Len(t, p.seen(), maxAttempts)
		require.Equal(t, "data", read(t, d, "a"))

		p.seen()
		p.spoil("GET /a", 100, answering(status, "ServerBusy"))
		_, _, err := d.ReadRange(t.Context(), "a", "", 0, -1)
		require.ErrorIs(t, err, backends.ErrUnavailable)
		require.Len(t, p.seen(), maxAttempts)
	}
}

func TestRefusalIsNotAskedAgain(t *testing.T) {
	p, d := newProxy(t)
	p.spoil("PUT /a", 1, answering(http.StatusForbidden, "AuthorizationPermissionMismatch"))
	_, err := d.Put(t.Context(), "a", body(make([]byte, 5*mebi)), backends.WriteOptions{})
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

func TestStalledAndBrokenBodies(t *testing.T) {
	p, d := newProxy(t)
	put(t, d, "a", make([]byte, mebi))
	d = p.openImpatient(t)
	for cause, end := range map[error]func(*http.Request){
		transport.ErrStalled: func(r *http.Request) { <-r.Context().Done() },
		io.ErrUnexpectedEOF:  func(*http.Request) { panic(http.ErrAbortHandler) },
	} {
		p.spoil("GET /a", 1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			w.Header().Set("X-Ms-Request-Id", "1")
			w.Header().Set("Content-Length", "1048576")
			_, _ = w.Write(make([]byte, 1000))
			_ = http.NewResponseController(w).Flush()
			end(r)
		})
		content, _, err := d.ReadRange(t.Context(), "a", "", 0, -1)
		require.NoError(t, err)
		got, err := io.ReadAll(content)
		require.ErrorIs(t, err, backends.ErrUnavailable, "the Store reads on from there")
		require.ErrorIs(t, err, cause)
		require.Len(t, got, 1000)
		require.NoError(t, content.Close())
	}
}

// TestBodyIsNotReadAfterwards gives a body's bytes to another as soon as a Put has returned, as
// the Store does. The race detector is the judge.
func TestBodyIsNotReadAfterwards(t *testing.T) {
	p, d := newProxy(t)
	data := make([]byte, 8*mebi)
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		p.spoil("PUT /b", 1, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
			_, _ = r.Body.Read(make([]byte, 1000))
			cancel()
			<-over
		})
		u, err := d.StartUpload(t.Context(), "b", backends.WriteOptions{})
		require.NoError(t, err)
		_, err = u.PutPart(ctx, 1, body(data))
		require.ErrorIs(t, err, context.Canceled)
		for i := range data {
			data[i]++
		}
		close(over)
	}
}

// TestCancelledCommitTellsTheTruth loses interest while the store publishes the object.
func TestCancelledCommitTellsTheTruth(t *testing.T) {
	p, d := newProxy(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	p.spoil("PUT /a?comp=blocklist", 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		cancel()
		forward.ServeHTTP(w, r)
	})
	_, err = u.Commit(ctx, []backends.Part{part}, whole([]byte("data")))
	require.NoError(t, err)
	require.Equal(t, "data", read(t, d, "a"))
}

// TestFailedBeginningIsEnded has the second of two pieces fail.
func TestFailedBeginningIsEnded(t *testing.T) {
	p, d := newProxy(t)
	info := put(t, d, "a", []byte("before"))
	for _, kind := range []struct {
		do   deed
		want backends.Kind
	}{{answering(http.StatusForbidden, "AuthorizationFailure"), backends.ErrPermission}, {loseRequest, backends.ErrUnavailable}} {
		p.spoil("PUT /a?comp=block", maxAttempts, kind.do)
		_, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{Base: &info, BaseSize: info.Size})
		require.ErrorIs(t, err, kind.want)
		if unended := new(backends.UnendedError); kind.want == backends.ErrUnavailable {
			require.ErrorAs(t, err, &unended)
			require.NoError(t, unended.Upload.Abort(t.Context()))
		}
		p.mu.Lock()
		p.faults = nil
		p.mu.Unlock()
	}
	require.Equal(t, "before", read(t, d, "a"))
}
