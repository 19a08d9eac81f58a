package driver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	goruntime "runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/link"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// maxAsleep is how many may sleep in Watch, each of whom keeps a thread. The others wait as one waits for
// channels.
const maxAsleep = 32

// process is one life of the driver process.
type process struct {
	config    Config
	command   *exec.Cmd
	control   *link.Conn
	infos     []device.Info
	confined  string
	dir       *folder
	survivors *survivors
	alone     bool // it has one session, and ends with it

	builds   atomic.Int64  // that were begun
	building chan struct{} // holds one token: builds are done one at a time
	beds     chan struct{} // holds one for each who sleeps in Watch
	gone     chan struct{} // closed when the process has ended
	work     sync.WaitGroup

	mu       sync.Mutex
	sessions map[uint64]*session
	last     uint64
	probes   map[uint64]chan bool
	verdict  *verdict // why it was killed; nil if it was not
	stopping atomic.Bool

	reaping sync.Mutex  // held while it is waited for, and killed
	reaped  atomic.Bool // it has been waited for
}

// verdict is why a process ended, and whose fault that was.
type verdict struct {
	reason string
	blamed *session
}

// start starts the process and hears what devices there are.
func start(ctx context.Context, config Config, survivors *survivors, alone bool) (*process, error) {
	if os.Getenv(wire.SocketVariable) != "" {
		return nil, fmt.Errorf("%w: this is a driver process itself", ErrNotFound)
	}
	argv := config.Command
	if len(argv) == 0 {
		path, err := Find()
		if err != nil {
			return nil, err
		}
		argv = []string{path}
	}
	dir, err := newFolder()
	if err != nil {
		return nil, err
	}
	ours, theirs, err := link.Pair()
	if err != nil {
		dir.remove()
		return nil, err
	}
	p := &process{
		config: config, control: ours, command: newCommand(argv, theirs, dir.path), dir: dir, survivors: survivors, alone: alone,
		building: make(chan struct{}, 1), beds: make(chan struct{}, maxAsleep), gone: make(chan struct{}),
		sessions: map[uint64]*session{}, probes: map[uint64]chan bool{},
	}
	started := make(chan error, 1)
	p.work.Go(func() { p.live(started) })
	if err := errors.Join(<-started, theirs.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", &device.LostError{Reason: "the driver does not start"}, err), ours.Close())
	}
	if err := p.greet(ctx); err != nil {
		p.stop()
		return nil, err
	}
	p.work.Go(p.listen)
	return p, nil
}

// newCommand is the program, with nothing of ours in its environment but what it needs.
//
// pocl keeps its cache, in the process's folder: without it (POCL_KERNEL_CACHE=0) sessions that
// build the same program share files that the first to let go removes, and the process aborts.
func newCommand(argv []string, socket *os.File, dir string) *exec.Cmd {
	c := exec.Command(argv[0], argv[1:]...)
	c.Env = append(environment(os.Environ()), wire.SocketVariable+"="+wire.SocketValue,
		"TMPDIR="+dir, "HOME="+dir, "XDG_CACHE_HOME="+dir, "POCL_CACHE_DIR="+dir)
	c.Dir = dir
	c.ExtraFiles = []*os.File{socket}
	c.Stderr = &tail{}
	c.WaitDelay = time.Second // whatever else has its standard error
	c.SysProcAttr = attributes()
	return c
}

// inherited are the beginnings of what the driver process gets to see of the environment: what
// loaders and drivers look at. Secrets are not for it.
var inherited = []string{
	"PATH=", "LANG=", "LC_", "LD_LIBRARY_PATH=", "DYLD_",
	"OCL_", "OPENCL_", "POCL_", "CL_", "CUDA_", "NVIDIA_", "ROCR_", "HSA_", "GPU_", "AMD_", "NEO", "IGC_",
}

func environment(all []string) []string {
	var kept []string
	for _, v := range all {
		for _, prefix := range inherited {
			if strings.HasPrefix(v, prefix) {
				kept = append(kept, v)
				break
			}
		}
	}
	return kept
}

// live starts the process and waits for its end. The system kills it if the thread that
// started it ends, so that thread is kept.
func (p *process) live(started chan<- error) {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	err := p.command.Start()
	started <- err
	if err == nil {
		err = p.wait()
		p.buried(err)
	}
	p.dir.remove()
	close(p.gone)
}

// buried tells all sessions that the process has ended.
func (p *process) buried(err error) {
	cause := p.cause(err)
	p.mu.Lock()
	sessions := p.sessions
	p.sessions = nil // no more are taken
	for _, answer := range p.probes {
		close(answer)
	}
	p.probes = nil
	v := p.verdict
	p.mu.Unlock()
	if v == nil {
		v = &verdict{reason: cause, blamed: culprit(sessions, p.command.ProcessState)}
	}
	for _, s := range sessions {
		if !p.stopping.Load() {
			p.survivors.add(s.limits.Label)
		}
		s.lose(&device.LostError{Reason: v.reason, Blamed: s == v.blamed})
	}
}

// cause is how the process ended, for people.
func (p *process) cause(err error) string {
	if p.stopping.Load() {
		return "the driver was stopped"
	}
	state := p.command.ProcessState
	if state != nil {
		if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return fmt.Sprintf("the driver process ended by signal %d (%v)", int(status.Signal()), status.Signal())
		}
	}
	said := p.said()
	if err == nil {
		return "the driver process ended" + said
	}
	return fmt.Sprintf("the driver process ended: %v%s", err, said)
}

// said is the last that the process wrote.
func (p *process) said() string {
	t, ok := p.command.Stderr.(*tail)
	if !ok || t.String() == "" {
		return ""
	}
	return ": " + t.String()
}

// culprit is the one session that had something under way when the process crashed; nil
// if there were more or none, or if somebody else killed the process.
func culprit(sessions map[uint64]*session, state *os.ProcessState) *session {
	if state != nil {
		status, ok := state.Sys().(syscall.WaitStatus)
		if ok && status.Signaled() && (status.Signal() == syscall.SIGKILL || status.Signal() == syscall.SIGTERM) {
			return nil
		}
	}
	var found *session
	for _, s := range sessions {
		if !s.atWork() {
			continue
		}
		if found != nil {
			return nil
		}
		found = s
	}
	return found
}

// greet waits for the facts.
func (p *process) greet(outer context.Context) error {
	ctx, cancel := context.WithTimeout(outer, p.config.StartTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { p.kill(verdict{reason: "the driver does not answer"}) })
	defer stop()
	kind, body, err := p.control.Receive()
	var facts wire.Facts
	if err == nil {
		err = wire.Decode(body, &facts)
	}
	switch {
	case outer.Err() != nil:
		return fmt.Errorf("starting the driver: %w", outer.Err())
	case ctx.Err() != nil:
		return &device.LostError{Reason: fmt.Sprintf("the driver does not answer within %v", p.config.StartTimeout)}
	case err != nil:
		p.kill(verdict{reason: "the driver does not start"})
		<-p.gone
		return fmt.Errorf("%w: %w%s", &device.LostError{Reason: "the driver does not start"}, err, p.said())
	case kind != wire.KindFacts || facts.Version != wire.Version || len(facts.Devices) > device.MaxDevices:
		return &device.LostError{Reason: "the driver is of another version"}
	}
	p.infos, p.confined = facts.Clean(), wire.Printable(facts.Confined, device.MaxText)
	return nil
}

// listen hears the answers to probes.
func (p *process) listen() {
	for {
		kind, body, err := p.control.Receive()
		var m wire.State
		if err == nil && kind == wire.KindState {
			err = wire.Decode(body, &m)
		}
		if err != nil || kind != wire.KindState {
			if !within(time.Second, p.gone) { // else that says more
				p.kill(verdict{reason: "the driver's control connection ended"})
			}
			_ = p.control.Discard() // the process is lost already
			return
		}
		p.mu.Lock()
		answer := p.probes[m.Seq]
		delete(p.probes, m.Seq)
		p.mu.Unlock()
		if answer != nil {
			answer <- m.Busy
		}
	}
}

// busy asks whether device or compiler are at a session's work. A process that does not
// answer soon counts as busy: it is of no use any more.
func (p *process) busy(s *session) bool {
	answer := make(chan bool, 1)
	p.mu.Lock()
	if p.probes == nil {
		p.mu.Unlock()
		return false
	}
	p.last++
	seq := p.last
	p.probes[seq] = answer
	p.mu.Unlock()
	if p.control.Send(wire.KindProbe, wire.Probe{Seq: seq, Session: s.id}, nil) != nil {
		return true
	}
	timer := time.NewTimer(10 * p.config.Grace)
	defer timer.Stop()
	select {
	case busy := <-answer:
		return busy
	case <-timer.C:
		return true
	}
}

// kill ends the process by force. The first verdict counts.
func (p *process) kill(v verdict) {
	p.mu.Lock()
	if p.verdict == nil && !p.stopping.Load() && !p.ended() {
		p.verdict = &v
	}
	p.mu.Unlock()
	p.end()
}

// stop ends the process and waits for its end and all goroutines.
func (p *process) stop() {
	p.stopping.Store(true)
	p.end()
	<-p.gone
	_ = p.control.Close() // the other side is gone
	p.work.Wait()
}

func (p *process) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// dying tells whether the process has ended or is about to.
func (p *process) dying() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions == nil || p.verdict != nil
}

// worn tells that nobody has a session and that the process had better be another: compilers keep some
// memory of each program.
func (p *process) worn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sessions) == 0 && p.builds.Load() >= maxBuilds
}

// maxBuilds is how many programs are built in a process before it is worn: some 200 MB, with pocl.
const maxBuilds = 256

// within tells whether a channel is closed within that time.
func within(d time.Duration, closed <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-closed:
		return true
	case <-timer.C:
		return false
	}
}

// open begins a session.
func (p *process) open(d *Driver, limits device.Limits, infos []device.Info) (*session, error) {
	ours, theirs, err := link.Pair()
	if err != nil {
		return nil, err
	}
	if err := ours.Share(); err != nil {
		return nil, errors.Join(err, ours.Close(), theirs.Close())
	}
	s := newSession(p, d.cache, limits, infos, ours)
	p.mu.Lock()
	if p.sessions == nil {
		p.mu.Unlock()
		return nil, errors.Join(&device.LostError{Reason: "the driver ended"}, ours.Close(), theirs.Close())
	}
	p.last++
	s.id = p.last
	p.sessions[s.id] = s
	p.work.Go(s.listen)
	if limits.QueueTime > 0 {
		p.work.Go(s.watch)
	}
	p.mu.Unlock()
	err = p.control.Send(wire.KindOpen, wire.Open{Session: s.id, Devices: limits.Devices}, theirs)
	if err = errors.Join(err, theirs.Close()); err != nil {
		p.kill(verdict{reason: "the driver's control connection ended"})
	}
	return s, nil
}

// begin starts a goroutine that belongs to the process, unless that has ended.
func (p *process) begin(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions != nil { // so live has not ended, and nobody has waited for all
		p.work.Go(f)
	}
}

// forget takes a session off the list.
func (p *process) forget(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sessions, s.id)
}
