package s3store

import (
	"context"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
)

const (
	// maxAttempts and the two delays let a request outlive a restart of the store: six
	// attempts spread over 3 to 6 seconds.
	maxAttempts = 6
	minDelay    = 200 * time.Millisecond
	maxDelay    = 5 * time.Second
	// maxTimeouts ends it sooner for a store that says nothing at all: each time costs a whole
	// answerTimeout, and the client is waiting.
	maxTimeouts = 2

	// defaultRegion is what MinIO and its like call theirs.
	defaultRegion = "us-east-1"
)

// connection is how a store is reached. Drivers of the same store share one.
type connection struct {
	cfg   aws.Config // with the credentials of Options, and for a Role those that assume it
	opts  Options
	pools pools
	sts   *sts.Client // nil without a Role
}

func connect(ctx context.Context, opts Options, tune tuning) (*connection, error) {
	cfg, err := config.LoadDefaultConfig(ctx, func(o *config.LoadOptions) error {
		o.Region = opts.Region
		if opts.AccessKey != "" {
			o.Credentials = credentials.NewStaticCredentialsProvider(opts.AccessKey, opts.SecretKey, opts.SessionToken)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		if opts.Endpoint == "" {
			return nil, errors.New("region: expected the region of the bucket")
		}
		cfg.Region = defaultRegion
	}
	c := &connection{opts: opts, pools: newPools(tune, rootCAs(cfg))}
	cfg.HTTPClient = c.pools.quick
	cfg.Retryer = func() aws.Retryer { return newRetryer(tune) }
	cfg.Logger = logging.Nop{}
	c.cfg = cfg
	if opts.Role.ARN != "" {
		c.sts = newSTS(cfg, opts)
	}
	return c, nil
}

// client returns a client that acts as credentials say.
func (c *connection) client(credentials aws.CredentialsProvider) *s3.Client {
	return s3.NewFromConfig(c.cfg, func(o *s3.Options) {
		if c.opts.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.opts.Endpoint)
		}
		o.UsePathStyle = c.opts.PathStyle
		o.Credentials = credentials
		// What is sent beyond the sums that this package sets itself, or asked for, is not
		// understood everywhere.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	}, c.opts.dress())
}

// rootCAs returns the authorities of AWS_CA_BUNDLE, which the SDK puts into a client of its
// own; nil for the system's.
func rootCAs(cfg aws.Config) *x509.CertPool {
	if sdks, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		return sdks.GetTransport().TLSClientConfig.RootCAs
	}
	return nil
}

// newRetryer retries what is safe and may help: lost connections, 5xx, 429 and requests to slow down.
func newRetryer(tune tuning) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
			if attempt >= maxTimeouts && timedOut(err) {
				return 0, err
			}
			return backoff(attempt, tune.minDelay), nil
		})
		// The SDK's quota is shared by all requests of a client: the failures of one session
		// would take the retries of another.
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables, retry.RetryableHTTPStatusCode{Codes: map[int]struct{}{429: {}}})
	})
}

// backoff returns the delay after an attempt, counted from 1: doubled each time and capped,
// its second half at random, so that sessions that failed together do not come back together.
func backoff(attempt int, least time.Duration) time.Duration {
	d := least
	for range attempt - 1 {
		d = min(2*d, maxDelay)
	}
	return d/2 + rand.N(d/2) //nolint:gosec // spreads load, guards nothing
}

func timedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
