package gpu

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/kernels"
)

const (
	eachBuild  = 1_000_000 // units
	eachSource = 64        // for each byte
	eachKernel = 1000
)

// program is what was built. It lives as long as its handle or one of its kernels.
type program struct {
	device.Program
	on     *slot
	source device.Source
	users  int
}

func (p *program) free() error {
	if p.users--; p.users > 0 {
		return nil
	}
	return p.Free()
}

// forms are the kinds of code, by their number.
var forms = []device.Form{device.OpenCLC, device.SPIRV}

func (c call) build(a []uint64) errno {
	handle, e := c.bytes(a[6], 8)
	if e != success {
		return e
	}
	d, e := c.slotOf(a[0])
	if e != success {
		return e
	}
	source, e := c.source(a[1:])
	switch {
	case e != success:
		return e
	case len(c.objects) >= maxHandles:
		return emfile
	}
	c.caller.Charge(eachBuild + eachSource*uint64(len(source.Text)+len(source.Options)))
	p, err := c.newProgram(c.ctx, d, source)
	if err != nil {
		return c.failed(err)
	}
	p.users++
	le.PutUint64(handle, c.put(p))
	return success
}

// source reads kind, code and options.
func (c call) source(a []uint64) (s device.Source, e errno) {
	if kind := uint32(a[0]); kind >= uint32(len(forms)) {
		return s, einval
	} else {
		s.Form = forms[kind]
	}
	text, e := c.in(a[1], a[2], device.MaxSource)
	if e != success {
		return s, e
	}
	s.Options, e = c.text(a[3], a[4], device.MaxOptions)
	s.Text = append([]byte(nil), text...)
	return s, e
}

// newProgram builds a guest's program.
func (s *State) newProgram(ctx context.Context, d *slot, source device.Source) (*program, error) {
	if err := s.buildable(d, source); err != nil {
		s.kept.Log = err.Error()
		return nil, err
	}
	p, err := s.compile(ctx, d, source)
	if err != nil {
		return nil, err
	}
	return &program{Program: p, on: d, source: source}, nil
}

// compile has a source built, and keeps what the compiler said.
func (s *State) compile(ctx context.Context, d *slot, source device.Source) (device.Program, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	p, err := s.session.Build(ctx, d.number, source)
	if failed, ok := errors.AsType[*device.BuildError](err); ok {
		s.kept.Log = failed.Log
	} else if err != nil {
		s.kept.Log = err.Error()
	}
	if err != nil {
		return nil, err
	}
	s.kept.Log = p.Log()
	return p, nil
}

// buildable tells why a source is not even tried.
func (s *State) buildable(d *slot, source device.Source) error {
	if !d.Takes(source.Form) {
		return formError{source.Form, d.Name}
	}
	if source.Form == device.Named {
		return nil
	}
	if err := device.CheckOptions(source.Options); err != nil {
		return err
	}
	if s.cfg.Portable {
		return portable(source)
	}
	return nil
}

// formError is a form of source that a device does not take.
type formError struct {
	form device.Form
	name string
}

func (e formError) Error() string {
	return string(e.form) + " cannot be built for this device: " + e.name
}

func (e formError) Unwrap() error { return device.ErrForm }

func (c call) buildLog(a []uint64) errno {
	c.observed++
	return c.out(c.kept.Log, a[0], a[1], a[2])
}

func (c call) kernel(a []uint64) errno {
	handle, e := c.bytes(a[3], 8)
	if e != success {
		return e
	}
	p, e := find[*program](c.State, a[0])
	if e != success {
		return e
	}
	name, e := c.text(a[1], a[2], maxName)
	switch {
	case e != success:
		return e
	case len(c.objects) >= maxHandles:
		return emfile
	}
	c.caller.Charge(eachKernel)
	k, err := newKernel(p, name)
	if errors.Is(err, device.ErrArgument) {
		return enoent
	}
	if err != nil {
		return c.failed(err)
	}
	le.PutUint64(handle, c.put(k))
	return success
}

func (c call) ready(a []uint64) errno {
	handle, e := c.bytes(a[3], 8)
	if e != success {
		return e
	}
	d, e := c.slotOf(a[0])
	if e != success {
		return e
	}
	name, e := c.text(a[1], a[2], maxName)
	switch {
	case e != success:
		return e
	case len(c.objects) >= maxHandles:
		return emfile
	}
	c.caller.Charge(eachKernel)
	k, e := c.readyKernel(d, name)
	if e != success {
		return e
	}
	le.PutUint64(handle, c.put(k))
	return success
}

func (c call) readyKernel(d *slot, name string) (*kernel, errno) {
	if _, ok := kernels.Find(name); !ok {
		return nil, enoent
	}
	p, err := c.readyProgram(c.ctx, d, name)
	if err != nil {
		return nil, c.failed(err)
	}
	k, err := newKernel(p, name)
	if err != nil {
		return nil, c.failed(err)
	}
	return k, success
}

// readyProgram builds a ready-made kernel for a device, once.
func (s *State) readyProgram(ctx context.Context, d *slot, name string) (*program, error) {
	key := readyKey{d.number, name}
	if p := s.readyMade[key]; p != nil {
		return p, nil
	}
	k, ok := kernels.Find(name)
	if !ok {
		return nil, fmt.Errorf("no ready-made kernel %.80q: %w", name, device.ErrArgument)
	}
	source, err := k.Source(d.Info)
	if err != nil {
		return nil, err
	}
	built, err := s.compile(ctx, d, source)
	if err != nil {
		return nil, err
	}
	p := &program{Program: built, on: d, source: device.Source{Form: device.Named, Text: []byte(name)}, users: 1}
	s.readyMade[key] = p
	return p, nil
}

// portable tells why a program might not build for another vendor's device.
func portable(source device.Source) error {
	if source.Form != device.OpenCLC {
		return notPortableError{string(source.Form)}
	}
	if word := vendorWord.FindString(withoutComments(string(source.Text))); word != "" {
		return notPortableError{word}
	}
	for _, o := range strings.Fields(source.Options) {
		if word := vendorWord.FindString(o); word != "" {
			return notPortableError{word}
		}
	}
	return nil
}
