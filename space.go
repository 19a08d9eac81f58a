package godwit

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// ballastBytes is the size of a file that does nothing but take up room. A database
// that cannot write its log cannot go on: when others have filled the disk to the
// last byte, the ballast makes room for the ends of the tasks that were accepted.
const ballastBytes = 16 << 20

// minSpace is how many bytes must be free on the disk for the node to accept tasks:
// enough for the journal to end those that it has accepted. The blob store stops
// earlier.
const minSpace = 32 << 20

// space tells whether there is room on a disk. It looks once a second at most.
type space struct {
	dir string

	mu   sync.Mutex
	at   time.Time
	free uint64
	err  error
}

// takeBallast takes in the ballast if there is room for it.
func (s *space) takeBallast(name string) error {
	if info, err := os.Stat(name); err == nil && info.Size() >= ballastBytes {
		return nil
	}
	if s.check() != nil {
		return nil // it would not help
	}
	return replaceFile(name, make([]byte, ballastBytes)) // zeros: holes take no room
}

// check returns an error that wraps api.ErrNoSpace if the disk is all but full.
func (s *space) check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) > time.Second {
		var st unix.Statfs_t
		s.err = unix.Statfs(s.dir, &st)
		s.at, s.free = time.Now(), uint64(st.Bavail)*uint64(st.Bsize)
	}
	switch {
	case s.err != nil:
		return fmt.Errorf("look at the disk of %s: %w", s.dir, s.err)
	case s.free < minSpace:
		return fmt.Errorf("%w: %d bytes free on the disk of %s", api.ErrNoSpace, s.free, s.dir)
	}
	return nil
}

// watchSpace refuses the tasks of others while the disk is all but full, and takes
// them again when there is room, until ctx is done. A node whose folder is gone ends.
func (n *Node) watchSpace(ctx context.Context) error {
	tick := time.NewTicker(spaceEvery)
	defer tick.Stop()
	full := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// Nothing that such a node accepts would be there after its end.
		if err := n.folder.check(); err != nil {
			return err
		}
		err := n.space.check()
		if full == (err != nil) || n.stopping.Load() {
			continue
		}
		full = err != nil
		n.log.Warn("room on the disk", "full", full, "err", err)
		drain := scheduler.SetDraining{On: full || n.drained.Load(), Stay: !n.drained.Load(), Grace: wire.MaxTime}
		if err := n.step(ctx, drain); err != nil && ctx.Err() == nil {
			return err
		}
		if !full {
			if err := n.space.takeBallast(n.folder.path(ballastName)); err != nil {
				n.log.Warn("ballast", "err", err)
			}
		}
	}
}

// spaceEvery is how often the node looks at its disk.
const spaceEvery = time.Second
