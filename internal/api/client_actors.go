package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// CreateActor creates an actor. With a key it may be repeated.
func (c *Client) CreateActor(ctx context.Context, n ActorCreation) (a Actor, err error) {
	k := call{method: http.MethodPost, path: at("actors")}
	if n.Key != "" {
		k.header = withHeader(nil, "Idempotency-Key", n.Key)
	}
	return a, c.ask(ctx, k, n.Request, &a)
}

// Actors lists the actors of the mesh.
func (c *Client) Actors(ctx context.Context) ([]Actor, error) {
	var list ActorList
	err := c.ask(ctx, call{method: http.MethodGet, path: at("actors")}, nil, &list)
	return list.Actors, err
}

// Actor describes an actor.
func (c *Client) Actor(ctx context.Context, name string) (a Actor, err error) {
	return a, c.ask(ctx, call{method: http.MethodGet, path: at("actors", name)}, nil, &a)
}

// ActorReplicas tells what each node knows of an actor, led or not.
func (c *Client) ActorReplicas(ctx context.Context, name string) ([]ActorReplica, error) {
	var list ActorReplicaList
	err := c.ask(ctx, call{method: http.MethodGet, path: at("actors", name, "replicas")}, nil, &list)
	return list.Replicas, err
}

// RemoveActor ends an actor.
func (c *Client) RemoveActor(ctx context.Context, name string) error {
	return c.ask(ctx, call{method: http.MethodDelete, path: at("actors", name)}, nil, nil)
}

// SendMessage sends a message and returns its id when the actor has it for good.
// With a key it may be repeated.
func (c *Client) SendMessage(ctx context.Context, m ActorMessage) (id string, err error) {
	resp, err := c.post(ctx, "send", m)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() // read to its end, or an error
	var sent SentMessage
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&sent); err != nil {
		return "", fmt.Errorf("answer of %s: %w", c.base.Host, err)
	}
	return sent.ID, nil
}

// AskActor sends a message and returns its id and the reply. With a key it may be
// repeated.
func (c *Client) AskActor(ctx context.Context, m ActorMessage) (id string, reply []byte, err error) {
	resp, err := c.post(ctx, "ask", m)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close() // read to its end, or an error
	reply, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", nil, streamError(ctx, err)
	}
	return resp.Header.Get(messageHeader), reply, nil
}

// post sends a message. The node gets almost as much time for it as ctx has left: what
// it knows of a message that was not answered, it says before we give up.
func (c *Client) post(ctx context.Context, verb string, m ActorMessage) (*http.Response, error) {
	k := call{method: http.MethodPost, path: at("actors", m.Name, verb), body: bytes.NewReader(m.Payload)}
	k.header = withHeader(nil, "Content-Type", "application/octet-stream")
	if m.Key != "" {
		k.header.Set("Idempotency-Key", m.Key)
	}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		k.query = url.Values{"timeout": {max(left-min(left/10, 200*time.Millisecond), time.Millisecond).String()}}
	}
	return c.send(ctx, k)
}

// MigrateActor moves an actor.
func (c *Client) MigrateActor(ctx context.Context, name string, to Migration) (m Migrated, err error) {
	return m, c.ask(ctx, call{method: http.MethodPost, path: at("actors", name, "migrate")}, to, &m)
}

// UpgradeActor has an actor run another module.
func (c *Client) UpgradeActor(ctx context.Context, name string, u Upgrade) (a Actor, err error) {
	return a, c.ask(ctx, call{method: http.MethodPost, path: at("actors", name, "upgrade")}, u, &a)
}

// SnapshotActor takes a checkpoint of an actor and writes it to w as a CAR file.
func (c *Client) SnapshotActor(ctx context.Context, name string, w io.Writer) error {
	resp, err := c.send(ctx, call{method: http.MethodGet, path: at("actors", name, "snapshot")})
	if err != nil {
		return err
	}
	defer resp.Body.Close() // read only
	_, err = io.Copy(w, &body{resp.Body, ctx})
	return err
}

// RestoreActor makes an actor of a CAR file.
func (c *Client) RestoreActor(ctx context.Context, name string, car io.Reader) (a Actor, err error) {
	resp, err := c.send(ctx, call{method: http.MethodPut, path: at("actors", name, "snapshot"),
		header: http.Header{"Content-Type": {carType}}, body: io.NopCloser(car)})
	if err != nil {
		return a, err
	}
	defer resp.Body.Close() // read to its end, or an error
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&a); err != nil {
		return a, fmt.Errorf("answer of %s: %w", c.base.Host, err)
	}
	return a, nil
}

// ActorLogs streams what an actor has written.
func (c *Client) ActorLogs(ctx context.Context, name string, o ActorLogOptions) iter.Seq2[ActorLog, error] {
	k := call{method: http.MethodGet, path: at("actors", name, "logs"), query: url.Values{
		"follow": {strconv.FormatBool(o.Follow)}, "tail": {strconv.Itoa(o.Tail)},
	}, header: http.Header{"Accept": {ndjson}}}
	return func(yield func(ActorLog, error) bool) {
		resp, err := c.send(ctx, k)
		if err != nil {
			yield(ActorLog{}, err)
			return
		}
		defer resp.Body.Close() // read only
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, maxAnswer)
		for lines.Scan() {
			var l ActorLog
			err := json.Unmarshal(lines.Bytes(), &l)
			if err != nil {
				err = fmt.Errorf("%w: %w", ErrInterrupted, err) // the last line may be half of one
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(ActorLog{}, streamError(ctx, err))
		}
	}
}
