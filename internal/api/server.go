package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Server answers requests about one node.
type Server struct {
	cfg     Config
	backend Backend
	mux     *http.ServeMux
}

// New makes a server. It opens nothing: see [Listen] and [Server.Serve].
func New(cfg Config, backend Backend) *Server {
	s := &Server{cfg: cfg.withDefaults(), backend: backend, mux: http.NewServeMux()}
	s.probes()
	api := humago.New(s.mux, s.huma())
	schemaOf[Problem](api)
	s.registerTasks(api)
	s.registerLogs(api)
	s.registerNodes(api)
	s.registerBlobs(api)
	s.registerModels(api)
	s.registerActors(api)
	s.registerEvents(api)
	return s
}

// huma is the library's configuration: JSON only, a description at
// /openapi.json, and no page that would load scripts from elsewhere.
func (s *Server) huma() huma.Config {
	c := huma.DefaultConfig("Godwit", s.cfg.Version)
	c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", nil
	c.RejectUnknownQueryParameters = true
	c.Info.Description = "Runs WebAssembly tasks on a mesh of nodes. Sizes are bytes unless a name says otherwise."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	if s.cfg.Token != "" {
		c.Security = []map[string][]string{{"token": {}}}
	}
	return c
}

// Serve answers on ln until ctx is done, then closes every connection: what a
// client waits for lives on in the node. It closes ln. ln is from [Listen],
// which has checked that it may be open to whom it is open to.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := &http.Server{
		Handler:           s.handler(isLoopback(ln.Addr())),
		ReadHeaderTimeout: s.cfg.HeaderTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- s.shut(srv) })
	err := srv.Serve(ln)
	if stop() { // Serve failed by itself
		return err
	}
	return <-stopped
}

// shut gives answers under way a moment to get out.
func (s *Server) shut(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return srv.Close()
	}
	return err
}

// handler is everything between a connection and the backend, outermost first:
// who may ask, how long it may take, whether there is such an operation.
func (s *Server) handler(local bool) http.Handler {
	routed := http.HandlerFunc(s.route)
	return s.logged(newGuard(s.cfg.Token, local, s.timed(routed)))
}

// route answers requests that no operation is for with a problem rather than
// with net/http's plain text.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	h, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	answer := headOnly{header: w.Header(), status: http.StatusNotFound}
	h.ServeHTTP(&answer, r)
	p := Problem{Status: answer.status, Title: http.StatusText(answer.status),
		Detail: "no such operation: " + r.Method + " " + clip(r.URL.Path), Hint: "/openapi.json describes them all"}
	p.write(w)
}

// headOnly is a response of which only the header is wanted.
type headOnly struct {
	header http.Header
	status int
}

func (h *headOnly) Header() http.Header         { return h.header }
func (h *headOnly) Write(p []byte) (int, error) { return len(p), nil }
func (h *headOnly) WriteHeader(status int)      { h.status = status }

// probes are the operations without a description of their own.
func (s *Server) probes() {
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	s.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.backend.Ready(); err != nil {
			plain(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		plain(w, http.StatusOK, "ready")
	})
	if s.cfg.Metrics != nil {
		s.mux.Handle("GET /metrics", s.cfg.Metrics)
	}
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text + "\n")) // the client may be gone
}

func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.cfg.Log.Enabled(r.Context(), slog.LevelDebug) {
			next.ServeHTTP(w, r)
			return
		}
		start := time.Now()
		next.ServeHTTP(w, r)
		s.cfg.Log.Debug("request", "method", r.Method, "path", r.URL.Path, "client", r.RemoteAddr, "took", time.Since(start))
	})
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// operation describes one. Every operation can fail in the ways of problem.go.
func (s *Server) operation(id, method, path, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary,
		BodyReadTimeout: -1,                        // see timed
		MaxBodyBytes:    s.cfg.MaxRequestBytes + 1, // huma refuses a body of exactly that
		Responses: map[string]*huma.Response{"default": {
			Description: "Problem",
			Content: map[string]*huma.MediaType{"application/problem+json": {
				Schema: &huma.Schema{Ref: "#/components/schemas/Problem"},
			}},
		}},
	}
}
