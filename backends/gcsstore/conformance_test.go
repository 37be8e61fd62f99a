package gcsstore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/backendtest"
)

func TestConformance(t *testing.T) {
	backendtest.Run(t, func(t *testing.T) backendtest.Harness {
		t.Helper()
		p := newProxy(t)
		return backendtest.Harness{
			Open: func(t *testing.T) backends.Driver {
				t.Helper()
				tune := defaultTuning()
				tune.moves = true
				d, err := newDriver(t.Context(), Options{Bucket: p.bucket, Endpoint: p.URL}, tune)
				require.NoError(t, err)
				return d
			},
			Left: func(t *testing.T) (keys, uploads []string) {
				t.Helper()
				p.google.transport.CloseIdleConnections() // they are no goroutines of the driver
				return p.left(t)
			},
		}
	})
}
