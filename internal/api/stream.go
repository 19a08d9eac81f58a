package api

import (
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// exchange is embedded in the inputs of operations that stream: it is the
// request and response as net/http has them.
type exchange struct {
	r *http.Request
	w http.ResponseWriter
}

// Resolve implements huma.Resolver.
func (x *exchange) Resolve(ctx huma.Context) []error {
	x.r, x.w = humago.Unwrap(ctx)
	return nil
}

// answer is a response that body writes. An error before its first byte becomes
// a problem, one after it cuts the connection: that is how HTTP says that what
// came is not all.
func (s *Server) answer(x *exchange, body func(*responder) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(huma.Context) {
		w := &responder{ResponseWriter: x.w}
		err := body(w)
		if err == nil {
			return
		}
		if x.r.Context().Err() == nil { // the client is still there to miss something
			s.cfg.Log.Warn("answer failed", "method", x.r.Method, "path", x.r.URL.Path, "err", err)
		}
		if w.began {
			w.flush() // what came before the error is good
			panic(http.ErrAbortHandler)
		}
		problem(err).write(x.w)
	}}
}

// responder notes when a response has begun.
type responder struct {
	http.ResponseWriter
	began bool
}

func (w *responder) WriteHeader(status int) {
	w.began = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *responder) Write(p []byte) (int, error) {
	w.began = true
	return w.ResponseWriter.Write(p)
}

// begin sends the header at once: a stream may have nothing to say for long.
func (w *responder) begin(contentType string) error {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	return w.flush()
}

func (w *responder) flush() error { return http.NewResponseController(w.ResponseWriter).Flush() }

// line writes a value as a line of JSON and sends it.
func (w *responder) line(v any) error {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return err
	}
	return w.flush()
}

// Unwrap is for http.ResponseController.
func (w *responder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// streams describes an answer that is no JSON object.
func streams(op huma.Operation, schema *huma.Schema, types ...string) huma.Operation {
	content := map[string]*huma.MediaType{}
	for _, t := range types {
		content[t] = &huma.MediaType{Schema: schema}
	}
	op.Responses["200"] = &huma.Response{Description: "OK", Content: content}
	return op
}

var binary = &huma.Schema{Type: huma.TypeString, Format: "binary"}

// schemaOf is a reference to the description of a type that no operation
// answers with as a whole.
func schemaOf[T any](api huma.API) *huma.Schema {
	return api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}
