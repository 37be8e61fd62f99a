// Package integration tests the built binary from outside: real FTP clients on one side, a real
// MinIO on the other.
//
//	make test                                   # gets MinIO and the clients, runs everything
//	go test ./integration -run TestSizes -v     # one of them, once the tools are there
package integration
