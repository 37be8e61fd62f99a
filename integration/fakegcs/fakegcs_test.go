package fakegcs_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/fakegcs"
)

func TestMain(m *testing.M) { os.Exit(fakegcs.Run(m)) }

func TestBucketsAreEmptyAndOfOneServer(t *testing.T) {
	one, two := fakegcs.Shared(t), fakegcs.Shared(t)
	require.Same(t, one, two)
	a, b := one.Bucket(t), two.Bucket(t)
	require.NotEqual(t, a, b)
	require.Empty(t, one.Keys(t, a))
}
