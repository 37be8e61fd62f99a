package fakegcs

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/emulator"
)

// Bucket makes a bucket for the test. What it holds goes with the server.
func (s *Server) Bucket(tb testing.TB) string {
	tb.Helper()
	name := "test-" + strings.ToLower(rand.Text())
	s.call(tb, http.MethodPost, "/storage/v1/b?project=test", fmt.Sprintf(`{"name": %q}`, name), nil)
	return name
}

// Keys returns the names of all objects of a bucket.
func (s *Server) Keys(tb testing.TB, bucket string) []string {
	tb.Helper()
	var listing struct {
		Items []struct{ Name string }
	}
	s.call(tb, http.MethodGet, "/storage/v1/b/"+bucket+"/o", "", &listing)
	var keys []string
	for _, item := range listing.Items {
		keys = append(keys, item.Name)
	}
	return keys
}

func (s *Server) call(tb testing.TB, method, path, body string, answer any) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, s.Endpoint+path, strings.NewReader(body))
	require.NoError(tb, err)
	resp, err := emulator.Client().Do(req)
	require.NoError(tb, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(tb, err)
	require.Equal(tb, http.StatusOK, resp.StatusCode, "%s %s: %s", method, path, data)
	if answer != nil {
		require.NoError(tb, json.Unmarshal(data, answer))
	}
}
