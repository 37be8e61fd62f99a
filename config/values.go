package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Every value is a text until it is parsed here, whether it came from a file or the environment.
// The errors say only what was expected; the field and the text are told around them.

// Size is a number of bytes.
type Size int64

// parseSize reads 268435456, 256MiB or 256MB.
func parseSize(text string) (Size, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > math.MaxInt64 {
		return 0, errors.New("expected a size such as 256MiB")
	}
	return Size(n), nil
}

func (s Size) String() string { return strings.ReplaceAll(humanize.IBytes(uint64(s)), " ", "") }

// Secret is a text that no log and no message shows.
type Secret string

const redacted = "[redacted]"

// String and GoString keep the secret out of printed structs.
func (Secret) String() string { return redacted }

// GoString does as String.
func (Secret) GoString() string { return redacted }

// LogValue keeps the secret out of structured logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText keeps the secret out of JSON and the like.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Address is a host and port to listen at; the host may be empty.
type Address string

// parseAddress reads 127.0.0.1:2121, [::1]:2121 or :2121.
func parseAddress(text string) (Address, error) {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = parsePort(port, 0)
	}
	if err != nil {
		return "", errors.New("expected a host and a port such as 127.0.0.1:2121")
	}
	return Address(text), nil
}

// PortRange is the ports Min to Max; the zero value is any port.
type PortRange struct{ Min, Max int }

// parsePortRange reads 30000-30099, or one port.
func parsePortRange(text string) (PortRange, error) {
	low, high, isRange := strings.Cut(text, "-")
	if !isRange {
		high = low
	}
	first, errLow := parsePort(low, 1)
	last, errHigh := parsePort(high, 1)
	if errLow != nil || errHigh != nil || first > last {
		return PortRange{}, errors.New("expected ports from 1 to 65535 such as 30000-30099")
	}
	return PortRange{Min: first, Max: last}, nil
}

func parsePort(s string, least int) (int, error) {
	port, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	if err != nil || int(port) < least {
		return 0, fmt.Errorf("%q is no port", s)
	}
	return int(port), nil
}

// Endpoint is the URL of a store.
type Endpoint string

func parseEndpoint(text string) (Endpoint, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("expected a URL such as https://s3.example.com:9000")
	}
	return Endpoint(text), nil
}

// Line is one line of printable text.
type Line string

// parseLine refuses control characters, which would end the line or forge another reply.
func parseLine(text string) (Line, error) {
	if hasControl(text) {
		return "", errors.New("expected one line without control characters")
	}
	return Line(text), nil
}

// parseIPv4 reads the address that PASV tells; RFC 959 has no form for any other kind.
func parseIPv4(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Unmap().Is4() {
		return netip.Addr{}, errors.New("expected an IPv4 address")
	}
	return addr.Unmap(), nil
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("expected true or false")
}

func parseInt(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, errors.New("expected a whole number")
	}
	return n, nil
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("expected a duration such as 90s, 5m or 1h")
	}
	return d, nil
}
