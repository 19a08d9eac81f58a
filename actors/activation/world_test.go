package activation

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/blobs/unixfscid"
	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/actor"
	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/runtime"
	swire "github.com/godwit-run/godwit/scheduler/wire"
)

// library is the modules that tests know.
type library struct {
	mu  sync.Mutex
	all map[cid.Cid][]byte
}

func (l *library) add(b []byte) wire.Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := unixfscid.SumBytes(b)
	l.all[id] = b
	return wire.Link{Cid: id}
}

func (l *library) get(_ context.Context, id cid.Cid) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.all[id]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("no module %s", id)
}

// guest is a module of testdata.
func (l *library) guest(t testing.TB, name string) wire.Link {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return l.add(b)
}

func (l *library) example(t testing.TB, file string) wire.Link {
	t.Helper()
	b, err := os.ReadFile("../../examples/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return l.add(b)
}

// node is an engine with its store.
type node struct {
	*Engine
	t testing.TB
}

func newNode(t testing.TB, l *library, change ...func(*Config)) *node {
	t.Helper()
	cfg := Config{Runtime: newRuntime(t, true), Store: newStore(t), Dir: t.TempDir(), Owner: testKey, Modules: l.get, Checkpoint: time.Minute}
	for _, c := range change {
		c(&cfg)
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return &node{e, t}
}

func newRuntime(t testing.TB, suspend bool) *runtime.Engine {
	t.Helper()
	rt, err := runtime.New(runtime.Config{HostModules: []hostabi.Module{actor.Module(), gpu.Module()}, Suspend: suspend})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	return rt
}

// push brings a checkpoint to another node.
func (n *node) push(id wire.ActorID, c wire.Checkpoint, to *node) {
	n.t.Helper()
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := to.Serve(context.Background(), id, b)
		done <- errors.Join(err, b.Close())
	}()
	_, err := n.Push(n.t.Context(), id, c.Manifest.Cid, a)
	if err := errors.Join(err, a.Close(), <-done); err != nil {
		n.t.Fatal(err)
	}
}

// script is an actor's log, as a test writes it.
type script struct {
	t       testing.TB
	actor   wire.ActorID
	spec    wire.Spec
	base    uint64 // of entries
	entries []wire.Committed
	epoch   uint64
	now     int64
	seq     uint64
}

var testNode = swire.NodeIDOf(ed25519.PrivateKey(testKey).Public().(ed25519.PublicKey))

func newScript(t testing.TB, module wire.Link) *script {
	s := &script{
		t: t, actor: wire.ActorID{1, 2, 3}, epoch: 1, now: 1_700_000_000_000_000_000,
		spec: wire.Spec{
			Name: "it", Module: module, Replicas: 1, Fuel: 100_000_000, Memory: 64 << 20, OnFailure: wire.Restart, Restarts: 5,
			Within: time.Minute, Creator: testNode,
		},
	}
	s.activate()
	return s
}

func (s *script) start(c *wire.Checkpoint) Start {
	entries := s.entries
	if c != nil {
		entries = slices.DeleteFunc(slices.Clone(entries), func(e wire.Committed) bool { return e.Index <= c.Index })
	}
	if err := s.spec.Validate(); err != nil {
		s.t.Fatal(err)
	}
	return Start{Actor: s.actor, Spec: s.spec, Checkpoint: c, Entries: entries, Epoch: s.epoch}
}

// add appends an entry.
func (s *script) add(items ...wire.Item) wire.Committed {
	s.t.Helper()
	s.now += int64(time.Millisecond)
	e := wire.Committed{Index: s.base + uint64(len(s.entries)) + 1, Epoch: s.epoch, Entry: wire.Entry{Time: s.now, Items: items}}
	binary.BigEndian.PutUint64(e.Entry.Seed[:], e.Index)
	if err := e.Entry.Validate(); err != nil {
		s.t.Fatal(err)
	}
	s.entries = append(s.entries, e)
	return e
}

// activate begins an epoch.
func (s *script) activate() wire.Committed {
	s.t.Helper()
	return s.add(wire.Item{Activate: &wire.Activate{Node: testNode, Reason: wire.ReasonFailure}})
}

// ask is an item with an ask of a client.
func (s *script) ask(payload string) wire.Item {
	s.seq++
	return wire.Item{Message: &wire.Message{ID: wire.NewMessageID([8]byte{9}, s.seq), Ask: true, Payload: []byte(payload)}}
}

// watcher is a sink that remembers.
type watcher struct {
	t testing.TB

	mu       sync.Mutex
	changed  chan struct{}
	outputs  []mailbox.Output
	captured []Captured
	last     Summary
	err      error
}

func newWatcher(t testing.TB) *watcher { return &watcher{t: t, changed: make(chan struct{})} }

func (w *watcher) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *watcher) Outputs(_ uint64, out []mailbox.Output) {
	w.change(func() { w.outputs = append(w.outputs, out...) })
}
func (w *watcher) Executed(s Summary)  { w.change(func() { w.last = s }) }
func (w *watcher) Captured(c Captured) { w.change(func() { w.captured = append(w.captured, c) }) }
func (w *watcher) Failed(err error)    { w.change(func() { w.err = err }) }

// until waits for something to be so.
func (w *watcher) until(so func() bool) {
	w.t.Helper()
	late := time.After(2 * time.Minute) // to compile a module takes long on a busy machine
	for {
		w.mu.Lock()
		done, err, changed := so(), w.err, w.changed
		w.mu.Unlock()
		if done {
			return
		}
		if err != nil {
			w.t.Fatal(err)
		}
		select {
		case <-changed:
		case <-late:
			w.t.Fatalf("nothing more happens; outputs %v, %+v", w.outputs, w.last)
		}
	}
}

// failed waits until the node cannot go on.
func (w *watcher) failed() {
	w.t.Helper()
	for {
		w.mu.Lock()
		err, changed := w.err, w.changed
		w.mu.Unlock()
		if err != nil {
			return
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			w.t.Fatal("no failure")
		}
	}
}

func testLink(content string) wire.Link {
	return wire.Link{Cid: unixfscid.SumBytes([]byte(content))}
}

// executed waits until an entry has been executed.
func (w *watcher) executed(index uint64) Summary {
	w.t.Helper()
	w.until(func() bool { return w.last.Index >= index })
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// checkpoint asks for a checkpoint and waits until there is one of an entry.
func (w *watcher) checkpoint(a *Activation, index uint64) wire.Checkpoint {
	w.t.Helper()
	w.executed(index)
	a.Checkpoint()
	w.until(func() bool {
		n := len(w.captured)
		return n > 0 && w.captured[n-1].Checkpoint.Index >= index
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.captured[len(w.captured)-1].Checkpoint
}

// answers are the replies so far, as text.
func (w *watcher) answers() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, o := range w.outputs {
		a, ok := o.(mailbox.Answer)
		switch {
		case ok && a.Result.Outcome == wire.OK:
			all = append(all, string(a.Result.Payload))
		case ok:
			all = append(all, a.Result.Outcome.String()+": "+string(a.Result.Payload))
		}
	}
	return all
}

// hash is the state's, at rest after the entry that was executed last. Of a guest that
// is blocked it is the mailbox's.
func (a *Activation) hash(t testing.TB, w *watcher) [32]byte {
	t.Helper()
	w.mu.Lock()
	blocked := w.last.InCall
	w.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if blocked {
		return sha256.Sum256(a.run.state.Encode())
	}
	for a.running {
		a.mu.Unlock()
		time.Sleep(time.Millisecond)
		a.mu.Lock()
	}
	h, err := a.run.stateHash()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// replies are the results of asks by the asks' numbers in the script, all that were
// given.
func (w *watcher) replies() map[uint64][]wire.Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[uint64][]wire.Result{}
	for _, o := range w.outputs {
		if a, ok := o.(mailbox.Answer); ok {
			all[a.ID.Seq()] = append(all[a.ID.Seq()], a.Result)
		}
	}
	return all
}

// asked are the numbers of the guest's asks that were sent.
func (w *watcher) asked() []uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []uint64
	for _, o := range w.outputs {
		if s, ok := o.(mailbox.Sent); ok && s.Ask > 0 {
			all = append(all, s.Ask)
		}
	}
	return all
}

func memoryAt(t testing.TB, n *node, c wire.Checkpoint) checkpoint.Memory {
	t.Helper()
	signed, err := n.cfg.Store.Load(c.Manifest.Cid)
	if err != nil {
		t.Fatal(err)
	}
	return signed.Memory
}

func (n *node) activate(s Start) (*Activation, *watcher) {
	n.t.Helper()
	w := newWatcher(n.t)
	a, err := n.Activate(s, w)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := a.Halt(); err != nil {
			n.t.Error(err)
		}
	})
	return a, w
}
