package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/godwit-run/godwit/internal/api"
)

const (
	demoActor = "counter"
	// demoBeats is how many answers the demo waits for between what it does to a
	// counter.
	demoBeats = 300
)

// count has an actor count as fast as it answers, kills the node that it lives on, and
// moves it from one of the others to the other.
func (d *demo) count() error {
	d.say("A counter, kept by all three, lives on %s and is asked to count through %s.", d.nodes[2].name, d.nodes[0].name)
	module, err := d.program("counter/counter.wasm")
	if err != nil {
		return err
	}
	_, err = d.nodes[0].client.CreateActor(d.ctx, api.ActorCreation{Request: api.ActorRequest{
		Name: demoActor, Module: module, Hints: api.Hints{Prefer: []string{d.nodes[2].at.PeerID}},
	}})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(d.ctx)
	defer stop()
	p := newPulse()
	counted := make(chan error, 1)
	go func() { counted <- p.count(ctx, d.nodes[0].client) }()
	err = p.next(d.ctx, demoBeats)
	for _, step := range []func(*pulse) error{d.failover, d.migrate} {
		if err == nil {
			err = step(p)
		}
	}
	stop()
	if failed := <-counted; failed != nil {
		return failed // which err is too, then
	}
	if err != nil {
		return err
	}
	return d.counted(p)
}

// home is the node that the counter lives on.
func (d *demo) home() (int, error) {
	a, err := d.nodes[0].client.Actor(d.ctx, demoActor)
	if err != nil {
		return 0, err
	}
	for i, n := range d.nodes {
		if n.at.PeerID == a.Node {
			return i, nil
		}
	}
	return 0, fmt.Errorf("the counter lives on %s, which is none of ours", a.Node)
}

// failover kills the node that the counter lives on.
func (d *demo) failover(p *pulse) error {
	i, err := d.home()
	if err != nil {
		return err
	}
	if i == 0 {
		return fmt.Errorf("the counter lives on %s, through which it is asked", d.nodes[0].name)
	}
	before := p.reset()
	d.nodes[i].kill()
	if err := p.next(d.ctx, demoBeats); err != nil {
		return err
	}
	to, err := d.home()
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%s killed with SIGKILL at %d; the count went on at %d on %s after %v\n",
		d.nodes[i].name, before, before+1, d.nodes[to].name, round(p.longest()))
	return d.revive(i)
}

// revive starts a node again that was killed.
func (d *demo) revive(i int) error {
	dead := d.nodes[i]
	dead.gone() // it was killed, and says so
	dead.client.Close()
	n, err := startDemoNode(d.ctx, d.dir, dead.name, d.nodes[:1])
	if err != nil {
		return err
	}
	d.nodes[i] = n
	for _, n := range d.nodes {
		if err := n.meets(d.ctx, len(d.nodes)); err != nil {
			return err
		}
	}
	fmt.Fprintf(d.out, "%s is back\n", n.name)
	return nil
}

// migrate moves the counter while it counts.
func (d *demo) migrate(p *pulse) error {
	i, err := d.home()
	if err != nil {
		return err
	}
	from, to := d.nodes[i], d.nodes[(i+1)%len(d.nodes)]
	p.reset()
	m, err := d.nodes[0].client.MigrateActor(d.ctx, demoActor, api.Migration{To: to.at.PeerID})
	if err != nil {
		return err
	}
	if err := p.next(d.ctx, demoBeats); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "moved live from %s to %s: it stood still for %v; the longest wait for an answer was %v\n",
		from.name, to.name, round(time.Duration(m.PauseMS*float64(time.Millisecond))), round(p.longest()))
	return nil
}

// counted compares the counter with what was answered.
func (d *demo) counted(p *pulse) error {
	_, reply, err := d.nodes[1].client.AskActor(d.ctx, api.ActorMessage{Name: demoActor, Payload: []byte("get")})
	if err != nil {
		return err
	}
	// The last one may have been counted and not answered any more.
	count, err := strconv.Atoi(string(reply))
	if answered := p.answers(); err != nil || count < answered || count > answered+1 {
		return fmt.Errorf("the counter is at %q after %d answers: %w", reply, answered, err)
	}
	fmt.Fprintf(d.out, "asked through %s it is at %s: nothing was lost, nothing counted twice\n", d.nodes[1].name, reply)
	return nil
}

// pulse is a client that has a counter count, one after another.
type pulse struct {
	mu    sync.Mutex
	beats int           // answers so far: where the counter must be
	last  time.Time     // of the last answer, or of reset
	gap   time.Duration // the longest time without one since reset
	more  chan struct{} // closed at the next answer
	err   error         // why it counts no more
}

func newPulse() *pulse { return &pulse{last: time.Now(), more: make(chan struct{})} }

// count asks until ctx is done, and checks that no number is left out or comes twice.
func (p *pulse) count(ctx context.Context, client *api.Client) error {
	for n := 1; ; n++ {
		_, reply, err := client.AskActor(ctx, api.ActorMessage{Name: demoActor, Payload: []byte("inc"), Key: fmt.Sprintf("demo-%d", n)})
		if ctx.Err() != nil {
			return nil
		}
		if err == nil && string(reply) != strconv.Itoa(n) {
			err = fmt.Errorf("the counter answers %q in place of %d", reply, n)
		}
		p.beat(err)
		if err != nil {
			return err
		}
	}
}

func (p *pulse) beat(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.gap, p.last = max(p.gap, now.Sub(p.last)), now
	if p.err = err; err == nil {
		p.beats++
	}
	close(p.more)
	p.more = make(chan struct{})
}

// reset begins to look for the longest gap anew, and returns how far the count is.
func (p *pulse) reset() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.gap = time.Now(), 0
	return p.beats
}

func (p *pulse) longest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gap
}

func (p *pulse) answers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.beats
}

// next waits for so many more answers.
func (p *pulse) next(ctx context.Context, beats int) error {
	want := p.answers() + beats
	for {
		p.mu.Lock()
		now, more, err := p.beats, p.more, p.err
		p.mu.Unlock()
		if now >= want || err != nil {
			return err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
