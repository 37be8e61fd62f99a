package azstore

import (
	"context"
	"crypto/x509"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/backends/transport"
)

// leaveSize is the body that the store's leave is asked for first.
const leaveSize = 1 << 20

// tuning is what tests change.
type tuning struct {
	minDelay, answerTimeout, copyTimeout, stallTimeout time.Duration
	roots                                              *x509.CertPool // nil for the system's
}

func defaultTuning() tuning {
	return tuning{
		minDelay:      minDelay,
		answerTimeout: transport.AnswerTimeout,
		copyTimeout:   transport.CopyTimeout,
		stallTimeout:  transport.StallTimeout,
	}
}

// pools are the connections of a store: one pool for all that is answered at once, and one for
// what takes the store long.
type pools struct {
	quick, patient *transport.Client
}

func newPools(tune tuning) pools {
	pool := func(answer time.Duration) *transport.Client {
		return transport.New(transport.Options{AnswerTimeout: answer, StallTimeout: tune.stallTimeout, Own: own, RootCAs: tune.roots})
	}
	return pools{quick: pool(tune.answerTimeout), patient: pool(tune.copyTimeout)}
}

// own reports whether an answer of success is the store's: Azure names each request, and a
// sign-in service answers in JSON.
func own(resp *http.Response) bool {
	return resp.Header.Get("X-Ms-Request-Id") != "" || strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json")
}

type patientKey struct{}

// patiently lets the calls of a context take the store long before it says anything.
func patiently(ctx context.Context) context.Context {
	return context.WithValue(ctx, patientKey{}, true)
}

type triesKey struct{}

// counted has the requests of a call counted, which the SDK repeats without a word.
func counted(ctx context.Context, tries *atomic.Int32) context.Context {
	return context.WithValue(ctx, triesKey{}, tries)
}

// Do implements the SDK's Transporter.
func (p pools) Do(req *http.Request) (*http.Response, error) {
	if req.ContentLength >= leaveSize {
		// A refusal of a large body would otherwise arrive as a reset connection. The signature does
		// not cover this header.
		req.Header.Set("Expect", "100-continue")
	}
	if tries, ok := req.Context().Value(triesKey{}).(*atomic.Int32); ok {
		tries.Add(1)
	}
	if req.Context().Value(patientKey{}) != nil {
		return p.patient.RoundTrip(req)
	}
	return p.quick.RoundTrip(req)
}

func (p pools) close() {
	p.quick.CloseIdleConnections()
	p.patient.CloseIdleConnections()
}
