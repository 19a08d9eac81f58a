package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serve starts a server over a fake node and returns both with a client. All end
// with the test.
func serve(t *testing.T, cfg Config) (*fake, *Client) {
	t.Helper()
	node := newFake()
	return node, serveOver(t, cfg, node)
}

func serveOver(t *testing.T, cfg Config, node Backend) *Client {
	t.Helper()
	if cfg.Bind == "" {
		cfg.Bind = "127.0.0.1:0"
	}
	ln, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- New(cfg, node).Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	c, err := NewClient(ClientConfig{URL: "http://" + ln.Addr().String(), Token: cfg.Token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// exchangeText sends a request as text and returns the status, header and body.
func roundTrip(t *testing.T, c *Client, method, target, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, c.base.String()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// The body of the documents works as it stands, once a model of that name is
// registered.
func TestDocumentsBody(t *testing.T) {
	node, c := serve(t, Config{})
	const body = `{
  "model": "llama-2-7b",
  "input": "Explain quantum computing",
  "requirements": {
    "min_memory": 16000000000,
    "gpu_required": true
  }
}`
	resp, text := roundTrip(t, c, "POST", "/api/v1/tasks", body)
	if resp.StatusCode != 404 || !strings.Contains(text, "llama-2-7b") {
		t.Fatalf("unknown model: %s\n%s", resp.Status, text)
	}
	if _, err := c.AddModel(t.Context(), ModelSpec{Name: "llama-2-7b", Module: someCID}); err != nil {
		t.Fatal(err)
	}
	resp, text = roundTrip(t, c, "POST", "/api/v1/tasks", body)
	if resp.StatusCode != 201 || resp.Header.Get("Location") != "/api/v1/tasks/t0000" {
		t.Fatalf("%s\n%s", resp.Status, text)
	}
	want := TaskRequest{Model: "llama-2-7b", Input: "Explain quantum computing",
		Requirements: Requirements{MinMemory: 16_000_000_000, GPURequired: true, GPU: "required"}}
	if got, _ := json.Marshal(node.last.Request); string(got) != marshal(t, want) {
		t.Errorf("got %s", got)
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestBadRequests(t *testing.T) {
	_, c := serve(t, Config{MaxRequestBytes: 1000})
	for _, r := range []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"neither", "POST", "/tasks", `{}`, 422, "either a module or a model"},
		{"both", "POST", "/tasks", `{"module":"` + someCID + `","model":"m"}`, 422, "either a module or a model"},
		{"no CID", "POST", "/tasks", `{"module":"hello.wasm"}`, 422, "not a CID"},
		{"unknown field", "POST", "/tasks", `{"model":"m","colour":"red"}`, 422, "colour"},
		{"wrong type", "POST", "/tasks", `{"model":7}`, 422, "expected string"},
		{"not JSON", "POST", "/tasks", `{"model"`, 400, ""},
		{"no body", "POST", "/tasks", ``, 400, "body"},
		{"empty enum", "POST", "/tasks", `{"model":"m","priority":"urgent"}`, 422, "critical"},
		{"class", "POST", "/tasks", `{"model":"m","class":"best"}`, 422, "throughput"},
		{"near what", "POST", "/tasks", `{"model":"m","hints":{"near":["require:hello.wasm"]}}`, 422, "not a CID"},
		{"label", "POST", "/tasks", `{"model":"m","hints":{"labels":["require:ssd"]}}`, 422, "K=V"},
		{"two inputs", "POST", "/tasks", `{"model":"m","input":"a","stdin":"` + someCID + `"}`, 422, "standard input"},
		{"contradiction", "POST", "/tasks", `{"model":"m","requirements":{"gpu":"none","gpu_required":true}}`, 422, "contradicts"},
		{"bad env", "POST", "/tasks", `{"model":"m","env":["=x"]}`, 422, "K=V"},
		{"climbing input", "POST", "/tasks", `{"model":"m","inputs":[{"name":"..","cid":"` + someCID + `"}]}`, 422, "name of an input"},
		{"same input", "POST", "/tasks", `{"model":"m","inputs":[{"name":"a","cid":"` + someCID + `"},{"name":"a","cid":"` + someCID + `"}]}`, 422, "two inputs"},
		{"negative", "POST", "/tasks", `{"model":"m","requirements":{"cpu_cores":-1}}`, 422, ">= 0"},
		{"too large", "POST", "/tasks", `{"model":"` + strings.Repeat("m", 1000) + `"}`, 413, "too large"},
		{"bad wait", "POST", "/tasks?wait=soon", `{"model":"m"}`, 422, "30s"},
		{"unknown query", "GET", "/tasks?sort=up", ``, 422, "sort"},
		{"bad limit", "GET", "/tasks?limit=0", ``, 422, ">= 1"},
		{"unknown task", "GET", "/tasks/nope", ``, 404, "nope"},
		{"unknown path", "GET", "/nothing", ``, 404, "no such operation"},
		{"wrong method", "PUT", "/tasks", ``, 405, "no such operation"},
		{"bad model name", "POST", "/models", `{"name":"../x","module":"` + someCID + `"}`, 422, "pattern"},
	} {
		t.Run(r.name, func(t *testing.T) {
			resp, text := roundTrip(t, c, r.method, "/api/v1"+r.path, r.body)
			if resp.StatusCode != r.status || !strings.Contains(text, r.says) {
				t.Errorf("%s\n%s", resp.Status, text)
			}
			if ct := resp.Header.Get("Content-Type"); ct != "application/problem+json" {
				t.Errorf("content type %s", ct)
			}
		})
	}
}

func TestBusy(t *testing.T) {
	node, c := serve(t, Config{})
	node.refuse = &BusyError{RetryAfter: 1500 * time.Millisecond, Cause: "queue is full"}
	resp, text := roundTrip(t, c, "POST", "/api/v1/tasks", `{"model":"m"}`)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "2" {
		t.Errorf("%s %v\n%s", resp.Status, resp.Header, text)
	}
	_, _, err := c.Submit(t.Context(), Submission{Request: TaskRequest{Model: "m"}})
	var busy *BusyError
	if !errors.As(err, &busy) || busy.RetryAfter != 2*time.Second {
		t.Errorf("client got %v", err)
	}
}

// What the backend fails with, the client fails with.
func TestErrorsTravel(t *testing.T) {
	node, c := serve(t, Config{})
	for _, k := range kinds {
		if k.err == context.Canceled || k.err == context.DeadlineExceeded {
			continue
		}
		node.refuse = WithHint(errors.Join(errors.New("because"), k.err), "try this")
		_, _, err := c.Submit(t.Context(), Submission{Request: TaskRequest{Model: "m"}})
		var hinted interface{ Hint() string }
		if !errors.Is(err, k.err) || !errors.As(err, &hinted) || hinted.Hint() != "try this" {
			t.Errorf("%v arrived as %v", k.err, err)
		}
	}
	node.refuse = errDisk
	_, _, err := c.Submit(t.Context(), Submission{Request: TaskRequest{Model: "m"}})
	var remote *RemoteError
	if !errors.As(err, &remote) || remote.Problem.Status != 500 || err.Error() != errDisk.Error() {
		t.Errorf("got %v", err)
	}
}

func TestIdempotencyKey(t *testing.T) {
	_, c := serve(t, Config{})
	s := Submission{Request: TaskRequest{Module: someCID}, IdempotencyKey: "k"}
	one, created, err := c.Submit(t.Context(), s)
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	two, created, err := c.Submit(t.Context(), s)
	if err != nil || created || two.ID != one.ID {
		t.Errorf("got %s, created %v, %v; want %s", two.ID, created, err, one.ID)
	}
}

func TestWait(t *testing.T) {
	node, c := serve(t, Config{BodyTimeout: 50 * time.Millisecond})
	resp, text := roundTrip(t, c, "POST", "/api/v1/tasks?wait=200ms", `{"model":"x","module":""}`)
	if resp.StatusCode != 404 {
		t.Fatalf("%s\n%s", resp.Status, text)
	}
	// It waits longer than a body may take, and then says how things are.
	resp, text = roundTrip(t, c, "POST", "/api/v1/tasks?wait=200ms", `{"module":"`+someCID+`"}`)
	if resp.StatusCode != 201 || !strings.Contains(text, `"status":"running"`) {
		t.Fatalf("%s\n%s", resp.Status, text)
	}
	ended := make(chan Task)
	go func() {
		task, err := c.Wait(t.Context(), "t0000")
		if err != nil {
			t.Error(err)
		}
		ended <- task
	}()
	if err := node.end("t0000", StatusSucceeded); err != nil {
		t.Fatal(err)
	}
	if task := <-ended; task.Status != StatusSucceeded || task.Result.FuelUsed != 7 {
		t.Errorf("got %+v", task)
	}
}

func TestProbesAndDescription(t *testing.T) {
	node, c := serve(t, Config{Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "godwit_tasks_queued 0\n")
	})})
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ready", "/metrics": "godwit_tasks_queued", "/openapi.json": `"/api/v1/tasks/{id}/logs"`,
	} {
		if resp, text := roundTrip(t, c, "GET", path, ""); resp.StatusCode != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %s\n%s", path, resp.Status, text)
		}
	}
	node.refuse = errors.New("starting")
	if resp, text := roundTrip(t, c, "GET", "/readyz", ""); resp.StatusCode != 503 || !strings.Contains(text, "starting") {
		t.Errorf("%s\n%s", resp.Status, text)
	}
}

// Every reference in /openapi.json leads somewhere, and it is OpenAPI 3.1.
func TestOpenAPIIsWhole(t *testing.T) {
	_, c := serve(t, Config{})
	_, text := roundTrip(t, c, "GET", "/openapi.json", "")
	var doc struct {
		OpenAPI    string
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("version %q, %v", doc.OpenAPI, err)
	}
	refs := strings.Split(text, `"$ref":"#/components/schemas/`)[1:]
	for _, ref := range refs {
		if name, _, _ := strings.Cut(ref, `"`); doc.Components.Schemas[name] == nil {
			t.Errorf("schema %s is missing", name)
		}
	}
	if len(refs) < 20 {
		t.Errorf("only %d references", len(refs))
	}
}

func TestNodesAndModels(t *testing.T) {
	_, c := serve(t, Config{})
	ctx := t.Context()
	if w, err := c.SetDraining(ctx, true); err != nil || w.State != NodeDraining {
		t.Errorf("drain: %v, %v", w.State, err)
	}
	if w, err := c.SetDraining(ctx, false); err != nil || w.State != NodeReady {
		t.Errorf("undrain: %v, %v", w.State, err)
	}
	if w, err := c.SetLabels(ctx, map[string]string{"disk": "ssd", "x": "y"}, []string{"x"}); err != nil || w.Labels["disk"] != "ssd" || len(w.Labels) != 1 {
		t.Errorf("labels: %v, %v", w.Labels, err)
	}
	if ws, err := c.Workers(ctx); err != nil || len(ws) != 1 || !ws[0].Self {
		t.Errorf("workers: %v, %v", ws, err)
	}
	if w, err := c.Worker(ctx, "12D3"); err != nil || w.ID != fakeID {
		t.Errorf("worker: %v, %v", w.ID, err)
	}
	// A name with a slash is one segment of the path.
	if _, err := c.AddModel(ctx, ModelSpec{Name: "meta/llama", Module: someCID}); err != nil {
		t.Error(err)
	}
	if ms, err := c.Models(ctx); err != nil || len(ms) != 1 || ms[0].Name != "meta/llama" {
		t.Errorf("models: %v, %v", ms, err)
	}
	if err := c.RemoveModel(ctx, "meta/llama"); err != nil {
		t.Error(err)
	}
	if err := c.RemoveModel(ctx, "meta/llama"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	c, err := NewClient(ClientConfig{URL: ln.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Self(t.Context())
	var hinted interface{ Hint() string }
	if !errors.Is(err, ErrUnavailable) || !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), "godwit node start") {
		t.Errorf("got %v", err)
	}
}
