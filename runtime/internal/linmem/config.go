package linmem

import "fmt"

// PageSize is the size of a WebAssembly page in bytes: the unit in which
// linear memories grow.
// https://www.w3.org/TR/wasm-core-2/#page-size
const PageSize = 1 << 16

// Config sizes a Pool. The zero value means the defaults.
type Config struct {
	// MaxReserve is the most address space reserved for one memory, in bytes:
	// a power of two, at least PageSize. A memory whose declared maximum is
	// smaller reserves only that. Beyond it a memory can grow only by moving
	// (Options.Movable). 0 means 4 GiB, the most WebAssembly can address,
	// where pointers have 64 bits; 256 MiB where they have 32; 1 MiB where
	// there is no mmap.
	MaxReserve uint64

	// MaxMemories is how many memories may be in use at a time; more get no
	// address space (Memory.Err says so). Each takes two to five of the
	// process's mappings, of which Linux allows 65,530 (vm.max_map_count), and
	// when they are used up the Go runtime dies. 0 means 12,000.
	MaxMemories int

	// MaxIdle is how many freed mappings wait for their next use. They cost
	// address space, page tables and at most KeepResident each. 0 means 64,
	// a negative number none.
	MaxIdle int

	// KeepResident is how many bytes of a freed memory may stay in RAM, cleared,
	// so that the next instance need not fault them in. A memory that touched
	// more goes back to the operating system as a whole, but for its first 64
	// KiB. At least PageSize; 0 means 1 MiB.
	KeepResident uint64

	// Tracking is how written pages are found by Memory.Track. Auto, the
	// default, takes the best that proves itself when it is first needed.
	Tracking Rung
}

// Validate reports the first field that is out of range.
func (c Config) Validate() error {
	if r := c.MaxReserve; r != 0 && (r < PageSize || r&(r-1) != 0 || r > maxInt/2+1) {
		return fmt.Errorf("linmem: MaxReserve %d is not a power of two between %d and %d", r, PageSize, uint64(maxInt/2+1))
	}
	if c.MaxMemories < 0 {
		return fmt.Errorf("linmem: MaxMemories %d is negative", c.MaxMemories)
	}
	if c.KeepResident != 0 && c.KeepResident < PageSize {
		return fmt.Errorf("linmem: KeepResident %d is less than %d", c.KeepResident, PageSize)
	}
	return nil
}

// withDefaults replaces zero fields by their defaults.
func (c Config) withDefaults() Config {
	if c.MaxReserve == 0 {
		c.MaxReserve = defaultReserve
	}
	if c.MaxMemories == 0 {
		c.MaxMemories = 12_000
	}
	if c.MaxIdle == 0 {
		c.MaxIdle = 64
	}
	if c.KeepResident == 0 {
		c.KeepResident = 1 << 20
	}
	return c
}
