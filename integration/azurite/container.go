package azurite

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/emulator"
)

// Client returns a client of a container with the rights of the account's owner, for looking at what
// is stored. It keeps no connection open, so that a test can look for goroutines that are left.
func (s *Server) Client(tb testing.TB, name string) *container.Client {
	tb.Helper()
	key, err := container.NewSharedKeyCredential(s.Account, s.Key)
	require.NoError(tb, err)
	client, err := container.NewClientWithSharedKeyCredential(s.Endpoint+"/"+name, key, &container.ClientOptions{
		ClientOptions: policy.ClientOptions{
			Transport: emulator.Client(),
			Retry:     policy.RetryOptions{MaxRetries: -1},
		},
	})
	require.NoError(tb, err)
	return client
}

// Container makes a container for the test, which is removed after it with all it holds.
func (s *Server) Container(tb testing.TB) string {
	tb.Helper()
	name := "test-" + strings.ToLower(rand.Text())
	client := s.Client(tb, name)
	_, err := client.Create(tb.Context(), nil)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		if !s.Running() {
			return // stopped: all it held is gone
		}
		_, err := client.Delete(context.Background(), nil)
		require.NoError(tb, err)
	})
	return name
}

// SAS returns a shared access signature with these permissions ("rwl") for the container.
func (s *Server) SAS(tb testing.TB, name, permissions string) string {
	tb.Helper()
	key, err := container.NewSharedKeyCredential(s.Account, s.Key)
	require.NoError(tb, err)
	query, err := sas.BlobSignatureValues{
		ContainerName: name,
		Permissions:   permissions,
		Protocol:      sas.ProtocolHTTPSandHTTP,
		ExpiryTime:    time.Now().Add(time.Hour),
	}.SignWithSharedKey(key)
	require.NoError(tb, err)
	return query.Encode()
}
