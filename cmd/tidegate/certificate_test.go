package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/config"
)

// writePair writes a new certificate and its key.
func writePair(t *testing.T) config.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return config.TLS{
		CertFile: writeText(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))),
		KeyFile:  writeText(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))),
	}
}

func writeText(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.pem")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestLoadCertificate(t *testing.T) {
	pair, other := writePair(t), writePair(t)
	certificate, _, err := loadCertificate(pair)
	require.NoError(t, err)
	require.Len(t, certificate.Certificate, 1)

	garbage := writeText(t, "not PEM")
	broken := writeText(t, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	for name, test := range map[string]struct {
		files       config.TLS
		field, want string
	}{
		"no certificate file":  {config.TLS{CertFile: "/nowhere", KeyFile: pair.KeyFile}, "tls.cert_file", "no such file"},
		"no key file":          {config.TLS{CertFile: pair.CertFile, KeyFile: "/nowhere"}, "tls.key_file", "no such file"},
		"no PEM":               {config.TLS{CertFile: garbage, KeyFile: pair.KeyFile}, "tls.cert_file", "expected a certificate in PEM form"},
		"a key as certificate": {config.TLS{CertFile: pair.KeyFile, KeyFile: pair.KeyFile}, "tls.cert_file", "expected a certificate in PEM form"},
		"a broken certificate": {config.TLS{CertFile: broken, KeyFile: pair.KeyFile}, "tls.cert_file", "x509"},
		"no PEM key":           {config.TLS{CertFile: pair.CertFile, KeyFile: garbage}, "tls.key_file", "failed to find any PEM data"},
		"another's key":        {config.TLS{CertFile: pair.CertFile, KeyFile: other.KeyFile}, "tls.key_file", "does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			_, field, err := loadCertificate(test.files)
			require.ErrorContains(t, err, test.want)
			require.Equal(t, test.field, field)
		})
	}
}
