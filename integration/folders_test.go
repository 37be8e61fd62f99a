package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// TestRenameOfALargeFolder renames a folder of 10,000 objects, in folders of 100.
func TestRenameOfALargeFolder(t *testing.T) {
	const objects = 10_000
	b := newBucket(t)
	g := startGateway(t, b.settings())
	name := func(i int) string { return fmt.Sprintf("%02d/%04d.txt", i/100, i) }

	var group errgroup.Group
	group.SetLimit(16)
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	client := s3.New(b.client.Options(), func(o *s3.Options) { o.HTTPClient = &http.Client{Transport: transport} })
	for i := range objects {
		group.Go(func() error {
			key := "partners/bench/from/" + name(i)
			_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.name, Key: &key, Body: strings.NewReader(fmt.Sprint(i))})
			return err
		})
	}
	require.NoError(t, group.Wait())
	neighbour := dialRaw(t, g.FTP, "bench")
	neighbour.upload("from.txt", []byte("stays"))

	c := dialRaw(t, g.FTP, "bench")
	c.cmd(350, "RNFR from")
	begun := time.Now()
	c.cmd(250, "RNTO to")
	t.Logf("%d objects in %v", objects, time.Since(begun).Round(time.Millisecond))

	keys := b.keys()
	require.Contains(t, keys, "partners/bench/from.txt")
	delete(keys, "partners/bench/from.txt")
	for i := range objects {
		require.Equal(t, int64(len(fmt.Sprint(i))), keys["partners/bench/to/"+name(i)], "object %d", i)
		delete(keys, "partners/bench/to/"+name(i))
	}
	require.Empty(t, keys)
	require.Equal(t, "4711", c.receive("RETR to/"+name(4711)))
}
