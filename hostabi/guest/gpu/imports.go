//go:build wasip1

package gpu

import "unsafe"

// The imports, as package hostabi/gpu specifies them. Buffers go as pointer and length, like
// strings do by themselves.

//go:wasmimport godwit_gpu mode
func hostMode() uint32

//go:wasmimport godwit_gpu devices
func hostDevices(n *uint32) uint32

//go:wasmimport godwit_gpu device
func hostDevice(index uint32, facts *Facts) uint32

//go:wasmimport godwit_gpu device_text
func hostDeviceText(index, what uint32, to unsafe.Pointer, size uint32, n *uint32) uint32

//go:wasmimport godwit_gpu memory
func hostMemory(used, most *uint64) uint32

//go:wasmimport godwit_gpu buffer
func hostBuffer(device uint32, size uint64, buffer *uint64) uint32

//go:wasmimport godwit_gpu size
func hostSize(buffer uint64, size *uint64) uint32

//go:wasmimport godwit_gpu write
func hostWrite(buffer, offset uint64, from unsafe.Pointer, size uint32) uint32

//go:wasmimport godwit_gpu read
func hostRead(buffer, offset uint64, to unsafe.Pointer, size uint32) uint32

//go:wasmimport godwit_gpu copy
func hostCopy(from, fromOffset, to, toOffset, size uint64) uint32

//go:wasmimport godwit_gpu free
func hostFree(handle uint64) uint32

//go:wasmimport godwit_gpu build
func hostBuild(device, kind uint32, code unsafe.Pointer, size uint32, options string, program *uint64) uint32

//go:wasmimport godwit_gpu build_log
func hostBuildLog(to unsafe.Pointer, size uint32, n *uint32) uint32

//go:wasmimport godwit_gpu kernel
func hostKernel(program uint64, name string, kernel *uint64) uint32

//go:wasmimport godwit_gpu ready
func hostReady(device uint32, name string, kernel *uint64) uint32

//go:wasmimport godwit_gpu parameters
func hostParameters(kernel uint64, n *uint32) uint32

//go:wasmimport godwit_gpu parameter
func hostParameter(kernel uint64, index uint32, facts *parameter, to unsafe.Pointer, size uint32, n *uint32) uint32

//go:wasmimport godwit_gpu set_buffer
func hostSetBuffer(kernel uint64, index uint32, buffer, offset, size uint64) uint32

//go:wasmimport godwit_gpu set_value
func hostSetValue(kernel uint64, index, typ uint32, value unsafe.Pointer, size uint32) uint32

//go:wasmimport godwit_gpu set_local
func hostSetLocal(kernel uint64, index, size uint32) uint32

//go:wasmimport godwit_gpu launch
func hostLaunch(kernel uint64, r *Range, event *uint64) uint32

//go:wasmimport godwit_gpu wait
func hostWait(event uint64) uint32

//go:wasmimport godwit_gpu done
func hostDone(event uint64, ended *uint32) uint32

//go:wasmimport godwit_gpu times
func hostTimes(event uint64, times *Times) uint32
