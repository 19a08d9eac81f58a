package godwit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/internal/journal"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// sweepEvery is how often the node looks for what its tasks have left behind.
const sweepEvery = 5 * time.Minute

// sweep removes, until ctx is done, the outputs of tasks that are not remembered
// any more.
func (n *Node) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := n.sweepOnce(ctx); err != nil && ctx.Err() == nil {
				n.log.Error("remove what old tasks left", "err", err)
			}
		}
	}
}

func (n *Node) sweepOnce(ctx context.Context) error {
	known, err := n.knownTasks(ctx)
	if err != nil {
		return err
	}
	return errors.Join(n.sweepOutput(known), n.sweepPins(known))
}

// knownTasks are the tasks that this node remembers.
func (n *Node) knownTasks(ctx context.Context) (map[wire.TaskID]bool, error) {
	known := make(map[wire.TaskID]bool)
	err := n.ask(ctx, func() {
		for t := range n.loop.submitter.Tasks() {
			known[t.ID] = true
		}
	})
	return known, err
}

// sweepOutput removes the logs of tasks that are not known.
func (n *Node) sweepOutput(known map[wire.TaskID]bool) error {
	var gone []journal.Record
	var last wire.TaskID // with a piece before this one
	for e, err := range n.journal.Under(prefixOutput) {
		if err != nil {
			return err
		}
		var id wire.TaskID
		copy(id[:], e.Key[len(prefixOutput):])
		if id != last && forgotten(id, known) {
			gone = append(gone, removeOutput(id))
		}
		last = id
	}
	if len(gone) == 0 {
		return nil
	}
	return n.journal.Commit(gone, false)
}

// sweepPins unpins the results of tasks that are not known, and what runs left
// whose submitters never came for it.
func (n *Node) sweepPins(known map[wire.TaskID]bool) error {
	var old []blobs.Pin
	for p, err := range n.store.Pins() {
		if err != nil {
			return err
		}
		if n.isOld(p, known) {
			old = append(old, p)
		}
	}
	var errs []error
	for _, p := range old {
		if err := n.store.Unpin(p.CID, p.Name); err != nil && !errors.Is(err, blobs.ErrNotPinned) {
			errs = append(errs, fmt.Errorf("unpin %s: %w", p.CID, err))
		}
	}
	return errors.Join(errs...)
}

// forgotten tells whether a task was known once: one that is new may have come
// after known was asked for.
func forgotten(id wire.TaskID, known map[wire.TaskID]bool) bool {
	return !known[id] && time.Since(id.Time()) > sweepEvery
}

func (n *Node) isOld(p blobs.Pin, known map[wire.TaskID]bool) bool {
	if task, ok := strings.CutPrefix(p.Name, resultPin); ok {
		id, err := wire.ParseTaskID(task)
		return err == nil && forgotten(id, known)
	}
	return strings.HasPrefix(p.Name, runPin) && time.Since(p.Since) > n.cfg.KeepEnded
}
