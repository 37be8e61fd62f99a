package s3store

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// fakeS3 is AWS without the bytes, which are all zero: it keeps the sizes, sums and ETags of
// uploads, and refuses with S3's own errors a plan that S3 would refuse. It stands in place of
// connections.
type fakeS3 struct {
	mu      sync.Mutex
	serial  int
	uploads map[string]map[int]fakePart
	objects map[string]fakePart
	zeros   map[int64]uint64 // sums of so many zeros
}

type fakePart struct {
	size int64
	etag string
	sum  uint64
}

func newFakeS3() *fakeS3 {
	return &fakeS3{uploads: make(map[string]map[int]fakePart), objects: make(map[string]fakePart), zeros: make(map[int64]uint64)}
}

// open returns a driver of the fake.
func (f *fakeS3) open(t *testing.T) *Driver {
	t.Helper()
	tune := defaultTuning()
	tune.transport = f
	d, err := newDriver(t.Context(), Options{Bucket: "drop", Endpoint: "https://fake.amazonaws.com", PathStyle: true, AccessKey: "a", SecretKey: "b"}, tune)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// zeroSum returns the sum of size zeros, by halves.
func (f *fakeS3) zeroSum(size int64) uint64 {
	const direct = 1 << 10
	if size <= direct {
		return backends.CRC64NVME.Update(0, make([]byte, size))
	}
	if sum, ok := f.zeros[size]; ok {
		return sum
	}
	half := size / 2
	sum := backends.CRC64NVME.Combine(f.zeroSum(size-half), f.zeroSum(half), half)
	f.zeros[size] = sum
	return sum
}

// refusal is the code of one of S3's errors; all of them are 400 but NoSuch….
type refusal string

func (r refusal) Error() string { return string(r) }

// RoundTrip implements http.RoundTripper. It does not read the bodies of parts.
func (f *fakeS3) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	resp := &http.Response{StatusCode: http.StatusOK, Header: make(http.Header), Request: r, ContentLength: -1}
	text, err := f.answer(r, resp)
	if err != nil {
		resp.StatusCode = http.StatusBadRequest
		if strings.HasPrefix(err.Error(), "NoSuch") {
			resp.StatusCode = http.StatusNotFound
		}
		text = "<Error><Code>" + err.Error() + "</Code></Error>"
	}
	if r.Method == http.MethodHead {
		text = ""
	}
	resp.Header.Set("Content-Type", "application/xml")
	resp.Body = io.NopCloser(strings.NewReader(text))
	return resp, nil
}

func (f *fakeS3) answer(r *http.Request, resp *http.Response) (string, error) {
	key, query := strings.TrimPrefix(r.URL.Path, "/drop/"), r.URL.Query()
	id := query.Get("uploadId")
	if id != "" && f.uploads[id] == nil {
		return "", refusal("NoSuchUpload")
	}
	switch {
	case query.Has("uploads"):
		id = strconv.Itoa(f.next())
		f.uploads[id] = make(map[int]fakePart)
		return "<Result><UploadId>" + id + "</UploadId></Result>", nil
	case query.Has("partNumber"):
		return f.putPart(r, resp, f.uploads[id])
	case r.Method == http.MethodPost && id != "":
		return f.complete(r, key, id)
	case r.Method == http.MethodDelete && id != "":
		delete(f.uploads, id)
		return "", nil
	case r.Method == http.MethodHead:
		object, ok := f.objects[key]
		if !ok {
			return "", refusal("NoSuchKey")
		}
		resp.Header.Set("Content-Length", strconv.FormatInt(object.size, 10))
		resp.Header.Set("ETag", object.etag)
		return "", nil
	}
	return "", refusal("NotImplemented")
}

func (f *fakeS3) next() int {
	f.serial++
	return f.serial
}

func (f *fakeS3) putPart(r *http.Request, resp *http.Response, parts map[int]fakePart) (string, error) {
	number, err := strconv.Atoi(r.URL.Query().Get("partNumber"))
	if err != nil || number < 1 || number > maxNumber {
		return "", refusal("InvalidArgument")
	}
	part := fakePart{size: r.ContentLength, etag: fmt.Sprintf(`"%d"`, f.next())}
	if source := r.Header.Get("X-Amz-Copy-Source"); source != "" {
		var first, last int64
		object, ok := f.objects[strings.TrimPrefix(source, "drop/")]
		if _, err := fmt.Sscanf(r.Header.Get("X-Amz-Copy-Source-Range"), "bytes=%d-%d", &first, &last); err != nil || !ok || first > last || last >= object.size {
			return "", refusal("InvalidRange")
		}
		part.size = last - first + 1
	}
	part.sum = f.zeroSum(part.size)
	switch sum := r.Header.Get("X-Amz-Checksum-Crc64nvme"); {
	case part.size > maxSingle:
		return "", refusal("EntityTooLarge")
	case sum != "" && sum != *encodeSum(part.sum):
		return "", refusal("BadDigest")
	}
	parts[number] = part
	resp.Header.Set("ETag", part.etag)
	return "<CopyPartResult><ETag>" + part.etag + "</ETag></CopyPartResult>", nil
}

func (f *fakeS3) complete(r *http.Request, key, id string) (string, error) {
	var asked struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if xml.NewDecoder(r.Body).Decode(&asked) != nil || len(asked.Part) == 0 || len(asked.Part) > maxNumber {
		return "", refusal("MalformedXML")
	}
	object := fakePart{etag: fmt.Sprintf(`"%d-%d"`, f.next(), len(asked.Part))}
	last := 0
	for i, p := range asked.Part {
		part, ok := f.uploads[id][p.PartNumber]
		switch {
		case p.PartNumber <= last:
			return "", refusal("InvalidPartOrder")
		case !ok || part.etag != p.ETag:
			return "", refusal("InvalidPart")
		case part.size < minPart && i < len(asked.Part)-1:
			return "", refusal("EntityTooSmall")
		}
		last = p.PartNumber
		object.sum = backends.CRC64NVME.Combine(object.sum, part.sum, part.size)
		object.size += part.size
	}
	sum := r.Header.Get("X-Amz-Checksum-Crc64nvme")
	switch {
	case object.size > maxObject:
		return "", refusal("EntityTooLarge")
	case sum != "" && sum != *encodeSum(object.sum):
		return "", refusal("BadDigest")
	case r.Header.Get("X-Amz-Mp-Object-Size") != strconv.FormatInt(object.size, 10):
		return "", refusal("InvalidRequest")
	}
	delete(f.uploads, id)
	f.objects[key] = object
	return "<Result><ETag>" + object.etag + "</ETag></Result>", nil
}

// TestFakeS3 shows that a plan which breaks a rule is refused.
func TestFakeS3(t *testing.T) {
	ctx, f := t.Context(), newFakeS3()
	f.objects["source"] = fakePart{size: maxObject + minPart, etag: `"s"`}
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("https://fake.amazonaws.com"), UsePathStyle: true, HTTPClient: &http.Client{Transport: f},
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
	for name, c := range map[string]struct {
		parts    []types.CompletedPart // and the sizes of them
		sizes    []int64
		announce int64
		sum      *string
		code     string
	}{
		"good":           {numbers(1, 2), []int64{minPart, 1}, minPart + 1, encodeSum(f.zeroSum(minPart + 1)), ""},
		"a hole":         {numbers(1, 3), []int64{minPart, 1}, minPart + 1, nil, ""},
		"small part":     {numbers(1, 2), []int64{minPart - 1, 1}, minPart, nil, "EntityTooSmall"},
		"large part":     {numbers(1), []int64{maxSingle + 1}, maxSingle + 1, nil, "EntityTooLarge"},
		"high number":    {numbers(maxNumber + 1), []int64{1}, 1, nil, "InvalidArgument"},
		"wrong order":    {numbers(2, 1), []int64{minPart, minPart}, 2 * minPart, nil, "InvalidPartOrder"},
		"wrong size":     {numbers(1), []int64{minPart}, minPart + 1, nil, "InvalidRequest"},
		"wrong checksum": {numbers(1), []int64{minPart}, minPart, encodeSum(1), "BadDigest"},
	} {
		out, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String("drop"), Key: aws.String("a")})
		require.NoError(t, err)
		for i, part := range c.parts {
			var put *s3.UploadPartCopyOutput
			put, err = client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: aws.String("drop"), Key: aws.String("a"), UploadId: out.UploadId, PartNumber: part.PartNumber,
				CopySource: aws.String("drop/source"), CopySourceRange: aws.String(fmt.Sprintf("bytes=0-%d", c.sizes[i]-1))})
			if err != nil {
				break
			}
			c.parts[i].ETag = put.CopyPartResult.ETag
		}
		if err == nil {
			_, err = client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: aws.String("drop"), Key: aws.String("a"), UploadId: out.UploadId,
				MultipartUpload: &types.CompletedMultipartUpload{Parts: c.parts}, MpuObjectSize: &c.announce, ChecksumCRC64NVME: c.sum})
		}
		require.Equal(t, c.code, codeOf(err), "%s: %v", name, err)
	}
	require.Equal(t, backends.CRC64NVME.Update(0, make([]byte, 12345)), f.zeroSum(12345))
}

func numbers(numbers ...int32) (parts []types.CompletedPart) {
	for _, n := range numbers {
		parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(n)})
	}
	return parts
}
