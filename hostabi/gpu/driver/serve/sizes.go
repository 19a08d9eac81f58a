package serve

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
	"github.com/godwit-run/godwit/hostabi/gpu/opencl"
)

// measure finds out how large the types are that the source has made, structures mostly, where its
// kernels take such by value: OpenCL does not tell, and a driver that does not check reads
// beyond what was passed. The compiler knows, and what a kernel asks for as its work-group is told.
// So the source is compiled once more, with kernels that ask for the sizes. Types of which none is
// found have none, and what is passed gets room behind it; see room.
func (u *unit) measure(m wire.Build, built []device.Signature) {
	var types []string
	each(built, func(a *device.Arg) { types = append(types, a.Type) })
	slices.Sort(types)
	types = slices.Compact(types)
	if len(types) == 0 || m.Form != device.OpenCLC {
		return
	}
	text := bytes.NewBuffer(slices.Clone(m.Text))
	for i, t := range types {
		fmt.Fprintf(text, "\nkernel __attribute__((reqd_work_group_size(sizeof(%s), 1, 1))) void %s%d(void) {}", t, sizeKernel, i)
	}
	m.Text = text.Bytes()
	p, err := u.fromSource(m)
	if err != nil {
		return
	}
	sizes := sizesOf(p.program)
	_ = p.program.Release() // it was of use
	each(built, func(a *device.Arg) {
		i, _ := slices.BinarySearch(types, a.Type)
		a.Size = sizes[fmt.Sprint(sizeKernel, i)]
	})
}

// sizeKernel is what the names of the kernels begin with that ask for sizes.
const sizeKernel = "godwit_size_of_"

// each does something with each argument whose size is not known.
func each(kernels []device.Signature, do func(*device.Arg)) {
	for _, k := range kernels {
		for i := range k.Args {
			if a := &k.Args[i]; a.Kind == device.ByValue && a.Size == 0 {
				do(a)
			}
		}
	}
}

// sizesOf are what a program's kernels ask for, by name.
func sizesOf(p opencl.Program) map[string]uint64 {
	sizes := map[string]uint64{}
	kernels, err := p.Kernels()
	if err != nil {
		return nil
	}
	for _, k := range kernels {
		if s := k.Signature(); strings.HasPrefix(s.Name, sizeKernel) {
			sizes[s.Name] = s.Required[0]
		}
		_ = k.Release() // it was of use
	}
	return sizes
}

// room is how many bytes of zeros, at most, come behind a value whose size nobody knows.
const room = 4 << 10

// setBytes sets a value. Where its size is not known, the driver reads zeros if it reads beyond it; a
// driver that knows the size itself takes no more than that.
func setBytes(k opencl.Kernel, i uint32, a wire.Arg) error {
	if a.Size == 0 && len(a.Bytes) < room {
		padded := make([]byte, room)
		copy(padded, a.Bytes)
		if k.SetBytes(i, padded) == nil {
			return nil
		}
	}
	return k.SetBytes(i, a.Bytes)
}
