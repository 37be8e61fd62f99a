package gcsstore

import (
	"context"
	"net/http"

	"cloud.google.com/go/storage"
	"google.golang.org/api/option"
	rawstorage "google.golang.org/api/storage/v1"
)

// googleEndpoint is said and not left to the library, which would look into the environment.
const googleEndpoint = "https://storage.googleapis.com"

// connect makes the clients of the bucket, and the connections they share.
func (d *Driver) connect(ctx context.Context) error {
	d.transport = newTransport(d.tune)
	if !d.opts.anonymous() {
		d.transport.identity = &identity{opts: d.opts, client: &http.Client{Transport: d.transport.Client, Timeout: d.tune.answerTimeout}}
	}
	// Followed, a redirect would show the token to whom it leads to; there are none in this API.
	d.client = &http.Client{Transport: d.transport, CheckRedirect: noRedirect}
	d.endpoint = either(d.opts.Endpoint, googleEndpoint)
	options := []option.ClientOption{
		option.WithHTTPClient(d.client),
		option.WithEndpoint(d.endpoint + "/storage/v1/"),
		option.WithoutAuthentication(), // the transport does it
	}
	client, err := storage.NewClient(ctx, options...)
	if err != nil {
		return err
	}
	client.SetRetry(storage.WithPolicy(storage.RetryNever)) // retry.go does, for inserts too
	d.bucket = client.Bucket(d.opts.Bucket)
	if d.opts.UserProject != "" {
		d.bucket = d.bucket.UserProject(d.opts.UserProject)
	}
	raw, err := rawstorage.NewService(ctx, options...)
	if err != nil {
		return err
	}
	d.composer = raw.Objects
	return nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
