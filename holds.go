package godwit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// holdPin is the name of the pins that keep what unfinished tasks need.
const holdPin = "tasks"

// holdIdle is how long a pin stays that no task needs any more: the next task may.
const holdIdle = time.Minute

// holds keeps the modules and inputs of unfinished tasks from being collected: one
// pin for each blob, however many tasks want it, so that a task that shares them
// with others costs no write.
type holds struct {
	store *blobs.Store
	log   *slog.Logger

	mu    sync.Mutex
	tasks map[wire.TaskID][]cid.Cid
	users map[cid.Cid]int
	idle  map[cid.Cid]time.Time // pinned, and since when without users
}

func newHolds(s *blobs.Store, log *slog.Logger) *holds {
	return &holds{
		store: s, log: log,
		tasks: make(map[wire.TaskID][]cid.Cid), users: make(map[cid.Cid]int), idle: make(map[cid.Cid]time.Time),
	}
}

// needs lists the blobs that a task cannot run without.
func needs(s *wire.Spec) []cid.Cid {
	list := []cid.Cid{s.Module.Cid}
	if s.Stdin.Defined() {
		list = append(list, s.Stdin.Cid)
	}
	for _, in := range s.Inputs {
		list = append(list, in.Link.Cid)
	}
	return list
}

// add keeps what a task needs until it is removed.
func (h *holds) add(id wire.TaskID, s *wire.Spec) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tasks[id] != nil {
		return nil
	}
	for _, c := range needs(s) {
		if err := h.keep(c); err != nil {
			h.drop(id)
			return err
		}
		h.tasks[id] = append(h.tasks[id], c)
	}
	return nil
}

// keep adds a user of a blob.
func (h *holds) keep(c cid.Cid) error {
	if _, idle := h.idle[c]; h.users[c] == 0 && !idle {
		if err := h.store.Pin(blobs.Pin{Name: holdPin, Reason: "needed by unfinished tasks", CID: c, Local: true}); err != nil {
			return err
		}
	}
	delete(h.idle, c)
	h.users[c]++
	return nil
}

// remove lets go of what a task needed.
func (h *holds) remove(id wire.TaskID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(id)
}

func (h *holds) drop(id wire.TaskID) {
	for _, c := range h.tasks[id] {
		if h.users[c]--; h.users[c] <= 0 {
			delete(h.users, c)
			h.idle[c] = time.Now()
		}
	}
	delete(h.tasks, id)
}

// run takes away pins that have not been needed for a while, until ctx is done.
func (h *holds) run(ctx context.Context) error {
	tick := time.NewTicker(holdIdle)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := h.sweep(now); err != nil {
				h.log.Error("let go of blobs", "err", err)
			}
		}
	}
}

func (h *holds) sweep(now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for c, since := range h.idle {
		if now.Sub(since) < holdIdle {
			continue
		}
		delete(h.idle, c)
		if err := h.store.Unpin(c, holdPin); err != nil && !errors.Is(err, blobs.ErrNotPinned) {
			errs = append(errs, fmt.Errorf("unpin %s: %w", c, err))
		}
	}
	return errors.Join(errs...)
}

// restore takes up the pins of before: those of tasks that have not ended are kept.
func (h *holds) restore(s *scheduler.Submitter) error {
	for t := range s.Tasks() {
		if !t.State.Ended() {
			if err := h.add(t.ID, t.Spec); err != nil {
				return err
			}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for p, err := range h.store.Pins() {
		if err != nil {
			return err
		}
		if p.Name == holdPin && h.users[p.CID] == 0 {
			h.idle[p.CID] = time.Now()
		}
	}
	return nil
}
