package azstore

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/tidegate/tidegate/backends"
)

// Stat implements backends.Driver. Only a marker that is not found takes a second request.
func (d *Driver) Stat(ctx context.Context, key string) (backends.Info, error) {
	if err := d.admit(ctx, "stat", key); err != nil {
		return backends.Info{}, err
	}
	found, err := d.find(ctx, key, "")
	if err != nil {
		return backends.Info{}, d.fail("stat", key, err)
	}
	info := found.info(key)
	info.Native = found
	return info, nil
}

// Put implements backends.Driver.
func (d *Driver) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	const op = "put"
	if err := d.admitWrite(ctx, op, key, opts); err != nil {
		return backends.Info{}, err
	}
	name, token := d.name(key), newToken()
	meta, tier := metadata(nil, opts, token), d.tier(opts)
	if name != key {
		meta[metaFolder] = to.Ptr("true")
		tier = nil // which Azure refuses for a directory
	}
	answered, cancel := lasting(ctx)
	defer cancel()
	out, err := d.blockBlob(name).Upload(answered, streaming.NopCloser(body), &blockblob.UploadOptions{
		AccessConditions:        conditions(opts),
		HTTPHeaders:             headers(opts),
		Metadata:                meta,
		Tags:                    opts.Tags,
		Tier:                    tier,
		TransactionalValidation: blob.TransferValidationTypeCRC64(body.Sum),
		CPKInfo:                 d.encrypt.key,
		CPKScopeInfo:            d.encrypt.scope,
	})
	if err != nil {
		if info, ok := d.landed(ctx, key, token, err); ok {
			return info, nil
		}
		return backends.Info{}, d.failWrite(op, key, opts, err)
	}
	return backends.Info{
		Key:      key,
		Size:     body.Size,
		ModTime:  written(opts, out.LastModified),
		Version:  version(out.ETag),
		Sum:      body.Sum,
		HasSum:   true,
		Metadata: opts.Metadata,
	}, nil
}
