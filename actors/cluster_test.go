package actors_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/actors/transport"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/actor"
	"github.com/godwit-run/godwit/runtime"
)

// cluster is some hosts on libp2p, in one process.
type cluster struct {
	t       testing.TB
	nodes   []*node
	modules *library
	engine  *runtime.Engine
	tune    func(*actors.Config)
}

// node is one of them. It can be killed, and started again with what is on its disk.
type node struct {
	*actors.Host
	c    *cluster
	key  ed25519.PrivateKey
	id   wire.NodeID
	dir  string
	net  host.Host
	kill func()
	// starting, unless nil, is called right before the host runs.
	starting func()
}

// library is the modules of all nodes.
type library struct {
	mu   sync.Mutex
	code map[cid.Cid][]byte
}

func (l *library) Code(_ context.Context, id cid.Cid) (io.ReadCloser, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.code[id]
	if !ok {
		return nil, 0, fmt.Errorf("no module %s", id)
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

func (l *library) Hold(_ context.Context, id cid.Cid) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.code[id] == nil {
		return fmt.Errorf("no module %s", id)
	}
	return nil
}

func (l *library) Release(cid.Cid) {}

func (l *library) add(b []byte) cid.Cid {
	hash, err := multihash.Sum(b, multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	id := cid.NewCidV1(cid.Raw, hash)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.code[id] = b
	return id
}

// newCluster starts n hosts that know each other. tune may change what they are given.
func newCluster(t testing.TB, n int, tune func(*actors.Config)) *cluster {
	t.Helper()
	engine, err := runtime.New(runtime.Config{HostModules: []hostabi.Module{actor.Module()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	c := &cluster{t: t, modules: &library{code: make(map[cid.Cid][]byte)}, engine: engine, tune: tune}
	for i := range n {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		nd := &node{c: c, key: key, dir: filepath.Join(t.TempDir(), fmt.Sprint(i))}
		c.nodes = append(c.nodes, nd)
		nd.start()
	}
	return c
}

// start starts a node and connects it with those that run.
func (n *node) start() {
	t := n.c.t
	t.Helper()
	key, err := crypto.UnmarshalEd25519PrivateKey(n.key)
	if err != nil {
		t.Fatal(err)
	}
	n.net, err = libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	n.id = wire.NodeID(n.net.ID())
	network, err := transport.New(transport.Config{Host: n.net})
	if err != nil {
		t.Fatal(err)
	}
	cfg := actors.Config{Self: n.id, Key: n.key, Dir: n.dir, Network: network, Engine: n.c.engine, Modules: n.c.modules, Log: logger(t)}
	if n.c.tune != nil {
		n.c.tune(&cfg)
	}
	if n.Host, err = actors.New(cfg); err != nil {
		t.Fatal(err)
	}
	if n.starting != nil {
		n.starting()
	}
	n.run()
	for _, other := range n.c.nodes {
		if other != n && other.kill != nil {
			n.connect(other)
		}
	}
}

func (n *node) run() {
	t := n.c.t
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	host, net := n.Host, n.net
	go func() { ended <- host.Run(ctx) }()
	n.kill = sync.OnceFunc(func() {
		net.Close() // the others see their connections close, as of a process that is killed
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		n.kill = nil
	})
	t.Cleanup(func() {
		if n.kill != nil {
			n.kill()
		}
	})
	select {
	case <-n.Ready():
	case err := <-ended:
		t.Fatalf("the host does not run: %v", err)
	}
}

func (n *node) connect(to *node) {
	err := n.net.Connect(context.Background(), peer.AddrInfo{ID: to.net.ID(), Addrs: to.net.Addrs()})
	if err != nil {
		n.c.t.Fatal(err)
	}
	n.c.await("connection", func() bool { return n.Alive(to.id) && to.Alive(n.id) })
}

// await waits for something that is bound to happen.
func (c *cluster) await(what string, is func() bool) {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(end) {
			c.t.Fatalf("%s: not in time", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// node returns the node with an id.
func (c *cluster) node(id wire.NodeID) *node {
	for _, n := range c.nodes {
		if n.id == id {
			return n
		}
	}
	c.t.Fatalf("no node %s", id)
	return nil
}

// but returns a node that runs, other than some.
func (c *cluster) but(not ...*node) *node {
next:
	for _, n := range c.nodes {
		if n.kill == nil {
			continue
		}
		for _, other := range not {
			if n == other {
				continue next
			}
		}
		return n
	}
	c.t.Fatal("no other node")
	return nil
}

func (c *cluster) module(name string) cid.Cid {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "examples", name, name+".wasm"))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.modules.add(b)
}

func (n *node) create(name string, o actors.CreateOptions) actors.Status {
	n.c.t.Helper()
	o.Name = name
	s, err := n.Create(n.c.t.Context(), o)
	if err != nil {
		n.c.t.Fatalf("create %s: %v", name, err)
	}
	return s
}

func (n *node) ask(name, payload, want string) {
	n.c.t.Helper()
	got, err := n.Ask(n.c.t.Context(), name, []byte(payload), actors.MessageOptions{})
	if err != nil || string(got) != want {
		n.c.explain(n, name)
		n.c.t.Fatalf("%s of %s is %q, want %q: %v", payload, name, got, want, err)
	}
}

// explain says what the nodes know of an actor that gives no answer.
func (c *cluster) explain(n *node, name string) {
	c.t.Helper()
	replicas, err := n.Inspect(c.t.Context(), name)
	if err != nil {
		c.t.Logf("inspect: %v", err)
	}
	for _, r := range replicas {
		c.t.Logf("%s: %+v", r.Node, r)
	}
}

func logger(t testing.TB) *slog.Logger {
	if os.Getenv("GODWIT_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
