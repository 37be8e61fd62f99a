package azstore

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/backendtest"
	"github.com/tidegate/tidegate/integration/azurite"
)

func TestConformance(t *testing.T) {
	server := azurite.Shared(t)
	backendtest.Run(t, func(t *testing.T) backendtest.Harness {
		t.Helper()
		name := server.Container(t)
		return backendtest.Harness{
			Open: func(t *testing.T) backends.Driver {
				t.Helper()
				d, err := New(optionsFor(server, name))
				require.NoError(t, err)
				return d
			},
			Left: func(t *testing.T) (keys, uploads []string) {
				t.Helper()
				return left(t, server, name)
			},
			OneUpload:  true,
			UTF16Order: true,
		}
	})
}

func optionsFor(server *azurite.Server, container string) Options {
	return Options{Container: container, Account: server.Account, Endpoint: server.Endpoint, AccountKey: server.Key}
}

// left returns all that a container holds. What an ended upload has left waits for the next write at
// its key and is not counted: nothing can free it.
func left(t *testing.T, server *azurite.Server, name string) (keys, uploads []string) {
	t.Helper()
	client := server.Client(t, name)
	pager := client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Include: container.ListBlobsInclude{UncommittedBlobs: true}})
	for pager.More() {
		page, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		for _, item := range page.Segment.BlobItems {
			key := *item.Name
			blob := client.NewBlockBlobClient(key)
			if _, err := blob.GetProperties(t.Context(), nil); err == nil {
				keys = append(keys, key)
			}
			list, err := blob.GetBlockList(t.Context(), blockblob.BlockListTypeUncommitted, nil)
			require.NoError(t, err)
			for _, token := range unended(t, list.UncommittedBlocks) {
				uploads = append(uploads, key+" "+token.String())
			}
		}
	}
	return keys, uploads
}

// unended returns the uploads that have blocks and no end.
func unended(t *testing.T, blocks []*blockblob.Block) (tokens []uploadToken) {
	t.Helper()
	ended, seen := map[uploadToken]bool{}, map[uploadToken]bool{}
	for _, block := range blocks {
		id, ok := parseBlockID(*block.Name)
		require.True(t, ok)
		seen[id.token] = true
		ended[id.token] = ended[id.token] || id.number == endMark
	}
	for token := range seen {
		if !ended[token] {
			tokens = append(tokens, token)
		}
	}
	return tokens
}
