package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	"github.com/godwit-run/godwit/runtime"
)

// live DIR NAME MODULE COUNT WANT: go on with the newest checkpoint of NAME in
// the store in DIR, or with a new instance of the module. Call its export add(1)
// so many times, capture it after each, and compare what the last one returned.
func live(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: live DIR NAME MODULE COUNT WANT")
	}
	count, err := strconv.Atoi(args[3])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	s, err := store.Open(store.Config{FS: store.Dir(dir), Rand: rand.Reader})
	ts.Check(err)
	defer s.Close()
	got, err := liveOn(s, args[1], ts.ReadFile(args[2]), count)
	ts.Check(err)
	if strconv.FormatUint(got, 10) != args[4] {
		ts.Fatalf("add returned %d, want %s", got, args[4])
	}
}

func liveOn(s *store.Store, name, module string, count int) (last uint64, err error) {
	ctx := context.Background()
	engine, err := runtime.New(runtime.Config{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	m, err := engine.Load(ctx, []byte(module))
	if err != nil {
		return 0, err
	}
	i, chain, order, err := awake(ctx, s, name, m)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	for range count {
		results, err := i.Call(ctx, "add", 1)
		if err != nil {
			return 0, err
		}
		last = results[0]
		c, err := i.Capture()
		if err != nil {
			return 0, err
		}
		order.Sequence++
		c.Order, c.Time = order, time.Now()
		ready, err := chain.Update(c)
		if err == nil {
			err = s.Save(ready)
		}
		if err != nil {
			return 0, err
		}
	}
	return last, nil
}

// awake is an instance, and the chain of its checkpoints, in an epoch of its own.
func awake(ctx context.Context, s *store.Store, name string, m *runtime.Module) (*runtime.Instance, *checkpoint.Chain, checkpoint.Order, error) {
	seed := sha256.Sum256([]byte("owner"))
	cfg := checkpoint.Config{Name: name, Module: m.CID(), Owner: checkpoint.Ed25519Key(ed25519.NewKeyFromSeed(seed[:])), Index: s, Old: s}
	newest, over, err := s.Newest(name)
	if errors.Is(err, checkpoint.ErrNotFound) && len(over) == 0 {
		chain, err := checkpoint.NewChain(cfg)
		if err != nil {
			return nil, nil, checkpoint.Order{}, err
		}
		i, err := m.Instantiate(ctx, runtime.Task{})
		return i, chain, checkpoint.Order{Epoch: 1}, err
	}
	if err != nil {
		return nil, nil, checkpoint.Order{}, err
	}
	im, err := checkpoint.LoadImage(newest.Memory, s)
	if err != nil {
		return nil, nil, checkpoint.Order{}, err
	}
	memory, err := im.Read(s)
	if err != nil {
		return nil, nil, checkpoint.Order{}, err
	}
	state, err := newest.ReadState(s)
	if err != nil {
		return nil, nil, checkpoint.Order{}, err
	}
	chain, err := checkpoint.Resume(cfg, newest, s)
	if err != nil {
		return nil, nil, checkpoint.Order{}, err
	}
	i, err := m.Restore(ctx, runtime.Task{}, runtime.Saved{
		Module: newest.Module, Fuel: newest.Fuel, State: state, Size: newest.Memory.Size, Memory: bytes.NewReader(memory),
	})
	if err != nil {
		return nil, nil, checkpoint.Order{}, fmt.Errorf("restore: %w", err)
	}
	all := s.List(name) // a damaged one that is newer has its epoch too
	return i, chain, checkpoint.Order{Epoch: all[len(all)-1].Epoch + 1}, nil
}
