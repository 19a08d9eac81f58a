package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// Driver is a device.Backend: the driver process, started when it is first needed and again
// after its end.
type Driver struct {
	config    Config
	cache     *cache
	survivors survivors

	mu      sync.Mutex // held while a process is started
	current *process
	alone   []*process // those of survivors, each for one session
	infos   []device.Info
	closed  bool
}

var _ device.Backend = (*Driver)(nil)

// New makes a driver; no process is started yet.
func New(config Config) (*Driver, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	config = config.withDefaults()
	return &Driver{config: config, cache: newCache(config.CacheDir, config.CacheSize)}, nil
}

// Name is "opencl".
func (d *Driver) Name() string { return "opencl" }

// Devices lists the devices. Where there is no driver program there are none: Find says
// why. Errors wrap device.ErrLost or the context's.
func (d *Driver) Devices(ctx context.Context) ([]device.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.infos == nil && !d.closed {
		_, err := d.running(ctx)
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	if d.closed {
		return nil, device.ErrClosed
	}
	return slices.Clone(d.infos), nil
}

// running is the process, started if there is none.
func (d *Driver) running(ctx context.Context) (*process, error) {
	if d.closed {
		return nil, device.ErrClosed
	}
	if d.current != nil {
		if !d.current.dying() && !d.current.worn() {
			return d.current, nil
		}
		d.current.stop()
	}
	p, err := d.start(ctx, false)
	if err == nil {
		d.current = p
	}
	return p, err
}

// start starts a process, which has the devices that all before it had.
func (d *Driver) start(ctx context.Context, alone bool) (*process, error) {
	p, err := start(ctx, d.config, &d.survivors, alone)
	if err != nil {
		return nil, err
	}
	if d.infos == nil {
		d.infos = p.infos
	}
	if !slices.EqualFunc(d.infos, p.infos, func(a, b device.Info) bool { return a.ID == b.ID }) {
		p.stop()
		return nil, &device.LostError{Reason: "the devices are not those that were there before"}
	}
	return p, nil
}

// processFor is the process for a session: one of its own for a survivor.
func (d *Driver) processFor(ctx context.Context, label string) (*process, error) {
	d.alone = slices.DeleteFunc(d.alone, (*process).ended)
	if d.closed || !d.survivors.has(label) || len(d.alone) == maxAlone {
		return d.running(ctx)
	}
	p, err := d.start(ctx, true)
	if err == nil {
		d.alone = append(d.alone, p)
	}
	return p, err
}

// Open begins a session.
func (d *Driver) Open(ctx context.Context, limits device.Limits) (device.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, err := d.processFor(ctx, limits.Label)
	if err != nil {
		return nil, err
	}
	s, err := d.openIn(p, limits)
	if err != nil {
		if p.alone {
			p.stop()
		}
		return nil, err
	}
	return s, nil
}

func (d *Driver) openIn(p *process, limits device.Limits) (*session, error) {
	var infos []device.Info
	for _, i := range limits.Devices {
		if i < 0 || i >= len(d.infos) || len(infos) == device.MaxDevices {
			return nil, fmt.Errorf("device %d of %d: %w", i, len(d.infos), device.ErrDevice)
		}
		if why := d.infos[i].Unusable; why != "" {
			return nil, fmt.Errorf("device %s: %s: %w", d.infos[i].Name, why, device.ErrDevice)
		}
		infos = append(infos, d.infos[i])
	}
	return p.open(d, limits, infos)
}

// Close ends the process and all sessions.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return device.ErrClosed
	}
	d.closed = true
	if d.current != nil {
		d.current.stop()
	}
	for _, p := range d.alone {
		p.stop()
	}
	return nil
}

// Confined says what the running process may not do any more: "files, sockets". It is empty if
// there is no process.
func (d *Driver) Confined() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current == nil {
		return ""
	}
	return d.current.confined
}

// Pid is the process's id, 0 if there is none.
func (d *Driver) Pid() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current == nil || d.current.ended() {
		return 0
	}
	return d.current.command.Process.Pid
}
