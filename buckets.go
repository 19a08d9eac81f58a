package godwit

import (
	"context"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// A DHT finds exact keys only. So a node stands under a key for every power of two
// that its capacity reaches, and whoever needs something asks for the power that
// covers it: all that have enough stand there, and some that need asking.
const (
	bucketAny    = "godwit/node"
	bucketRegion = "godwit/region/%s"
	bucketCPU    = "godwit/cpu/%d"    // cores
	bucketMemory = "godwit/memory/%d" // GiB
	bucketGPU    = "godwit/gpu/%d"    // GiB of one device
)

// bucketsOf are the keys of what a node has.
func bucketsOf(c wire.Capacity) map[string]bool {
	keys := make(map[string]bool)
	add := func(key string, n uint64) {
		for p := range bits.Len64(n) {
			keys[fmt.Sprintf(key, 1<<p)] = true
		}
	}
	add(bucketCPU, uint64(c.CPU/1000))
	add(bucketMemory, c.Memory>>30)
	for _, g := range c.GPUs {
		keys[fmt.Sprintf(bucketGPU, 0)] = true
		add(bucketGPU, g.Memory>>30)
	}
	return keys
}

// bucketFor is the key under which nodes stand that may have what a profile needs:
// that of what is scarcest.
func bucketFor(p wire.Profile) string {
	switch {
	case p.GPU != nil && p.GPU.Required:
		return fmt.Sprintf(bucketGPU, floorPower(p.GPU.Memory>>30))
	case p.Memory>>30 >= 1:
		return fmt.Sprintf(bucketMemory, floorPower(p.Memory>>30))
	case p.CPU >= 1000:
		return fmt.Sprintf(bucketCPU, floorPower(uint64(p.CPU/1000)))
	}
	return bucketAny
}

// floorPower is the largest power of two up to n, 0 for 0.
func floorPower(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	return 1 << (bits.Len64(n) - 1)
}

// capabilityKeys are those under which this node is to be found.
func (n *Node) capabilityKeys() []string {
	if n.cfg.NoRun {
		return []string{bucketAny}
	}
	keys := []string{bucketAny}
	if n.cfg.Region != "" {
		keys = append(keys, fmt.Sprintf(bucketRegion, n.cfg.Region))
	}
	return append(keys, slices.Sorted(maps.Keys(bucketsOf(n.capacity)))...)
}

const (
	// waited is after what time in the queue other nodes are looked for.
	waited = 2 * time.Second
	// maxWanted bounds the keys that are looked for at a time.
	maxWanted = 8
)

// wantedKeys are those of nodes that might take tasks which have waited for a while.
func (n *Node) wantedKeys(ctx context.Context) []string {
	keys := make(map[string]bool)
	err := n.ask(ctx, func() {
		s := n.loop.submitter
		if s.Stats().Queued == 0 {
			return
		}
		for t := range s.Tasks() {
			if t.State == scheduler.Queued && time.Since(t.Created) > waited && len(keys) < maxWanted {
				keys[bucketFor(t.Spec.Needs())] = true
			}
		}
	})
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(keys))
}
