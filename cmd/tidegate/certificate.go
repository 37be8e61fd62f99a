package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/tidegate/tidegate/config"
)

// loadCertificate returns the certificate, or else the field whose file is to blame.
func loadCertificate(files config.TLS) (certificate tls.Certificate, field string, err error) {
	certPEM, err := os.ReadFile(files.CertFile)
	if err == nil {
		err = checkChain(certPEM)
	}
	if err != nil {
		return certificate, "tls.cert_file", fmt.Errorf("reading the certificate %s: %w", files.CertFile, err)
	}
	keyPEM, err := os.ReadFile(files.KeyFile)
	if err == nil {
		certificate, err = tls.X509KeyPair(certPEM, keyPEM)
	}
	if err != nil {
		return certificate, "tls.key_file", fmt.Errorf("reading the key %s: %w", files.KeyFile, err)
	}
	return certificate, "", nil
}

// checkChain tells a bad certificate from a bad key, which tls.X509KeyPair does not.
func checkChain(text []byte) error {
	found := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return errors.New("expected a certificate in PEM form")
	}
	return nil
}
