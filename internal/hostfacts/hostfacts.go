package hostfacts

import (
	"context"
	"fmt"
	"os"
	goruntime "runtime"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
)

// Facts are what this process may use.
type Facts struct {
	// CPUCores is how many cores, parts of one included.
	CPUCores float64
	// MemoryTotal is the memory in bytes; MemoryAvailable what of it is free, or
	// could be by dropping caches.
	MemoryTotal, MemoryAvailable uint64
	// StorageTotal is the size in bytes of the disk that a folder is on;
	// StorageAvailable what of it this user may still fill.
	StorageTotal, StorageAvailable uint64
}

// Detect reads the facts of this machine, and of the disk that dir is on. dir
// exists.
func Detect(ctx context.Context, dir string) (Facts, error) {
	memory, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return Facts{}, fmt.Errorf("memory of this machine: %w", err)
	}
	storage, err := disk.UsageWithContext(ctx, dir)
	if err != nil {
		return Facts{}, fmt.Errorf("disk of %s: %w", dir, err)
	}
	f := Facts{
		CPUCores: float64(goruntime.NumCPU()), MemoryTotal: memory.Total, MemoryAvailable: memory.Available,
		StorageTotal: storage.Total, StorageAvailable: storage.Free,
	}
	return f.within(readBounds(os.DirFS("/"))), nil
}

// within cuts facts to the bounds of our cgroups.
func (f Facts) within(b bounds) Facts {
	if b.cores > 0 {
		f.CPUCores = min(f.CPUCores, b.cores)
	}
	f.MemoryTotal = min(f.MemoryTotal, b.memory)
	f.MemoryAvailable = min(f.MemoryAvailable, b.left, f.MemoryTotal)
	return f
}
