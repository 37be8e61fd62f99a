package gcsstore

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/transport"
)

// TestLostAnswers cuts the answer of a write, which is then tried again and finds its own work
// in the way.
func TestLostAnswers(t *testing.T) {
	data := []byte("data")
	p, d := newProxied(t)
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
		"Put": {"INSERT ", func(key string) (backends.Info, error) {
			return d.Put(t.Context(), key, body(data), backends.WriteOptions{})
		}},
		"PutIfAbsent": {"INSERT ", func(key string) (backends.Info, error) {
			return d.Put(t.Context(), key, body(data), backends.WriteOptions{IfAbsent: true})
		}},
		"PutIfVersion": {"INSERT PutIfVersion ifGenerationMatch=G", func(key string) (backends.Info, error) {
			before := put(t, d, key, []byte("before"))
			return d.Put(t.Context(), key, body(data), backends.WriteOptions{IfVersion: before.Version})
		}},
		"Start":          {"INSERT " + uploadsPrefix, commit(backends.WriteOptions{})},
		"Commit":         {"POST Commit compose", commit(backends.WriteOptions{})},
		"CommitIfAbsent": {"POST CommitIfAbsent compose", commit(backends.WriteOptions{IfAbsent: true})},
		"Append": {"POST Append compose", func(key string) (backends.Info, error) {
			base := put(t, d, key, data[:2])
			u, err := d.StartUpload(t.Context(), key, backends.WriteOptions{Base: &base, BaseSize: base.Size})
			require.NoError(t, err)
			part, err := u.PutPart(t.Context(), 1, body(data[2:]))
			require.NoError(t, err)
			return u.Commit(t.Context(), []backends.Part{part}, whole(data))
		}},
		"CopyIfAbsent": {"POST source rewriteTo", func(key string) (backends.Info, error) {
			return d.Copy(t.Context(), key, put(t, d, "source", data), backends.WriteOptions{IfAbsent: true})
		}},
		"SetTime": {"PATCH SetTime", func(key string) (backends.Info, error) {
			return d.Copy(t.Context(), key, put(t, d, key, data), backends.WriteOptions{ModTime: time.Unix(1, 0)})
		}},
		"Move": {"POST gone moveTo", func(key string) (backends.Info, error) {
			return d.Move(t.Context(), key, put(t, d, "gone", data), backends.WriteOptions{})
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
	p.requireNoUploads(t)
}

// TestLastAnswerLost loses the answers of all tries, so that only the key can tell.
func TestLastAnswerLost(t *testing.T) {
	p, d := newProxied(t)
	data := []byte("data")
	source := put(t, d, "source", data)
	put(t, d, "old", []byte("before"))
	for _, lose := range []func(http.ResponseWriter, *http.Request, http.Handler){loseAnswer, mangleAnswer} {
		for line, key := range map[string]string{"INSERT new": "new", "INSERT old": "old", "POST source": "copy"} {
			p.spoil(line, maxAttempts, lose)
			var info backends.Info
			var err error
			if key == "copy" {
				info, err = d.Copy(t.Context(), key, source, backends.WriteOptions{})
			} else {
				info, err = d.Put(t.Context(), key, body(data), backends.WriteOptions{})
			}
			require.NoError(t, err, key)
			require.Equal(t, data, read(t, d, key))
			stat, err := d.Stat(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, stat.Version, info.Version)
		}
		for _, times := range []int{1, maxAttempts} {
			put(t, d, "copy", data)
			p.spoil("DELETE copy", times, lose)
			require.NoError(t, d.Delete(t.Context(), backends.Targets("copy")))
		}
	}
}

// TestWritesThatNeverArrive fails, and what was there is there.
func TestWritesThatNeverArrive(t *testing.T) {
	for _, lose := range []func(http.ResponseWriter, *http.Request, http.Handler){loseRequest, loseHalf} {
		p, d := newProxied(t)
		data := bytes.Repeat([]byte("data"), 1000)
		source := put(t, d, "source", data)
		before := put(t, d, "a", data) // the same bytes, but not this write's
		for _, line := range []string{"INSERT a", "POST source", "POST a", "DELETE a", "INSERT .tidegate"} {
			p.spoil(line, 100, lose)
		}
		_, err := d.Put(t.Context(), "a", body(data), backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrUnavailable)
		_, err = d.Copy(t.Context(), "a", source, backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrUnavailable)
		_, err = d.Move(t.Context(), "b", before, backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrUnavailable)
		require.ErrorIs(t, d.Delete(t.Context(), backends.Targets("a")), backends.ErrUnavailable)
		_, err = d.StartUpload(t.Context(), "a", backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrUnavailable)
		now, err := d.Stat(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, before.Version, now.Version)
		requireAbsent(t, d, "b")
		p.requireNoUploads(t)
	}
}

// TestStartThatNobodyHearsOf makes a record whose answers are all lost: whoever asked is told
// what there may be to end.
func TestStartThatNobodyHearsOf(t *testing.T) {
	p, d := newProxied(t)
	p.spoil("INSERT .tidegate", maxAttempts, loseAnswer)
	_, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	var unended *backends.UnendedError
	require.ErrorAs(t, err, &unended)
	require.NoError(t, unended.Upload.Abort(t.Context()))
	p.requireNoUploads(t)
}

func TestLostAnswerOfAWriteThatLost(t *testing.T) {
	p, d := newProxied(t)
	theirs := []byte("theirs")
	put(t, d, "a", theirs)

	p.spoil("INSERT a", 1, loseAnswer)
	_, err := d.Put(t.Context(), "a", body([]byte("mine")), backends.WriteOptions{IfAbsent: true})
	require.ErrorIs(t, err, backends.ErrExist)

	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{IfAbsent: true})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("mine")))
	require.NoError(t, err)
	p.spoil("POST a compose", 1, loseAnswer)
	_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("mine")))
	require.ErrorIs(t, err, backends.ErrExist)
	require.NoError(t, u.Abort(t.Context()))
	require.Equal(t, theirs, read(t, d, "a"))
	p.requireNoUploads(t)
}

func TestCommitThatNeverArrives(t *testing.T) {
	p, d := newProxied(t)
	before := put(t, d, "a", []byte("before"))
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("after")))
	require.NoError(t, err)
	p.spoil("POST a compose", maxAttempts, loseRequest)
	_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("after")))
	require.ErrorIs(t, err, backends.ErrUnavailable)
	now, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, before.Version, now.Version)

	_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("after"))) // the store is back
	require.NoError(t, err)
	require.Equal(t, []byte("after"), read(t, d, "a"))
}

// TestCommitOfAnotherProcess publishes an upload twice by two handles of it: the second is told of
// the first one's success.
func TestCommitOfAnotherProcess(t *testing.T) {
	p, d := newProxied(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
	require.NoError(t, err)
	again, err := d.ResumeUpload(t.Context(), "a", u.ID(), backends.WriteOptions{})
	require.NoError(t, err)
	first, err := u.Commit(t.Context(), []backends.Part{part}, whole([]byte("data")))
	require.NoError(t, err)
	second, err := again.Commit(t.Context(), []backends.Part{part}, whole([]byte("data")))
	require.NoError(t, err)
	require.Equal(t, first.Version, second.Version)

	put(t, d, "a", []byte("newer"))
	third, err := d.ResumeUpload(t.Context(), "a", u.ID(), backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrUploadGone)
	require.Nil(t, third)
	p.requireNoUploads(t)
}

// TestCommitOfOtherPartsByAnotherProcess: an object that another handle of the upload has made of fewer
// parts is not what this one was to publish.
func TestCommitOfOtherPartsByAnotherProcess(t *testing.T) {
	_, d := newProxied(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	one, err := u.PutPart(t.Context(), 1, body([]byte("one")))
	require.NoError(t, err)
	two, err := u.PutPart(t.Context(), 2, body([]byte("two")))
	require.NoError(t, err)
	again, err := d.ResumeUpload(t.Context(), "a", u.ID(), backends.WriteOptions{})
	require.NoError(t, err)
	_, err = u.Commit(t.Context(), []backends.Part{one}, whole([]byte("one")))
	require.NoError(t, err)
	_, err = again.Commit(t.Context(), []backends.Part{one, two}, whole([]byte("onetwo")))
	require.ErrorIs(t, err, backends.ErrUploadGone)
	require.Equal(t, []byte("one"), read(t, d, "a"))
}

// TestCommitThatWasNotTidiedUp is done again after a crash: its own object is not another's.
func TestCommitThatWasNotTidiedUp(t *testing.T) {
	p, d := newProxied(t)
	opts := backends.WriteOptions{IfAbsent: true}
	u, err := d.StartUpload(t.Context(), "a", opts)
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
	require.NoError(t, err)
	p.spoil("DELETE .tidegate", 1, answer(http.StatusForbidden, "forbidden", ""))
	first, err := u.Commit(t.Context(), []backends.Part{part}, whole([]byte("data")))
	require.NoError(t, err)

	again, err := d.ResumeUpload(t.Context(), "a", u.ID(), opts)
	require.NoError(t, err)
	second, err := again.Commit(t.Context(), []backends.Part{part}, whole([]byte("data")))
	require.NoError(t, err)
	require.Equal(t, first.Version, second.Version)
	p.requireNoUploads(t)
}

func TestBusyStoreIsAskedAgain(t *testing.T) {
	for status, reason := range map[int]string{
		http.StatusServiceUnavailable: "backendError", http.StatusTooManyRequests: "rateLimitExceeded", http.StatusInternalServerError: "internalError",
	} {
		p, d := newProxied(t)
		p.spoil("INSERT a", maxAttempts-1, answer(status, reason, "busy"))
		put(t, d, "a", []byte("data"))
		require.Len(t, p.seen(), maxAttempts)
		require.Equal(t, []byte("data"), read(t, d, "a"))

		p.seen()
		p.spoil("GET a", 100, answer(status, reason, "busy"))
		_, _, err := d.ReadRange(t.Context(), "a", "", 0, -1)
		require.ErrorIs(t, err, backends.ErrUnavailable)
		require.Len(t, p.seen(), maxAttempts)
	}
}

func TestRefusalIsNotAskedAgain(t *testing.T) {
	p, d := newProxied(t)
	p.spoil("INSERT a", 1, answer(http.StatusForbidden, "forbidden", "no"))
	_, err := d.Put(t.Context(), "a", body(make([]byte, 1<<20)), backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrPermission)
	require.Len(t, p.seen(), 1)
}

// silence says nothing until the client goes away.
func silence(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestSilentStore(t *testing.T) {
	p := newProxy(t)
	d := p.open(t, func(_ *Options, tune *tuning) { tune.answerTimeout = impatience })
	p.spoil("GET a", 100, silence)
	_, err := d.Stat(t.Context(), "a")
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.Len(t, p.seen(), maxTimeouts)
}

// TestBrokenBody cuts a download, which can be read on from there.
func TestBrokenBody(t *testing.T) {
	p, d := newProxied(t)
	put(t, d, "a", make([]byte, 1<<20))
	p.spoil("GET a", 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		whole := httptest.NewRecorder()
		forward.ServeHTTP(whole, r)
		maps.Copy(w.Header(), whole.Header())
		_, _ = w.Write(whole.Body.Bytes()[:1000])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	content, _, err := d.ReadRange(t.Context(), "a", "", 0, -1)
	require.NoError(t, err)
	defer content.Close()
	data, err := io.ReadAll(content)
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Len(t, data, 1000)
}

// TestAnswersThatDoNotDescribeTheObject come from what is no Google Cloud Storage.
func TestAnswersThatDoNotDescribeTheObject(t *testing.T) {
	p, d := newProxied(t)
	for _, header := range []string{"X-Goog-Stored-Content-Length", "X-Goog-Generation"} {
		p.spoil("GET a", 1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set(header, "1")
		})
		_, _, err := d.ReadRange(t.Context(), "a", "", 0, -1)
		require.ErrorContains(t, err, "answer without")
	}
}

// TestAnswersThatAreNotTheStoredBytes: what the store unpacks on the way has other bytes and no ranges.
func TestAnswersThatAreNotTheStoredBytes(t *testing.T) {
	p, d := newProxied(t)
	put(t, d, "a", []byte("data"))
	for off, encoding := range map[int64]string{0: "gzip", 2: "identity"} {
		p.spoil("GET a", 1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("X-Goog-Stored-Content-Length", "4")
			w.Header().Set("X-Goog-Generation", "1")
			w.Header().Set("X-Goog-Stored-Content-Encoding", encoding)
			_, _ = io.WriteString(w, "other data")
		})
		_, _, err := d.ReadRange(t.Context(), "a", "", off, -1)
		require.ErrorIs(t, err, backends.ErrUnsupported)
	}
}

// TestStalledBody ends a download that has stopped.
func TestStalledBody(t *testing.T) {
	p := newProxy(t)
	d := p.open(t, func(_ *Options, tune *tuning) { tune.stallTimeout = impatience })
	put(t, d, "a", make([]byte, 1000))
	p.spoil("GET a", 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		whole := httptest.NewRecorder()
		forward.ServeHTTP(whole, r)
		maps.Copy(w.Header(), whole.Header())
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	content, _, err := d.ReadRange(t.Context(), "a", "", 0, -1)
	require.NoError(t, err)
	defer content.Close()
	_, err = io.ReadAll(content)
	require.ErrorIs(t, err, transport.ErrStalled)
	require.ErrorIs(t, err, backends.ErrUnavailable)
}

// TestWholeSumIsVerifiedByTheStore spoils a sum on its way, which the store must refuse.
func TestWholeSumIsVerifiedByTheStore(t *testing.T) {
	p, d := newProxied(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
	require.NoError(t, err)
	p.spoil("POST a compose", 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		said, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		right, wrong := []byte(encodeSum(part.Sum)), []byte(encodeSum(part.Sum^1))
		r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(said, right, wrong, 1)))
		forward.ServeHTTP(w, r)
	})
	_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("data")))
	require.ErrorIs(t, err, backends.ErrInvalid)
	require.NoError(t, u.Abort(t.Context()))
	requireAbsent(t, d, "a")
}

// TestRewriteInSteps copies an object for which the store needs several answers, one of which fails.
func TestRewriteInSteps(t *testing.T) {
	p, d := newProxied(t)
	source := put(t, d, "source", []byte("data"))
	var tokens []string
	step := func(token string) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			tokens = append(tokens, r.URL.Query().Get("rewriteToken"))
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"done": false, "rewriteToken": "` + token + `"}`))
		}
	}
	p.spoil("POST source", 1, step("one"))
	p.spoil("POST source", 1, step("two"))
	p.spoil("POST source", 1, answer(http.StatusServiceUnavailable, "backendError", "busy"))
	_, err := d.Copy(t.Context(), "copy", source, backends.WriteOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"", "one"}, tokens)
	seen := p.seen()
	last := seen[slices.IndexFunc(seen, func(r request) bool { return r.line == "INSERT source" })+4]
	require.Contains(t, last.query, "rewriteToken=two", "it goes on where it was")
	require.Equal(t, []byte("data"), read(t, d, "copy"))
}

// TestMoveThatIsRefusedMovesNothing holds conditions of both ends.
func TestMoveThatIsRefusedMovesNothing(t *testing.T) {
	_, d := newProxied(t)
	source, other := put(t, d, "source", []byte("data")), put(t, d, "other", []byte("other"))
	_, err := d.Move(t.Context(), "other", source, backends.WriteOptions{IfVersion: source.Version})
	require.ErrorIs(t, err, backends.ErrChanged)
	_, err = d.Move(t.Context(), "other", source, backends.WriteOptions{IfVersion: other.Version})
	require.NoError(t, err)
	require.Equal(t, []byte("data"), read(t, d, "other"))
}

func TestCredentialsErrorsAreNoAnswers(t *testing.T) {
	require.False(t, unanswered(&credentialsError{errors.New("none")}))
	require.True(t, unanswered(io.ErrUnexpectedEOF))
	require.False(t, unanswered(answered(http.StatusPreconditionFailed, "conditionNotMet")))
	require.True(t, unanswered(answered(http.StatusBadGateway, "")))
}
