package runtime

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// inbox is what a guest receives from; where it is empty, receive suspends.
type inbox struct {
	Messages []uint64
	Received int
}

func (b *inbox) Capture() ([]byte, error)   { return json.Marshal(b) }
func (b *inbox) Restore(saved []byte) error { return json.Unmarshal(saved, b) }

func inboxHost() hostabi.Module {
	return hostabi.Module{Name: "inbox", Funcs: []hostabi.Func{{
		Name: "receive", Params: []api.ValueType{api.ValueTypeI32}, Results: []api.ValueType{api.ValueTypeI64}, Suspends: true,
		Call: func(_ context.Context, caller hostabi.Caller, stack []uint64) {
			b := caller.State("inbox").(*inbox)
			if b.Received == len(b.Messages) {
				panic(hostabi.Suspend{})
			}
			stack[0] = b.Messages[b.Received] + uint64(uint32(stack[0]))
			b.Received++
		},
	}}}
}

// process receives until a message is 0, and returns the sum of all, each counted once more
// for what receive is given.
func process() []byte {
	i64 := []wasm.ValType{wasm.I64}
	m := &wasm.Module{
		Types:   []wasm.FuncType{{Params: []wasm.ValType{wasm.I32}, Results: i64}, {Results: i64}},
		Imports: []wasm.Import{{Module: "inbox", Name: "receive", Kind: wasm.KindFunc, Func: 0}},
		Funcs:   []uint32{1, 1},
		Exports: []wasm.Export{{Name: "sum", Kind: wasm.KindFunc, Index: 1}, {Name: "calls", Kind: wasm.KindFunc, Index: 2}},
		Globals: []wasm.Global{{Type: wasm.GlobalType{Type: wasm.I64, Mutable: true}, Init: wasm.ConstI64(0)}},
	}
	sum := wasm.Code{Locals: []wasm.LocalRun{{N: 1, Type: wasm.I64}}, Body: []byte{
		0x03, 0x7e, // loop (result i64)
		0x23, 0x00, 0x42, 0x01, 0x7c, 0x24, 0x00, // calls++
		0x23, 0x00, // global.get 0: an operand below the call
		0x41, 0x01, 0x10, 0x00, 0x22, 0x00, // receive(1), kept in local 0
		0x7c, 0x24, 0x00, // calls += it
		0x20, 0x00, 0x42, 0x01, 0x52, // is it other than 0 + 1?
		0x04, 0x7e, 0x0c, 0x01, 0x05, 0x23, 0x00, 0x0b, // if: again; else: the sum
		0x0b, 0x0b,
	}}
	m.Codes = []wasm.Code{sum, {Body: []byte{0x23, 0x00, 0x0b}}}
	return m.Encode()
}

// TestProcess lets a guest wait for messages in the middle of a call, in one instance after
// another.
func TestProcess(t *testing.T) {
	ctx := t.Context()
	host := []hostabi.Module{inboxHost()}
	var modules []*Module
	for _, kind := range kinds() {
		modules = append(modules, load(t, newEngine(t, Config{Kind: kind, HostModules: host, Suspend: true}), process()))
	}
	box := &inbox{}
	i, err := modules[0].Instantiate(ctx, Task{State: map[string]any{"inbox": box}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Resume(ctx); !errors.Is(err, ErrNotSuspended) {
		t.Errorf("resume of a guest that is not suspended: %v", err)
	}
	_, err = i.Call(ctx, "sum")
	for n, message := range []uint64{40, 50, 60} {
		if !errors.Is(err, ErrSuspended) || !i.Suspended() {
			t.Fatalf("message %d: %v", n, err)
		}
		if _, err := i.Call(ctx, "calls"); !errors.Is(err, ErrSuspended) {
			t.Errorf("call while one is suspended: %v", err)
		}
		c, err := i.Capture()
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
		box = &inbox{}
		m := modules[n%len(modules)]
		saved := Saved{Module: m.CID(), Fuel: c.Fuel, State: &c.State, Memory: bytes.NewReader(nil)}
		if i, err = m.Restore(ctx, Task{State: map[string]any{"inbox": box}}, saved); err != nil {
			t.Fatal(err)
		}
		box.Messages = append(box.Messages, message)
		_, err = i.Resume(ctx)
		if !errors.Is(err, ErrSuspended) {
			t.Fatal(err)
		}
		_, err = i.Resume(ctx) // for nothing
		if !errors.Is(err, ErrSuspended) {
			t.Fatal(err)
		}
	}
	box.Messages = append(box.Messages, 0)
	results, err := i.Resume(ctx)
	if err != nil || len(results) != 1 || results[0] != 40+50+60+4*2 {
		t.Errorf("sum %v, %v", results, err)
	}
	if used := i.FuelUsed(); used != 4*15 {
		t.Errorf("fuel %d", used)
	}
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
}

// sleeper calls poll_oneoff for a clock that is due after so long, and returns its errno.
func sleeper(d time.Duration) []byte {
	i32 := []wasm.ValType{wasm.I32}
	subscription := make([]byte, 48)
	subscription[16] = 1 // the monotonic clock
	binary.LittleEndian.PutUint64(subscription[24:], uint64(d))
	m := &wasm.Module{
		Types:    []wasm.FuncType{{Params: slices.Repeat(i32, 4), Results: i32}, {Results: i32}},
		Imports:  []wasm.Import{{Module: wasiModule, Name: "poll_oneoff", Kind: wasm.KindFunc, Func: 0}},
		Funcs:    []uint32{1},
		Memories: []wasm.MemoryType{{Limits: wasm.Limits{Min: 1}}},
		Exports:  []wasm.Export{{Name: "sleep", Kind: wasm.KindFunc, Index: 1}},
		Data:     []wasm.Data{{Offset: wasm.ConstI32(0), Bytes: subscription}},
		Codes:    []wasm.Code{{Body: []byte{0x41, 0, 0x41, 0xc0, 0, 0x41, 1, 0x41, 0x80, 1, 0x10, 0, 0x0b}}},
	}
	return m.Encode()
}

// TestSleep captures a guest that sleeps, over and over. It wakes when it would have, there and
// where it goes on.
func TestSleep(t *testing.T) {
	const long = 400 * time.Millisecond
	ctx := t.Context()
	m := load(t, newEngine(t, Config{Suspend: true}), sleeper(long))
	i, err := m.Instantiate(ctx, Task{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	woken := make(chan error)
	start := time.Now()
	go func() {
		results, err := i.Call(ctx, "sleep")
		if err == nil && results[0] != 0 {
			err = fmt.Errorf("errno %d", results[0])
		}
		woken <- err
	}()
	var last, asleep snapshot
	captures := 0
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case err = <-woken:
		case <-tick.C:
			if c, err := i.Capture(); err == nil {
				captures++
				if last = last.then(c); last.suspended() {
					asleep = last
				}
			}
			continue
		}
		tick.Stop()
		break
	}
	if took := time.Since(start); err != nil || took < long || captures < 3 {
		t.Errorf("woke after %v and %d captures: %v", took, captures, err)
	}
	if _, _, err := asleep.finish(ctx, m, Task{}); err != nil {
		t.Error(err)
	}
}

// TestSuspendRefused restores continuations that are not what they should be.
func TestSuspendRefused(t *testing.T) {
	ctx := t.Context()
	m := load(t, newEngine(t, Config{HostModules: []hostabi.Module{inboxHost()}, Suspend: true}), process())
	without := load(t, newEngine(t, Config{HostModules: []hostabi.Module{inboxHost()}}), process())
	i, err := m.Instantiate(ctx, Task{State: map[string]any{"inbox": &inbox{}}})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if _, err = i.Call(ctx, "sum"); !errors.Is(err, ErrSuspended) {
		t.Fatal(err)
	}
	c, err := i.Capture()
	if err != nil {
		t.Fatal(err)
	}
	call := c.State.Sections[sectionCall]
	for _, test := range []struct {
		name   string
		module *Module
		change func(b []byte) []byte
		want   string
	}{
		{"another engine", without, func(b []byte) []byte { return b }, "cannot go on here"},
		{"version", m, func(b []byte) []byte { b[0]++; return b }, "version"},
		{"code", m, func(b []byte) []byte { b[1]++; return b }, "of code that this version does not make"},
		{"truncated", m, func(b []byte) []byte { return b[:len(b)-1] }, "malformed"},
		{"longer", m, func(b []byte) []byte { return append(b, 0) }, "malformed"},
		{"empty", m, func([]byte) []byte { return nil }, "malformed"},
		{"export", m, func(b []byte) []byte { return bytes.Replace(b, []byte("\x03sum"), []byte("\x03bum"), 1) }, "not exported"},
		{"frames out of order", m, func(b []byte) []byte {
			k, err := decodeContinuation(b, m.clones.hash)
			if err != nil {
				t.Fatal(err)
			}
			k.frames[0], k.frames[1] = k.frames[1], k.frames[0]
			return k.encode(m.clones.hash)
		}, "frame 0"},
		{"no such point", m, func(b []byte) []byte {
			k, _ := decodeContinuation(b, m.clones.hash)
			k.frames[1].point += 7
			return k.encode(m.clones.hash)
		}, "no such place"},
	} {
		t.Run(test.name, func(t *testing.T) {
			state := c.State
			state.Sections = map[string][]byte{sectionRuntime: c.State.Sections[sectionRuntime],
				sectionHost + "inbox": c.State.Sections[sectionHost+"inbox"], sectionCall: test.change(bytes.Clone(call))}
			_, err := test.module.Restore(ctx, Task{State: map[string]any{"inbox": &inbox{}}},
				Saved{Module: m.CID(), Fuel: c.Fuel, State: &state, Memory: bytes.NewReader(nil)})
			if !errors.Is(err, ErrSaved) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// FuzzContinuation decodes anything; what is a continuation is encoded as it was.
func FuzzContinuation(f *testing.F) {
	var code [32]byte
	f.Add((&continuation{export: "run", depth: 9, frames: []savedFrame{{1 << 12, []uint64{1, 1 << 60}}, {2, nil}}}).encode(code))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeContinuation(b, code)
		if err == nil && !bytes.Equal(c.encode(code), b) {
			t.Errorf("%x is decoded as %+v, which is %x", b, c, c.encode(code))
		}
	})
}
