package godwit

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/internal/api"
)

// rest is a client that knows nothing but HTTP.
type rest struct {
	t    *testing.T
	base string
}

// do sends a request and checks the status of the answer.
func (r rest) do(method, path string, body io.Reader, want int, header ...string) (http.Header, []byte) {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), method, r.base+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer a.Body.Close()
	got, err := io.ReadAll(a.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if a.StatusCode != want {
		r.t.Errorf("%s %s: %d, want %d: %.300s", method, path, a.StatusCode, want, got)
	}
	return a.Header, got
}

// actor is do for what is answered with an actor.
func (r rest) actor(method, path, body string, want int) (a api.Actor) {
	r.t.Helper()
	_, b := r.do(method, path, strings.NewReader(body), want, "Content-Type", "application/json")
	if err := json.Unmarshal(b, &a); err != nil {
		r.t.Errorf("%s %s: %v in %.300s", method, path, err, b)
	}
	return a
}

// ask asks an actor.
func (r rest) ask(name, what, want string, header ...string) {
	r.t.Helper()
	h, got := r.do("POST", "/actors/"+name+"/ask", strings.NewReader(what), http.StatusOK, header...)
	if string(got) != want || h.Get("Godwit-Message-Id") == "" {
		r.t.Errorf("%s of %s: %q, want %q; %v", what, name, got, want, h)
	}
}

// refused sends what the node refuses, checks the code of the problem, and returns its
// words.
func (r rest) refused(method, path, body string, want int, code string) (why string) {
	r.t.Helper()
	_, b := r.do(method, path, strings.NewReader(body), want, "Content-Type", "application/json")
	var p api.Problem
	if err := json.Unmarshal(b, &p); err != nil || code != "" && p.Code != code {
		r.t.Errorf("%s %s: code %q, want %q: %.300s", method, path, p.Code, code, b)
	}
	return p.Detail
}

// An actor's life over HTTP alone: every verb on real nodes, as it is meant and with what
// it refuses.
func TestActorOverREST(t *testing.T) {
	nodes := mesh(t, 3) // one may be late on a busy machine
	r := rest{t, "http://" + nodes[0].APIAddr() + "/api/v1"}
	code, err := os.ReadFile("examples/counter/counter.wasm")
	if err != nil {
		t.Fatal(err)
	}
	module := putBytes(t, nodes[0], code)
	second := putBytes(t, nodes[0], append(code, 0, 3, 1, 'v', 2)) // a custom section
	process := put(t, nodes[0], "examples/game-of-life/life.wasm")

	request := `{"name":"counter","module":"` + module + `"}`
	made := r.actor("POST", "/actors", request, http.StatusCreated)
	if made.Name != "counter" || made.ID == "" || made.Node == "" || len(made.Replicas) != 3 {
		t.Errorf("made %+v", made)
	}
	r.refused("POST", "/actors", request, http.StatusConflict, "conflict")
	r.refused("POST", "/actors", `{"name":"x","module":"no CID"}`, http.StatusUnprocessableEntity, "invalid")

	_, sent := r.do("POST", "/actors/counter/send", strings.NewReader("add 40"), http.StatusOK)
	var message api.SentMessage
	if err := json.Unmarshal(sent, &message); err != nil || len(message.ID) != 32 {
		t.Errorf("sent %s, %v", sent, err)
	}
	for range 2 {
		r.ask("counter", "inc", "41", "Idempotency-Key", "once")
	}
	r.ask("counter", "inc", "42")
	r.refused("POST", "/actors/nobody/ask", "inc", http.StatusNotFound, "not_found")
	r.refused("POST", "/actors/nobody/send", "inc", http.StatusNotFound, "not_found")

	_, listed := r.do("GET", "/actors", nil, http.StatusOK)
	var list api.ActorList
	if err := json.Unmarshal(listed, &list); err != nil || len(list.Actors) != 1 || list.Actors[0].ID != made.ID {
		t.Errorf("listed %s, %v", listed, err)
	}
	shown := r.actor("GET", "/actors/counter", "", http.StatusOK)
	if shown.ID != made.ID || shown.State != "running" || shown.Sequence == 0 || len(shown.History) == 0 {
		t.Errorf("shown %+v", shown)
	}
	r.refused("GET", "/actors/nobody", "", http.StatusNotFound, "not_found")

	to := nodes[0].ID()
	if shown.Node == to {
		to = nodes[1].ID()
	}
	var moved api.Migrated
	_, b := r.do("POST", "/actors/counter/migrate", strings.NewReader(`{"to":"`+to+`"}`), http.StatusOK, "Content-Type", "application/json")
	if err := json.Unmarshal(b, &moved); err != nil || moved.From != shown.Node || moved.Actor.Node != to || moved.PauseMS <= 0 {
		t.Errorf("moved %s, %v", b, err)
	}
	r.refused("POST", "/actors/counter/migrate", `{"to":"`+to+`"}`, http.StatusUnprocessableEntity, "invalid")
	r.refused("POST", "/actors/nobody/migrate", `{}`, http.StatusNotFound, "not_found")
	r.ask("counter", "get", "42")

	h, car := r.do("GET", "/actors/counter/snapshot", nil, http.StatusOK)
	if !strings.HasPrefix(h.Get("Content-Type"), "application/vnd.ipld.car") || len(car) == 0 {
		t.Errorf("snapshot: %v, %d bytes", h, len(car))
	}
	r.refused("GET", "/actors/nobody/snapshot", "", http.StatusNotFound, "not_found")
	restore := []string{"Content-Type", "application/vnd.ipld.car"}
	r.do("PUT", "/actors/copy/snapshot", bytes.NewReader(car), http.StatusOK, restore...)
	r.do("PUT", "/actors/copy/snapshot", bytes.NewReader(car), http.StatusConflict, restore...)
	r.do("PUT", "/actors/half/snapshot", bytes.NewReader(car[:len(car)/2]), http.StatusUnprocessableEntity, restore...)
	r.ask("copy", "inc", "43")

	r.actor("POST", "/actors/counter/upgrade", `{"module":"`+second+`","dry_run":true}`, http.StatusOK)
	up := r.actor("POST", "/actors/counter/upgrade", `{"module":"`+second+`"}`, http.StatusOK)
	if up.Module != second || up.Previous != module {
		t.Errorf("upgraded to %s from %s", up.Module, up.Previous)
	}
	if back := r.actor("POST", "/actors/counter/upgrade", `{"rollback":true}`, http.StatusOK); back.Module != module {
		t.Errorf("rolled back to %s", back.Module)
	}
	r.refused("POST", "/actors/counter/upgrade", `{}`, http.StatusUnprocessableEntity, "invalid")
	r.refused("POST", "/actors/counter/upgrade", `{"module":"`+process+`"}`, http.StatusUnprocessableEntity, "message_failed") // the trial's
	r.refused("POST", "/actors/nobody/upgrade", `{"module":"`+second+`"}`, http.StatusNotFound, "not_found")
	r.ask("counter", "inc", "43")

	r.actor("POST", "/actors", `{"name":"life","module":"`+process+`"}`, http.StatusCreated)
	if why := r.refused("POST", "/actors/life/upgrade", `{"module":"`+second+`"}`, http.StatusUnprocessableEntity, "message_failed"); !strings.Contains(why, "a process has no way to hand over its state") {
		t.Errorf("the upgrade of a process: %q", why)
	}

	r.do("GET", "/actors/counter/logs", nil, http.StatusOK)
	r.refused("GET", "/actors/nobody/logs", "", http.StatusNotFound, "not_found")
	r.do("DELETE", "/actors/counter", nil, http.StatusNoContent)
	r.refused("GET", "/actors/counter", "", http.StatusNotFound, "not_found") // at once
	r.refused("DELETE", "/actors/counter", "", http.StatusNotFound, "not_found")
	r.ask("copy", "inc", "44")
}
