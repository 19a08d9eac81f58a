package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// program is a device.Program.
type program struct {
	session *session
	id      uint64
	device  int
	log     string
	kernels []device.Signature
	freed   atomic.Bool
}

var _ device.Program = (*program)(nil)

func (s *session) Build(ctx context.Context, dev int, source device.Source) (device.Program, error) {
	if dev < 0 || dev >= len(s.infos) {
		return nil, fmt.Errorf("device %d of %d: %w", dev, len(s.infos), device.ErrArgument)
	}
	if source.Form == device.OpenCLC {
		source.Text = device.WithoutFiles(source.Text)
	}
	if err := checkSource(s.infos[dev], source); err != nil {
		return nil, err
	}
	key := keyOf(s.infos[dev], source)
	binary := s.cache.get(key)
	p := &program{session: s, device: dev}
	built, err := s.build(ctx, p, source, binary)
	if err != nil {
		return nil, err
	}
	if len(built.Binary) > 0 {
		s.cache.put(key, built.Binary)
	}
	p.log, p.kernels = built.Log, built.Kernels
	slices.SortFunc(p.kernels, func(a, b device.Signature) int { return strings.Compare(a.Name, b.Name) })
	return p, nil
}

func checkSource(info device.Info, source device.Source) error {
	if source.Form == device.Named || !info.Takes(source.Form) {
		return fmt.Errorf("source in %.20q: %w", source.Form, device.ErrForm)
	}
	if n := len(source.Text); n == 0 || n > device.MaxSource {
		return fmt.Errorf("source of %d bytes: %w", n, device.ErrArgument)
	}
	return device.CheckOptions(source.Options)
}

// build has a program built when nothing else is: compilers keep each other waiting, and it
// must be known whose source it is that takes so long.
func (s *session) build(ctx context.Context, p *program, source device.Source, binary []byte) (*wire.Built, error) {
	pr := s.process
	select {
	case pr.building <- struct{}{}:
	case <-s.over:
		return nil, s.ended()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	pr.builds.Add(1)
	var late atomic.Bool
	timer := time.AfterFunc(pr.config.BuildTimeout, func() {
		late.Store(true)
		pr.kill(verdict{reason: fmt.Sprintf("a program of %s took more than %v to build", s.name(), pr.config.BuildTimeout), blamed: s})
	})
	after := sync.OnceFunc(func() { // the answer may come long after the caller has gone
		timer.Stop()
		<-pr.building
	})
	e, err := s.ask(ctx, request{kind: wire.KindBuild, device: p.device, after: after, body: func(seq uint64) any {
		p.id = seq
		return wire.Build{Seq: seq, ID: seq, Device: p.device, Form: source.Form, Text: source.Text, Options: source.Options, Binary: binary}
	}}, nil)
	if err != nil {
		return nil, err
	}
	if err := device.Wait(ctx, e); err != nil {
		if late.Load() {
			err = errors.Join(device.ErrTimeout, err)
		}
		return nil, err
	}
	if e.built == nil {
		return nil, fmt.Errorf("no program: %w", device.ErrBuild)
	}
	return e.built, nil
}

func (p *program) Log() string { return p.log }

func (p *program) Kernels() []device.Signature { return slices.Clone(p.kernels) }

func (p *program) Kernel(name string) (device.Kernel, error) {
	i := slices.IndexFunc(p.kernels, func(k device.Signature) bool { return k.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("no kernel %.64q: %w", name, device.ErrArgument)
	}
	return &kernel{program: p, signature: p.kernels[i]}, nil
}

func (p *program) Free() error {
	if p.freed.Swap(true) {
		return fmt.Errorf("program: %w", device.ErrClosed)
	}
	return p.session.tell(wire.KindFreeProgram, wire.Free{ID: p.id})
}

// kernel is a device.Kernel.
type kernel struct {
	program   *program
	signature device.Signature
}

func (k *kernel) Signature() device.Signature { return k.signature }

func (k *kernel) Launch(ctx context.Context, shape device.Range, args ...device.Value) (device.Event, error) {
	p := k.program
	s := p.session
	if p.freed.Load() {
		return nil, fmt.Errorf("program: %w", device.ErrClosed)
	}
	info := s.infos[p.device]
	if err := k.signature.CheckShape(info, shape); err != nil {
		return nil, err
	}
	if err := k.signature.CheckArgs(info, args); err != nil {
		return nil, err
	}
	list, err := s.arguments(p.device, k.signature, args)
	if err != nil {
		return nil, err
	}
	e, err := s.ask(ctx, request{kind: wire.KindLaunch, device: p.device, queued: true, launch: true, body: func(seq uint64) any {
		return wire.Launch{
			Seq: seq, Program: p.id, Kernel: k.signature.Name,
			Dims: shape.Dims, Offset: shape.Offset, Global: shape.Global, Local: shape.Local, Args: list,
		}
	}}, nil)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// arguments are those of a launch on a device, as the driver is told them.
func (s *session) arguments(dev int, signature device.Signature, args []device.Value) ([]wire.Arg, error) {
	list := make([]wire.Arg, len(args))
	for i, a := range args {
		list[i] = wire.Arg{Kind: a.Kind, Bytes: a.Bytes, Offset: a.Offset, Size: a.Size}
		if a.Kind == device.ByValue {
			list[i].Size = signature.Args[i].Size
		}
		if a.Buffer == nil {
			continue
		}
		b, err := s.own(a.Buffer)
		if err == nil && b.device != dev {
			err = fmt.Errorf("buffer of another device: %w", device.ErrArgument)
		}
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
		list[i].Buffer = b.id
	}
	return list, nil
}
