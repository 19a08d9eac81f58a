package serve

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
	"github.com/godwit-run/godwit/hostabi/gpu/opencl"
)

// program is what was built, with one object of each kernel.
type program struct {
	unit    *unit
	program opencl.Program
	kernels map[string]opencl.Kernel
}

func (s *session) build(m wire.Build) error {
	s.calling.Store(true)
	defer s.calling.Store(false)
	built, err := s.makeProgram(m)
	if err != nil {
		return s.answer(m.Seq, err, device.Times{})
	}
	built.Seq = m.Seq
	return s.conn.Send(wire.KindBuilt, built, nil)
}

func (s *session) makeProgram(m wire.Build) (built wire.Built, err error) {
	u, err := s.unit(m.Device)
	if err != nil {
		return built, err
	}
	if s.programs[m.ID] != nil || m.ID == 0 {
		return built, fmt.Errorf("program %d twice: %w", m.ID, device.ErrArgument)
	}
	if len(m.Binary) > 0 {
		if p, err := u.fromBinary(m); err == nil {
			return s.keep(m, p, nil)
		} // made for another driver, perhaps
	}
	p, err := u.fromSource(m)
	if err != nil {
		return built, err
	}
	binary := p.program.Binary()
	if len(binary) > wire.MaxBinary {
		binary = nil
	}
	return s.keep(m, p, binary)
}

// keep looks at the kernels.
func (s *session) keep(m wire.Build, p *program, binary []byte) (wire.Built, error) {
	kernels, err := p.program.Kernels()
	if err != nil {
		return wire.Built{}, errors.Join(err, p.program.Release())
	}
	built := wire.Built{Log: said(p.program), Binary: binary}
	s.programs[m.ID] = p
	p.kernels = map[string]opencl.Kernel{}
	for _, k := range kernels {
		signature := k.Signature()
		p.kernels[signature.Name] = k
	}
	for _, k := range kernels {
		signature := k.Signature()
		if len(signature.Args) > device.MaxArgs {
			s.dropProgram(m.ID)
			return wire.Built{}, &device.BuildError{Log: fmt.Sprintf("kernel %s has more than %d arguments", signature.Name, device.MaxArgs)}
		}
		built.Kernels = append(built.Kernels, signature)
	}
	p.unit.measure(m, built.Kernels)
	return built, nil
}

func (u *unit) fromBinary(m wire.Build) (*program, error) {
	p, err := u.context.FromBinary(m.Binary)
	if err != nil {
		return nil, err
	}
	if err := p.Build(withArgInfo(m)); err != nil {
		return nil, errors.Join(err, p.Release())
	}
	return &program{unit: u, program: p}, nil
}

func (u *unit) fromSource(m wire.Build) (*program, error) {
	from := u.context.FromSource
	if m.Form == device.SPIRV {
		from = u.context.FromSPIRV
	}
	p, err := from(m.Text)
	if err != nil {
		return nil, err
	}
	if err := p.Build(withArgInfo(m)); err != nil {
		if log := said(p); log != "" && errors.Is(err, device.ErrBuild) {
			err = &device.BuildError{Log: log}
		}
		return nil, errors.Join(err, p.Release())
	}
	return &program{unit: u, program: p}, nil
}

// said is what the compiler said, which need not tell where on this machine the source was kept.
func said(p opencl.Program) string {
	return strings.ReplaceAll(p.Log(), os.Getenv("TMPDIR")+"/", "")
}

// withArgInfo asks the compiler to keep what signatures are made of.
func withArgInfo(m wire.Build) string {
	if m.Form == device.SPIRV {
		return m.Options
	}
	return m.Options + " -cl-kernel-arg-info"
}

// dropProgram frees a program once what was queued before has ended.
func (s *session) dropProgram(id uint64) {
	p := s.programs[id]
	if p == nil {
		return
	}
	delete(s.programs, id)
	p.unit.fresh = append(p.unit.fresh, item{after: func() {
		for _, k := range p.kernels {
			_ = k.Release() // there is no answer to a free
		}
		_ = p.program.Release()
	}})
}

// launch sets the arguments and queues one run. The first of a kernel may compile for
// long.
func (s *session) launch(m wire.Launch) error {
	p := s.programs[m.Program]
	if p == nil || m.Dims < 1 || m.Dims > 3 {
		return s.answer(m.Seq, fmt.Errorf("program: %w", device.ErrClosed), device.Times{})
	}
	k, ok := p.kernels[m.Kernel]
	if !ok {
		return s.answer(m.Seq, fmt.Errorf("kernel: %w", device.ErrArgument), device.Times{})
	}
	s.calling.Store(true)
	defer s.calling.Store(false)
	parts, err := s.set(k, m.Args)
	var e opencl.Event
	if err == nil {
		e, err = p.unit.queue.Launch(k, m.Shape())
	}
	return p.unit.queued(m.Seq, e, err, release(parts))
}

func release(parts []opencl.Memory) func() {
	if len(parts) == 0 {
		return nil
	}
	return func() {
		for _, p := range parts {
			_ = p.Release() // it is a view of a buffer that has its own end
		}
	}
}

// set sets a kernel's arguments, and returns the parts of buffers that were made for
// them.
func (s *session) set(k opencl.Kernel, args []wire.Arg) (parts []opencl.Memory, err error) {
	for i, a := range args {
		n := uint32(i)
		switch {
		case a.Kind == device.ByValue:
			err = setBytes(k, n, a)
		case a.Kind == device.InLocal:
			err = k.SetLocal(n, a.Size)
		case a.Kind == device.InBuffer && a.Buffer == 0:
			err = k.SetNull(n)
		case a.Kind == device.InBuffer:
			parts, err = s.setBuffer(k, n, a, parts)
		default:
			err = fmt.Errorf("kind %d: %w", a.Kind, device.ErrArgument)
		}
		if err != nil {
			return parts, fmt.Errorf("argument %d: %w", i, err)
		}
	}
	return parts, nil
}

func (s *session) setBuffer(k opencl.Kernel, i uint32, a wire.Arg, parts []opencl.Memory) ([]opencl.Memory, error) {
	b, err := s.find(a.Buffer, a.Offset, a.Size)
	if err != nil {
		return parts, err
	}
	if a.Offset == 0 && a.Size == uint64(len(b.shared)) {
		return parts, k.SetMemory(i, b.memory)
	}
	part, err := b.memory.Part(a.Offset, a.Size)
	if err != nil {
		return parts, err
	}
	return append(parts, part), k.SetMemory(i, part)
}
