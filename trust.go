package godwit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/trust"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// trustCheck is how often the node looks whether the file of trust has changed.
const trustCheck = time.Second

// trusted is how far other nodes are trusted: the table in a file, read again when
// the file changes.
type trusted struct {
	file string // empty: everyone as usual
	log  *slog.Logger

	table atomic.Pointer[trust.Table]
	read  stamp // of the file when it was read
}

// stamp tells whether a file has changed.
type stamp struct {
	modified time.Time
	size     int64
}

// newTrusted reads the table. A file that is named must be there and make sense.
func newTrusted(file string, log *slog.Logger) (*trusted, error) {
	t := &trusted{file: file, log: log}
	everyone := trust.Everyone()
	t.table.Store(&everyone)
	if file == "" {
		return t, nil
	}
	return t, t.load()
}

// of is how far a node is trusted now.
func (t *trusted) of(id wire.NodeID) float64 { return t.table.Load().Of(id) }

// load reads the file, and on an error leaves everything as it was but the stamp: the
// same bad file is not read again and again.
func (t *trusted) load() error {
	at, err := t.stamp()
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	t.read = at
	f, err := os.Open(t.file)
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	defer f.Close() // read only
	doc, err := io.ReadAll(io.LimitReader(f, trust.MaxText+1))
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	table, err := trust.Parse(doc)
	if err != nil {
		return fmt.Errorf("%s: %w", t.file, err)
	}
	t.table.Store(&table)
	return nil
}

func (t *trusted) stamp() (stamp, error) {
	info, err := os.Stat(t.file)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.ModTime(), info.Size()}, nil
}

// run reads the file again whenever it has changed, and then calls changed, until ctx
// is done. A file that makes no sense changes nothing.
func (t *trusted) run(ctx context.Context, changed func()) {
	if t.file == "" {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(trustCheck)
	defer tick.Stop()
	before := t.read
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at, err := t.stamp()
		switch {
		case err != nil && errors.Is(err, os.ErrNotExist) && before == (stamp{}):
		case err != nil:
			t.log.Warn("trust stays as it is", "err", err)
		case at == before && at != t.read: // nobody is writing it just now
			if err := t.load(); err != nil {
				t.log.Warn("trust stays as it is", "err", err)
				break
			}
			t.log.Info("trust", "file", t.file, "nodes", t.table.Load().Len())
			changed()
		}
		before = at
	}
}

// watchTrust has the cores look again at whom they trust when that changes.
func (n *Node) watchTrust(ctx context.Context) error {
	n.trusted.run(ctx, func() { n.tell(scheduler.Trusted{}) })
	return nil
}
