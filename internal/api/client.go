package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// DefaultURL is where a node of this machine answers.
const DefaultURL = "http://127.0.0.1:8080"

// maxAnswer bounds a JSON answer that a client holds, in bytes.
const maxAnswer = 64 << 20

// ClientConfig is how to reach a node.
type ClientConfig struct {
	// URL is http:// or https:// and a host; "" is DefaultURL.
	URL string
	// Token is sent with every request; "" sends none.
	Token string
	// CA is a PEM file with authorities to trust instead of the system's; Cert and
	// Key are those of this client, for a node that asks for them. All may be "".
	CA, Cert, Key string
}

// Client asks a node. Its methods are those of [Backend], and fail with the same
// sentinels; a node that cannot be reached is ErrUnavailable.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// NewClient makes a client. It connects to nothing yet.
func NewClient(c ClientConfig) (*Client, error) {
	fill(&c.URL, DefaultURL)
	if !strings.Contains(c.URL, "://") {
		c.URL = "http://" + c.URL
	}
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("%q is not the URL of a node, such as %s", c.URL, DefaultURL)
	}
	tlsConfig, err := c.tls()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: tlsConfig, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second,
		WriteBufferSize: 256 << 10, ReadBufferSize: 256 << 10,
	}
	// A redirect could carry the token elsewhere, and a node sends none.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: base, token: c.Token, http: &http.Client{Transport: transport, CheckRedirect: stay}}, nil
}

func (c ClientConfig) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	var err error
	if c.CA != "" {
		if config.RootCAs, err = readCAs(c.CA); err != nil {
			return nil, err
		}
	}
	if c.Cert != "" {
		cert, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is a request. Segments of path are escaped by at.
type call struct {
	method, path string
	query        url.Values
	header       http.Header
	body         io.Reader
}

// at joins segments below /api/v1.
func at(segments ...string) string {
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return "/api/v1/" + strings.Join(segments, "/")
}

// send makes a request; an answer that is a problem is an error. The caller
// closes the body.
func (c *Client) send(ctx context.Context, k call) (*http.Response, error) {
	target := strings.TrimSuffix(c.base.String(), "/") + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, k.body)
	if err != nil {
		return nil, err
	}
	for name, values := range k.header {
		req.Header[name] = values
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close() // read only
	return nil, readProblem(resp)
}

// unreachable says what keeps us from a node.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	err = fmt.Errorf("%w: no answer from %s: %w", ErrUnavailable, c.base.Host, err)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return WithHint(err, "start a node here with godwit node start, or name another's with --api URL")
	}
	return err
}

func readProblem(resp *http.Response) error {
	p := Problem{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode)}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return fmt.Errorf("answer %s: %w", resp.Status, err)
	}
	p.Status = resp.StatusCode
	return remoteError(p, resp.Header)
}

// ask makes a request with a JSON body, unless in is nil, and reads the answer
// into out, unless that is nil.
func (c *Client) ask(ctx context.Context, k call, in, out any) error {
	_, err := c.askStatus(ctx, k, in, out)
	return err
}

func (c *Client) askStatus(ctx context.Context, k call, in, out any) (status int, err error) {
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, fmt.Errorf("encode request: %w", err)
		}
		k.body = bytes.NewReader(text)
		k.header = withHeader(k.header, "Content-Type", "application/json")
	}
	resp, err := c.send(ctx, k)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() // read to its end, or an error
	if out == nil {
		return resp.StatusCode, nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return 0, fmt.Errorf("answer of %s: %w", c.base.Host, err)
	}
	return resp.StatusCode, nil
}

func withHeader(h http.Header, name, value string) http.Header {
	if h == nil {
		h = http.Header{}
	}
	h.Set(name, value)
	return h
}
