package s3store

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/minio"
)

const (
	createA = "POST /a?uploads"
	listA   = "GET ?encoding-type=url&prefix=a&uploads"
	endA    = "DELETE /a?uploadId=U"
)

func TestLostBeginningsAreEnded(t *testing.T) {
	for name, lose := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){
		"cut": loseAnswer, "502": mangleAnswer,
	} {
		t.Run(name, func(t *testing.T) {
			p, d := newProxy(t)
			before, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
			require.NoError(t, err)
			p.seen()
			p.spoil(createA, 2, lose)
			u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
			require.NoError(t, err)
			require.Equal(t, []string{createA, listA, endA, createA, listA, endA, createA}, p.lines())

			part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
			require.NoError(t, err)
			_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("data")))
			require.NoError(t, err)
			_, err = before.PutPart(t.Context(), 1, body([]byte("data")))
			require.NoError(t, err, "another of this process, and younger than the clocks can tell")
			require.NoError(t, before.Abort(t.Context()))
			requireNoUploads(t, d)
			require.Empty(t, d.own.keys)
		})
	}
}

func TestLostBeginningsOfAFailureAreLeftToTheCaller(t *testing.T) {
	p, d := newProxy(t)
	p.spoil(createA, maxAttempts, loseAnswer)
	p.spoil(listA, maxAttempts, loseRequest)
	_, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.Len(t, p.seen(), maxAttempts, "no longer than any other request")
	var left *backends.UnendedError
	require.ErrorAs(t, err, &left)

	p.spoil(listA, maxAttempts, loseRequest)
	require.ErrorIs(t, left.Upload.Abort(t.Context()), backends.ErrUnavailable)
	require.NoError(t, left.Upload.Abort(t.Context()))
	requireNoUploads(t, d)
	p.seen()
	require.NoError(t, left.Upload.Abort(t.Context()))
	require.Empty(t, p.seen())
	require.Empty(t, d.own.keys)
}

func TestLostBeginningOfACopyInParts(t *testing.T) {
	p, d := newProxy(t)
	src := put(t, d, "b", []byte("data"))
	p.spoil(createA, maxAttempts, loseAnswer)
	p.spoil(listA, maxAttempts, loseRequest)
	_, err := d.Copy(t.Context(), "a", src, backends.WriteOptions{IfAbsent: true})
	var left *backends.UnendedError
	require.ErrorAs(t, err, &left)
	require.NoError(t, left.Upload.Abort(context.Background()))
	requireNoUploads(t, d)
}

// TestNothingIsSwept where it cannot help.
func TestNothingIsSwept(t *testing.T) {
	p, d := newProxy(t)
	t.Run("refused", func(t *testing.T) {
		p.spoil(createA, 1, answer(http.StatusForbidden, "AccessDenied"))
		_, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrPermission)
		require.Equal(t, []string{createA}, p.lines())
		var left *backends.UnendedError
		require.NotErrorAs(t, err, &left)
	})
	t.Run("may not list", func(t *testing.T) {
		p.spoil(createA, 1, loseRequest)
		p.spoil(listA, 2, answer(http.StatusForbidden, "AccessDenied"))
		u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
		require.NoError(t, err)
		require.Equal(t, []string{createA, listA, createA}, p.lines())
		require.ErrorIs(t, u.Abort(t.Context()), backends.ErrPermission)
		requireNoUploads(t, d)
	})
	t.Run("nobody there", func(t *testing.T) {
		d := p.open(t, func(*Options, *tuning) {}) // no connection is open, whose end would leave a doubt
		p.Close()
		_, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrUnavailable)
		var left *backends.UnendedError
		require.NotErrorAs(t, err, &left, "nothing was sent")
	})
}

// TestOthersUploadsAreLeftAlone has uploads of another process beside the lost one: to the same
// key but older, and to keys that begin alike.
func TestOthersUploadsAreLeftAlone(t *testing.T) {
	p, d := newProxy(t)
	client := minio.Shared(t).Client()
	var others []*s3.CreateMultipartUploadOutput
	for _, key := range []string{"a", "ab", "a/b"} {
		out, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: d.bucket(), Key: aws.String(key)})
		require.NoError(t, err)
		others = append(others, out)
	}
	time.Sleep(clockSlack + time.Second) // what the clocks of stores cannot tell apart
	p.spoil(createA, 1, loseAnswer)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, u.Abort(t.Context()))
	for _, other := range others {
		_, err := client.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: d.bucket(), Key: other.Key, UploadId: other.UploadId})
		require.NoError(t, err, *other.Key)
	}
	requireNoUploads(t, d)
}

func TestWindow(t *testing.T) {
	now := time.Now()
	w := window{first: now.Add(-time.Minute), last: now.Add(-30 * time.Second)}
	for age, want := range map[time.Duration]bool{
		-time.Second: false, 20 * time.Second: false, 29 * time.Second: true, 45 * time.Second: true,
		time.Minute: true, time.Minute + time.Second: true, time.Minute + 5*time.Second: false,
	} {
		require.Equal(t, want, w.holds(age), age)
	}
	require.False(t, window{}.holds(0))
}

// TestManyBeginTheSameKey while some answers are lost: none of them ends another's.
func TestManyBeginTheSameKey(t *testing.T) {
	p, d := newProxy(t)
	p.spoil(createA, 5, loseAnswer)
	errs := make(chan error, 20)
	var group sync.WaitGroup
	for range cap(errs) {
		group.Go(func() {
			u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
			if err == nil {
				_, err = u.PutPart(t.Context(), 1, body([]byte("data")))
				err = errors.Join(err, u.Abort(t.Context()))
			}
			errs <- err
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	requireNoUploads(t, d)
	require.Empty(t, d.own.keys)
	count := 0
	for _, line := range p.lines() {
		if strings.HasPrefix(line, createA) {
			count++
		}
	}
	require.Equal(t, cap(errs)+5, count)
}

// TestStoreEndsWhatAFailureLeft is the whole way: the store is away while the upload begins and
// while it is given up, and then it is back.
func TestStoreEndsWhatAFailureLeft(t *testing.T) {
	p, d := newProxy(t)
	store := backends.NewStore("test", d, backends.StoreOptions{PartSize: minPart})
	p.spoil(createA, 1, loseAnswer)
	p.spoil(listA, maxAttempts-1+maxAttempts, loseRequest)
	w, err := store.Create(t.Context(), "a", backends.CreateOptions{})
	require.NoError(t, err)
	_, _ = w.Write(make([]byte, minPart+1)) // it may hear of it already
	_, err = w.Commit(t.Context())
	require.ErrorIs(t, err, backends.ErrUnavailable)
	_, uploads := left(t, minio.Shared(t), d.opts.Bucket)
	require.Len(t, uploads, 1)
	require.NoError(t, store.Close()) // does not wait for the next try
	requireNoUploads(t, d)
}
