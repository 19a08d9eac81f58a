package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func newCounter(t *testing.T, c *Client) Actor {
	t.Helper()
	a, err := c.CreateActor(t.Context(), ActorCreation{Request: ActorRequest{Name: "counter", Module: someCID}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A name may have characters that mean something in a path.
func TestActorNames(t *testing.T) {
	_, c := serve(t, Config{})
	for _, name := range []string{"chat/room", "a b", "...", "100%", "täglich", "?x=1#y"} {
		_, err := c.CreateActor(t.Context(), ActorCreation{Request: ActorRequest{Name: name, Module: someCID}})
		check(t, err)
		if a, err := c.Actor(t.Context(), name); err != nil || a.Name != name {
			t.Errorf("%q: %+v, %v", name, a, err)
		}
		if _, reply, err := c.AskActor(t.Context(), ActorMessage{Name: name}); err != nil || string(reply) != "1:" {
			t.Errorf("%q: %q, %v", name, reply, err)
		}
	}
}

// An actor's life, as a client sees it.
func TestActor(t *testing.T) {
	_, c := serve(t, Config{})
	made := newCounter(t, c)
	if made.Name != "counter" || made.State != ActorIdle || made.Replicas == nil || made.History == nil {
		t.Errorf("made %+v", made)
	}
	_, err := c.CreateActor(t.Context(), ActorCreation{Request: ActorRequest{Name: "counter", Module: someCID}})
	if !errors.Is(err, ErrConflict) {
		t.Errorf("a second of that name: %v", err)
	}
	id, err := c.SendMessage(t.Context(), ActorMessage{Name: "counter", Payload: []byte("a")})
	if err != nil || len(id) != 32 {
		t.Errorf("sent %q, %v", id, err)
	}
	_, reply, err := c.AskActor(t.Context(), ActorMessage{Name: made.ID[:31], Payload: []byte{0, 0xff, '\n'}})
	if err != nil || string(reply) != "2:\x00\xff\n" {
		t.Errorf("reply %q, %v: a payload is bytes", reply, err)
	}
	moved, err := c.MigrateActor(t.Context(), "counter", Migration{To: "elsewhere"})
	if err != nil || moved.From != fakeID || moved.Actor.Node != "elsewhere" || moved.PauseMS != 1.5 {
		t.Errorf("moved %+v, %v", moved, err)
	}
	a, err := c.Actor(t.Context(), "counter")
	if err != nil || a.Epoch != 2 || len(a.History) != 1 || a.History[0].Reason != "manual" {
		t.Errorf("is %+v, %v", a, err)
	}
	list, err := c.Actors(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("list %v, %v", list, err)
	}
	check(t, c.RemoveActor(t.Context(), "counter"))
	if _, err := c.Actor(t.Context(), "counter"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after its end: %v", err)
	}
}

// What a request leaves out is as by default, and what is wrong with it is called by its name.
func TestActorDefaults(t *testing.T) {
	_, c := serve(t, Config{})
	newCounter(t, c)
	if resp, text := roundTrip(t, c, "POST", "/api/v1/actors/counter/migrate", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("moved to wherever: %s\n%s", resp.Status, text)
	}
	resp, text := roundTrip(t, c, "POST", "/api/v1/actors/counter/ask?timeout=abc", "a")
	if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(text, "timeout: want a time") {
		t.Errorf("a bad time: %s\n%s", resp.Status, text)
	}
}

// Messages with the same key are one.
func TestMessageKey(t *testing.T) {
	_, c := serve(t, Config{})
	newCounter(t, c)
	for range 3 {
		_, reply, err := c.AskActor(t.Context(), ActorMessage{Name: "counter", Payload: []byte("x"), Key: "k"})
		if err != nil || string(reply) != "1:x" {
			t.Errorf("%q, %v", reply, err)
		}
	}
}

func TestEmptyPayload(t *testing.T) {
	_, c := serve(t, Config{})
	newCounter(t, c)
	if _, reply, err := c.AskActor(t.Context(), ActorMessage{Name: "counter"}); err != nil || string(reply) != "1:" {
		t.Errorf("%q, %v", reply, err)
	}
}

// A message that the actor fails on says how; so does one that nobody answers, and
// one that there is no room for.
func TestMessageFails(t *testing.T) {
	node, c := serve(t, Config{MaxRequestBytes: 1000})
	newCounter(t, c)
	_, _, err := c.AskActor(t.Context(), ActorMessage{Name: "counter", Payload: []byte("trap")})
	var failed *MessageError
	if !errors.As(err, &failed) || failed.Reason != "trap: unreachable" || err.Error() != "the message failed: trap: unreachable" {
		t.Errorf("%v", err)
	}
	if ended := (&MessageError{Reason: "exit: 5"}); ended.Kind() != "exit" || ended.Error() != "the message failed: exit: 5" {
		t.Errorf("%v, %q", ended, ended.Kind())
	}
	if refused := (&MessageError{Reason: "only 3 there"}); refused.Kind() != "" || refused.Error() != "the actor refused: only 3 there" {
		t.Errorf("%v, %q", refused, refused.Kind())
	}
	_, err = c.SendMessage(t.Context(), ActorMessage{Name: "counter", Payload: make([]byte, 1001)})
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("a payload too large: %v", err)
	}
	node.actors.busy = true
	_, err = c.SendMessage(t.Context(), ActorMessage{Name: "counter"})
	var busy *BusyError
	if !errors.As(err, &busy) {
		t.Errorf("a full mailbox: %v", err)
	}
	node.actors.busy, node.actors.hang = false, true
	resp, text := roundTrip(t, c, "POST", "/api/v1/actors/counter/ask?timeout=10ms", "x")
	if resp.StatusCode != http.StatusGatewayTimeout || !strings.Contains(text, `"timeout"`) {
		t.Errorf("no answer: %s\n%s", resp.Status, text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := c.AskActor(ctx, ActorMessage{Name: "counter"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
}

func TestUpgrade(t *testing.T) {
	_, c := serve(t, Config{})
	newCounter(t, c)
	const other = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
	if a, err := c.UpgradeActor(t.Context(), "counter", Upgrade{Module: other, DryRun: true}); err != nil || a.Module != someCID {
		t.Errorf("dry run: %+v, %v", a, err)
	}
	if a, err := c.UpgradeActor(t.Context(), "counter", Upgrade{Module: other}); err != nil || a.Module != other || a.Previous != someCID {
		t.Errorf("%+v, %v", a, err)
	}
	for _, bad := range []Upgrade{{}, {Module: other, Rollback: true}, {Module: "new.wasm"}} {
		if _, err := c.UpgradeActor(t.Context(), "counter", bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// A snapshot makes the same actor again under another name.
func TestSnapshot(t *testing.T) {
	_, c := serve(t, Config{MaxRequestBytes: 100})
	newCounter(t, c)
	for range 20 { // together more than a request that is held may have
		_, err := c.SendMessage(t.Context(), ActorMessage{Name: "counter", Payload: []byte("message")})
		check(t, err)
	}
	var car bytes.Buffer
	check(t, c.SnapshotActor(t.Context(), "counter", &car))
	a, err := c.RestoreActor(t.Context(), "again", &car)
	if err != nil || a.Name != "again" {
		t.Fatalf("%+v, %v", a, err)
	}
	if _, reply, err := c.AskActor(t.Context(), ActorMessage{Name: "again"}); err != nil || string(reply) != "21:" {
		t.Errorf("%q, %v", reply, err)
	}
	if _, err := c.RestoreActor(t.Context(), "bad", strings.NewReader("damaged")); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
	if err := c.SnapshotActor(t.Context(), "nobody", &car); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func TestActorLogs(t *testing.T) {
	_, c := serve(t, Config{})
	newCounter(t, c)
	for _, text := range []string{"a", "b", "c"} {
		_, err := c.SendMessage(t.Context(), ActorMessage{Name: "counter", Payload: []byte(text)})
		check(t, err)
	}
	var got strings.Builder
	for l, err := range c.ActorLogs(t.Context(), "counter", ActorLogOptions{Tail: 2}) {
		check(t, err)
		got.WriteString(l.Text)
	}
	if got.String() != "bc" {
		t.Errorf("%q", got.String())
	}
	if _, text := roundTrip(t, c, "GET", "/api/v1/actors/counter/logs", ""); text != "a\nb\nc\n" {
		t.Errorf("as text: %q", text)
	}
	if resp, _ := roundTrip(t, c, "GET", "/api/v1/actors/nobody/logs", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("nobody's: %s", resp.Status)
	}
}

func TestActorEvents(t *testing.T) {
	node, c := serve(t, Config{})
	newCounter(t, c)
	node.feed.Publish(Event{Type: EventTask, Task: &Task{ID: "t"}})
	_, err := c.CreateActor(t.Context(), ActorCreation{Request: ActorRequest{Name: "other", Module: someCID}})
	check(t, err)
	for e, err := range c.Events(t.Context(), EventFilter{Actor: "other"}) {
		check(t, err)
		if e.Type != EventActor || e.Actor.Name != "other" {
			t.Errorf("%+v", e)
		}
		break
	}
}

func TestBadActors(t *testing.T) {
	_, c := serve(t, Config{})
	for _, r := range []struct{ name, body, says string }{
		{"no name", `{"module":"` + someCID + `"}`, "name"},
		{"a name with a line end", `{"name":"a\n","module":"` + someCID + `"}`, "pattern"},
		{"a name that a path takes for another", `{"name":"..","module":"` + someCID + `"}`, "path"},
		{"no module", `{"name":"a"}`, "module"},
		{"no CID", `{"name":"a","module":"a.wasm"}`, "not a CID"},
		{"replicas", `{"name":"a","module":"` + someCID + `","replicas":9}`, "<= 7"},
		{"supervision", `{"name":"a","module":"` + someCID + `","supervision":{"on_failure":"panic"}}`, "restart"},
		{"label", `{"name":"a","module":"` + someCID + `","labels":["x"]}`, "K=V"},
		{"env", `{"name":"a","module":"` + someCID + `","env":["x"]}`, "K=V"},
		{"near", `{"name":"a","module":"` + someCID + `","hints":{"near":["x"]}}`, "not a CID"},
	} {
		resp, text := roundTrip(t, c, "POST", "/api/v1/actors", r.body)
		if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(text, r.says) {
			t.Errorf("%s: %s\n%s", r.name, resp.Status, text)
		}
	}
}

// Whatever a client sends about actors, it is accepted or refused, never the node's
// fault.
func FuzzActors(f *testing.F) {
	f.Add([]byte(`{"name":"a","module":"` + someCID + `","limits":{"fuel":1},"supervision":{"on_failure":"stop"}}`))
	f.Add([]byte(`{"to":"12D3"}`))
	f.Add([]byte(`{"module":"` + someCID + `","dry_run":true}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := New(Config{}, newFake())
		for _, path := range []string{"/actors", "/actors/a/migrate", "/actors/a/upgrade", "/actors/a/ask", "/actors/a/send"} {
			r := httptest.NewRequest(http.MethodPost, "/api/v1"+path, bytes.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			s.mux.ServeHTTP(w, r)
			if w.Code >= 500 {
				t.Fatalf("%s: %d: %s", path, w.Code, w.Body)
			}
		}
	})
}
