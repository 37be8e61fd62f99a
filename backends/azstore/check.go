package azstore

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"bytes"

	"github.com/tidegate/tidegate/backends"
)

// checkTimeout bounds a Check, whose caller tries again by itself.
const checkTimeout = 15 * time.Second

// Check implements backends.Driver. It is one listing of nothing, which a SAS of a container can be
// allowed too, and a second request for who may not list.
func (d *Driver) Check(ctx context.Context) error {
	const op = "check"
	if err := d.admit(ctx, op, ""); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(once(ctx), checkTimeout)
	defer cancel()
	_, err := d.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
		Prefix: to.Ptr(checkKey), MaxResults: to.Ptr(int32(1))}).NextPage(ctx)
	if kindOf(err) == backends.ErrPermission {
		err = d.mayWrite(ctx)
	}
	if err == nil {
		return nil
	}

	kind, hint := kindOf(err), d.hint(err)
	switch {
	case kind == backends.ErrPermission:
		hint = "these credentials may neither list the container nor write to it: " + hint
	case statusOf(err) == 0 && !identityError(err):
		hint = "it cannot be reached"
	}
	return d.failAs(kind, hint, op, "", err)
}

const checkKey = backends.StatePrefix + "check"

// mayWrite asks whether the container takes objects, without one: of a version that there is not.
func (d *Driver) mayWrite(ctx context.Context) error {
	_, err := d.blockBlob(checkKey).Upload(ctx, streaming.NopCloser(bytes.NewReader(nil)), &blockblob.UploadOptions{
		AccessConditions: exactly("0x0"), CPKInfo: d.encrypt.key, CPKScopeInfo: d.encrypt.scope})
	switch kindOf(err) {
	case backends.ErrChanged, backends.ErrNotExist:
		return nil
	}
	return err
}
