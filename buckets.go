package godwit

import (
	"fmt"
	"math/bits"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// A DHT finds exact keys only. So a node stands under a key for every power of two
// that its capacity reaches, and whoever needs something asks for the power that
// covers it: all that have enough stand there, and some that need asking.
const (
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
	return "godwit/node"
}

// floorPower is the largest power of two up to n, 0 for 0.
func floorPower(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	return 1 << (bits.Len64(n) - 1)
}
