package s3store

import (
	"crypto/x509"
	"net/http"
	"strings"
	"time"

	"github.com/tidegate/tidegate/backends/transport"
)

// tuning is what tests change.
type tuning struct {
	minDelay, answerTimeout, copyTimeout, stallTimeout time.Duration

	transport http.RoundTripper // in place of connections; nil for these
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
	quick, patient httpClient
}

func newPools(tune tuning, roots *x509.CertPool) pools {
	pool := func(answer time.Duration) httpClient {
		return httpClient{transport.New(transport.Options{
			AnswerTimeout: answer,
			StallTimeout:  tune.stallTimeout,
			Own:           own,
			RootCAs:       roots,
			Instead:       tune.transport,
		})}
	}
	return pools{quick: pool(tune.answerTimeout), patient: pool(tune.copyTimeout)}
}

// own reports whether an answer of success is the store's. AWS, MinIO and most others name the
// request; what does not still answers with an object's ETag, with XML, or with nothing.
func own(resp *http.Response) bool {
	switch kind := resp.Header.Get("Content-Type"); {
	case resp.Header.Get("X-Amz-Request-Id") != "", resp.Header.Get("ETag") != "", kind == "":
		return true
	default:
		return strings.Contains(kind, "xml")
	}
}

func (p pools) close() {
	p.quick.CloseIdleConnections()
	p.patient.CloseIdleConnections()
}

// httpClient is what the SDK sends requests with.
type httpClient struct {
	*transport.Client
}

// Do implements the SDK's HTTPClient.
func (c httpClient) Do(req *http.Request) (*http.Response, error) {
	// The SDK's requests carry no protocol version. Without it net/http does not wait for
	// "100 Continue", and a refusal of a large body arrives as a reset connection.
	req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/1.1", 1, 1
	return c.RoundTrip(req)
}
