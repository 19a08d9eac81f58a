package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
)

// checkpoints DIR NAME COUNT [OWNER]: capture a small instance so many times
// more, each time with another page changed, into the store in DIR. OWNER signs
// (default "owner").
func checkpoints(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: checkpoints DIR NAME COUNT [OWNER]")
	}
	count, err := strconv.Atoi(args[2])
	ts.Check(err)
	owner := "owner"
	if len(args) > 3 {
		owner = args[3]
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	s, err := store.Open(store.Config{FS: store.Dir(dir), Rand: rand.Reader})
	ts.Check(err)
	ts.Check(capture(s, args[1], owner, count))
	ts.Check(s.Close())
}

// hold DIR: use the store in DIR, as a node would, until the script ends.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold DIR")
	}
	s, err := store.Open(store.Config{FS: store.Dir(ts.MkAbs(args[0])), Rand: rand.Reader})
	ts.Check(err)
	ts.Defer(func() { ts.Check(s.Close()) })
}

// capture continues a chain of checkpoints.
func capture(s *store.Store, name, owner string, count int) error {
	seed := sha256.Sum256([]byte(owner))
	cfg := checkpoint.Config{
		Name: name, Module: checkpoint.NewRaw([]byte("a module")).ID, Index: s, Old: s,
		Owner: checkpoint.Ed25519Key(ed25519.NewKeyFromSeed(seed[:])),
	}
	chain, err := checkpoint.NewChain(cfg)
	first := uint64(1)
	if last, _, lastErr := s.Newest(name); lastErr == nil {
		first = last.Sequence + 1
		chain, err = checkpoint.Resume(cfg, last, s)
	}
	for i := range uint64(count) {
		if err == nil {
			err = captureOne(s, chain, name, first+i)
		}
	}
	return err
}

func captureOne(s *store.Store, chain *checkpoint.Chain, name string, sequence uint64) error {
	page := bytes.Repeat([]byte(fmt.Sprintf("%s %d. ", name, sequence)), checkpoint.PageSize)[:checkpoint.PageSize]
	ready, err := chain.Update(checkpoint.Capture{
		Order: checkpoint.Order{Epoch: 2, Sequence: sequence},
		Time:  time.Date(2026, 3, 1, 12, 0, int(sequence), 0, time.UTC),
		Fuel:  checkpoint.Fuel{Version: 1, Used: 1000 * sequence, Limit: 1_000_000},
		Size:  1 << 20,
		Dirty: []checkpoint.Run{{Start: sequence % 200 * checkpoint.PageSize, Bytes: page}},
		State: checkpoint.State{
			Globals:  []checkpoint.Global{{Type: checkpoint.I32, Lo: sequence}, {Type: checkpoint.V128, Lo: 1, Hi: 2}},
			Tables:   []checkpoint.Table{{Type: checkpoint.FuncRef, Entries: []uint32{3, checkpoint.Null, 1}}},
			Sections: map[string][]byte{"wasi": bytes.Repeat([]byte("w"), 5000)}, DroppedData: []uint32{0, 2},
		},
	})
	if err != nil {
		return err
	}
	return s.Save(ready)
}

// damage DIR CHECKPOINT WHAT [COUNT]: change COUNT bytes (default 2, which is
// beyond repair) of the pack of the highest page, of the page map or of the manifest.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: damage DIR CHECKPOINT pages|map|manifest [COUNT]")
	}
	count := 2
	if len(args) > 3 {
		var err error
		count, err = strconv.Atoi(args[3])
		ts.Check(err)
	}
	id, err := damageable(ts.MkAbs(args[0]), args[1], args[2])
	ts.Check(err)
	ts.Check(damageObject(ts.MkAbs(args[0]), id, count))
}

// damageable is the object of a checkpoint, as a store's files name it.
func damageable(dir, spec, what string) (string, error) {
	s, err := storeFolder(dir).read()
	if err != nil {
		return "", err
	}
	defer s.Close()
	ref, err := findCheckpoint(s, spec)
	if err != nil {
		return "", err
	}
	signed, err := s.Load(ref.ID)
	if err != nil {
		return "", err
	}
	switch what {
	case "map":
		return signed.Memory.Map.KeyString(), nil
	case "manifest":
		return signed.ID.KeyString(), nil
	}
	im, err := checkpoint.LoadImage(signed.Memory, s)
	if err != nil {
		return "", err
	}
	extents := im.Extents()
	if len(extents) == 0 {
		return "", fmt.Errorf("%s has no pages", spec)
	}
	newest := slices.MaxFunc(extents, func(a, b checkpoint.Extent) int { return a.Page - b.Page })
	return newest.Pack.KeyString(), nil
}

// damageObject flips bytes of the record with a name, behind its header.
func damageObject(dir, id string, count int) error {
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		return err
	}
	for _, name := range segments {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		at := payloadOf(b, id)
		if at < 0 {
			continue
		}
		for i := range count {
			b[at+10*i] ^= math.MaxUint8
		}
		return os.WriteFile(name, b, 0o600)
	}
	return fmt.Errorf("no segment in %s has it", dir)
}

// payloadOf finds a record by its header, which ends in the name: elsewhere the
// name is a link.
func payloadOf(segment []byte, id string) int {
	for at := 0; ; at++ {
		i := bytes.Index(segment[at:], []byte(id))
		if i < 0 {
			return -1
		}
		at += i
		if at >= 32 && bytes.Equal(segment[at-19:at-16], []byte{0, 0, 0}) && (segment[at-20] == 1 || segment[at-20] == 2) {
			return at + len(id)
		}
	}
}

// clip FILE BYTES: cut a file short by so many bytes.
func clip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: clip FILE BYTES")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), info.Size()-n))
}

// flip FILE OFFSET: change the byte at an offset, from the end if it is negative.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 0xff
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// setenv NAME FILE: set a variable to a file's content without its line end.
func setenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setenv NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}
