package azstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/tidegate/tidegate/backends"
)

// The codes that more than one place looks at.
const (
	codeInvalidBlockList = "InvalidBlockList"                    // blocks that are no longer there
	codeNoParent         = "RenameDestinationParentPathNotFound" // a rename does not make folders
)

// kinds tells what Azure's codes mean to a caller. What only an operator can mend is
// ErrUnavailable: the store cannot be used now, and nothing is wrong with the key.
var kinds = map[string]backends.Kind{
	"BlobNotFound":       backends.ErrNotExist,
	"ResourceNotFound":   backends.ErrNotExist,
	"PathNotFound":       backends.ErrNotExist,
	"SourcePathNotFound": backends.ErrNotExist,
	codeNoParent:         backends.ErrNotExist,

	"BlobAlreadyExists":                backends.ErrExist,
	"PathAlreadyExists":                backends.ErrExist,
	"ResourceTypeMismatch":             backends.ErrExist, // a folder is there, or a file, and not the other
	"DirectoryIsNotEmpty":              backends.ErrNotEmpty,
	"OperationNotSupportedOnDirectory": backends.ErrNotExist, // of a name that is a folder, there is no file
	"DirectoryNotEmpty":                backends.ErrNotEmpty, // the other endpoint's word

	"AuthorizationFailure":                      backends.ErrPermission,
	"AuthorizationPermissionMismatch":           backends.ErrPermission,
	"AuthorizationResourceTypeMismatch":         backends.ErrPermission,
	"AuthorizationSourceIPMismatch":             backends.ErrPermission,
	"InsufficientAccountPermissions":            backends.ErrPermission,
	"UnauthorizedBlobOverwrite":                 backends.ErrPermission,
	"BlobImmutableDueToPolicy":                  backends.ErrPermission,
	"BlobUsesCustomerSpecifiedEncryption":       backends.ErrPermission,
	"BlobDoesNotUseCustomerSpecifiedEncryption": backends.ErrPermission,
	"BlobCustomerSpecifiedEncryptionMismatch":   backends.ErrPermission,
	"BlobArchived":                              backends.ErrPermission, // to be rehydrated first
	"BlobBeingRehydrated":                       backends.ErrPermission,
	"LeaseIdMissing":                            backends.ErrPermission, // somebody's lock
	"LeaseIdMismatchWithBlobOperation":          backends.ErrPermission,

	"ConditionNotMet":       backends.ErrChanged,
	"SourceConditionNotMet": backends.ErrChanged,
	"TargetConditionNotMet": backends.ErrChanged,
	"PendingCopyOperation":  backends.ErrChanged,

	codeInvalidBlockList: backends.ErrUploadGone,
	"InvalidRange":       backends.ErrRange,

	"RequestBodyTooLarge":    backends.ErrTooLarge,
	"BlockCountExceedsLimit": backends.ErrTooLarge,
	"BlockListTooLong":       backends.ErrTooLarge,

	"Md5Mismatch":             backends.ErrInvalid,
	"Crc64Mismatch":           backends.ErrInvalid,
	"InvalidResourceName":     backends.ErrInvalid,
	"InvalidUri":              backends.ErrInvalid,
	"InvalidMetadata":         backends.ErrInvalid,
	"MetadataTooLarge":        backends.ErrInvalid,
	"InvalidHeaderValue":      backends.ErrInvalid,
	"InvalidInput":            backends.ErrInvalid,
	"InvalidTag":              backends.ErrInvalid,
	"TagsTooLarge":            backends.ErrInvalid,
	"InvalidBlobTier":         backends.ErrInvalid,
	"InvalidRenameSourcePath": backends.ErrInvalid,
	"InvalidDestinationPath":  backends.ErrInvalid,

	"InvalidBlobType":                    backends.ErrUnsupported, // an append or page blob
	"UnsupportedHeader":                  backends.ErrUnsupported,
	"FeatureVersionMismatch":             backends.ErrUnsupported,
	"BlobTierInadequateForContentLength": backends.ErrUnsupported,

	"ServerBusy":                         backends.ErrUnavailable,
	"InternalError":                      backends.ErrUnavailable,
	"OperationTimedOut":                  backends.ErrUnavailable,
	"AuthenticationFailed":               backends.ErrUnavailable,
	"InvalidAuthenticationInfo":          backends.ErrUnavailable,
	"NoAuthenticationInformation":        backends.ErrUnavailable,
	"KeyBasedAuthenticationNotPermitted": backends.ErrUnavailable,
	"AuthorizationProtocolMismatch":      backends.ErrUnavailable,
	"AuthorizationServiceMismatch":       backends.ErrUnavailable,
	"AccountRequiresHttps":               backends.ErrUnavailable,
	"AccountIsDisabled":                  backends.ErrUnavailable,
	"ContainerNotFound":                  backends.ErrUnavailable,
	"ContainerBeingDeleted":              backends.ErrUnavailable,
	"ContainerDisabled":                  backends.ErrUnavailable,
	"FilesystemNotFound":                 backends.ErrUnavailable,
	"InvalidBlobOrBlock":                 backends.ErrUnavailable,
}

// statuses are for codes that are not in kinds, and for answers without one.
var statuses = map[int]backends.Kind{
	http.StatusForbidden:                    backends.ErrPermission,
	http.StatusUnauthorized:                 backends.ErrUnavailable,
	http.StatusNotFound:                     backends.ErrNotExist,
	http.StatusConflict:                     backends.ErrChanged,
	http.StatusPreconditionFailed:           backends.ErrChanged,
	http.StatusRequestEntityTooLarge:        backends.ErrTooLarge,
	http.StatusRequestedRangeNotSatisfiable: backends.ErrRange,
	http.StatusTooManyRequests:              backends.ErrUnavailable,
	http.StatusNotImplemented:               backends.ErrUnsupported,
	http.StatusInsufficientStorage:          backends.ErrQuota,
}

// hints say what an operator can do.
var hints = map[string]string{
	"AuthenticationFailed":                "the account key or the SAS is wrong or has ended, or this machine's clock is",
	"InvalidAuthenticationInfo":           "the credentials are not of the kind that this endpoint takes",
	"NoAuthenticationInformation":         "the account does not let in anybody without credentials",
	"KeyBasedAuthenticationNotPermitted":  "the account takes no keys: use an identity",
	"AuthorizationPermissionMismatch":     "the role or the SAS does not allow this",
	"AuthorizationResourceTypeMismatch":   "the SAS is not for containers and objects",
	"AuthorizationServiceMismatch":        "the SAS is not for the blob service",
	"AuthorizationProtocolMismatch":       "the SAS is for https only",
	"AuthorizationSourceIPMismatch":       "the SAS is not for this machine's address",
	"AuthorizationFailure":                "the account's firewall does not let this machine in, or the role or the SAS does not allow this",
	"InsufficientAccountPermissions":      "the account is read-only",
	"AccountRequiresHttps":                "the account takes https only",
	"AccountIsDisabled":                   "the account is disabled: look at its subscription",
	"ContainerNotFound":                   hintNoContainer,
	"FilesystemNotFound":                  hintNoContainer,
	"ContainerBeingDeleted":               "the container is being deleted",
	"ContainerDisabled":                   "the container is disabled",
	"LeaseIdMissing":                      "somebody holds a lease on the blob",
	"BlobArchived":                        "the blob is archived: rehydrate it first",
	"BlobBeingRehydrated":                 "the blob is still being rehydrated",
	"BlobImmutableDueToPolicy":            "a policy keeps the blob as it is",
	"BlobUsesCustomerSpecifiedEncryption": "the blob was written with another customer-provided key, or with one at all",
	"InvalidBlobType":                     "only block blobs can be written to",
	"InvalidBlobOrBlock":                  "another tool's unfinished upload of the same blob is in the way, for 7 days at the most",
	"UnsupportedHeader":                   "the account does not know access tiers or tags",
}

const hintNoContainer = "there is no such container: make it, or correct its name"

// kindOf classes an error of the SDK.
func kindOf(err error) backends.Kind {
	if kind, ok := kinds[codeOf(err)]; ok {
		return kind
	}
	if kind := backends.KindOf(err); kind != backends.ErrUnknown {
		return kind // this package's own
	}
	status := statusOf(err)
	if kind, ok := statuses[status]; ok {
		return kind
	}
	switch {
	case errors.Is(err, context.Canceled):
		return backends.ErrUnknown // the caller's own doing
	case status == 0 || status >= http.StatusInternalServerError:
		return backends.ErrUnavailable // no answer, or none that says more
	}
	return backends.ErrUnknown
}

// codeOf returns the code of the store's answer, "" if there was no answer.
func codeOf(err error) string {
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		return answer.ErrorCode
	}
	return ""
}

// statusOf returns the HTTP status of the store's answer, 0 if there was no answer.
func statusOf(err error) int {
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

// noToken is a failure to get a token, so that the store was not asked.
type noToken struct{ error }

func (e noToken) Unwrap() error { return e.error }

func identityError(err error) bool { return errors.As(err, new(noToken)) }

// storeError tells of the store's answer what an operator needs. The SDK's own text has the whole
// answer in it, in which the store may repeat what it was sent.
type storeError struct {
	answer  *azcore.ResponseError
	request string // Azure's name of the request, which its support asks for
}

func (e storeError) Error() string {
	return fmt.Sprintf("%d %s (request %s)", e.answer.StatusCode, e.answer.ErrorCode, e.request)
}

func (e storeError) Unwrap() error { return e.answer }

// brief returns err with a text that is short and holds no secret.
func brief(err error) error {
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) {
		return err
	}
	short := storeError{answer: answer}
	if answer.RawResponse != nil {
		short.request = answer.RawResponse.Header.Get("x-ms-request-id")
	}
	return short
}

// fail makes the driver's error of one of the SDK's.
func (d *Driver) fail(op, key string, err error) error {
	return d.failAs(kindOf(err), d.hint(err), op, key, err)
}

// failWrite is fail for a write under conditions.
func (d *Driver) failWrite(op, key string, opts backends.WriteOptions, err error) error {
	kind := kindOf(err)
	switch {
	case kind == backends.ErrChanged && opts.IfAbsent:
		kind = backends.ErrExist
	case kind == backends.ErrNotExist && opts.IfVersion != "":
		kind = backends.ErrChanged
	}
	return d.failAs(kind, d.hint(err), op, key, err)
}

func (d *Driver) failAs(kind backends.Kind, hint, op, key string, err error) error {
	err = brief(err)
	if hint != "" {
		err = fmt.Errorf("%s: %s: %w", d.opts.place(), hint, err)
	}
	return backends.NewError(op, key, kind, err)
}

// hint says what an operator can do about err, "" where that is not known.
func (d *Driver) hint(err error) string {
	if identityError(err) {
		return "no credentials could be had"
	}
	return hints[codeOf(err)]
}
