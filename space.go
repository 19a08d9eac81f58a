package godwit

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/internal/api"
)

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
