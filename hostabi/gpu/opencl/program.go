package opencl

import (
	"fmt"
	goruntime "runtime"
	"unsafe"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

const (
	programBinarySizes = 0x1165
	programBinaries    = 0x1166
	buildLog           = 0x1183

	// maxBinary is the largest binary of a program in bytes.
	maxBinary = 64 << 20
)

// FromSource makes a program of text in OpenCL C.
func (c Context) FromSource(source []byte) (Program, error) {
	var code Code
	first, length := unsafe.SliceData(source), uintptr(len(source))
	var pin goruntime.Pinner
	defer pin.Unpin()
	if first != nil {
		pin.Pin(first)
	}
	id := c.device.lib.functions.CreateProgramWithSource(c.id, 1, &first, &length, &code)
	return Program{device: c.device, id: id}, code.err()
}

// FromSPIRV makes a program of a module in SPIR-V.
func (c Context) FromSPIRV(module []byte) (Program, error) {
	create := c.device.lib.functions.CreateProgramWithIL
	if create == nil || len(module) == 0 {
		return Program{}, fmt.Errorf("SPIR-V: %w", device.ErrForm)
	}
	var code Code
	id := create(c.id, &module[0], uintptr(len(module)), &code)
	return Program{device: c.device, id: id}, code.err()
}

// FromBinary makes a program of what Binary gave for the same device and driver.
func (c Context) FromBinary(binary []byte) (Program, error) {
	if len(binary) == 0 {
		return Program{}, Code(buildFailed)
	}
	var code, status Code
	first, length := &binary[0], uintptr(len(binary))
	var pin goruntime.Pinner
	defer pin.Unpin()
	pin.Pin(first)
	id := c.device.lib.functions.CreateProgramWithBinary(c.id, 1, &c.device.id, &length, &first, &status, &code)
	return Program{device: c.device, id: id}, code.err()
}

// Build compiles the program, which may take long and cannot be stopped.
func (p Program) Build(options string) error {
	return p.device.lib.functions.BuildProgram(p.id, 1, &p.device.id, options, 0, 0).err()
}

// Log is what the compiler said, at most device.MaxLog bytes of it.
func (p Program) Log() string {
	log := words(func(what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code {
		return p.device.lib.functions.GetBuildInfo(p.id, p.device.id, what, size, to, length)
	}, buildLog, maxBinary)
	return log[:min(len(log), device.MaxLog)]
}

func (p Program) get(what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code {
	return p.device.lib.functions.GetProgramInfo(p.id, what, size, to, length)
}

// Binary is what was built, in the driver's own form; nil if the driver does not tell.
func (p Program) Binary() []byte {
	size := value[uintptr](p.get, programBinarySizes)
	if size == 0 || size > maxBinary {
		return nil
	}
	binary := make([]byte, size)
	to := &binary[0]
	var pin goruntime.Pinner
	defer pin.Unpin()
	pin.Pin(to)
	if p.get(programBinaries, unsafe.Sizeof(to), unsafe.Pointer(&to), nil) != success {
		return nil
	}
	return binary
}

// Kernels makes one object of each of the program's kernels.
func (p Program) Kernels() ([]Kernel, error) {
	ids := make([]uintptr, maxObjects)
	var n uint32
	if code := p.device.lib.functions.CreateKernels(p.id, 0, nil, &n); code != success {
		return nil, code
	}
	if n == 0 || n > maxObjects {
		return nil, fmt.Errorf("%d kernels in a program: %w", n, device.ErrBuild)
	}
	if code := p.device.lib.functions.CreateKernels(p.id, n, &ids[0], nil); code != success {
		return nil, code
	}
	kernels := make([]Kernel, n)
	for i := range kernels {
		kernels[i] = Kernel{device: p.device, id: ids[i]}
	}
	return kernels, nil
}

// Kernel makes an object of one kernel.
func (p Program) Kernel(name string) (Kernel, error) {
	var code Code
	id := p.device.lib.functions.CreateKernel(p.id, name, &code)
	return Kernel{device: p.device, id: id}, code.err()
}

// Release gives the program back once it has no kernels.
func (p Program) Release() error { return p.device.lib.functions.ReleaseProgram(p.id).err() }
