package gcsstore

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/tidegate/tidegate/backends"
)

// errSum is bytes that cannot be those their sum was made of.
var errSum = errors.New("the bytes do not match their checksum")

// kinds tells what the reasons of the JSON API, and the codes of the XML API, mean to a caller. What
// only an operator can mend is ErrUnavailable: the store cannot be used now, and nothing is wrong
// with the key. Codes begin with a capital, reasons do not.
var kinds = map[string]backends.Kind{
	"rateLimitExceeded":     backends.ErrUnavailable, // 403 or 429
	"userRateLimitExceeded": backends.ErrUnavailable,
	"backendError":          backends.ErrUnavailable,
	"internalError":         backends.ErrUnavailable,

	"quotaExceeded":      backends.ErrQuota,
	"dailyLimitExceeded": backends.ErrQuota,

	"userProjectMissing":        backends.ErrUnavailable,
	"userProjectInvalid":        backends.ErrUnavailable,
	"userProjectInconsistent":   backends.ErrUnavailable,
	"accountDisabled":           backends.ErrUnavailable,
	"userProjectAccountProblem": backends.ErrUnavailable,
	"noSuchBucket":              backends.ErrUnavailable,

	"customerEncryptionKeyIsIncorrect":              backends.ErrPermission,
	"resourceIsEncryptedWithCustomerEncryptionKey":  backends.ErrPermission,
	"resourceNotEncryptedWithCustomerEncryptionKey": backends.ErrPermission,

	"uploadTooLarge": backends.ErrTooLarge,
	"notImplemented": backends.ErrUnsupported,
}

// statuses are for reasons that are not in kinds, and for answers without one.
var statuses = map[int]backends.Kind{
	http.StatusBadRequest:                   backends.ErrInvalid,
	http.StatusUnauthorized:                 backends.ErrUnavailable,
	http.StatusForbidden:                    backends.ErrPermission,
	http.StatusNotFound:                     backends.ErrNotExist,
	http.StatusMethodNotAllowed:             backends.ErrPermission,
	http.StatusRequestTimeout:               backends.ErrUnavailable,
	http.StatusConflict:                     backends.ErrChanged,
	http.StatusPreconditionFailed:           backends.ErrChanged,
	http.StatusRequestEntityTooLarge:        backends.ErrTooLarge,
	http.StatusRequestedRangeNotSatisfiable: backends.ErrRange,
	http.StatusTooManyRequests:              backends.ErrUnavailable,
	http.StatusNotImplemented:               backends.ErrUnsupported,
}

// kindOf classes an error of the library.
func kindOf(err error) backends.Kind {
	if noBucket(err) {
		return backends.ErrUnavailable
	}
	if kind, ok := kinds[reasonOf(err)]; ok {
		return kind
	}
	status := statusOf(err)
	if kind, ok := statuses[status]; ok {
		return kind
	}
	switch {
	case errors.Is(err, errSum):
		return backends.ErrInvalid
	case errors.Is(err, context.Canceled):
		return backends.ErrUnknown // the caller's own doing
	case status == 0 || status >= http.StatusInternalServerError:
		return backends.ErrUnavailable // no answer, or none that says more
	}
	return backends.ErrUnknown
}

// reasonOf returns the word that the store's answer has for what is wrong, "" for none.
func reasonOf(err error) string {
	var answer *googleapi.Error
	switch {
	case !errors.As(err, &answer):
		return ""
	case len(answer.Errors) > 0:
		return answer.Errors[0].Reason
	}
	var document struct{ Code string } // of the XML API
	if xml.Unmarshal([]byte(answer.Body), &document) != nil || document.Code == "" {
		return ""
	}
	return strings.ToLower(document.Code[:1]) + document.Code[1:]
}

// statusOf returns the HTTP status of the store's answer, 0 if there was no answer.
func statusOf(err error) int {
	var answer *googleapi.Error
	if errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}

// noBucket reports whether it is the bucket that does not exist. Only the text tells it from an object.
func noBucket(err error) bool {
	var answer *googleapi.Error
	return errors.Is(err, storage.ErrBucketNotExist) ||
		errors.As(err, &answer) && answer.Code == http.StatusNotFound && strings.Contains(answer.Message, "bucket does not exist")
}

// fail makes the driver's error of one of the library's.
func (d *Driver) fail(op, key string, err error) error {
	return d.failAs(kindOf(err), hint(err), op, key, err)
}

// failWrite is fail for a write under conditions, which 412 says were not met.
func (d *Driver) failWrite(op, key string, opts backends.WriteOptions, err error) error {
	kind := kindOf(err)
	switch {
	case kind == backends.ErrChanged && opts.IfAbsent:
		kind = backends.ErrExist
	case kind == backends.ErrNotExist && opts.IfVersion != "":
		kind = backends.ErrChanged
	}
	return d.failAs(kind, hint(err), op, key, err)
}

func (d *Driver) failAs(kind backends.Kind, hint, op, key string, err error) error {
	if hint != "" {
		err = fmt.Errorf("%s: %s: %w", d.opts.place(), hint, err)
	}
	return backends.NewError(op, key, kind, err)
}

// hint says what an operator can do about err, "" where that is not known.
func hint(err error) string {
	var credentials *credentialsError
	switch {
	case errors.As(err, &credentials):
		return "there are no credentials to use it with: name a file of them, or give this machine a service account"
	case noBucket(err), reasonOf(err) == "noSuchBucket":
		return "there is no such bucket: make it, or correct its name"
	case statusOf(err) == http.StatusUnauthorized:
		return "the credentials are not, or no longer, valid there"
	}
	switch reasonOf(err) {
	case "userProjectMissing":
		return "its requests are paid by the requester: name the project that pays"
	case "userProjectInvalid", "userProjectInconsistent":
		return "the project that shall pay for requests is not the right one"
	case "accountDisabled", "userProjectAccountProblem":
		return "the project has no billing account that works"
	case "customerEncryptionKeyIsIncorrect", "resourceIsEncryptedWithCustomerEncryptionKey", "resourceNotEncryptedWithCustomerEncryptionKey":
		return "the encryption key is not the one that the object was written with"
	}
	return ""
}
