package activation

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/wire"
)

// history is a log and what came of it when it was executed in one go.
type history struct {
	*script
	hash    [32]byte
	replies map[uint64][]wire.Result
}

var verbs = []string{
	"inc", "inc", "get", "clock", "say hello", "touch 3", "touch 9", "send other hi", "ask other hi", "ask other hi", "timer 3000000",
	"trap", "asktrap other hi", "exit 3", "spawn child", "sum",
}

// live has an actor live through random entries: some of several messages, some that
// only let time pass, replies to what it asks, late or never.
func live(t *testing.T, n *node, module wire.Link, rng *rand.Rand, entries int) history {
	t.Helper()
	s := newScript(t, module)
	s.spec.Restarts = 1000
	a, w := n.activate(s.start(nil))
	answered := 0
	for range entries {
		var items []wire.Item
		for _, ask := range w.asked()[answered:] {
			if rng.IntN(3) > 0 {
				r := wire.Result{Outcome: wire.OK, Payload: fmt.Appendf(nil, "answer to %d", ask)}
				if rng.IntN(4) == 0 {
					r.Outcome = wire.Refused
				}
				items = append(items, wire.Item{Reply: &wire.Reply{Ask: ask, Result: r}})
			}
			answered++
		}
		for range rng.IntN(4) {
			items = append(items, s.ask(verbs[rng.IntN(len(verbs))]))
		}
		if rng.IntN(10) == 0 {
			s.now += int64(rng.IntN(int(2 * time.Second)))
		}
		e := s.add(items...)
		a.Apply(s.entries[e.Index-1:])
		w.executed(e.Index)
	}
	for range 40 { // until no ask waits any more
		s.now += int64(2 * time.Second)
		e := s.add()
		a.Apply(s.entries[e.Index-1:])
		w.executed(e.Index)
	}
	e := s.add(s.ask("sum"))
	a.Apply(s.entries[e.Index-1:])
	w.executed(e.Index)
	if w.replies()[s.seq] == nil {
		t.Fatal("it does not answer any more")
	}
	h := history{script: s, hash: a.hash(t, w), replies: w.replies()}
	if err := a.Halt(); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestReplay: however often an actor is captured, killed, and goes on on another node
// from a checkpoint and the entries behind it, it ends up the same, to the byte, and
// has said the same.
func TestReplay(t *testing.T) {
	for _, name := range []string{"probe", "process", "process/blocking"} {
		t.Run(name, func(t *testing.T) {
			guest, _, blocking := strings.Cut(name, "/")
			lib := &library{all: map[cid.Cid][]byte{}}
			seldom := func(c *Config) {
				if blocking {
					c.Runtime = newRuntime(t, false)
				}
			}
			often := func(c *Config) {
				seldom(c)
				c.Checkpoint = 2 * time.Millisecond
			}
			nodes := []*node{newNode(t, lib, seldom), newNode(t, lib, often), newNode(t, lib, often)}
			for seed := range uint64(6) {
				rng := rand.New(rand.NewPCG(seed, 0))
				h := live(t, nodes[0], lib.guest(t, guest), rng, 60)
				for _, n := range nodes {
					if err := n.Forget(h.actor); err != nil {
						t.Fatal(err)
					}
				}
				relive(t, nodes, h, rng)
				if t.Failed() {
					t.Fatalf("seed %d: go test -run TestReplay/%s ./actors/activation", seed, name)
				}
			}
		})
	}
}

func relive(t *testing.T, nodes []*node, h history, rng *rand.Rand) {
	t.Helper()
	all, at := h.entries, 1
	said := map[uint64][]wire.Result{}
	var last *wire.Checkpoint
	for home := 0; ; home++ {
		n := nodes[home%len(nodes)]
		if last != nil {
			nodes[(home+len(nodes)-1)%len(nodes)].push(h.actor, *last, n)
		}
		h.entries = all[:at]
		start := h.start(last)
		start.Epoch += uint64(home)
		a, w := n.activate(start)
		w.executed(uint64(at))
		for range rng.IntN(20) {
			to := min(len(all), at+rng.IntN(5))
			a.Apply(all[at:to])
			at = to
			if rng.IntN(2) == 0 {
				w.executed(uint64(at))
			}
			if rng.IntN(4) == 0 {
				a.Checkpoint()
			}
		}
		if rng.IntN(2) == 0 || at == len(all) {
			w.executed(uint64(at))
		}
		var end [32]byte
		if at == len(all) {
			end = a.hash(t, w)
		}
		if err := a.Halt(); err != nil {
			t.Fatal(err)
		}
		if k := len(w.captured); k > 0 {
			last = &w.captured[k-1].Checkpoint
		}
		for ask, results := range w.replies() {
			said[ask] = append(said[ask], results...)
		}
		if at == len(all) {
			if end != h.hash {
				t.Error("it ends in another state")
			}
			break
		}
	}
	for ask, results := range said {
		for _, r := range results {
			if !slices.ContainsFunc(h.replies[ask], func(x wire.Result) bool { return reflect.DeepEqual(x, r) }) {
				t.Errorf("ask %d was answered %s %q, which it was not in one go", ask, r.Outcome, r.Payload)
			}
		}
	}
}
