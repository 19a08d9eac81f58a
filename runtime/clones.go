package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/godwit-run/godwit/runtime/internal/suspend"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// cloneCache makes the modules in which the calls of one module's guests go on, and keeps
// them: a guest that computes stops at the same few places.
type cloneCache struct {
	plan suspend.Plan
	hash [sha256.Size]byte // of the rewritten module
	base []byte

	mu     sync.Mutex
	cloner *suspend.Cloner // nil until it is needed
	clones map[string]*clone
	order  []string // the oldest first

	dropped int // clones, of which the disk cache still has some
}

// maxClones is how many are kept of one module.
const maxClones = 64

// clone is a compiled clone module.
type clone struct {
	points   []suspend.Point // in ascending order
	frames   []suspend.Frame
	compiled wazero.CompiledModule
}

func newCloneCache(r *rewritten) *cloneCache {
	return &cloneCache{plan: r.plan.Suspend, hash: sha256.Sum256(r.module), base: r.base, clones: make(map[string]*clone)}
}

// pointsOf lists the points of frames, each once.
func pointsOf(frames []savedFrame) []suspend.Point {
	points := make([]suspend.Point, len(frames))
	for n := range frames {
		points[n] = frames[n].point
	}
	slices.Sort(points)
	return slices.Compact(points)
}

func pointsKey(points []suspend.Point) string {
	b := make([]byte, 0, 8*len(points))
	for _, p := range points {
		b = binary.BigEndian.AppendUint64(b, uint64(p))
	}
	return string(b)
}

// clone makes the module for frames, and sees to it that they fit.
func (l *loaded) clone(ctx context.Context, key string, points []suspend.Point) (*clone, error) {
	c := l.clones
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.clones[key]; k != nil {
		return k, nil
	}
	if c.cloner == nil {
		m, err := wasm.Decode(c.base)
		if err != nil {
			return nil, fmt.Errorf("module before it was rewritten: %w", err)
		}
		c.cloner = suspend.NewCloner(m, c.plan)
	}
	made, err := c.cloner.Clone(points)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSaved, err)
	}
	k := &clone{points: points, frames: made.Frames}
	if k.compiled, err = compileModule(ctx, l.runtime, made.Module); err != nil {
		return nil, fmt.Errorf("compile what goes on: %w", err)
	}
	c.clones[key] = k
	c.order = append(c.order, key)
	if len(c.order) > maxClones {
		delete(c.clones, c.order[0]) // its code goes when nothing runs in it any more
		c.order = c.order[1:]
		if c.dropped++; c.dropped%maxClones == 0 && l.code != nil {
			l.code.prune(l.id) // what stays for now goes when the module is loaded
		}
	}
	return k, nil
}

// frame is what is known of frames at a point, and its place in the table.
func (k *clone) frame(p suspend.Point) (*suspend.Frame, uint64) {
	n, _ := slices.BinarySearch(k.points, p)
	return &k.frames[n], uint64(n) + 1
}

// check tells whether the frames can lie on each other, the outermost one last, as a call of
// a function with these results, and the numbers of references in them are below refs.
func (k *clone) check(frames []savedFrame, results []wasm.ValType, refs int) error {
	for n := range frames {
		f, _ := k.frame(frames[n].point)
		switch {
		case len(frames[n].words) != f.Words:
			return fmt.Errorf("%w: frame %d has %d values instead of %d", ErrSaved, n, len(frames[n].words), f.Words)
		case slices.ContainsFunc(f.Refs, func(x int) bool { return frames[n].words[x] >= uint64(refs) }):
			return fmt.Errorf("%w: frame %d refers to a function that has no reference", ErrSaved, n)
		case f.Innermost != (n == 0):
			return fmt.Errorf("%w: frame %d is out of place", ErrSaved, n)
		}
		want := results
		if n+1 < len(frames) {
			outer, _ := k.frame(frames[n+1].point)
			want = outer.Calls
		}
		if !slices.Equal(f.Results, want) {
			return fmt.Errorf("%w: frame %d returns %v where %v is wanted", ErrSaved, n, f.Results, want)
		}
	}
	return nil
}

// cloneInstance is a clone module linked to an instance.
type cloneInstance struct {
	*clone
	module    api.Module
	functions []api.Function
}

// linked is the clone module for frames, linked to the instance.
func (i *Instance) linked(ctx context.Context, frames []savedFrame) (*cloneInstance, error) {
	points := pointsOf(frames)
	key := pointsKey(points)
	if c := i.clones[key]; c != nil {
		return c, nil
	}
	k, err := i.module.clone(ctx, key, points)
	if err != nil {
		return nil, err
	}
	ctx = experimental.WithImportResolver(ctx, func(name string) api.Module {
		if name == suspend.GuestModule {
			return i.guest
		}
		return nil
	})
	m, err := i.module.runtime.InstantiateModule(ctx, k.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("link what goes on: %w", err)
	}
	c := &cloneInstance{clone: k, module: m, functions: make([]api.Function, len(k.points))}
	if i.clones == nil {
		i.clones = make(map[string]*cloneInstance)
	}
	i.clones[key] = c
	return c, nil
}

func (i *Instance) closeClones() error {
	var errs []error
	for _, c := range i.clones {
		errs = append(errs, c.module.Close(context.Background()))
	}
	i.clones = nil
	return errors.Join(errs...)
}

// function is the clone of a frame at a point.
func (c *cloneInstance) function(p suspend.Point) api.Function {
	n, _ := slices.BinarySearch(c.points, p)
	if c.functions[n] == nil {
		c.functions[n] = c.module.ExportedFunction(suspend.CloneName(n))
	}
	return c.functions[n]
}
