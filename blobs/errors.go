package blobs

import (
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
)

// Errors to branch on. Those that carry data have a type below, which
// errors.Is finds by these.
var (
	// ErrMissing: a block is neither here nor to be had from a peer in time.
	ErrMissing = errors.New("block is missing")
	// ErrDamaged: what the disk holds under a CID are other bytes, and no
	// peer had the right ones.
	ErrDamaged = errors.New("block is damaged")
	// ErrQuota: the store may not grow, and collecting did not make room.
	ErrQuota = errors.New("blob quota is used up")
	// ErrDiskFull: the disk has less left than the store wants to leave free.
	ErrDiskFull = errors.New("disk is full")
	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("blob store is in use by another process")
	// ErrNotFile and ErrNotFolder: the CID names content of another kind.
	ErrNotFile   = errors.New("not a file")
	ErrNotFolder = errors.New("not a folder")
	// ErrMalformed: a block's bytes are right, but mean nothing to UnixFS.
	ErrMalformed = errors.New("malformed block")
	// ErrTooLarge: a block exceeds MaxBlock, or a DAG the caller's limit.
	ErrTooLarge = errors.New("too large")
	// ErrNotPinned: there is no such pin to take away.
	ErrNotPinned = errors.New("not pinned")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("blob store is closed")
)

// BlockError says which block could not be read. It wraps ErrMissing,
// ErrDamaged or ErrMalformed, with the cause if there is one.
type BlockError struct {
	CID cid.Cid
	Err error
}

func (e *BlockError) Error() string { return fmt.Sprintf("block %s: %v", e.CID, e.Err) }
func (e *BlockError) Unwrap() error { return e.Err }

// QuotaError is ErrQuota with the figures, all in bytes.
type QuotaError struct {
	Quota int64 // Config.Quota
	Used  int64 // what the store held, garbage collected already
	Need  int64 // what was to be added
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("%v: %d of %d bytes, %d more needed", ErrQuota, e.Used, e.Quota, e.Need)
}
func (e *QuotaError) Is(target error) bool { return target == ErrQuota }

// DiskError is ErrDiskFull with the figures, in bytes, and the cause if the
// system reported one.
type DiskError struct {
	Free    int64 // what the disk had left
	MinFree int64 // Config.MinFree
	Err     error // may be nil
}

func (e *DiskError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v: %v", ErrDiskFull, e.Err)
	}
	return fmt.Sprintf("%v: %d bytes free, %d are left alone", ErrDiskFull, e.Free, e.MinFree)
}
func (e *DiskError) Is(target error) bool { return target == ErrDiskFull }
func (e *DiskError) Unwrap() error        { return e.Err }
