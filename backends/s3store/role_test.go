package s3store

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// assumeRole is the request line of the STS: its endpoint is the proxy's root.
const assumeRole = "POST /"

// testRole is any: MinIO wants an ARN, and gives the rights of who asks, as far as the policy allows.
const testRole = "arn:aws:iam::123456789012:role/tidegate"

func (p *proxy) openRole(t *testing.T, change func(*Role)) *Driver {
	t.Helper()
	return p.open(t, func(o *Options, _ *tuning) {
		o.Role = Role{ARN: testRole}
		change(&o.Role)
	})
}

func assumed(lines []string) (count int) {
	for _, line := range lines {
		if line == assumeRole {
			count++
		}
	}
	return count
}

func TestRoleIsAssumedOnce(t *testing.T) {
	p, _ := newProxy(t)
	d := p.openRole(t, func(r *Role) { r.SessionName, r.ExternalID = "gateway-7", "partner" })
	var form url.Values
	p.spoil(assumeRole, 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		form = formOf(r)
		forward.ServeHTTP(w, r)
	})
	require.Empty(t, p.seen(), "opening makes no request")
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { _, _ = d.Stat(t.Context(), "none") })
	}
	group.Wait()
	put(t, d, "a", []byte("data"))
	require.NoError(t, d.Check(t.Context()))
	seen := p.seen()
	require.Len(t, seen, 23)
	var lines []string
	for _, r := range seen {
		lines = append(lines, r.line)
		require.Equal(t, r.line != assumeRole, r.header.Get("X-Amz-Security-Token") != "", r.line)
	}
	require.Equal(t, 1, assumed(lines))
	require.Equal(t, testRole, form.Get("RoleArn"))
	require.Equal(t, "gateway-7", form.Get("RoleSessionName"))
	require.Equal(t, "partner", form.Get("ExternalId"))
	require.Equal(t, "3600", form.Get("DurationSeconds"))
	require.False(t, form.Has("Policy"))

	same, err := d.Scope(backends.Scope{User: "alice", Prefixes: []string{"alice/"}})
	require.NoError(t, err)
	require.Same(t, d, same, "users have no credentials of their own")
}

// formOf reads a form and leaves it to be read again.
func formOf(r *http.Request) url.Values {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	form, _ := url.ParseQuery(string(data))
	return form
}

// expiring has the STS's answer say that the credentials end at that time.
func expiring(at time.Time) func(http.ResponseWriter, *http.Request, http.Handler) {
	expiration := regexp.MustCompile(`<Expiration>[^<]*</Expiration>`)
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		recorded := httptest.NewRecorder()
		forward.ServeHTTP(recorded, r)
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write(expiration.ReplaceAll(recorded.Body.Bytes(), []byte("<Expiration>"+at.UTC().Format(time.RFC3339)+"</Expiration>")))
	}
}

func TestExpiredCredentialsAreRenewed(t *testing.T) {
	p, _ := newProxy(t)
	d := p.openRole(t, func(*Role) {})
	p.spoil(assumeRole, 1, expiring(time.Now().Add(renewBefore-time.Second))) // good enough for now, and then renewed in time
	for range 3 {
		put(t, d, "a", []byte("data"))
	}
	require.Equal(t, []string{assumeRole, "PUT /a", assumeRole, "PUT /a", "PUT /a"}, p.lines())
}

func TestRoleThatCannotBeAssumed(t *testing.T) {
	p, _ := newProxy(t)
	d := p.openRole(t, func(*Role) {})
	deny := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`<ErrorResponse><Error><Code>AccessDenied</Code><Message>made up</Message></Error></ErrorResponse>`))
	}
	calls := map[string]func() error{
		"stat":  func() error { _, err := d.Stat(t.Context(), "a"); return err },
		"check": func() error { return d.Check(t.Context()) },
		"start": func() error { _, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{}); return err },
	}
	for name, call := range calls {
		p.spoil(assumeRole, 100, deny)
		p.seen()
		err := call()
		require.ErrorIs(t, err, backends.ErrUnavailable, name) // the operator's matter, and nothing about the key
		require.ErrorContains(t, err, "the role cannot be assumed", name)
		var api smithy.APIError
		require.ErrorAs(t, err, &api, name)
		require.NotContains(t, err.Error(), p.opts.SecretKey)
		var left *backends.UnendedError
		require.NotErrorAs(t, err, &left, name)
		lines := p.lines()
		require.Len(t, lines, assumed(lines), "the store was not asked")
	}
}

// TestScope is users that the store itself holds apart.
func TestScope(t *testing.T) {
	p, owner := newProxy(t)
	d := p.openRole(t, func(r *Role) { r.UserCredentials = true })
	ctx := t.Context()
	scope := func(user string, prefixes ...string) *Driver {
		scoped, err := d.Scope(backends.Scope{User: user, Prefixes: prefixes})
		require.NoError(t, err)
		return scoped.(*Driver) //nolint:forcetypeassert // it is this package's
	}
	theirs := put(t, owner, "bob/secret", []byte("x"))
	put(t, owner, "alicent/secret", []byte("x")) // no slash is forgotten
	mine := put(t, owner, "alice/a", []byte("mine"))
	p.seen()
	alice := scope("alice", "alice/", "shared/in/")
	require.Empty(t, p.seen(), "it is asked for when it is needed")

	for _, prefix := range []string{"alice/", "shared/in/", backends.StatePrefix} {
		exercise(t, alice, prefix)
	}
	require.Equal(t, 2, assumed(p.lines()), "for the user, and the owner who looks for lost uploads")
	_, err := alice.Stat(ctx, "alice/none")
	require.ErrorIs(t, err, backends.ErrNotExist)
	_, err = alice.Copy(ctx, "alice/copy", mine, backends.WriteOptions{Tags: map[string]string{"kind": "x"}})
	require.NoError(t, err)

	for name, call := range map[string]func() error{
		"stat":    func() error { _, err := alice.Stat(ctx, "bob/secret"); return err },
		"read":    func() error { return readAll(alice.ReadRange(ctx, "bob/secret", "", 0, -1)) },
		"begins":  func() error { return readAll(alice.ReadRange(ctx, "alicent/secret", "", 0, -1)) },
		"list":    func() error { _, err := alice.ListPage(ctx, backends.ListOptions{Prefix: "bob/"}); return err },
		"listAll": func() error { _, err := alice.ListPage(ctx, backends.ListOptions{}); return err },
		"put": func() error {
			_, err := alice.Put(ctx, "bob/a", body(nil), backends.WriteOptions{})
			return err
		},
		"start":    func() error { _, err := alice.StartUpload(ctx, "bob/a", backends.WriteOptions{}); return err },
		"copyFrom": func() error { _, err := alice.Copy(ctx, "alice/b", theirs, backends.WriteOptions{}); return err },
		"copyTo":   func() error { _, err := alice.Copy(ctx, "bob/b", mine, backends.WriteOptions{}); return err },
		"delete":   func() error { return alice.Delete(ctx, backends.Targets("bob/secret")) },
		"deleteAll": func() error {
			return alice.Delete(ctx, backends.Targets("bob/secret", "alicent/secret"))
		},
	} {
		require.ErrorIs(t, call(), backends.ErrPermission, name)
	}
	require.Equal(t, []byte("x"), read(t, owner, "bob/secret"))

	// The next login is the same session; another user, or other prefixes, are not.
	p.seen()
	require.Same(t, alice, scope("alice", "alice/", "shared/in/"))
	put(t, scope("alice", "alice/", "shared/in/"), "alice/b", nil)
	put(t, scope("bob", "bob/"), "bob/b", nil)
	require.NoError(t, readAll(scope("auditor", "").ReadRange(ctx, "bob/secret", "", 0, -1)))
	require.Equal(t, 2, assumed(p.lines()))

	again, err := alice.Scope(backends.Scope{User: "alice", Prefixes: []string{"bob/"}})
	require.NoError(t, err)
	require.Same(t, alice, again, "a user's own driver widens nothing")
}

// exercise does below prefix all that a user's session does.
func exercise(t *testing.T, d *Driver, prefix string) {
	t.Helper()
	ctx := t.Context()
	_, err := d.ListPage(ctx, backends.ListOptions{Prefix: prefix})
	require.NoError(t, err)
	info := put(t, d, prefix+"x", []byte("data"))
	require.Equal(t, []byte("data"), read(t, d, prefix+"x"))
	_, err = d.Copy(ctx, prefix+"y", info, backends.WriteOptions{})
	require.NoError(t, err)
	u, err := d.StartUpload(ctx, prefix+"z", backends.WriteOptions{})
	require.NoError(t, err)
	_, err = u.PutPart(ctx, 1, body([]byte("data")))
	require.NoError(t, err)
	_, err = u.Parts(ctx)
	require.NoError(t, err)
	_, err = u.(*upload).orphans(ctx) //nolint:forcetypeassert // it is this package's
	require.NoError(t, err)
	require.NoError(t, u.Abort(ctx))
	require.NoError(t, d.Delete(ctx, backends.Targets(prefix+"x", prefix+"y")))
}

// TestScopeOfPatterns has prefixes that are patterns in a policy. MinIO has no word for them, and
// so refuses their users; nobody gets what is another's.
func TestScopeOfPatterns(t *testing.T) {
	p, owner := newProxy(t)
	d := p.openRole(t, func(r *Role) { r.UserCredentials = true })
	put(t, owner, "abc/secret", []byte("x"))
	for _, prefix := range []string{"*/", "a?c/", "a*/", "${aws:username}/"} {
		scoped, err := d.Scope(backends.Scope{User: "mallory", Prefixes: []string{prefix}})
		require.NoError(t, err)
		_, err = scoped.Stat(t.Context(), "abc/secret")
		require.ErrorIs(t, err, backends.ErrPermission, prefix)
		_, err = scoped.ListPage(t.Context(), backends.ListOptions{Prefix: "abc/"})
		require.ErrorIs(t, err, backends.ErrPermission, prefix)
	}
}

// TestAbsentToAScopedUser plays AWS, which says 403 of what is absent to a session that may list
// its prefix only.
func TestAbsentToAScopedUser(t *testing.T) {
	p, owner := newProxy(t)
	d := p.openRole(t, func(r *Role) { r.UserCredentials = true })
	scoped, err := d.Scope(backends.Scope{User: "alice", Prefixes: []string{"alice/"}})
	require.NoError(t, err)
	put(t, owner, "alice/ab", nil)
	deny := answer(http.StatusForbidden, "AccessDenied")
	for key, kind := range map[string]backends.Kind{
		"alice/a": backends.ErrNotExist, "alice/none": backends.ErrNotExist,
		"alice/ab": backends.ErrPermission, "bob/a": backends.ErrPermission,
	} {
		p.spoil("HEAD /"+key, 1, deny)
		p.spoil("GET /"+key, 1, deny)
		_, err := scoped.Stat(t.Context(), key)
		require.ErrorIs(t, err, kind, key)
		_, _, err = scoped.ReadRange(t.Context(), key, "", 0, -1)
		require.ErrorIs(t, err, kind, key)
	}
	p.seen()
	p.spoil("HEAD /alice/none", 1, deny)
	_, err = owner.Stat(t.Context(), "alice/none")
	require.ErrorIs(t, err, backends.ErrPermission)
	require.Equal(t, []string{"HEAD /alice/none"}, p.lines(), "whoever has no scope is told the truth")
}

func TestScopeThatDoesNotFitAPolicy(t *testing.T) {
	p, _ := newProxy(t)
	d := p.openRole(t, func(r *Role) { r.UserCredentials = true })
	_, err := d.Scope(backends.Scope{User: "alice", Prefixes: []string{strings.Repeat("long", 200) + "/"}})
	require.ErrorIs(t, err, backends.ErrInvalid)
	require.ErrorContains(t, err, "a session takes 2048")
	_, err = d.Scope(backends.Scope{User: "alice", Prefixes: []string{strings.Repeat("long", 100) + "/"}})
	require.NoError(t, err)
}

func TestPolicyOfAWS(t *testing.T) {
	for region, partition := range map[string]string{"eu-north-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
		d := &Driver{opts: Options{Bucket: "drop", Region: region, ACL: "private"}}
		policy, err := d.sessionPolicy([]string{"a*?$/"})
		require.NoError(t, err)
		require.JSONEq(t, `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:`+partition+`:s3:::drop"],
			 "Condition":{"StringLike":{"s3:prefix":["a${*}${?}${$}/*",".tidegate/*"]}}},
			{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectTagging","s3:PutObject","s3:PutObjectTagging","s3:DeleteObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts","s3:PutObjectAcl"],
			 "Resource":["arn:`+partition+`:s3:::drop/a${*}${?}${$}/*","arn:`+partition+`:s3:::drop/.tidegate/*"]},
			{"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":["*"]}]}`, policy)
	}
}

func TestSessionNames(t *testing.T) {
	legal := regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	names := make(map[string]string)
	for _, user := range []string{"alice", "Alice@example.com", "al ice", "al/ice", "al-ice", "ä", "日本", "", strings.Repeat("x", 100), strings.Repeat("x", 101)} {
		name := sessionName(defaultSessionName + "-" + user)
		require.Regexp(t, legal, name, user)
		require.True(t, strings.HasPrefix(name, "tidegate-"))
		require.Empty(t, names[name], "%q and %q", user, names[name])
		names[name] = user + "."
	}
	require.Equal(t, "alice.", names["tidegate-alice"])
}

func TestScopesAreBounded(t *testing.T) {
	var s scopes
	for i := range maxScopes + 10 {
		s.get(string(rune(i)), func() *Driver { return &Driver{} })
	}
	require.Len(t, s.drivers, maxScopes)
}
