package gcsstore

import (
	"net/http"
	"time"

	"github.com/tidegate/tidegate/backends/transport"
)

// tuning is what tests change.
type tuning struct {
	minDelay, answerTimeout, stallTimeout time.Duration

	moves bool // the Endpoint renames objects as Google does
}

func defaultTuning() tuning {
	// A copy of a large object answers by and by, each time well within AnswerTimeout.
	return tuning{minDelay: minDelay, answerTimeout: transport.AnswerTimeout, stallTimeout: transport.StallTimeout}
}

// authorized is what the libraries send requests with: it adds the token.
type authorized struct {
	*transport.Client
	identity *identity // nil for anonymous requests
}

func newTransport(tune tuning) *authorized {
	return &authorized{Client: transport.New(transport.Options{AnswerTimeout: tune.answerTimeout, StallTimeout: tune.stallTimeout})}
}

// RoundTrip implements http.RoundTripper.
func (a *authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	if a.identity != nil {
		req = req.Clone(req.Context())
		if err := a.identity.authorize(req); err != nil {
			if req.Body != nil {
				_ = req.Body.Close()
			}
			return nil, err
		}
	}
	return a.Client.RoundTrip(req)
}
