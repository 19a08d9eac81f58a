package activation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/wire"
)

// TestExamples: the example actors, in C, Rust and Go, reactors and a process, go on on
// another node as if nothing had been.
func TestExamples(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	here := newNode(t, lib)
	there := newNode(t, lib, func(c *Config) { c.Runtime = here.cfg.Runtime }) // compiled once
	for file, c := range map[string]struct {
		asks    []string
		process bool
		want    string // among the answers
	}{
		"counter/counter.wasm":   {asks: []string{"inc", "add 5", "get"}, want: "6"},
		"bank/bank.wasm":         {asks: []string{"open 100", "balance", "transfer bob 30 rent", "balance"}, want: "70"},
		"chat-room/chat.wasm":    {asks: []string{"enter lobby", "members", "say hello", "read"}},
		"game-of-life/life.wasm": {asks: []string{"generation", "step 3", "generation"}, process: true, want: "5"},
	} {
		t.Run(file, func(t *testing.T) {
			if testing.Short() && strings.HasPrefix(file, "chat") {
				t.Skip("compiles a Go program")
			}
			s := newScript(t, lib.example(t, file))
			s.spec.Fuel = 10_000_000_000
			s.actor = wire.ActorID(append([]byte(file), 0, 0)[:16])
			a, w := here.activate(s.start(nil))
			for _, ask := range c.asks {
				e := s.add(s.ask(ask))
				a.Apply(s.entries[e.Index-1:])
				w.executed(e.Index)
				s.now += int64(20 * time.Second) // what it may wait for is over
				e = s.add()
				a.Apply(s.entries[e.Index-1:])
				w.executed(e.Index)
			}
			t.Logf("%q", w.answers())
			if c.want != "" && !slices.ContainsFunc(w.answers(), func(a string) bool { return strings.Contains(a, c.want) }) {
				t.Errorf("no answer has %q", c.want)
			}
			var from *wire.Checkpoint
			if !c.process {
				c := w.checkpoint(a, 3)
				here.push(s.actor, c, there)
				from = &c
			}
			last := uint64(len(s.entries))
			b, w2 := there.activate(s.start(from))
			w2.executed(last)
			e := s.add(s.ask(c.asks[len(c.asks)-1]))
			a.Apply([]wire.Committed{e})
			b.Apply([]wire.Committed{e})
			w.executed(e.Index)
			w2.executed(e.Index)
			if a.hash(t, w) != b.hash(t, w2) {
				t.Error("it is another there")
			}
			if got, want := w2.answers(), w.answers(); len(got) != 1 || got[0] != want[len(want)-1] {
				t.Errorf("%q where it had %q", got, want)
			}
		})
	}
}
