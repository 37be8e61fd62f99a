package azurite_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/azurite"
)

func TestMain(m *testing.M) { os.Exit(azurite.Run(m)) }

func TestContainersAreOnesOwn(t *testing.T) {
	one, two := azurite.Shared(t), azurite.Shared(t)
	require.Same(t, one, two)
	a, b := one.Container(t), one.Container(t)
	require.NotEqual(t, a, b)
	_, err := one.Client(t, a).NewBlockBlobClient("x").Upload(t.Context(), streaming.NopCloser(bytes.NewReader([]byte("data"))), nil)
	require.NoError(t, err)
	_, err = one.Client(t, a).NewBlockBlobClient("x").GetProperties(t.Context(), nil)
	require.NoError(t, err)
	_, err = one.Client(t, b).NewBlockBlobClient("x").GetProperties(t.Context(), nil)
	require.Error(t, err)
}

func TestStoppedServerAnswersNothing(t *testing.T) {
	server := azurite.Start(t)
	name := server.Container(t)
	server.Stop()
	_, err := server.Client(t, name).GetProperties(t.Context(), nil)
	require.Error(t, err)
}
