package actors_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/actors/wire"
)

// An actor answers on every node, and goes on counting elsewhere when its node dies.
func TestAnActorOutlivesItsNode(t *testing.T) {
	c := newCluster(t, 3, nil)
	a := c.nodes[0]
	s := a.create("counter", actors.CreateOptions{Module: c.module("counter")})
	if len(s.Replicas) != 3 || s.Epoch == 0 {
		t.Fatalf("created as %+v", s)
	}
	a.ask("counter", "inc", "1")
	for i, n := range c.nodes {
		n.ask("counter", "add 10", []string{"11", "21", "31"}[i])
	}
	leader := c.node(s.Node)
	leader.kill()
	rest := c.but(leader)
	rest.ask("counter", "inc", "32")
	c.but(leader, rest).ask("counter", "inc", "33")
}

// One node alone works, with its disk: what it has acknowledged is there when it is
// started again.
func TestOneNodeAlone(t *testing.T) {
	c := newCluster(t, 1, nil)
	a := c.nodes[0]
	a.create("counter", actors.CreateOptions{Module: c.module("counter")})
	a.ask("counter", "add 5", "5")
	a.kill()
	a.start()
	a.ask("counter", "inc", "6")
	list, err := a.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "counter" {
		t.Fatalf("list is %+v: %v", list, err)
	}
	if s, err := a.Show(t.Context(), "counter"); err != nil || len(s.History) != 2 {
		t.Fatalf("it is %+v: %v", s, err)
	}
}

// A running actor moves while it is asked, and no ask fails.
func TestMigrationUnderLoad(t *testing.T) {
	c := newCluster(t, 3, nil)
	a := c.nodes[0]
	s := a.create("counter", actors.CreateOptions{Module: c.module("counter")})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			got, err := c.nodes[1].Ask(t.Context(), "counter", []byte("inc"), actors.MessageOptions{})
			if err != nil || string(got) != fmt.Sprint(n+1) {
				t.Errorf("inc is %q after %d: %v", got, n, err)
				break
			}
		}
		done <- n
	}()
	from := c.node(s.Node)
	for range 4 {
		to := c.but(from)
		m, err := a.Migrate(t.Context(), "counter", actors.MigrateOptions{To: to.id})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("paused for %v, took %v, %d bytes", m.Pause, m.Took, m.Bytes)
		if s, err = a.Show(t.Context(), "counter"); err != nil || s.Node != to.id {
			t.Fatalf("the actor is on %s, want %s: %v", s.Node, to.id, err)
		}
		if last := s.History[len(s.History)-1]; last.Reason != actors.ReasonManual {
			t.Errorf("it came there for %q", last.Reason)
		}
		from = to
	}
	cancel()
	n := <-done
	a.ask("counter", "get", fmt.Sprint(n))
	t.Logf("%d asks", n)
}

// jammed is a network that opens no streams to a node for a while.
type jammed struct {
	actors.Network
	*jam
}

type jam struct {
	mu    sync.Mutex
	node  wire.NodeID
	tries int // since it is
}

func (j *jam) of(node wire.NodeID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.node, j.tries = node, 0
}

func (j *jam) tried() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.tries
}

func (j jammed) Open(ctx context.Context, to wire.NodeID) (actors.Stream, error) {
	j.mu.Lock()
	jam := j.node == to
	if jam {
		j.tries++
	}
	j.mu.Unlock()
	if jam {
		return nil, errors.New("jammed")
	}
	return j.Network.Open(ctx, to)
}

// A checkpoint that a majority needs gets to a node however often that has failed, though
// nothing else happens: then the actor may rest.
func TestCheckpointsGetThere(t *testing.T) {
	var j jam
	c := newCluster(t, 3, func(cfg *actors.Config) { cfg.Network = jammed{cfg.Network, &j} })
	s := c.nodes[0].create("counter", actors.CreateOptions{Module: c.module("counter")})
	leader := c.node(s.Node)
	other := c.but(leader)
	c.but(leader, other).kill()
	j.of(other.id)
	leader.ask("counter", "add 5", "5")
	c.await("more tries", func() bool { return j.tried() > 4 })
	j.of("")
	c.await("rest", func() bool { return leader.Stats().Running == 0 && other.Stats().Running == 0 })
	other.ask("counter", "inc", "6")
}

// A replica that is lost for long is replaced on another node.
func TestReplacement(t *testing.T) {
	c := newCluster(t, 4, func(cfg *actors.Config) { cfg.ReplaceAfter = 300 * time.Millisecond })
	a := c.nodes[0]
	s := a.create("counter", actors.CreateOptions{Module: c.module("counter")})
	a.ask("counter", "add 7", "7")
	var lost *node
	for _, r := range s.Replicas {
		if n := c.node(r.Node); r.Node != s.Node && n != a {
			lost = n
		}
	}
	lost.kill()
	c.await("another replica", func() bool {
		s, err := a.Show(t.Context(), "counter")
		if err != nil {
			t.Fatal(err)
		}
		alive := 0
		for _, r := range s.Replicas {
			if r.Alive && !r.Learner && r.Node != lost.id {
				alive++
			}
		}
		return alive == 3 && len(s.Replicas) == 3
	})
	a.ask("counter", "get", "7") // and so all know who belongs to the group now
	leader := c.node(s.Node)
	leader.kill()
	c.but(lost, leader).ask("counter", "inc", "8")
}

// With its majority gone an actor says so; it goes on when it is back.
func TestMajorityGone(t *testing.T) {
	c := newCluster(t, 3, nil)
	s := c.nodes[0].create("counter", actors.CreateOptions{Module: c.module("counter")})
	leader := c.node(s.Node)
	leader.ask("counter", "inc", "1")
	other := c.but(leader)
	last := c.but(leader, other)
	leader.kill()
	other.kill()
	c.await("word of it", func() bool { return !last.Alive(leader.id) && !last.Alive(other.id) })
	unavailable := func(what string, f func() error) {
		t.Helper()
		began := time.Now()
		if err := f(); !errors.Is(err, actors.ErrUnavailable) || time.Since(began) > 15*time.Second {
			t.Errorf("%s without a majority: %v after %v", what, err, time.Since(began))
		}
	}
	unavailable("an ask", func() error {
		_, err := last.Ask(t.Context(), "counter", []byte("inc"), actors.MessageOptions{})
		return err
	})
	unavailable("an ask in a hurry", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := last.Ask(ctx, "counter", []byte("inc"), actors.MessageOptions{})
		return err
	})
	unavailable("a send", func() error {
		_, err := last.Send(t.Context(), "counter", []byte("inc"), actors.MessageOptions{})
		return err
	})
	unavailable("a snapshot", func() error { return last.Snapshot(t.Context(), "counter", io.Discard) })
	if s, err := last.Show(t.Context(), "counter"); err != nil || s.State != actors.StateUnavailable {
		t.Errorf("it is %q: %v", s.State, err)
	}
	other.start()
	last.ask("counter", "inc", "2") // nobody has taken the others
}

// A leader that is left alone says so to those whose messages it has taken already: what
// becomes of these is not known.
func TestMajorityGoneMeanwhile(t *testing.T) {
	c := newCluster(t, 3, nil)
	s := c.nodes[0].create("counter", actors.CreateOptions{Module: c.module("counter")})
	leader := c.node(s.Node)
	leader.ask("counter", "inc", "1")
	ended := make(chan error, 2)
	go func() {
		for err := error(nil); ; {
			if _, err = leader.Ask(t.Context(), "counter", []byte("inc"), actors.MessageOptions{}); err != nil {
				ended <- err
				return
			}
		}
	}()
	go func() {
		for err := error(nil); ; {
			if _, err = leader.SendAll(t.Context(), "counter", [][]byte{[]byte("inc"), []byte("inc")}); err != nil {
				ended <- err
				return
			}
		}
	}()
	began := time.Now()
	for _, n := range c.nodes {
		if n != leader {
			n.kill()
		}
	}
	for range 2 {
		if err := <-ended; !errors.Is(err, actors.ErrUnavailable) || !strings.Contains(err.Error(), "may still take effect") {
			t.Errorf("a message that was taken: %v", err)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// An actor that is removed is gone everywhere, and its name is free.
func TestRemove(t *testing.T) {
	c := newCluster(t, 3, nil)
	module := c.module("counter")
	c.nodes[0].create("counter", actors.CreateOptions{Module: module})
	if _, err := c.nodes[1].Create(t.Context(), actors.CreateOptions{Name: "counter", Module: module}); !errors.Is(err, actors.ErrExists) {
		t.Errorf("a second one of the name: %v", err)
	}
	c.nodes[1].ask("counter", "inc", "1")
	if err := c.nodes[2].Remove(t.Context(), "counter"); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes {
		c.await("the end of its replicas", func() bool { return n.Stats().Replicas == 0 })
		if _, err := n.Ask(t.Context(), "counter", []byte("get"), actors.MessageOptions{}); !errors.Is(err, actors.ErrNotFound) {
			t.Errorf("an ask of a removed actor: %v", err)
		}
	}
	c.nodes[1].create("counter", actors.CreateOptions{Module: module})
	c.nodes[2].ask("counter", "inc", "1")
}

// Once an actor is removed, nobody finds it, and its name can be had at once, whether the
// node that is asked has had a replica or not.
func TestNameAfterRemoval(t *testing.T) {
	c := newCluster(t, 4, nil)
	module := c.module("counter")
	for i := range 24 {
		n, other := c.nodes[i%4], c.nodes[(i/4+i)%4]
		n.create("counter", actors.CreateOptions{Module: module})
		if err := other.Remove(t.Context(), "counter"); err != nil {
			t.Fatal(err)
		}
		if s, err := other.Show(t.Context(), "counter"); !errors.Is(err, actors.ErrNotFound) {
			t.Fatalf("%d: it was removed, and is %+v: %v", i, s, err)
		}
		if err := other.Remove(t.Context(), "counter"); !errors.Is(err, actors.ErrNotFound) {
			t.Fatalf("%d: removed once more: %v", i, err)
		}
		other.create("counter", actors.CreateOptions{Module: module})
		other.ask("counter", "inc", "1")
		if err := n.Remove(t.Context(), "counter"); err != nil {
			t.Fatal(err)
		}
		n.create("counter", actors.CreateOptions{Module: module, Idle: true})
		n.ask("counter", "inc", "1")
		if err := n.Remove(t.Context(), "counter"); err != nil {
			t.Fatal(err)
		}
		c.await("the end of its replicas", func() bool {
			return !slices.ContainsFunc(c.nodes, func(n *node) bool { return n.Stats().Replicas > 0 })
		})
	}
}

// A name that has got another actor means that on every node, also on one that knew the one
// before; who removes it does not remove the one that is gone.
func TestNameIsReused(t *testing.T) {
	c := newCluster(t, 4, nil)
	module := c.module("counter")
	a, b := c.nodes[0], c.nodes[1]
	for i := range 6 {
		o := actors.CreateOptions{Module: module, Replicas: 1 + i%2}
		before := a.create("counter", o)
		for _, n := range c.nodes {
			n.ask("counter", "get", "0")
		}
		if err := a.Remove(t.Context(), "counter"); err != nil {
			t.Fatal(err)
		}
		c.await("the end of its replicas", func() bool {
			return !slices.ContainsFunc(c.nodes, func(n *node) bool { return n.Stats().Replicas > 0 })
		})
		after := b.create("counter", o)
		for _, n := range c.nodes {
			if s, err := n.Show(t.Context(), "counter"); err != nil || s.ID != after.ID {
				t.Errorf("%s has %v, which is %s before and %s now: %v", n.id.Short(), s.ID, before.ID, after.ID, err)
			}
		}
		last := c.nodes[2+i%2]
		if err := last.Remove(t.Context(), "counter"); err != nil {
			t.Fatal(err)
		}
		for _, n := range c.nodes {
			if _, err := n.Ask(t.Context(), "counter", []byte("get"), actors.MessageOptions{}); !errors.Is(err, actors.ErrNotFound) {
				t.Errorf("an ask of a removed actor: %v", err)
			}
		}
	}
}

// Whoever asks a node that is only starting waits for it.
func TestAskWhileStarting(t *testing.T) {
	c := newCluster(t, 1, nil)
	n := c.nodes[0]
	n.create("counter", actors.CreateOptions{Module: c.module("counter")})
	n.kill()
	answered := make(chan error, 1)
	n.starting = func() {
		host, begun := n.Host, make(chan struct{})
		go func() {
			close(begun)
			_, err := host.Ask(t.Context(), "counter", []byte("inc"), actors.MessageOptions{})
			answered <- err
		}()
		<-begun
		if s := host.Stats(); s != (actors.Stats{}) || host.Alive(n.id) {
			t.Errorf("before it runs it has %+v", s)
		}
	}
	n.start()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// An actor that is made idle is nothing but a name, until its first message; it is there
// after all nodes were away.
func TestCreateIdle(t *testing.T) {
	c := newCluster(t, 3, nil)
	module := c.module("counter")
	for _, name := range []string{"a", "b"} {
		s := c.nodes[0].create(name, actors.CreateOptions{Module: module, Idle: true})
		if s.State != actors.StateIdle || len(s.Replicas) != 3 {
			t.Errorf("created as %+v", s)
		}
	}
	if _, err := c.nodes[1].Create(t.Context(), actors.CreateOptions{Name: "a", Module: module, Idle: true}); !errors.Is(err, actors.ErrExists) {
		t.Errorf("a second one of the name: %v", err)
	}
	for _, n := range c.nodes {
		c.await("all replicas", func() bool { s := n.Stats(); return s.Replicas == 2 && s.Running == 0 })
	}
	c.nodes[2].ask("a", "inc", "1")
	if s, err := c.nodes[1].Show(t.Context(), "a"); err != nil || len(s.History) != 1 || s.History[0].Reason != actors.ReasonCreated {
		t.Errorf("it has begun as %+v: %v", s.History, err)
	}
	for _, n := range c.nodes {
		n.kill()
	}
	for _, n := range c.nodes {
		n.start()
	}
	c.nodes[0].ask("b", "inc", "1")
	c.nodes[0].kill()
	c.nodes[1].ask("b", "inc", "2")
}

// An actor that rests costs nothing; a message wakes it.
func TestParking(t *testing.T) {
	c := newCluster(t, 3, func(cfg *actors.Config) { cfg.ParkAfter = 100 * time.Millisecond })
	a := c.nodes[0]
	a.create("counter", actors.CreateOptions{Module: c.module("counter")})
	for i := range 3 {
		a.ask("counter", "inc", fmt.Sprint(i+1))
		for _, n := range c.nodes {
			c.await("rest", func() bool { return n.Stats().Running == 0 })
		}
	}
}
