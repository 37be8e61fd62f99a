package localstore

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

func start(t *testing.T, d *Driver, key string, parts ...string) backends.Upload {
	t.Helper()
	u, err := d.StartUpload(t.Context(), key, backends.WriteOptions{})
	require.NoError(t, err)
	for i, data := range parts {
		_, err := u.PutPart(t.Context(), i+1, body(data))
		require.NoError(t, err)
	}
	return u
}

// TestResumeBelievesOnlyTheBytes does to the files of an upload what a power cut can do.
func TestResumeBelievesOnlyTheBytes(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(file, record string) error
		parts  int // that are left of three; -1 for a lost upload
	}{
		"none":                    {func(_, _ string) error { return nil }, 3},
		"end of the file lost":    {func(file, _ string) error { return os.Truncate(file, 5) }, 2},
		"zeros in the middle":     {func(file, _ string) error { return overwrite(file, 2, "\x00\x00") }, 1},
		"whole file lost":         {func(file, _ string) error { return os.Truncate(file, 0) }, 0},
		"file gone":               {func(file, _ string) error { return os.Remove(file) }, -1},
		"last line torn":          {func(_, record string) error { return shorten(record, 5) }, 2},
		"record lost":             {func(_, record string) error { return os.Truncate(record, 0) }, -1},
		"record gone":             {func(_, record string) error { return os.Remove(record) }, -1},
		"record of another key":   {func(_, record string) error { return overwrite(record, 0, `{"Key":"z"`) }, -1},
		"a line of something":     {func(_, record string) error { return add(record, "nonsense\n") }, 3},
		"a line that skips parts": {func(_, record string) error { return add(record, `{"Number":9,"Size":1,"Sum":0}`+"\n") }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			d, dir := newDriver(t)
			id := start(t, d, "a", "12", "34", "56").ID()
			file := filepath.Join(dir, uploadsDir, string(id))
			require.NoError(t, c.damage(file, file+recordSuffix))

			u, err := d.ResumeUpload(t.Context(), "a", id, backends.WriteOptions{})
			if c.parts < 0 {
				require.ErrorIs(t, err, backends.ErrUploadGone)
				return
			}
			require.NoError(t, err)
			parts, err := u.Parts(t.Context())
			require.NoError(t, err)
			require.Len(t, parts, c.parts)

			last, err := u.PutPart(t.Context(), c.parts+1, body("end"))
			require.NoError(t, err)
			want := "123456"[:2*c.parts] + "end"
			_, err = u.Commit(t.Context(), append(parts, last), backends.CommitOptions{Size: int64(len(want))})
			require.NoError(t, err)
			require.Equal(t, want, read(t, d, "a"))
			_, uploads := left(t, dir)
			require.Empty(t, uploads)
		})
	}
}

func overwrite(path string, at int64, data string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(data), at)
	return errors.Join(err, f.Close())
}

func shorten(path string, by int64) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, fi.Size()-by)
}

func add(path, data string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(data)
	return errors.Join(err, f.Close())
}

// TestOnlyTheLastOneToResumeWrites: a session that is thought dead may wake up at any time, and
// what it still holds open is the file that is, or was, published.
func TestOnlyTheLastOneToResumeWrites(t *testing.T) {
	ctx := t.Context()
	d, dir := newDriver(t)
	stale := start(t, d, "a", "12", "34")
	other, err := New(Options{Path: dir}) // another process
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	owner, err := other.ResumeUpload(ctx, "a", stale.ID(), backends.WriteOptions{})
	require.NoError(t, err)

	_, err = stale.PutPart(ctx, 3, body("xx"))
	require.ErrorIs(t, err, backends.ErrChanged)
	_, err = stale.PutPart(ctx, 2, body("xx"))
	require.ErrorIs(t, err, backends.ErrChanged)
	_, err = stale.Parts(ctx)
	require.ErrorIs(t, err, backends.ErrChanged)
	require.NoError(t, stale.Abort(ctx), "nothing of its own is left to abort")

	_, err = owner.PutPart(ctx, 3, body("56"))
	require.NoError(t, err)
	parts, err := owner.Parts(ctx)
	require.NoError(t, err)
	_, err = stale.Commit(ctx, parts, backends.CommitOptions{Size: 6})
	require.ErrorIs(t, err, backends.ErrChanged)
	_, err = owner.Commit(ctx, parts, backends.CommitOptions{Size: 6})
	require.NoError(t, err)

	_, err = stale.PutPart(ctx, 3, body("xx"))
	require.ErrorIs(t, err, backends.ErrUploadGone)
	require.NoError(t, stale.Abort(ctx))
	_, err = owner.PutPart(ctx, 4, body("xx"))
	require.ErrorIs(t, err, backends.ErrUploadGone)
	require.Equal(t, "123456", read(t, d, "a"))
	_, uploads := left(t, dir)
	require.Empty(t, uploads)
}

// TestResumeIDsAreNoPaths: an ID comes from a journal that somebody may have written to.
func TestResumeIDsAreNoPaths(t *testing.T) {
	d, _ := newDriver(t)
	put(t, d, "a", "data")
	for _, id := range []backends.UploadID{"", ".", "..", "../../a", "A/B", "a", "Ä"} {
		_, err := d.ResumeUpload(t.Context(), "a", id, backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrUploadGone, "%q", id)
	}
}

// TestPartThatFailsAgain: the bytes of the first try are spoilt by the second, and must not be
// taken for whole.
func TestPartThatFailsAgain(t *testing.T) {
	d, dir := newDriver(t)
	put(t, d, "a", "before")
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	first, err := u.PutPart(t.Context(), 1, body("first"))
	require.NoError(t, err)
	broken := backends.Body{ReadSeeker: &failingReader{Reader: strings.NewReader("sec")}, Size: 6}
	_, err = u.PutPart(t.Context(), 1, broken)
	require.ErrorIs(t, err, errBroken)
	_, err = u.Commit(t.Context(), []backends.Part{first}, backends.CommitOptions{Size: first.Size})
	require.ErrorIs(t, err, backends.ErrInvalid)

	again, err := u.PutPart(t.Context(), 1, body("third"))
	require.NoError(t, err)
	_, err = u.Commit(t.Context(), []backends.Part{again}, backends.CommitOptions{Size: again.Size})
	require.NoError(t, err)
	require.Equal(t, "third", read(t, d, "a"))
	_, uploads := left(t, dir)
	require.Empty(t, uploads)
}

var errBroken = errors.New("broken")

type failingReader struct{ *strings.Reader }

func (r *failingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errBroken
	}
	return n, err
}

func (r *failingReader) WriteTo(w io.Writer) (int64, error) {
	n, _ := r.Reader.WriteTo(w)
	return n, errBroken
}

func TestPutOfAShortBodyLeavesNothing(t *testing.T) {
	d, dir := newDriver(t)
	put(t, d, "a", "before")
	short := body("short")
	short.Size++
	_, err := d.Put(t.Context(), "a", short, backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrInvalid)
	_, err = d.Put(t.Context(), "folder/", body("bytes"), backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrInvalid)
	_, uploads := left(t, dir)
	require.Empty(t, uploads)
	require.Equal(t, "before", read(t, d, "a"))
}

func TestCommitCutsWhatWasNotCommitted(t *testing.T) {
	d, _ := newDriver(t)
	u := start(t, d, "a", "12", "34", "56")
	parts, err := u.Parts(t.Context())
	require.NoError(t, err)
	_, err = u.Commit(t.Context(), parts[:2], backends.CommitOptions{Size: 4})
	require.NoError(t, err)
	require.Equal(t, "1234", read(t, d, "a"))
}

func TestRemoveAbandoned(t *testing.T) {
	d, dir := newDriver(t)
	start(t, d, "a", "12")
	put(t, d, "b", "data")

	d.removeAbandoned(time.Now().Add(-uploadLife))
	_, uploads := left(t, dir)
	require.Len(t, uploads, 2, "the file and its record are young")

	d.removeAbandoned(time.Now().Add(time.Hour))
	keys, uploads := left(t, dir)
	require.Empty(t, uploads)
	require.Equal(t, []string{"b"}, keys)
}
