package godwit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi/wasi"
	"github.com/godwit-run/godwit/runtime"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Sections of a task's checkpoint, beside those of package runtime: what was kept of its
// output by then, and a taskLife.
const (
	sectionStdout = "stdout"
	sectionStderr = "stderr"
	sectionLife   = "task"
	sectionWASI   = "wasi"
)

// taskLife is what a task has behind it at a checkpoint.
type taskLife struct {
	Version uint64 `cbor:"v"`
	// Wall is how long it has run, in all attempts, without what was repeated.
	Wall time.Duration `cbor:"wall"`
	// Stdout and Stderr are how much it has written, kept or not, in bytes.
	Stdout uint64 `cbor:"stdout"`
	Stderr uint64 `cbor:"stderr"`
}

const taskLifeVersion = 1

// errLife: a checkpoint is not one that this version of godwit can go on from.
var errLife = errors.New("not a task's checkpoint of this version")

func (l taskLife) encode() []byte {
	l.Version = taskLifeVersion
	b, err := cbor.Marshal(l)
	if err != nil {
		panic(err) // four numbers
	}
	return b
}

func decodeLife(b []byte) (l taskLife, err error) {
	if err := cbor.Unmarshal(b, &l); err != nil {
		return l, fmt.Errorf("%w: %w", errLife, err)
	}
	if l.Version != taskLifeVersion || l.Wall < 0 {
		return l, fmt.Errorf("%w: version %d", errLife, l.Version)
	}
	return l, nil
}

// findTime is how long others may take to say what checkpoints they have.
const findTime = 3 * time.Second

// resume makes a task go on from the newest checkpoint that can be had of earlier
// attempts, of which it returns the memory. If there is none the task begins anew.
func (c *checkpoints) resume(ctx context.Context, task *runtime.Task) (memory *os.File, err error) {
	g := c.shown()
	if g.Grant == nil || len(g.Makers) == 0 {
		return nil, nil
	}
	for _, o := range scheduler.Best(g.Grant, c.find(ctx, g)) {
		if c.unusable[o] {
			continue
		}
		if memory, err = c.goOn(ctx, g, o, task); err != nil {
			c.from, c.unusable[o] = o, true
			return nil, fmt.Errorf("checkpoint %d.%d: %w", o.Attempt, o.Sequence, err)
		}
		c.from, c.kept.From = o, o.Point
		c.report(true)
		return memory, nil
	}
	if len(c.unusable) > 0 { // the submitter may have heard that it goes on from one of these
		c.report(true)
	}
	return nil, nil
}

// sealed is a grant with the envelope that proves it.
type sealed struct {
	*wire.Grant
	envelope []byte
}

// shown is the grant of now; a newer one may come at any time.
func (c *checkpoints) shown() sealed {
	c.mu.Lock()
	defer c.mu.Unlock()
	return sealed{c.grant, c.envelope}
}

// find asks all who may have checkpoints. Keepers are waited for, and those who have run
// the task before only as long as nothing else is known to be newest: they may be gone.
func (c *checkpoints) find(ctx context.Context, g sealed) (all []scheduler.Offered) {
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	for _, h := range c.keeper.held(g.Grant) {
		all = append(all, scheduler.Offered{Held: h, Holder: c.keeper.self})
	}
	type answer struct {
		from wire.NodeID
		held []wire.Held
	}
	answers := make(chan answer, wire.MaxKeepers+wire.MaxMakers)
	waiting := c.sources(g)
	for id := range waiting {
		c.pushes.Go(func() {
			held, err := c.keeper.find(ctx, id, c.start.Task, g.envelope)
			if err != nil {
				c.keeper.log.Debug("ask for a task's checkpoints", "task", c.start.Task, "node", id, "err", err)
			}
			answers <- answer{id, held}
		})
	}
	for len(waiting) > 0 && !enough(g, waiting, all) {
		a := <-answers
		delete(waiting, a.from)
		for _, h := range a.held {
			all = append(all, scheduler.Offered{Held: h, Holder: a.from})
		}
	}
	return all
}

// sources are the others that may have checkpoints; true for keepers.
func (c *checkpoints) sources(g sealed) map[wire.NodeID]bool {
	all := make(map[wire.NodeID]bool)
	for _, m := range g.Makers {
		all[m.Node] = false
	}
	for _, id := range g.Keepers {
		all[id] = true
	}
	delete(all, c.keeper.self)
	return all
}

// enough tells whether nobody need be waited for any more.
func enough(g sealed, waiting map[wire.NodeID]bool, found []scheduler.Offered) bool {
	for _, keeper := range waiting {
		if keeper {
			return false
		}
	}
	best := scheduler.Best(g.Grant, found)
	return len(best) > 0 && best[0].Compare(g.Known) >= 0
}

// goOn fetches a checkpoint, unless it is here, and makes the task go on from it.
func (c *checkpoints) goOn(ctx context.Context, g sealed, o scheduler.Offered, task *runtime.Task) (*os.File, error) {
	k := c.keeper
	if o.Holder != k.self {
		if err := k.fetch(ctx, o, g); err != nil {
			return nil, err
		}
	}
	s, err := k.store.Load(o.Link.Cid)
	if err != nil {
		return nil, err
	}
	maker, at := makerOf(s)
	if s.Name != c.name() || !g.Made(maker, at.Attempt) || !s.Module.Equals(c.start.Spec.Module.Cid) {
		return nil, fmt.Errorf("%w: of %q, made by %s", errLife, s.Name, maker.Short())
	}
	state, err := s.ReadState(k.store)
	if err != nil {
		return nil, err
	}
	life, err := decodeLife(state.Sections[sectionLife])
	if err != nil {
		return nil, err
	}
	chain, err := checkpoint.Resume(c.chainConfig(), s, k.store)
	if err != nil {
		return nil, err
	}
	if err := skipRead(task.Stdin, state.Sections[sectionWASI]); err != nil {
		return nil, err
	}
	f, err := k.images.Open(s.Memory, k.store)
	if err != nil {
		return nil, err
	}
	if err := c.adopt(life, state); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	c.chain, c.sequence = chain, 0
	task.From = &runtime.Saved{Module: s.Module, Fuel: s.Fuel, State: state, Size: s.Memory.Size, Memory: f}
	if w := task.Limits.WallTime; w > 0 {
		task.Limits.WallTime = max(w-life.Wall, time.Nanosecond)
	}
	return f, nil
}

// adopt takes over what the task has written, and how long it has run.
func (c *checkpoints) adopt(life taskLife, state *checkpoint.State) error {
	c.before = life.Wall
	err := c.out.resume(wire.Stdout, state.Sections[sectionStdout], life.Stdout)
	return errors.Join(err, c.out.resume(wire.Stderr, state.Sections[sectionStderr], life.Stderr))
}

// skipRead moves standard input behind what the guest, or the host for it, has read.
func skipRead(in io.Reader, section []byte) error {
	if len(section) == 0 {
		return nil
	}
	s, err := wasi.DecodeState(section)
	if err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, in, int64(min(s.Stdin.Delivered+uint64(len(s.Stdin.Pending)), 1<<62)))
	return err
}
