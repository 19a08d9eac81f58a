package godwit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/journal"
	"github.com/godwit-run/godwit/scheduler/gossip"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// openMem opens a node's journal in memory.
func openMem(t *testing.T) *journal.Journal {
	t.Helper()
	j, err := openJournal(vfs.NewMem(), "journal", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// stranger is a libp2p host that is no node, connected to one.
func stranger(t *testing.T, n *Node) (host.Host, ed25519.PrivateKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &folder{key: key}
	h, err := openHost(f, openMem(t), []string{"/ip4/127.0.0.1/tcp/0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	if err := h.Connect(t.Context(), peer.AddrInfo{ID: n.host.ID(), Addrs: n.host.Addrs()}); err != nil {
		t.Fatal(err)
	}
	return h, key
}

// What is no message breaks the stream that it came on, and nothing else.
func TestHostileStreams(t *testing.T) {
	n := start(t, Config{})
	n.links.timeout = 200 * time.Millisecond
	h, _ := stranger(t, n)
	valid, err := encodeFrame(wire.Ack{Ref: wire.Ref{Task: newTaskID(), Attempt: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for name, bytes := range map[string][]byte{
		"no message":          append([]byte{5}, "hello"...),
		"a huge length":       binary.AppendUvarint(nil, 1<<40),
		"an endless length":   bytes.Repeat([]byte{0xff}, 20),
		"nothing":             {0},
		"no canonical length": append([]byte{0x80 | valid[0], 0}, valid[1:]...)[:3],
		"half a message":      valid[:len(valid)/2],
		"garbage behind":      append(bytes.Clone(valid), 3, 1, 2, 3),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := h.NewStream(t.Context(), n.host.ID(), protocolTasks)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Reset()
			if _, err := s.Write(bytes); err != nil {
				t.Fatal(err)
			}
			s.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := s.Read(make([]byte, 1)); err == nil || isTimeout(err) {
				t.Errorf("the stream goes on: %v", err)
			}
		})
	}
	if task := run(t, n, api.TaskRequest{Module: putBytes(t, n, noop)}); task.Status != api.StatusSucceeded {
		t.Errorf("%+v", task)
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(interface{ Timeout() bool })
	return ok && timeout.Timeout()
}

// A peer may have few streams, however many it opens.
func TestStreamsOfAPeerAreFew(t *testing.T) {
	n := start(t, Config{})
	h, _ := stranger(t, n)
	var refused atomic.Int32
	for range 20 {
		s, err := h.NewStream(t.Context(), n.host.ID(), protocolTasks)
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte{0x80}) // opens it, and goes no further
		go func() {
			if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
				refused.Add(1)
			}
		}()
	}
	waitFor(t, func() bool { return refused.Load() >= 20-maxPerPeer })
}

// A peer that sends as fast as it can does not keep others from their work.
func TestFlood(t *testing.T) {
	n := start(t, Config{})
	h, _ := stranger(t, n)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	frame, err := encodeFrame(wire.Reserve{
		Ref: wire.Ref{Task: newTaskID(), Attempt: 1}, Profile: wire.Profile{CPU: 128000, Memory: wire.MB}, Lease: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.NewStream(ctx, n.host.ID(), protocolTasks)
	if err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int64
	go func() {
		many := bytes.Repeat(frame, 100)
		for ctx.Err() == nil {
			if _, err := s.Write(many); err != nil {
				return
			}
			sent.Add(100)
		}
	}()
	waitFor(t, func() bool { return sent.Load() > 5000 })
	module := putBytes(t, n, noop)
	for range 20 {
		begun := time.Now()
		if task := run(t, n, api.TaskRequest{Module: module}); task.Status != api.StatusSucceeded {
			t.Fatalf("%+v", task)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("a task took %v", took)
		}
	}
}

// liar is an executor that breaks its word.
type liar struct {
	host  host.Host
	key   ed25519.PrivateKey
	id    wire.NodeID
	links *links
	asked atomic.Int32 // how often it was asked to reserve
	mesh  *gossip.Mesh
}

// newLiar joins the mesh of n and claims to have all that anybody may want. What
// it answers is up to the test.
func newLiar(t *testing.T, n *Node, answer func(l *liar, m wire.Message)) *liar {
	t.Helper()
	h, key := stranger(t, n)
	l := &liar{host: h, key: key, id: wire.NodeID(h.ID())}
	l.links = newLinks(protocolTasks, h, slog.New(slog.DiscardHandler), func(_ context.Context, _ peer.ID, m wire.Body) error {
		if _, ok := m.(wire.Reserve); ok {
			l.asked.Add(1)
		}
		answer(l, m.(wire.Message))
		return nil
	})
	t.Cleanup(l.links.close)
	var err error
	if l.mesh, err = gossip.New(gossip.Config{Host: h, Self: l.id}); err != nil {
		t.Fatal(err)
	}
	go l.mesh.Run(t.Context())
	has := wire.Capacity{CPU: 1000_000, Memory: 1 << 40, Storage: 1 << 40, Network: 1e9}
	seq := uint64(0)
	waitFor(t, func() bool {
		seq++
		v := wire.Vector{Node: l.id, Started: time.Now().UnixMilli(), Seq: seq, Total: has, Free: has}
		envelope, err := wire.Seal(v, key)
		if err != nil {
			t.Fatal(err)
		}
		l.mesh.PublishVector(t.Context(), envelope) // fails until it runs
		list, err := n.Workers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range list {
			if w.ID == l.id.String() {
				return true
			}
		}
		return false
	})
	return l
}

func (l *liar) say(to *Node, m wire.Message) { l.links.send(to.host.ID(), m) }

func (l *liar) done(to *Node, ref wire.Ref, key ed25519.PrivateKey, change func(*wire.Result)) {
	r := wire.Result{Ref: ref, Submitter: to.self, Executor: wire.NodeIDOf(key.Public().(ed25519.PublicKey))}
	r.Status, r.Started = wire.Succeeded, true
	change(&r)
	envelope, err := wire.Seal(r, key)
	if err == nil {
		l.say(to, wire.Done{Ref: ref, Envelope: envelope})
	}
}

// However an executor breaks its word, the task ends well elsewhere.
func TestLyingExecutors(t *testing.T) {
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	hash, _ := multihash.Sum([]byte("nobody has this"), multihash.SHA2_256, -1)
	nowhere := wire.Link{Cid: cid.NewCidV1(cid.Raw, hash)}
	// accept answers all but what happens after an assignment.
	accept := func(n *Node, assigned func(l *liar, ref wire.Ref)) func(*liar, wire.Message) {
		return func(l *liar, m wire.Message) {
			switch m := m.(type) {
			case wire.Reserve:
				l.say(n, wire.Reserved{Ref: m.Ref})
			case wire.Assign:
				assigned(l, m.Ref)
			}
		}
	}
	for name, lie := range map[string]func(n *Node) func(l *liar, m wire.Message){
		"never answers": func(*Node) func(*liar, wire.Message) { return func(*liar, wire.Message) {} },
		"refuses after it has reserved": func(n *Node) func(*liar, wire.Message) {
			return accept(n, func(l *liar, ref wire.Ref) { l.say(n, wire.Refused{Ref: ref, Why: wire.RefusedMemory}) })
		},
		"is silent once it has the task": func(n *Node) func(*liar, wire.Message) {
			return accept(n, func(*liar, wire.Ref) {})
		},
		"accepts and is silent": func(n *Node) func(*liar, wire.Message) {
			return accept(n, func(l *liar, ref wire.Ref) { l.say(n, wire.Accepted{Ref: ref}) })
		},
		"accepts and dies": func(n *Node) func(*liar, wire.Message) {
			return accept(n, func(l *liar, ref wire.Ref) {
				l.say(n, wire.Accepted{Ref: ref})
				time.AfterFunc(50*time.Millisecond, func() { l.host.Close() })
			})
		},
		"signs with another key": func(n *Node) func(*liar, wire.Message) {
			return accept(n, func(l *liar, ref wire.Ref) {
				l.say(n, wire.Accepted{Ref: ref})
				l.done(n, ref, other, func(*wire.Result) {})
			})
		},
		"answers for another attempt": func(n *Node) func(*liar, wire.Message) {
			return accept(n, func(l *liar, ref wire.Ref) {
				l.say(n, wire.Accepted{Ref: ref})
				l.done(n, wire.Ref{Task: ref.Task, Attempt: 7}, l.key, func(*wire.Result) {})
			})
		},
		"names outputs that nobody has": func(n *Node) func(*liar, wire.Message) {
			return accept(n, func(l *liar, ref wire.Ref) {
				l.say(n, wire.Accepted{Ref: ref})
				l.done(n, ref, l.key, func(r *wire.Result) { r.Output = nowhere })
			})
		},
		"burns more fuel than there is": func(n *Node) func(*liar, wire.Message) {
			return accept(n, func(l *liar, ref wire.Ref) {
				l.say(n, wire.Accepted{Ref: ref})
				l.done(n, ref, l.key, func(r *wire.Result) { r.FuelUsed = 1 << 40 })
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, Config{NoRun: true, BackoffBase: 50 * time.Millisecond, BackoffMax: 100 * time.Millisecond})
			b := start(t, Config{Bootstrap: a.Addrs()})
			a.runs.collectTimeout = time.Second
			waitFor(t, func() bool { return a.host.Network().Connectedness(b.host.ID()) == network.Connected })
			l := newLiar(t, a, lie(a))
			task := run(t, a, api.TaskRequest{
				Module: putBytes(t, a, noop), Hints: api.Hints{Prefer: []string{l.id.String()}},
				Limits: api.Limits{Fuel: 1000},
			})
			if task.Status != api.StatusSucceeded || task.Node != b.ID() {
				t.Errorf("%+v", task)
			}
			t.Logf("asked %d times; %+v", l.asked.Load(), task.History)
			if l.asked.Load() == 0 {
				t.Error("it was never asked: the test shows nothing")
			}
		})
	}
}
