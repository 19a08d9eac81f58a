package blobs

import (
	"errors"
	"os"
	"sync"
)

const (
	// maxBallast is the size in bytes of the ballast on all but small disks.
	maxBallast = 8 << 20
	// noteBytes is more than one change of the index takes.
	noteBytes = 256 << 10
)

// ballast is a file that does nothing but take up room. A database that cannot
// write its log cannot go on: when others have filled the disk to the last byte,
// the ballast is given up for the index, so that the store can still be read,
// unpinned, collected and closed. It is taken in again once there is room.
type ballast struct {
	path string
	size int64

	mu sync.Mutex
	in bool
}

// newBallast takes in the ballast if the disk has room for it and that much to spare.
func newBallast(path, dir string, spare int64) (*ballast, error) {
	total, free, err := diskSpace(dir)
	if err != nil {
		return nil, err
	}
	b := &ballast{path: path, size: min(maxBallast, total/50)}
	if info, err := os.Stat(path); err == nil && info.Size() >= b.size {
		b.in = true
	}
	b.takeIn(free - spare)
	return b, nil
}

// takeIn takes the ballast in if that much room is to spare. Should it fail, it
// is tried again with the next write.
func (b *ballast) takeIn(spare int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.in || spare < 2*b.size {
		return
	}
	b.in = b.write() == nil
	if !b.in {
		_ = os.Remove(b.path) // what there is of it is of no use
	}
}

// write fills the file with zeros: a file of holes would take no room.
func (b *ballast) write() error {
	f, err := os.OpenFile(b.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, b.size))
	return errors.Join(err, f.Sync(), f.Close())
}

// giveUp frees the ballast's room.
func (b *ballast) giveUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	// If it cannot be removed, the index fails for lack of room, as without it.
	_ = os.Remove(b.path)
	b.in = false
}

func (b *ballast) held() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.in
}

// roomToNote refuses a change of the index that might find no room, not even
// that of the ballast. It is asked before accounts change.
func (s *Store) roomToNote() error {
	_, free, err := diskSpace(s.cfg.Dir)
	if err != nil || free >= noteBytes || s.ballast.held() {
		return err
	}
	return &DiskError{Free: free, MinFree: noteBytes}
}
