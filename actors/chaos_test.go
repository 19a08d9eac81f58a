package actors_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/actor"
	"github.com/godwit-run/godwit/runtime"
	swire "github.com/godwit-run/godwit/scheduler/wire"
)

var (
	chaosSeed = flag.Uint64("seed", 1, "first `seed` of the faults of TestChaos")
	chaosRuns = flag.Int("seeds", 1, "`number` of runs of TestChaos")
	chaosTime = flag.Duration("chaos", 20*time.Second, "virtual `time` for which TestChaos hurts nodes")
)

// chaos is hosts on virtual time, in a network in memory, with counters that clients ask
// while nodes end, are started again, and stand still.
type chaos struct {
	*testing.T
	rng     *rand.Rand
	mesh    *mesh
	engine  *runtime.Engine
	modules *library
	module  cid.Cid
	nodes   []*member
	counts  []atomic.Int64
	asked   atomic.Int64 // times that an ask was repeated
}

// member is a node of it.
type member struct {
	key ed25519.PrivateKey
	id  wire.NodeID
	dir string
	// placer, unless nil, places what is made by way of it, from its next start on.
	placer actors.Placer

	mu    sync.RWMutex
	host  *actors.Host // nil while it is down
	life  *life
	ended chan error
	stop  func()
}

// Nodes end, are started again and stand still, two at a time; then every actor answers
// soon, and has done exactly what it was asked. It is the hosts' own code that runs, with
// all that is in it, but on virtual time: so many faults fit into a test.
func TestChaos(t *testing.T) {
	for i := range uint64(*chaosRuns) {
		seed := *chaosSeed + i
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runChaos(t, seed) })
			if t.Failed() {
				t.Logf("repeat it with: go test ./actors -run TestChaos -seed %d -chaos %v (faults are the same; what hosts make of them may not be)", seed, *chaosTime)
			}
		})
	}
}

const (
	chaosNodes, chaosActors, chaosClients = 5, 10, 6
	// answerTime is how long an actor may take to answer once all nodes are back.
	answerTime = 10 * time.Second
)

func runChaos(t *testing.T, seed uint64) {
	c := newChaos(t, seed, chaosNodes)
	defer c.end()
	for i := range chaosActors {
		if _, err := c.nodes[i%chaosNodes].host.Create(t.Context(), actors.CreateOptions{Name: name(i), Module: c.module}); err != nil {
			t.Fatal(err)
		}
	}
	c.mesh.breaks.Store(2000)
	c.trouble()
	c.mesh.breaks.Store(0)
	c.settle()
}

// newChaos starts nodes that know each other.
func newChaos(t *testing.T, seed uint64, nodes int) *chaos {
	engine, err := runtime.New(runtime.Config{HostModules: []hostabi.Module{actor.Module()}})
	if err != nil {
		t.Fatal(err)
	}
	c := &chaos{T: t, rng: rand.New(rand.NewPCG(seed, 0xc4a05)), mesh: &mesh{lives: make(map[wire.NodeID]*life)}, engine: engine,
		modules: &library{code: make(map[cid.Cid][]byte)}, counts: make([]atomic.Int64, chaosActors)}
	code, err := os.ReadFile(filepath.Join("..", "examples", "counter", "counter.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	c.module = c.modules.add(code)
	for i := range nodes {
		key := ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%032d", i)))
		n := &member{key: key, id: swire.NodeIDOf(key.Public().(ed25519.PublicKey)), dir: filepath.Join(memoryDir(t), fmt.Sprint(i))}
		c.nodes = append(c.nodes, n)
		c.start(n)
	}
	time.Sleep(time.Second) // virtual: they hear of each other
	return c
}

// end ends all nodes.
func (c *chaos) end() {
	for _, n := range c.nodes {
		c.kill(n)
	}
	if err := c.engine.Close(); err != nil {
		c.Error(err)
	}
}

func name(i int) string { return fmt.Sprint("counter-", i) }

// memoryDir is a folder whose disk costs no time, if there is one.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "godwit")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (c *chaos) start(n *member) {
	l := c.mesh.begin(n.id)
	host, err := actors.New(actors.Config{Self: n.id, Key: n.key, Dir: n.dir, Network: l, Engine: c.engine, Modules: c.modules, Placer: n.placer,
		ReplaceAfter: 5 * time.Second, ParkAfter: time.Second, Log: logger(c)})
	if err != nil {
		c.Error(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- host.Run(ctx) }()
	select {
	case <-host.Ready():
	case err := <-ended:
		c.Errorf("the host does not run: %v", err)
		ended <- err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.host, n.life, n.ended, n.stop = host, l, ended, cancel
}

// kill ends a node: the others see that at once, and hear nothing more of it.
func (c *chaos) kill(n *member) {
	n.mu.Lock()
	n.host = nil
	n.mu.Unlock()
	n.life.end()
	n.stop()
	if err := <-n.ended; err != nil {
		c.Error(err)
	}
}

// trouble hurts nodes, two at a time, while clients ask.
func (c *chaos) trouble() {
	ctx, cancel := context.WithTimeout(c.Context(), *chaosTime)
	defer cancel()
	var work sync.WaitGroup
	for range chaosClients {
		rng := rand.New(rand.NewPCG(c.rng.Uint64(), 1))
		work.Go(func() { c.client(ctx, rng) })
	}
	for turn := range 2 {
		rng := rand.New(rand.NewPCG(c.rng.Uint64(), 2))
		work.Go(func() { c.hurt(ctx, rng, turn) })
	}
	work.Wait()
}

// client has actors count, each ask again until it is answered.
func (c *chaos) client(ctx context.Context, rng *rand.Rand) {
	for ctx.Err() == nil {
		i := rng.IntN(chaosActors)
		if _, err := c.ask(rng, i, "inc", *chaosTime+time.Minute); err != nil {
			c.Errorf("inc of %s: %v", name(i), err)
			return
		}
		c.counts[i].Add(1)
		time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
	}
}

func (c *chaos) ask(rng *rand.Rand, i int, what string, patience time.Duration) (string, error) {
	o := actors.MessageOptions{ID: wire.MessageID{byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()), 1, 2, 3, 15: 1}}
	err := errors.New("no node is there")
	for end := time.Now().Add(patience); time.Now().Before(end); c.asked.Add(1) {
		n := c.nodes[rng.IntN(chaosNodes)]
		n.mu.RLock()
		host := n.host
		n.mu.RUnlock()
		if host == nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		ctx, cancel := context.WithTimeout(c.Context(), min(3*time.Second, time.Until(end)))
		var reply []byte
		reply, err = host.Ask(ctx, name(i), []byte(what), o)
		cancel()
		if err == nil {
			return string(reply), nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return "", err
}

func (c *chaos) hurt(ctx context.Context, rng *rand.Rand, turn int) {
	for ctx.Err() == nil {
		n := c.nodes[turn+2*rng.IntN((chaosNodes-turn+1)/2)]
		if rng.IntN(2) == 0 {
			d := time.Duration(rng.IntN(3000)) * time.Millisecond
			n.life.pause(d)
			time.Sleep(d)
		} else {
			c.kill(n)
			time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
			c.start(n)
		}
		time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
	}
}

// settle looks whether all is as it should be, now that all nodes are back.
func (c *chaos) settle() {
	for i := range chaosActors {
		began := time.Now()
		text, err := c.ask(c.rng, i, "get", answerTime)
		if err != nil {
			c.Errorf("%s is silent: %v", name(i), err)
			c.explain(name(i))
			continue
		}
		if n, _ := strconv.ParseInt(text, 10, 64); n != c.counts[i].Load() {
			c.Errorf("%s says %s, and was asked %d times", name(i), text, c.counts[i].Load())
		}
		c.Logf("%s answers %s after %v", name(i), text, time.Since(began))
	}
	c.Logf("%d asks were repeated", c.asked.Load())
}

func (c *chaos) explain(name string) {
	replicas, err := c.nodes[0].host.Inspect(c.Context(), name)
	if err != nil {
		c.Logf("inspect: %v", err)
	}
	for _, r := range replicas {
		c.Logf("%s: %+v", r.Node, r)
	}
}
