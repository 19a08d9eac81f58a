package gossip

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// identity is a node's key and id.
type identity struct {
	key ed25519.PrivateKey
	id  wire.NodeID
}

func newIdentity(n byte) identity {
	key := ed25519.NewKeyFromSeed(append(make([]byte, 31), n))
	return identity{key, wire.NodeIDOf(key.Public().(ed25519.PublicKey))}
}

func (i identity) vector(t *testing.T, started int64, seq uint64) []byte {
	t.Helper()
	envelope, err := wire.Seal(wire.Vector{Node: i.id, Started: started, Seq: seq}, i.key)
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

// What a hostile or merely late peer sends, one after the other, to one node.
func TestValidateVector(t *testing.T) {
	alice, mallory := newIdentity(1), newIdentity(2)
	heard := 0
	h := newHost(t, newIdentity(9))
	m, err := New(Config{Host: h, Self: newIdentity(9).id, MinInterval: time.Nanosecond, Vector: func(wire.Vector) { heard++ }})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	forged := alice.vector(t, now, 50)
	forged[len(forged)-1] ^= 1
	model, err := wire.Seal(wire.Model{Name: "m", Publisher: alice.id, Withdrawn: true}, alice.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		data []byte
		want pubsub.ValidationResult
	}{
		{"the first", alice.vector(t, now, 7), pubsub.ValidationAccept},
		{"the same again", alice.vector(t, now, 7), pubsub.ValidationIgnore},
		{"an older one", alice.vector(t, now, 6), pubsub.ValidationIgnore},
		{"one of before the restart", alice.vector(t, now-1000, 99), pubsub.ValidationIgnore},
		{"a newer one", alice.vector(t, now, 8), pubsub.ValidationAccept},
		{"after a restart", alice.vector(t, now+1000, 1), pubsub.ValidationAccept},
		{"from the far future", alice.vector(t, now+int64(time.Hour/time.Millisecond), 1), pubsub.ValidationIgnore},
		{"another node's", mallory.vector(t, now, 1), pubsub.ValidationAccept},
		{"with a broken signature", forged, pubsub.ValidationReject},
		{"unsigned", []byte("vector"), pubsub.ValidationReject},
		{"empty", nil, pubsub.ValidationReject},
		{"a model", model, pubsub.ValidationReject},
		{"cut short", alice.vector(t, now+2000, 1)[:60], pubsub.ValidationReject},
		{"with more behind it", append(alice.vector(t, now+2000, 1), 0), pubsub.ValidationReject},
		{"too large", make([]byte, MaxMessage+1), pubsub.ValidationReject},
	} {
		msg := &pubsub.Message{Message: &pb.Message{Data: step.data}}
		if got := m.validateVector(t.Context(), h.ID(), msg); got != step.want {
			t.Errorf("%s: verdict %v, want %v", step.name, got, step.want)
		}
	}
	if heard != 4 {
		t.Errorf("heard %d vectors, want 4", heard)
	}
}

func (i identity) request(t testing.TB, attempt uint32, made time.Time) []byte {
	t.Helper()
	module, err := wire.ParseLink("bafkreiasbfynqeudn4myrbrflb5embvfvur454y4q2comalxcvjfjd6gxe")
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := wire.Seal(wire.Request{
		Ref: wire.Ref{Task: wire.TaskID{1}, Attempt: attempt}, Submitter: i.id, Made: made.UnixMilli(),
		Window: wire.MaxWindow, Share: wire.Everyone, Profile: wire.Minimal(), Module: module,
	}, i.key)
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

// What claims to be a request for offers, one after the other.
func TestValidateRequest(t *testing.T) {
	alice, self := newIdentity(1), newIdentity(9)
	heard := 0
	h := newHost(t, self)
	m, err := New(Config{Host: h, Self: self.id, Request: func(wire.Request) { heard++ }})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if size := len(alice.request(t, 1, now)); size > 500 {
		t.Errorf("a common request has %d bytes, more than 500", size)
	}
	forged := alice.request(t, 1, now)
	forged[len(forged)-1] ^= 1
	for _, step := range []struct {
		name string
		data []byte
		want pubsub.ValidationResult
	}{
		{"one", alice.request(t, 1, now), pubsub.ValidationAccept},
		{"the same again", alice.request(t, 1, now), pubsub.ValidationIgnore},
		{"the same, signed later", alice.request(t, 1, now.Add(time.Second)), pubsub.ValidationIgnore},
		{"this node's own", self.request(t, 1, now), pubsub.ValidationAccept},
		{"an old one", alice.request(t, 2, now.Add(-time.Hour)), pubsub.ValidationIgnore},
		{"one of the future", alice.request(t, 2, now.Add(time.Hour)), pubsub.ValidationIgnore},
		{"with a broken signature", forged, pubsub.ValidationReject},
		{"a vector", alice.vector(t, 1, 1), pubsub.ValidationReject},
		{"too large", make([]byte, wire.MaxRequest+1), pubsub.ValidationReject},
		{"nothing", nil, pubsub.ValidationReject},
	} {
		msg := &pubsub.Message{Message: &pb.Message{Data: step.data}}
		if got := m.validateRequest(t.Context(), h.ID(), msg); got != step.want {
			t.Errorf("%s: verdict %v, want %v", step.name, got, step.want)
		}
	}
	if heard != 1 {
		t.Errorf("heard %d requests, want 1", heard)
	}
	ignored := 0
	for i := range uint32(2 * requestBurst) { // one node that asks without end
		msg := &pubsub.Message{Message: &pb.Message{Data: alice.request(t, i+10, now)}}
		if m.validateRequest(t.Context(), h.ID(), msg) == pubsub.ValidationIgnore {
			ignored++
		}
	}
	if ignored < requestBurst/2 {
		t.Errorf("%d requests of a flood were ignored", ignored)
	}
}

func TestRatesAreBounded(t *testing.T) {
	r, now := newRates(10), time.Now()
	ask := func(at time.Time, node string, attempt uint32, size int) bool {
		return r.allow(at, &wire.Request{Submitter: wire.NodeID(node), Ref: wire.Ref{Attempt: attempt}}, size)
	}
	for i := range 100 {
		ask(now, fmt.Sprint(i), 1, 500)
	}
	if len(r.nodes) != 10 {
		t.Errorf("%d nodes, want 10", len(r.nodes))
	}
	now = now.Add(time.Minute)
	if !ask(now, "new", 1, 500) {
		t.Error("no room for a new node when the others are quiet")
	}
	for range 2 * requestBurst {
		if ask(now, "new", 1, 500) {
			t.Fatal("the same request is taken twice")
		}
	}
	if !ask(now, "new", 2, wire.MaxRequest) || ask(now, "new", 3, wire.MaxRequest) {
		t.Error("a replay costs its node something, or a large request as little as a small one")
	}
	for i := range maxRequests + 100 {
		now = now.Add(time.Second)
		ask(now, "new", uint32(10+i), 500)
	}
	if len(r.came) != maxRequests || len(r.order) != maxRequests {
		t.Errorf("%d requests are remembered, want %d", len(r.came), maxRequests)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	n, now := newNewest(100, time.Millisecond), time.Now()
	for i := range 1000 {
		n.take(now, fmt.Sprint(i), mark{1, 1})
	}
	if len(n.marks) != 100 {
		t.Errorf("%d marks, want 100", len(n.marks))
	}
	if !n.take(now.Add(time.Second), "7", mark{1, 2}) {
		t.Error("a known node is not heard of any more")
	}
	if !n.take(now.Add(2*forget), "new", mark{1, 1}) || len(n.marks) != 1 {
		t.Errorf("no room for a new node after a long time, %d marks", len(n.marks))
	}
	if n.take(now.Add(2*forget), "new", mark{1, 2}) {
		t.Error("two at the same time are both taken")
	}
}

// Three nodes in a row: what the first says, the last hears.
func TestVectorsSpread(t *testing.T) {
	var hosts []host.Host
	var meshes []*Mesh
	heard := make(chan wire.Vector, 64)
	for i := range 3 {
		who := newIdentity(byte(i))
		cfg := Config{Host: newHost(t, who), Self: who.id}
		if i == 2 {
			cfg.Vector = func(v wire.Vector) { heard <- v }
		}
		m, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		hosts, meshes = append(hosts, cfg.Host), append(meshes, m)
		go m.Run(t.Context())
	}
	connect(t, hosts[0], hosts[1])
	connect(t, hosts[1], hosts[2])
	alice := newIdentity(0)
	for seq := uint64(1); ; seq++ { // until the topic's mesh has formed
		if err := meshes[0].PublishVector(t.Context(), alice.vector(t, 1, seq)); err != nil && err != ErrNotRunning {
			t.Fatal(err)
		}
		select {
		case v := <-heard:
			if v.Node != alice.id {
				t.Errorf("heard of %s", v.Node)
			}
			return
		case <-time.After(100 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("nothing was heard")
		}
	}
}

func newHost(t *testing.T, who identity) host.Host {
	t.Helper()
	key, err := crypto.UnmarshalEd25519PrivateKey(who.key)
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func connect(t *testing.T, a, b host.Host) {
	t.Helper()
	if err := a.Connect(context.Background(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

func FuzzOpenRequest(f *testing.F) {
	f.Add(newIdentity(1).request(f, 1, time.UnixMilli(1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := open[wire.Request](b); err == nil && r.Validate() != nil {
			t.Errorf("an invalid request: %+v", r)
		}
	})
}

func FuzzOpenVector(f *testing.F) {
	key := newIdentity(1)
	envelope, err := wire.Seal(wire.Vector{Node: key.id, Started: 1, Seq: 1}, key.key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(envelope)
	f.Add([]byte{0x0a})
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := open[wire.Vector](b); err == nil && v.Validate() != nil {
			t.Errorf("an invalid vector: %+v", v)
		}
	})
}
