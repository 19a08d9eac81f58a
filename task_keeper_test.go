package godwit

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	ctransfer "github.com/godwit-run/godwit/checkpoint/transfer"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// claimant is a stranger who claims to have tasks, and to run them.
type claimant struct {
	t    *testing.T
	node *Node
	host host.Host
	key  ed25519.PrivateKey
	id   wire.NodeID
	task wire.TaskID
}

// theirs is a checkpoint in a store of its own.
type theirs struct {
	*checkpoint.Signed
	store *store.Store
}

func newClaimant(t *testing.T, n *Node) *claimant {
	t.Helper()
	h, key := stranger(t, n)
	return &claimant{t: t, node: n, host: h, key: key, id: wire.NodeID(h.ID()), task: newTaskID()}
}

func (c *claimant) grant(attempt uint32, change func(*wire.Grant)) wire.Grant {
	g := wire.Grant{Ref: wire.Ref{Task: c.task, Attempt: attempt}, Submitter: c.id, Executor: c.id, Keepers: []wire.NodeID{c.node.self}}
	if change != nil {
		change(&g)
	}
	return g
}

// made makes a checkpoint.
func (c *claimant) made(name string, key ed25519.PrivateKey, epoch uint64) *theirs {
	c.t.Helper()
	s, err := store.Open(store.Config{FS: store.Dir(c.t.TempDir()), Rand: rand.Reader})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { s.Close() })
	chain, err := checkpoint.NewChain(checkpoint.Config{Name: name, Module: checkpoint.NewRaw([]byte("m")).ID, Owner: checkpoint.Ed25519Key(key)})
	if err != nil {
		c.t.Fatal(err)
	}
	page := make([]byte, checkpoint.WasmPage)
	page[0] = byte(epoch)
	ready, err := chain.Update(checkpoint.Capture{
		Order: checkpoint.Order{Epoch: epoch, Sequence: 1}, Time: time.Unix(1, 0), Size: checkpoint.WasmPage,
		Dirty: []checkpoint.Run{{Bytes: page[:checkpoint.PageSize]}},
	})
	if err == nil {
		err = s.Save(ready)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return &theirs{ready.Signed, s}
}

// claim makes a claim, and pushes a checkpoint if there is one.
func (c *claimant) claim(claim wire.Claim, s *theirs) ([]wire.Held, error) {
	c.t.Helper()
	stream, err := c.host.NewStream(c.t.Context(), c.node.host.ID(), protocolCheckpoints)
	if err != nil {
		c.t.Fatal(err)
	}
	defer stream.Reset()
	conn := newClaims(stream)
	held, err := conn.ask(c.t.Context(), claim)
	if err != nil || s == nil {
		return held, err
	}
	_, err = ctransfer.Send(c.t.Context(), conn, s.store, ctransfer.NewRecent(1), s.Signed)
	return nil, err
}

func seal(t *testing.T, g wire.Grant, key ed25519.PrivateKey) []byte {
	t.Helper()
	b, err := wire.Seal(g, key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A keeper takes what its granted executor has made of that task in that attempt, and
// nothing else; it gives it to nobody without a grant, and forgets it when the submitter
// says so.
func TestKeeperTakesWhatIsGranted(t *testing.T) {
	n := start(t, Config{})
	c := newClaimant(t, n)
	name := scheduler.Kept{Submitter: c.id, Task: c.task}.Name()
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keep := func(envelope []byte) wire.Claim {
		return wire.Claim{Verb: wire.VerbKeep, Task: c.task, Grant: envelope}
	}
	good := seal(t, c.grant(2, nil), c.key)
	broken := append([]byte{}, good...)
	broken[len(broken)-1] ^= 1
	elsewhere := c.grant(2, func(g *wire.Grant) { g.Keepers = nil })
	foreign := c.grant(2, func(g *wire.Grant) { g.Executor = wire.NodeIDOf(other.Public().(ed25519.PublicKey)) })
	refused := []struct {
		name     string
		envelope []byte
		s        *theirs
		why      string
	}{
		{"a broken signature", broken, nil, "signature"},
		{"for other keepers", seal(t, elsewhere, c.key), nil, "no keeper"},
		{"for another executor", seal(t, foreign, c.key), nil, "another node"},
		{"another task's checkpoint", good, c.made("task/x", c.key, 2), ""},
		{"another attempt's checkpoint", good, c.made(name, c.key, 3), "attempt 3"},
		{"another node's checkpoint", good, c.made(name, other, 2), "made by"},
	}
	for _, r := range refused {
		if _, err := c.claim(keep(r.envelope), r.s); err == nil || !strings.Contains(err.Error(), r.why) {
			t.Errorf("%s: %v", r.name, err)
		}
	}
	if names := n.keeper.store.Names(); len(names) != 0 {
		t.Fatalf("it keeps %v", names)
	}
	s := c.made(name, c.key, 2)
	if _, err := c.claim(keep(good), s); err != nil || !n.keeper.store.Has(s.ID) && len(n.keeper.store.List(name)) != 1 {
		t.Fatalf("%v", err)
	}
	next := c.grant(3, func(g *wire.Grant) { g.Makers = []wire.Maker{{Attempt: 2, Node: c.id}} })
	held, err := c.claim(wire.Claim{Verb: wire.VerbFind, Task: c.task, Grant: seal(t, next, c.key)}, nil)
	if err != nil || len(held) != 1 || held[0].Link.Cid != s.ID {
		t.Fatalf("%+v, %v", held, err)
	}
	if _, err := c.claim(keep(good), s); err == nil || !strings.Contains(err.Error(), "later attempt") {
		t.Errorf("after a later attempt: %v", err)
	}
	thief := newClaimant(t, n)
	thief.task = c.task
	if held, err := thief.claim(wire.Claim{Verb: wire.VerbFind, Task: c.task, Grant: seal(t, thief.grant(9, nil), thief.key)}, nil); err != nil || len(held) != 0 {
		t.Errorf("another submitter is told of %+v, %v", held, err)
	}
	if _, err := thief.claim(wire.Claim{Verb: wire.VerbDrop, Task: c.task}, nil); err != nil || len(n.keeper.store.List(name)) != 1 {
		t.Errorf("dropped by another: %v", err)
	}
	if _, err := c.claim(wire.Claim{Verb: wire.VerbDrop, Task: c.task}, nil); err != nil || len(n.keeper.store.List(name)) != 0 {
		t.Errorf("not dropped: %v", err)
	}
}

// What a run has written before a checkpoint is there after it, and sent once more only as
// far as it may have got lost.
func TestOutputGoesOn(t *testing.T) {
	live := make(map[wire.Stream][]byte)
	o := newOutputs(func(s wire.Stream, offset uint64, data []byte) bool {
		live[s] = append(live[s][:offset], data...)
		return true
	}, 1<<20, t.TempDir())
	if err := o.resume(wire.Stdout, []byte("before "), 7); err != nil {
		t.Fatal(err)
	}
	if _, err := o.write(wire.Stdout, []byte("after")); err != nil {
		t.Fatal(err)
	}
	if got, err := o.until(wire.Stdout, 9); err != nil || string(got) != "before af" {
		t.Errorf("%q, %v", got, err)
	}
	text, err := o.text(t.Context(), wire.Stdout, nil, blobs.Pin{})
	if err != nil || string(text.Inline) != "before after" || text.Size != 12 || text.Truncated {
		t.Errorf("%+v, %v", text, err)
	}
	if err := o.reset(); err != nil {
		t.Fatal(err)
	}
	if got, err := o.until(wire.Stdout, 9); err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
}

// FuzzLife: what others keep of a task may be anything.
func FuzzLife(f *testing.F) {
	f.Add(taskLife{Wall: time.Second, Stdout: 3, Stderr: 4}.encode())
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := decodeLife(b); err == nil && (l.Version != taskLifeVersion || l.Wall < 0) {
			t.Errorf("%+v", l)
		}
	})
}
