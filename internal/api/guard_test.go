package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const testToken = "0123456789abcdef01234567"

// Off loopback an API without a token or client certificates does not start.
func TestRefusesToBeExposed(t *testing.T) {
	for _, bind := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		ln, err := Listen(Config{Bind: bind})
		var hinted interface{ Hint() string }
		if !errors.Is(err, ErrExposed) || !errors.As(err, &hinted) {
			t.Errorf("%s: %v, %v", bind, ln, err)
		}
		if ln, err = Listen(Config{Bind: bind, Token: testToken}); err != nil {
			t.Errorf("%s with a token: %v", bind, err)
			continue
		}
		ln.Close()
	}
	for _, cfg := range []Config{
		{Token: "short"}, {TLSCert: "cert.pem"}, {ClientCA: "ca.pem"}, {Bind: "nowhere"}, {TLSCert: "no", TLSKey: "no"},
	} {
		if ln, err := Listen(cfg); err == nil {
			ln.Close()
			t.Errorf("%+v: accepted", cfg)
		}
	}
}

func TestToken(t *testing.T) {
	_, c := serve(t, Config{Token: testToken})
	for _, r := range []struct {
		path, header string
		status       int
	}{
		{"/api/v1/node", "", 401},
		{"/api/v1/node", "Bearer ", 401},
		{"/api/v1/node", "Bearer " + testToken[1:], 401},
		{"/api/v1/node", "Bearer " + testToken + "0", 401},
		{"/api/v1/node", "Basic " + testToken, 401},
		{"/api/v1/node", testToken, 401},
		{"/openapi.json", "", 401},
		{"/api/v1/node", "Bearer " + testToken, 200},
		{"/api/v1/node", "bearer " + testToken, 200},
		{"/healthz", "", 200},
		{"/readyz", "", 200},
	} {
		resp, text := roundTrip(t, c, "GET", r.path, "", "Authorization", r.header)
		if resp.StatusCode != r.status {
			t.Errorf("%s with %q: %s\n%s", r.path, r.header, resp.Status, text)
		}
		if r.status == 401 && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s with %q: no challenge", r.path, r.header)
		}
	}
	if _, err := c.Self(t.Context()); err != nil {
		t.Errorf("client with the token: %v", err)
	}
	c.token = ""
	if _, err := c.Self(t.Context()); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("client without the token: %v", err)
	}
}

// A web page can send requests to loopback: by a form, or by a name of its own
// that it points at 127.0.0.1.
func TestWebPagesAreKeptOut(t *testing.T) {
	_, c := serve(t, Config{})
	for _, r := range []struct {
		method, name, value string
		status              int
	}{
		{"GET", "Host", "evil.example", 403},
		{"GET", "Host", "localhost.evil.example:8080", 403},
		{"GET", "Host", "localhost", 200},
		{"GET", "Host", "LOCALHOST:8080", 200},
		{"GET", "Host", "127.0.0.5:80", 200},
		{"GET", "Host", "[::1]:80", 200},
		{"GET", "Origin", "https://evil.example", 403},
		{"GET", "Origin", "null", 403},
		{"PUT", "Origin", "https://evil.example", 403},
		{"PUT", "Sec-Fetch-Site", "cross-site", 403},
		{"PUT", "Sec-Fetch-Site", "same-site", 403},
		{"PUT", "Sec-Fetch-Site", "same-origin", 200},
		{"PUT", "X-Nothing", "x", 200},
	} {
		path := "/api/v1/node"
		if r.method == "PUT" {
			path = "/api/v1/node/drain"
		}
		resp, text := roundTrip(t, c, r.method, path, "", r.name, r.value)
		if resp.StatusCode != r.status {
			t.Errorf("%s with %s %s: %s\n%s", r.method, r.name, r.value, resp.Status, text)
		}
	}
}

// With mTLS only clients whose certificate the authority has signed get an answer.
func TestClientCertificates(t *testing.T) {
	dir := t.TempDir()
	ca := newCertificate(t, dir, "ca", nil)
	newCertificate(t, dir, "node", ca)
	newCertificate(t, dir, "client", ca)
	newCertificate(t, dir, "stranger", nil)
	at := func(name string) string { return filepath.Join(dir, name) }
	_, plain := serve(t, Config{Bind: "0.0.0.0:0", TLSCert: at("node.pem"), TLSKey: at("node.key"), ClientCA: at("ca.pem")})
	_, port, _ := net.SplitHostPort(plain.base.Host)
	url := "https://127.0.0.1:" + port
	for name, want := range map[string]bool{"client": true, "stranger": false, "": false} {
		cfg := ClientConfig{URL: url, CA: at("ca.pem")}
		if name != "" {
			cfg.Cert, cfg.Key = at(name+".pem"), at(name+".key")
		}
		c, err := NewClient(cfg)
		check(t, err)
		defer c.Close()
		if _, err := c.Self(t.Context()); (err == nil) != want {
			t.Errorf("certificate %q: %v", name, err)
		}
	}
}

type certificate struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// newCertificate writes NAME.pem and NAME.key, signed by an authority or itself.
func newCertificate(t *testing.T, dir, name string, by *certificate) *certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	c := &certificate{&x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: by == nil, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}, key}
	if by == nil {
		by = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c.Certificate, by.Certificate, &key.PublicKey, by.key)
	check(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	write := func(file, kind string, der []byte) {
		check(t, os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	write(name+".pem", "CERTIFICATE", der)
	write(name+".key", "PRIVATE KEY", secret)
	return c
}
