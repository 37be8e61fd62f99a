package backendtest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// What is declared is tested by the cases that need it. Here: what is not declared, what must
// be declared, and what every call has in common.
var capabilityCases = []testCase{
	{"Check", 0, func(t *testing.T, f *fixture) {
		require.NoError(t, f.Check(t.Context()))
		keys, uploads := f.Left(t)
		require.Empty(t, keys)
		require.Empty(t, uploads)
	}},
	{"DescribeIsConstantAndComplete", 0, func(t *testing.T, f *fixture) {
		caps, limits := f.Describe()
		require.Positive(t, limits.MaxObject)
		require.Positive(t, limits.MaxPut)
		require.Positive(t, limits.MinPart)
		require.GreaterOrEqual(t, limits.MaxPart, limits.MinPart)
		require.GreaterOrEqual(t, limits.MaxObject, limits.MaxPart)
		require.Greater(t, limits.MaxParts, 1)
		require.GreaterOrEqual(t, limits.MaxKey, 200)
		require.Positive(t, limits.DeleteBatch)
		f.reopen(t)
		require.Equal(t, caps, f.caps)
		require.Equal(t, limits, f.limits)
	}},
	{"WhatIsNotDeclaredIsRefused", 0, refusesUndeclared},
	{"PartsOutOfOrderAreRefused", 0, refusesOutOfOrder},
	{"AnEndedContextEndsEveryCall", 0, heedsContext},
}

func refusesUndeclared(t *testing.T, f *fixture) {
	ctx, data := t.Context(), []byte("data")
	info := f.put(t, "a", data)
	write := func(opts backends.WriteOptions) map[string]error {
		_, putErr := f.Put(ctx, "a", f.body(data), opts)
		_, startErr := f.StartUpload(ctx, "a", opts)
		return map[string]error{"put": putErr, "start upload": startErr}
	}
	for _, c := range []struct {
		cap  backends.Caps
		errs func() map[string]error
	}{
		{backends.CapIfAbsent, func() map[string]error { return write(backends.WriteOptions{IfAbsent: true}) }},
		{backends.CapIfVersion, func() map[string]error { return write(backends.WriteOptions{IfVersion: info.Version}) }},
		{backends.CapBase, func() map[string]error { return write(backends.WriteOptions{Base: &info, BaseSize: info.Size}) }},
		{backends.CapBasePart, func() map[string]error {
			_, err := f.StartUpload(ctx, "a", backends.WriteOptions{Base: &info, BaseSize: info.Size - 1})
			return map[string]error{"start upload": err}
		}},
		{backends.CapMetadata, func() map[string]error {
			return write(backends.WriteOptions{Metadata: map[string]string{"user": "x"}})
		}},
		{backends.CapTags, func() map[string]error {
			return write(backends.WriteOptions{Tags: map[string]string{"kind": "x"}})
		}},
		{backends.CapStorageClass, func() map[string]error { return write(backends.WriteOptions{StorageClass: "x"}) }},
		{backends.CapIfVersion, func() map[string]error {
			return map[string]error{"delete": f.Delete(ctx, []backends.Target{{Key: "a", Version: info.Version}})}
		}},
		{backends.CapCopy, func() map[string]error {
			_, err := f.Copy(ctx, "b", info, backends.WriteOptions{})
			return map[string]error{"copy": err}
		}},
		{backends.CapMove, func() map[string]error {
			_, err := f.Move(ctx, "b", info, backends.WriteOptions{})
			return map[string]error{"move": err}
		}},
		{backends.CapResume, func() map[string]error {
			u := f.start(t, "a", backends.WriteOptions{})
			defer f.abort(t, u)
			_, partsErr := u.Parts(ctx)
			_, resumeErr := f.ResumeUpload(ctx, "a", u.ID(), backends.WriteOptions{})
			return map[string]error{"parts": partsErr, "resume": resumeErr}
		}},
	} {
		if f.caps.Has(c.cap) {
			continue
		}
		for op, err := range c.errs() {
			require.ErrorIs(t, err, backends.ErrUnsupported, op)
			requireError(t, err, backends.ErrUnsupported)
		}
	}
	f.requireAbsent(t, "b")
	require.Equal(t, info.Version, f.requireObject(t, "a", data).Version)
}

func refusesOutOfOrder(t *testing.T, f *fixture) {
	if f.caps.Has(backends.CapParallelParts) {
		return // UploadCases put them in every order
	}
	u := f.start(t, "a", backends.WriteOptions{})
	data := noise(1, f.partSize())
	f.putPart(t, u, 1, data)
	_, err := u.PutPart(t.Context(), 3, f.body(data))
	requireError(t, err, backends.ErrUnsupported)
	f.abort(t, u)
}

func heedsContext(t *testing.T, f *fixture) {
	data := noise(1, 100)
	info := f.put(t, "a", data)
	u := f.start(t, "b", backends.WriteOptions{})
	part := f.putPart(t, u, 1, data)

	ctx := ended(t)
	calls := map[string]func(ctx context.Context) error{
		"check": f.Check,
		"stat":  func(ctx context.Context) error { _, err := f.Stat(ctx, "a"); return err },
		"list":  func(ctx context.Context) error { _, err := f.ListPage(ctx, backends.ListOptions{}); return err },
		"read":  func(ctx context.Context) error { _, _, err := f.ReadRange(ctx, "a", "", 0, -1); return err },
		"put": func(ctx context.Context) error {
			_, err := f.Put(ctx, "a", f.body(nil), backends.WriteOptions{})
			return err
		},
		"start upload": func(ctx context.Context) error {
			_, err := f.StartUpload(ctx, "a", backends.WriteOptions{})
			return err
		},
		"put part": func(ctx context.Context) error { _, err := u.PutPart(ctx, 2, f.body(data)); return err },
		"commit": func(ctx context.Context) error {
			_, err := u.Commit(ctx, []backends.Part{part}, f.whole(data))
			return err
		},
		"abort":  u.Abort,
		"delete": func(ctx context.Context) error { return f.Delete(ctx, backends.Targets("a")) },
	}
	if f.caps.Has(backends.CapResume) {
		calls["parts"] = func(ctx context.Context) error { _, err := u.Parts(ctx); return err }
		calls["resume"] = func(ctx context.Context) error {
			_, err := f.ResumeUpload(ctx, "b", u.ID(), backends.WriteOptions{})
			return err
		}
	}
	if f.caps.Has(backends.CapCopy) {
		calls["copy"] = func(ctx context.Context) error { _, err := f.Copy(ctx, "c", info, backends.WriteOptions{}); return err }
	}
	if f.caps.Has(backends.CapMove) {
		calls["move"] = func(ctx context.Context) error { _, err := f.Move(ctx, "c", info, backends.WriteOptions{}); return err }
	}
	for name, call := range calls {
		err := call(ctx)
		require.ErrorIs(t, err, context.Canceled, name)
		requireError(t, err, backends.KindOf(err))
	}

	f.requireObject(t, "a", data)
	f.requireAbsent(t, "c")
	f.commit(t, u, "b", data, part) // nothing has touched it
	f.requireObject(t, "b", data)
}
