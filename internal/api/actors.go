package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const (
	// carType is the media type of CAR files
	// (https://www.iana.org/assignments/media-types/application/vnd.ipld.car).
	carType = "application/vnd.ipld.car"
	// messageHeader has the id of a message in the answer to it.
	messageHeader = "Godwit-Message-Id"
	// defaultAsk is how long an ask waits unless it says so.
	defaultAsk = 30 * time.Second
)

// ActorList is the actors of the mesh that could be reached.
type ActorList struct {
	Actors []Actor `json:"actors"`
}

// ActorReplicaList is what the nodes know of an actor.
type ActorReplicaList struct {
	Replicas []ActorReplica `json:"replicas"`
}

// SentMessage is a message that is acknowledged: an actor has it for good.
type SentMessage struct {
	ID string `json:"id" doc:"128 bits as hexadecimal digits"`
}

// ActorParam is the actor in a path.
type ActorParam struct {
	Name string `path:"name" maxLength:"255" doc:"Name, id, or the beginning of an id"`
}

type actorOutput struct{ Body Actor }

type createActorOutput struct {
	Location string `header:"Location"`
	Body     Actor
}

type messageInput struct {
	ActorParam
	Caller         caller
	X              exchange
	Timeout        waitParam `query:"timeout" doc:"How long the message may take, such as 30s (the default)"`
	IdempotencyKey string    `header:"Idempotency-Key" maxLength:"255" doc:"The same key within the actor's dedupe window means the same message"`
}

type migrateInput struct {
	ActorParam
	Body *Migration
}

type upgradeInput struct {
	ActorParam
	Body Upgrade
}

type carInput struct {
	ActorParam
	X exchange
}

func (s *Server) registerActors(api huma.API) {
	create := s.operation("create-actor", http.MethodPost, "/actors", "Create an actor")
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, s.createActor)
	huma.Register(api, s.operation("list-actors", http.MethodGet, "/actors", "List the actors of the mesh"), s.actors)
	huma.Register(api, s.operation("get-actor", http.MethodGet, "/actors/{name}", "Describe an actor"),
		func(ctx context.Context, in *ActorParam) (*actorOutput, error) {
			return actor(s.backend.Actor(ctx, in.Name))
		})
	huma.Register(api, s.operation("get-actor-replicas", http.MethodGet, "/actors/{name}/replicas", "Tell what each node knows of an actor, led or not"), s.actorReplicas)
	remove := s.operation("remove-actor", http.MethodDelete, "/actors/{name}", "End an actor and forget what it knew")
	huma.Register(api, remove, func(ctx context.Context, in *ActorParam) (*none, error) {
		if err := s.backend.RemoveActor(ctx, in.Name); err != nil {
			return nil, problem(err)
		}
		return nil, nil
	})
	huma.Register(api, s.operation("migrate-actor", http.MethodPost, "/actors/{name}/migrate", "Move an actor while it runs"), s.migrate)
	huma.Register(api, s.operation("upgrade-actor", http.MethodPost, "/actors/{name}/upgrade", "Have an actor run another module"),
		func(ctx context.Context, in *upgradeInput) (*actorOutput, error) {
			if err := in.Body.check(); err != nil {
				return nil, problem(err)
			}
			return actor(s.backend.UpgradeActor(ctx, in.Name, in.Body))
		})
	s.registerMessages(api)
	s.registerActorStreams(api)
}

// registerMessages registers what carries payloads: bytes as they are.
func (s *Server) registerMessages(api huma.API) {
	payload := &huma.RequestBody{Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: binary}}}
	send := s.operation("send-message", http.MethodPost, "/actors/{name}/send", "Send a message; the answer comes when the actor has it for good")
	send.RequestBody = payload
	send.Responses["200"] = &huma.Response{Description: "Acknowledged", Content: map[string]*huma.MediaType{
		"application/json": {Schema: schemaOf[SentMessage](api)},
	}}
	huma.Register(api, send, s.sendMessage)
	ask := s.operation("ask-actor", http.MethodPost, "/actors/{name}/ask", "Send a message and wait for the reply")
	ask.RequestBody = payload
	huma.Register(api, streams(ask, binary, "application/octet-stream"), s.askActor)
}

// registerActorStreams registers snapshots: CAR files, one way and the other.
func (s *Server) registerActorStreams(api huma.API) {
	snapshot := s.operation("snapshot-actor", http.MethodGet, "/actors/{name}/snapshot", "Take a checkpoint of an actor and read it as a CAR file")
	huma.Register(api, streams(snapshot, binary, carType), s.snapshotActor)
	restore := s.operation("restore-actor", http.MethodPut, "/actors/{name}/snapshot", "Make an actor of a CAR file")
	restore.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{carType: {Schema: binary}}}
	restore.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{
		"application/json": {Schema: schemaOf[Actor](api)},
	}}
	huma.Register(api, restore, s.restoreActor)
	s.registerActorLogs(api)
}

func actor(a Actor, err error) (*actorOutput, error) {
	if err != nil {
		return nil, problem(err)
	}
	return &actorOutput{a.whole()}, nil
}

// whole has lists where nil would be null.
func (a Actor) whole() Actor {
	a.Replicas, a.History = orEmpty(a.Replicas), orEmpty(a.History)
	return a
}

func (s *Server) createActor(ctx context.Context, in *struct {
	Caller         caller
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Creating again with the same key and name answers with the actor that is there"`
	Body           ActorRequest
}) (*createActorOutput, error) {
	if err := in.Body.check(); err != nil {
		return nil, problem(err)
	}
	a, err := s.backend.CreateActor(ctx, ActorCreation{Request: in.Body, Key: in.IdempotencyKey, Client: in.Caller.name})
	if err != nil {
		return nil, problem(err)
	}
	return &createActorOutput{"/api/v1/actors/" + a.Name, a.whole()}, nil
}

func (s *Server) actors(ctx context.Context, _ *none) (*struct{ Body ActorList }, error) {
	list, err := s.backend.Actors(ctx)
	if err != nil {
		return nil, problem(err)
	}
	for i := range list {
		list[i] = list[i].whole()
	}
	return &struct{ Body ActorList }{ActorList{orEmpty(list)}}, nil
}

func (s *Server) migrate(ctx context.Context, in *migrateInput) (*struct{ Body Migrated }, error) {
	m, err := s.backend.MigrateActor(ctx, in.Name, in.Body.orDefault())
	if err != nil {
		return nil, problem(err)
	}
	m.Actor = m.Actor.whole()
	return &struct{ Body Migrated }{m}, nil
}

// message reads a payload, and bounds the time of what is done with it.
func (s *Server) message(ctx context.Context, in *messageInput) (context.Context, context.CancelFunc, ActorMessage, error) {
	timeout, err := in.Timeout.duration("timeout", s.cfg.MaxWait)
	if err != nil {
		return nil, nil, ActorMessage{}, err
	}
	if timeout == 0 {
		timeout = defaultAsk
	}
	payload, err := s.payload(in.X.r.Body)
	if err != nil {
		return nil, nil, ActorMessage{}, problem(err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, cancel, ActorMessage{Name: in.Name, Payload: payload, Key: in.IdempotencyKey, Client: in.Caller.name}, nil
}

// payload reads a body that is bounded like any other that is held.
func (s *Server) payload(body io.Reader) ([]byte, error) {
	most := s.cfg.MaxRequestBytes
	payload, err := io.ReadAll(io.LimitReader(body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(payload)) > most {
		return nil, fmt.Errorf("%w: a payload of more than %d bytes", ErrTooLarge, most)
	}
	return payload, nil
}

func (s *Server) sendMessage(ctx context.Context, in *messageInput) (*struct{ Body SentMessage }, error) {
	ctx, cancel, m, err := s.message(ctx, in)
	if err != nil {
		return nil, err
	}
	defer cancel()
	id, err := s.backend.SendMessage(ctx, m)
	if err != nil {
		return nil, problem(err)
	}
	return &struct{ Body SentMessage }{SentMessage{id}}, nil
}

func (s *Server) askActor(ctx context.Context, in *messageInput) (*huma.StreamResponse, error) {
	ctx, cancel, m, err := s.message(ctx, in)
	if err != nil {
		return nil, err
	}
	defer cancel()
	id, reply, err := s.backend.AskActor(ctx, m)
	if err != nil {
		return nil, problem(err)
	}
	return s.answer(&in.X, func(w *responder) error {
		w.Header().Set(messageHeader, id)
		w.Header().Set("Content-Type", "application/octet-stream")
		_, err := w.Write(reply)
		return err
	}), nil
}

func (s *Server) snapshotActor(ctx context.Context, in *carInput) (*huma.StreamResponse, error) {
	return s.answer(&in.X, func(w *responder) error {
		w.Header().Set("Content-Type", carType+"; version=1")
		return s.backend.SnapshotActor(ctx, in.Name, w)
	}), nil
}

// restoreActor reads the body as it comes; huma does not see it.
func (s *Server) restoreActor(ctx context.Context, in *carInput) (*huma.StreamResponse, error) {
	return s.answer(&in.X, func(w *responder) error {
		a, err := s.backend.RestoreActor(ctx, in.Name, in.X.r.Body)
		if err != nil {
			w.Header().Set("Connection", "close")
			problem(err).write(w)
			defer drain(in.X.r.Body)
			return w.flush()
		}
		w.Header().Set("Content-Type", "application/json")
		return w.line(a.whole())
	}), nil
}

// isSnapshot tells the path of a snapshot, whose body is a stream.
func isSnapshot(r *http.Request) bool {
	rest, ok := strings.CutPrefix(r.URL.Path, "/api/v1/actors/")
	return ok && r.Method == http.MethodPut && strings.HasSuffix(rest, "/snapshot")
}

// check finds what the schema cannot say.
func (r *ActorRequest) check() error {
	if r.Name == "." || r.Name == ".." {
		return fmt.Errorf("%w: %q cannot be a name: it means something else in a path", ErrInvalid, r.Name)
	}
	if err := checkCID("module", r.Module); err != nil {
		return err
	}
	if err := r.Hints.check(); err != nil {
		return err
	}
	requires := Requirements{RequireLabels: r.Labels}
	return errors.Join(requires.check(), checkCommon(r.Env, nil))
}

func (u *Upgrade) check() error {
	if (u.Module == "") == !u.Rollback {
		return fmt.Errorf("%w: name a module to upgrade to, or roll back", ErrInvalid)
	}
	return checkCID("module", u.Module)
}

func (s *Server) actorReplicas(ctx context.Context, in *ActorParam) (*struct{ Body ActorReplicaList }, error) {
	list, err := s.backend.ActorReplicas(ctx, in.Name)
	if err != nil {
		return nil, problem(err)
	}
	return &struct{ Body ActorReplicaList }{ActorReplicaList{orEmpty(list)}}, nil
}
