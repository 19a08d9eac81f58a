package api

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/net/netutil"
)

// ErrExposed is an address off loopback without authentication.
var ErrExposed = errors.New("the API would be open to the network")

// Config is how a server listens and what it puts up with.
type Config struct {
	// Bind is HOST:PORT; port 0 is any free one. Off loopback it needs Token or
	// ClientCA.
	Bind string
	// Token is what every request must carry as "Authorization: Bearer TOKEN"; ""
	// asks for none.
	Token string
	// TLSCert and TLSKey are PEM files for HTTPS; "" is plain HTTP.
	TLSCert, TLSKey string
	// ClientCA is a PEM file with the authorities whose client certificates are let
	// in (mTLS); "" asks for none.
	ClientCA string

	// MaxRequestBytes bounds a JSON body; blobs are streams and have no bound here.
	MaxRequestBytes int64
	// MaxConnections bounds those open at a time.
	MaxConnections int
	// HeaderTimeout bounds reading a request's header, BodyTimeout a JSON body.
	HeaderTimeout, BodyTimeout time.Duration
	// StallTimeout bounds a stream's wait for its client, in either direction.
	StallTimeout time.Duration
	// IdleTimeout bounds an unused connection.
	IdleTimeout time.Duration
	// MaxWait bounds how long a request may wait for a task.
	MaxWait time.Duration

	// Version is the node's, for /openapi.json.
	Version string
	// Metrics answers /metrics; nil is nobody.
	Metrics http.Handler
	// Log gets requests at level debug; nil discards them.
	Log *slog.Logger
}

// DefaultConfig is a server for this machine alone.
func DefaultConfig() Config {
	return Config{
		Bind:            "127.0.0.1:8080",
		MaxRequestBytes: 10_000_000,
		MaxConnections:  1024,
		HeaderTimeout:   5 * time.Second,
		BodyTimeout:     30 * time.Second,
		StallTimeout:    60 * time.Second,
		IdleTimeout:     2 * time.Minute,
		MaxWait:         time.Hour,
		Version:         "dev",
	}
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	fill(&c.Bind, d.Bind)
	fill(&c.MaxRequestBytes, d.MaxRequestBytes)
	fill(&c.MaxConnections, d.MaxConnections)
	fill(&c.HeaderTimeout, d.HeaderTimeout)
	fill(&c.BodyTimeout, d.BodyTimeout)
	fill(&c.StallTimeout, d.StallTimeout)
	fill(&c.IdleTimeout, d.IdleTimeout)
	fill(&c.MaxWait, d.MaxWait)
	fill(&c.Version, d.Version)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate finds settings that contradict each other. Whether Bind is safe is
// known when it is resolved, in [Listen].
func (c Config) Validate() error {
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("TLS needs both a certificate and a key")
	case c.ClientCA != "" && c.TLSCert == "":
		return errors.New("client certificates need TLS: set a certificate and a key")
	case c.Token != "" && len(c.Token) < minToken:
		return fmt.Errorf("the token is shorter than %d characters: anyone could guess it", minToken)
	case c.MaxRequestBytes < 0 || c.MaxConnections < 0:
		return errors.New("limits cannot be negative")
	}
	return nil
}

// minToken is the least length of a token, in bytes: 96 bits in hexadecimal.
const minToken = 24

// Listen opens the address that the server is to have, with TLS if configured.
// Errors: ErrExposed.
func Listen(c Config) (net.Listener, error) {
	c = c.withDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	addr, err := net.ResolveTCPAddr("tcp", c.Bind)
	if err != nil {
		return nil, fmt.Errorf("API address %q: %w", c.Bind, err)
	}
	if !addr.IP.IsLoopback() && c.Token == "" && c.ClientCA == "" {
		return nil, WithHint(fmt.Errorf("API address %s: %w", c.Bind, ErrExposed),
			"set a token (GODWIT_TOKEN) or client certificates (scheduler.api.client_ca), or bind to 127.0.0.1")
	}
	tlsConfig, err := c.tls()
	if err != nil {
		return nil, err
	}
	tcp, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("API: %w", err)
	}
	// Below TLS: net/http looks at TLS connections to find HTTP/2.
	ln := netutil.LimitListener(tcp, c.MaxConnections)
	if tlsConfig != nil {
		return tls.NewListener(ln, tlsConfig), nil
	}
	return ln, nil
}

// tls is nil for plain HTTP.
func (c Config) tls() (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("API certificate: %w", err)
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"},
	}
	if c.ClientCA == "" {
		return config, nil
	}
	if config.ClientCAs, err = readCAs(c.ClientCA); err != nil {
		return nil, err
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}

func readCAs(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: no certificate in it", file)
	}
	return pool, nil
}

// secret is a token in a form whose comparison takes the same time whatever the
// length of the other.
func secret(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }
