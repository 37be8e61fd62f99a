package s3store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/tidegate/tidegate/backends"
)

// unsigned sends a body with "UNSIGNED-PAYLOAD" in its signature, over http as over https: a
// checksum in a signed header says as much, and is there already.
func unsigned(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}

// signed sends a body whose SHA-256 is known.
func signed(sum []byte) func(*s3.Options) {
	hash := hex.EncodeToString(sum)
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("KnownPayloadHash",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(v4.SetPayloadHash(ctx, hash), in)
			}), middleware.After)
	})
}

// verified returns how to have the store verify body: by its CRC64NVME in a header if declared,
// else by the SHA-256 of the signature.
func (d *Driver) verified(body backends.Body, declared bool) (crc *string, option func(*s3.Options), err error) {
	if declared {
		return encodeSum(body.Sum), unsigned, nil
	}
	hash, crcOfAll := sha256.New(), &crcWriter{}
	if _, err := io.Copy(io.MultiWriter(hash, crcOfAll), body); err != nil {
		return nil, nil, err
	}
	if d.checksum() == backends.CRC64NVME && crcOfAll.sum != body.Sum {
		return nil, nil, errSum // the store will not be told of it
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	return nil, signed(hash.Sum(nil)), nil
}

// checksum is what bodies come with, and what the store verifies wherever it can.
func (d *Driver) checksum() backends.Checksum {
	if d.opts.Checksum == ChecksumSHA256 {
		return backends.NoChecksum
	}
	return backends.CRC64NVME
}

// errSum is bytes that are not those their sum was made of.
var errSum = errors.New("the bytes do not match their checksum")

type crcWriter struct{ sum uint64 }

func (w *crcWriter) Write(p []byte) (int, error) {
	w.sum = backends.CRC64NVME.Update(w.sum, p)
	return len(p), nil
}

// encodeSum and decodeSum are for the headers and XML of S3: base64 of the sum, high byte first.
func encodeSum(sum uint64) *string {
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, sum)))
}

func decodeSum(text string) (uint64, error) {
	sum, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sum) != 8 {
		return 0, fmt.Errorf("%q is no CRC64NVME", text)
	}
	return binary.BigEndian.Uint64(sum), nil
}
