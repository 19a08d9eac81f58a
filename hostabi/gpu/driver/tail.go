package driver

import (
	"strings"
	"sync"

	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// tail keeps the last of what a process writes.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// maxTail in bytes.
const maxTail = 1 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b[max(0, len(b)-maxTail):]...)
	t.kept = t.kept[max(0, len(t.kept)-maxTail):]
	return len(b), nil
}

// String is one line, for an error.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(wire.Printable(string(t.kept), maxTail)), " ")
}
