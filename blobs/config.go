package blobs

import (
	"errors"
	"fmt"
	"time"
)

// Config is where a store lives and how far it may grow. Only Dir is needed.
type Config struct {
	// Dir is the folder that holds the store; it is made if missing (0700).
	Dir string
	// Quota bounds the bytes of the store's block files; 0 is no bound.
	Quota int64
	// MinFree is how many bytes the store leaves free on its disk. 0 means
	// DefaultMinFree, or a twentieth of a small disk.
	MinFree int64
	// FetchTimeout is how long a read or fetch waits for the next block from
	// a peer before it gives up with ErrMissing. 0 means DefaultFetchTimeout.
	FetchTimeout time.Duration
}

const (
	// DefaultMinFree is 64 MiB.
	DefaultMinFree = 64 << 20
	// DefaultFetchTimeout is half a minute.
	DefaultFetchTimeout = 30 * time.Second
	// MaxBlock is the size in bytes of the largest block: the 2 MiB that
	// bitswap carries.
	MaxBlock = 2 << 20
	// MaxPinName bounds a pin's name and its reason, in bytes.
	MaxPinName = 256
)

// segmentSize is the size of block files: 64 MiB, or small enough that a
// collection can rewrite one within a small quota.
func (c Config) segmentSize() int64 {
	const size = 64 << 20
	if c.Quota == 0 {
		return size
	}
	return min(size, max(c.Quota/16, 1<<20))
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Dir == "":
		return errors.New("blobs: Dir is empty")
	case c.Quota < 0:
		return fmt.Errorf("blobs: Quota is negative: %d", c.Quota)
	case c.MinFree < 0:
		return fmt.Errorf("blobs: MinFree is negative: %d", c.MinFree)
	case c.FetchTimeout < 0:
		return fmt.Errorf("blobs: FetchTimeout is negative: %v", c.FetchTimeout)
	}
	return nil
}
