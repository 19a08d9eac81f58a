package godwit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/journal"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// keyLabels is where the journal keeps the labels that were set at run time.
const keyLabels = "n/labels"

// labels are what the node is called: those of the configuration, and those set
// and removed since.
type labels struct {
	journal *journal.Journal

	mu      sync.Mutex
	set     map[string]string
	changes map[string]*string // of run time; nil is removed
}

func loadLabels(j *journal.Journal, configured map[string]string) (*labels, error) {
	l := &labels{journal: j, set: maps.Clone(configured), changes: make(map[string]*string)}
	if l.set == nil {
		l.set = make(map[string]string)
	}
	kept, err := j.Get([]byte(keyLabels))
	if err != nil || kept == nil {
		return l, err
	}
	if err := json.Unmarshal(kept, &l.changes); err != nil {
		return nil, fmt.Errorf("journal: labels: %w", err)
	}
	apply(l.set, l.changes)
	return l, nil
}

func apply(set map[string]string, changes map[string]*string) {
	for k, v := range changes {
		if v == nil {
			delete(set, k)
		} else {
			set[k] = *v
		}
	}
}

// all is a copy of them.
func (l *labels) all() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.set) == 0 {
		return nil
	}
	return maps.Clone(l.set)
}

// change sets and removes labels, on disk when it returns.
func (l *labels) change(set map[string]string, remove []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next, changes := maps.Clone(l.set), maps.Clone(l.changes)
	for _, k := range remove {
		changes[k] = nil
	}
	for k, v := range set {
		changes[k] = &v
	}
	apply(next, changes)
	if err := checkLabels(next); err != nil {
		return err
	}
	value, err := json.Marshal(changes)
	if err == nil {
		err = l.journal.Commit([]journal.Record{{Key: []byte(keyLabels), Value: value}}, true)
	}
	if err == nil {
		l.set, l.changes = next, changes
	}
	return err
}

func checkLabels(set map[string]string) error {
	if len(set) > wire.MaxLabels {
		return fmt.Errorf("%w: %d labels, more than %d", api.ErrInvalid, len(set), wire.MaxLabels)
	}
	for _, k := range slices.Sorted(maps.Keys(set)) {
		if k == "" || len(k) > 128 || len(set[k]) > 128 {
			return fmt.Errorf("%w: label %.40q: keys of 1 to 128 bytes, values of up to 128", api.ErrInvalid, k)
		}
	}
	return nil
}

// SetLabels implements the API's backend.
func (n *Node) SetLabels(ctx context.Context, set map[string]string, remove []string) (api.Worker, error) {
	if err := n.labels.change(set, remove); err != nil {
		return api.Worker{}, err
	}
	nudge(n.announce)
	return n.Self(ctx)
}
