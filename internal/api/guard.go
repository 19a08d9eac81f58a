package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// guard lets in whom the node trusts. A token or certificate settles it. Without
// one the API is on loopback, where any process of this machine is trusted but
// not the web pages in its browsers: those can send requests there too, by a
// plain form, or by a name of their own that they point at 127.0.0.1 (DNS
// rebinding).
type guard struct {
	token    [sha256.Size]byte
	asks     bool // whether there is a token
	local    bool // whether we listen on loopback
	crossing *http.CrossOriginProtection
	next     http.Handler
}

func newGuard(token string, local bool, next http.Handler) *guard {
	return &guard{
		token: secret(token), asks: token != "", local: local,
		crossing: http.NewCrossOriginProtection(), next: next,
	}
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := g.check(r); err != nil {
		problem(err).write(w)
		return
	}
	g.next.ServeHTTP(w, r)
}

func (g *guard) check(r *http.Request) error {
	if g.asks {
		if isProbe(r) {
			return nil
		}
		return g.authorize(r)
	}
	if g.local && !isLoopbackName(r.Host) {
		return fmt.Errorf("%w: this node answers to localhost and 127.0.0.1, not %q", ErrForbidden, clip(r.Host))
	}
	if err := g.crossing.Check(r); err != nil {
		return fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	if origin := r.Header.Get("Origin"); origin != "" && !isLoopbackOrigin(origin) {
		return fmt.Errorf("%w: request from the web page %q", ErrForbidden, clip(origin))
	}
	return nil
}

// authorize compares in constant time.
func (g *guard) authorize(r *http.Request) error {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got := secret(strings.TrimSpace(token))
	if strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], g.token[:]) == 1 {
		return nil
	}
	return WithHint(fmt.Errorf("%w: missing or wrong token", ErrUnauthorized), "pass the node's token: --token or GODWIT_TOKEN")
}

// isProbe tells requests that say nothing about the node but that it lives.
func isProbe(r *http.Request) bool {
	return r.URL.Path == "/healthz" || r.URL.Path == "/readyz"
}

// isLoopbackName reports whether a Host header names this machine to itself.
func isLoopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func isLoopbackOrigin(origin string) bool {
	_, host, ok := strings.Cut(origin, "://")
	return ok && isLoopbackName(host)
}

// clip bounds what is echoed of a request.
func clip(s string) string {
	const enough = 100
	if len(s) > enough {
		return s[:enough] + "..."
	}
	return s
}

// client is who asks, for rates and idempotency keys.
func client(r *http.Request) string {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return "cert:" + clip(r.TLS.PeerCertificates[0].Subject.CommonName)
	}
	if r.Header.Get("Authorization") != "" {
		return "token"
	}
	return "local"
}
