package gcsstore

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
)

const (
	// maxAttempts and the two delays let a request outlive a hiccup of the store: six attempts
	// spread over some 5 seconds.
	maxAttempts = 6
	minDelay    = 300 * time.Millisecond
	maxDelay    = 5 * time.Second
	// maxTimeouts ends it sooner for a store that says nothing at all: each time costs a whole
	// answerTimeout, and the client is waiting.
	maxTimeouts = 2
	// retryTime is when no further attempt is begun, whatever the others have taken.
	retryTime = time.Minute
)

// retry makes a request, and again if that is safe for all requests of this package and may help:
// reads change nothing, and writes tell what a try before has done by their conditions and their token
// (resolve.go). The library's own retries leave out inserts, whose bytes it does not hold.
//
// doubt says that a try had no answer, so that the store may have done what it was asked to,
// although another try or err says that it has not.
func (d *Driver) retry(ctx context.Context, request func() error) (doubt bool, err error) {
	pause := gax.Backoff{Initial: d.tune.minDelay, Max: maxDelay, Multiplier: 2} // with jitter
	last := time.Now().Add(retryTime)
	timeouts := 0
	for attempt := 1; ; attempt++ {
		if err = request(); err == nil {
			return doubt, nil
		}
		doubt = doubt || unanswered(err)
		if timedOut(err) {
			timeouts++
		}
		if attempt == maxAttempts || timeouts == maxTimeouts || time.Now().After(last) || !storage.ShouldRetry(err) {
			return doubt, err
		}
		if gax.Sleep(ctx, pause.Pause()) != nil {
			return doubt, errors.Join(context.Cause(ctx), err)
		}
	}
}

// unanswered reports whether err leaves open what the store has done: there was no answer, it
// was cut off, or it is the failure of the store or of a proxy on the way.
func unanswered(err error) bool {
	var credentials *credentialsError
	var dial *net.OpError
	if errors.As(err, &credentials) || errors.As(err, &dial) && dial.Op == "dial" {
		return false // never sent
	}
	status := statusOf(err)
	return status < http.StatusMultipleChoices || status >= http.StatusInternalServerError
}

func timedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
