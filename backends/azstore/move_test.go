package azstore

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/azurite"
)

// renamer does the one request of a hierarchical account that Azurite does not know.
type renamer struct {
	t      *testing.T
	blobs  *container.Client
	prefix string // of paths: account and container
	box    string
}

func (r renamer) rename(w http.ResponseWriter, req *http.Request, forward http.Handler) {
	source := req.Header.Get("X-Ms-Rename-Source")
	if source == "" {
		forward.ServeHTTP(w, req)
		return
	}
	refuse := func(status int, code string) {
		w.Header().Set("X-Ms-Error-Code", code)
		w.WriteHeader(status)
	}
	source, _ = url.PathUnescape(source)
	source = strings.TrimPrefix(source, "/"+r.box+"/")
	dst := strings.TrimPrefix(req.URL.Path, r.prefix)
	head, err := r.blobs.NewBlobClient(source).GetProperties(req.Context(), nil)
	parent := dst[:max(strings.LastIndexByte(dst, '/'), 0)]
	_, noParent := r.blobs.NewBlobClient(parent).GetProperties(req.Context(), nil)
	_, taken := r.blobs.NewBlobClient(dst).GetProperties(req.Context(), nil)
	switch pin := req.Header.Get("X-Ms-Source-If-Match"); {
	case req.Header.Get("X-Ms-Blob-Type") != "" || req.URL.Query().Get("mode") != "legacy":
		refuse(http.StatusBadRequest, "InvalidInput")
	case err != nil:
		refuse(http.StatusNotFound, "SourcePathNotFound")
	case parent != "" && noParent != nil:
		refuse(http.StatusNotFound, "RenameDestinationParentPathNotFound")
	case pin != "" && pin != string(*head.ETag):
		refuse(http.StatusPreconditionFailed, "SourceConditionNotMet")
	case taken == nil && req.Header.Get("If-None-Match") == "*":
		refuse(http.StatusConflict, "PathAlreadyExists")
	default:
		w.Header().Set("X-Ms-Request-Id", "1")
		w.Header().Set("ETag", r.move(source, dst))
		w.WriteHeader(http.StatusCreated)
	}
}

// move moves a blob and all that is below it, and returns its new ETag.
func (r renamer) move(source, dst string) (etag string) {
	names := []string{source}
	pager := r.blobs.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: to.Ptr(source + "/")})
	for pager.More() {
		page, err := pager.NextPage(r.t.Context())
		require.NoError(r.t, err)
		for _, item := range page.Segment.BlobItems {
			names = append(names, *item.Name)
		}
	}
	for i, name := range names {
		from := r.blobs.NewBlobClient(name)
		address, err := from.GetSASURL(sas.BlobPermissions{Read: true}, time.Now().Add(time.Minute), nil)
		require.NoError(r.t, err)
		out, err := r.blobs.NewBlobClient(dst+strings.TrimPrefix(name, source)).CopyFromURL(r.t.Context(), address, &blob.CopyFromURLOptions{})
		require.NoError(r.t, err)
		_, err = from.Delete(r.t.Context(), nil)
		require.NoError(r.t, err)
		if i == 0 {
			etag = string(*out.ETag)
		}
	}
	return etag
}

// newHierarchical returns the driver of a container in which things can be renamed.
func newHierarchical(t *testing.T) (*proxy, *Driver, renamer) {
	t.Helper()
	p, _ := newProxy(t)
	r := renamer{t: t, box: p.opts.Container, prefix: "/" + p.opts.Account + "/" + p.opts.Container + "/",
		blobs: azurite.Shared(t).Client(t, p.opts.Container)}
	p.spoil("PUT ", 1000, r.rename)
	return p, p.open(t, func(opts *Options, _ *tuning) { opts.Hierarchical = true }), r
}

func TestMove(t *testing.T) {
	p, d, _ := newHierarchical(t)
	caps, _ := d.Describe()
	require.True(t, caps.Has(backends.CapMove|backends.CapFolders))
	require.False(t, caps.Has(backends.CapTags))
	put(t, d, "c", []byte("before"))
	for _, dst := range []string{"b", "c", "d/e", "e % ü + #?&"} {
		src := put(t, d, "a it % ü + #?&", []byte(dst))
		src, err := d.Stat(t.Context(), src.Key)
		require.NoError(t, err)
		p.seen()
		info, err := d.Move(t.Context(), dst, src, backends.WriteOptions{})
		require.NoError(t, err)
		if dst != "d/e" {
			require.Len(t, p.seen(), 1)
		}
		stat, err := d.Stat(t.Context(), dst)
		require.NoError(t, err)
		require.WithinDuration(t, stat.ModTime, info.ModTime, time.Minute) // told by two requests
		stat.Native, stat.ModTime = nil, info.ModTime
		require.Equal(t, stat, info)
		require.Equal(t, dst, read(t, d, dst))
		requireAbsent(t, d, src.Key)
		if dst == "d/e" { // a rename makes no folders by itself
			_, err = d.Stat(t.Context(), "d/")
			require.NoError(t, err)
		}
	}
}

func TestMoveUnderConditions(t *testing.T) {
	_, d, _ := newHierarchical(t)
	stale := put(t, d, "a", []byte("old"))
	src := put(t, d, "a", []byte("new"))
	put(t, d, "b", []byte("other"))
	_, err := d.Move(t.Context(), "b", src, backends.WriteOptions{IfAbsent: true})
	require.ErrorIs(t, err, backends.ErrExist)
	_, err = d.Move(t.Context(), "c", stale, backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrChanged)
	_, err = d.Move(t.Context(), "c", backends.Info{Key: "none"}, backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrNotExist)
	require.Equal(t, "new", read(t, d, "a"))
	require.Equal(t, "other", read(t, d, "b"))
	requireAbsent(t, d, "c")

	mtime := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	_, err = d.Move(t.Context(), "c", src, backends.WriteOptions{IfAbsent: true, ModTime: mtime})
	require.NoError(t, err)
	info, err := d.Stat(t.Context(), "c")
	require.NoError(t, err)
	require.Equal(t, mtime, info.ModTime)
}

func TestMoveOfAFolder(t *testing.T) {
	p, d, _ := newHierarchical(t)
	put(t, d, "a/", nil)
	require.Equal(t, "true", p.seen()[0].header.Get("X-Ms-Meta-Hdi_isfolder"), "a folder, not an object")
	put(t, d, "a/b", []byte("b"))
	put(t, d, "taken/", nil)
	src, err := d.Stat(t.Context(), "a/")
	require.NoError(t, err)
	_, err = d.Move(t.Context(), "taken/", src, backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrExist)
	_, err = d.Move(t.Context(), "a/inside/", src, backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrInvalid)
	_, err = d.Move(t.Context(), "x/", src, backends.WriteOptions{})
	require.NoError(t, err)
	require.Equal(t, "b", read(t, d, "x/b"))
	require.Equal(t, []string{"taken/", "x/", "x/b"}, list(t, d, backends.ListOptions{Recursive: true}))
	require.NoError(t, d.Delete(t.Context(), backends.Targets("x/b", "x/", "taken/")))
	require.Empty(t, list(t, d, backends.ListOptions{}))
}

// TestMoveWhoseAnswerIsLost finds no source at its second try.
func TestMoveWhoseAnswerIsLost(t *testing.T) {
	p, d, r := newHierarchical(t)
	src := put(t, d, "a", []byte("data"))
	p.mu.Lock()
	p.faults = nil
	p.mu.Unlock()
	p.spoil("PUT /b", 1, func(w http.ResponseWriter, req *http.Request, forward http.Handler) {
		loseAnswer(w, req, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.rename(w, req, forward) }))
	})
	p.spoil("PUT /b", 1, r.rename)
	_, err := d.Move(t.Context(), "b", src, backends.WriteOptions{IfAbsent: true})
	require.NoError(t, err)
	require.Equal(t, "data", read(t, d, "b"))
	requireAbsent(t, d, "a")
}

func TestFlatAccountsDoNotMove(t *testing.T) {
	p, d := newProxy(t)
	src := put(t, d, "a", []byte("data"))
	p.seen()
	_, err := d.Move(t.Context(), "b", src, backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrUnsupported)
	require.Empty(t, p.seen())
}

func TestRenamesAreAskedOfTheOtherEndpoint(t *testing.T) {
	d, heard := tlsDriver(t, func(o *Options) { o.Hierarchical = true })
	_, err := d.rename(t.Context(), "move", "b c", backends.Info{Key: "a b", Version: "0x1"}, backends.WriteOptions{})
	require.NoError(t, err)
	h := (*heard)[0]
	require.Equal(t, "/box/a%20b", h.Get("X-Ms-Rename-Source"))
	require.Equal(t, `"0x1"`, h.Get("X-Ms-Source-If-Match"))
	require.Equal(t, "acct.dfs.core.windows.net", renameHost("acct.blob.core.windows.net"))
}

// TestRenamesNameTheOtherEndpoint: Azure looks at the header, not at the address it was sent to.
func TestRenamesNameTheOtherEndpoint(t *testing.T) {
	var sent *http.Request
	pipeline := runtime.NewPipeline("test", "v1", runtime.PipelineOptions{}, &policy.ClientOptions{
		PerCallPolicies: []policy.Policy{policyFunc(renaming)},
		Transport: transporter(func(req *http.Request) (*http.Response, error) {
			sent = req
			return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody, Request: req}, nil
		}),
	})
	ctx := context.WithValue(t.Context(), renameKey{}, &rename{source: "box/a"})
	req, err := runtime.NewRequest(ctx, http.MethodPut, "https://acct.blob.core.windows.net/box/b")
	require.NoError(t, err)
	_, err = pipeline.Do(req) //nolint:bodyclose // there is none
	require.NoError(t, err)
	require.Equal(t, "acct.dfs.core.windows.net", sent.URL.Host)
	require.Equal(t, "acct.dfs.core.windows.net", sent.Host)
}

// TestFoldersAreDeletedAtTheOtherEndpoint, as Azure refuses to delete a directory like a blob.
func TestFoldersAreDeletedAtTheOtherEndpoint(t *testing.T) {
	var sent *http.Request
	pipeline := runtime.NewPipeline("test", "v1", runtime.PipelineOptions{}, &policy.ClientOptions{
		PerCallPolicies: []policy.Policy{policyFunc(removing)},
		Transport: transporter(func(req *http.Request) (*http.Response, error) {
			sent = req
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
		}),
	})
	ctx := context.WithValue(t.Context(), removeKey{}, true)
	req, err := runtime.NewRequest(ctx, http.MethodDelete, "https://acct.blob.core.windows.net/box/a")
	require.NoError(t, err)
	resp, err := pipeline.Do(req) //nolint:bodyclose // there is none
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	require.Equal(t, "https://acct.dfs.core.windows.net/box/a?recursive=false", sent.URL.String())
	require.Equal(t, "acct.dfs.core.windows.net", sent.Host)

	d, heard := tlsDriver(t, func(o *Options) { o.Hierarchical = true })
	require.NoError(t, d.deleteDirectory(t.Context(), "delete", "a/", "a", "0x1"))
	require.Empty(t, (*heard)[0].Get("X-Ms-Delete-Snapshots"))
	require.Equal(t, `"0x1"`, (*heard)[0].Get("If-Match"))
}

// TestFoldersHaveNoTier: Azure refuses one.
func TestFoldersHaveNoTier(t *testing.T) {
	p, _, _ := newHierarchical(t)
	d := p.open(t, func(opts *Options, _ *tuning) { opts.Hierarchical, opts.Tier = true, "Cool" })
	put(t, d, "a/", nil)
	put(t, d, "a/b", []byte("b"))
	seen := p.seen()
	require.Empty(t, seen[0].header.Get("X-Ms-Access-Tier"))
	require.Equal(t, "Cool", seen[1].header.Get("X-Ms-Access-Tier"))
}

type transporter func(*http.Request) (*http.Response, error)

func (t transporter) Do(req *http.Request) (*http.Response, error) { return t(req) }
