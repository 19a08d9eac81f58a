package api

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Whatever a client sends as a task, it is accepted or refused, never the node's
// fault; what is accepted says what to run.
func FuzzSubmit(f *testing.F) {
	f.Add([]byte(`{"model":"m","input":"Explain","requirements":{"min_memory":16000000000,"gpu_required":true}}`))
	f.Add([]byte(`{"module":"` + someCID + `","args":["a"],"env":["A=b"],"inputs":[{"name":"x","cid":"` + someCID + `"}],"retries":1}`))
	f.Add([]byte(`{"model":"m","deadline":"2026-01-01T00:00:00Z","hints":{"near":["x"]},"limits":{"fuel":1e3}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		node := newFake()
		node.models["m"] = Model{ModelSpec: ModelSpec{Name: "m"}}
		s := New(Config{}, node)
		for _, path := range []string{"/api/v1/tasks", "/api/v1/tasks/plan", "/api/v1/models"} {
			r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			s.mux.ServeHTTP(w, r)
			if w.Code >= 500 {
				t.Fatalf("%s: %d: %s", path, w.Code, w.Body)
			}
		}
		for _, task := range node.tasks {
			if r := task.Request; (r.Module == "") == (r.Model == "") {
				t.Fatalf("accepted %+v", r)
			}
		}
	})
}

// Whatever a server answers, the client returns.
func FuzzClient(f *testing.F) {
	f.Add(200, []byte(`{"id":"t","status":"succeeded"}`))
	f.Add(200, []byte("{\"seq\":0,\"stream\":\"stdout\",\"data\":\"aGk=\"}\n{\"end\":{\"id\":\"t\"}}\n"))
	f.Add(200, []byte("id: 1\ndata: {\"seq\":1}\n\ndata: {"))
	f.Add(429, []byte(`{"code":"busy","detail":"queue is full"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(min(max(status, 200), 599))
			w.Write(body)
		}))
		defer srv.Close()
		c, err := NewClient(ClientConfig{URL: srv.URL})
		check(t, err)
		defer c.Close()
		_, _, _ = c.Submit(t.Context(), Submission{})
		for range c.Logs(t.Context(), "t", LogOptions{}) {
		}
		for range c.Events(t.Context(), EventFilter{}) {
		}
		for _, err := range c.Tree(t.Context(), "c") {
			if err != nil {
				break
			}
		}
	})
}
