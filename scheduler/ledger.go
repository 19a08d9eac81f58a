package scheduler

import "github.com/godwit-run/godwit/scheduler/wire"

// Allotment is a part of a node's capacity that one run has. It names the devices,
// so that giving it back frees these and no others.
type Allotment struct {
	// ID is the handle to release it by.
	ID uint64
	// CPU in thousandths of a core; Memory and Storage in bytes; Network in bit/s.
	CPU                      uint32
	Memory, Storage, Network uint64
	// GPUs are the ids of its devices; none if a GPU was only preferred and is not
	// to be had.
	GPUs []string
}

// Ledger tells what of a node's capacity is free.
type Ledger struct {
	total, free wire.Capacity
}
