package opencl

import "unsafe"

// functions are those of libOpenCL that are used, by the names in their tags. Handles
// are uintptr, size_t too: there are none of 32 bits here. Those marked optional are
// of later versions than 1.2.
type functions struct {
	GetPlatformIDs  func(n uint32, ids *uintptr, count *uint32) Code                                            `cl:"clGetPlatformIDs"`
	GetPlatformInfo func(id uintptr, what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code        `cl:"clGetPlatformInfo"`
	GetDeviceIDs    func(platform uintptr, kind uint64, n uint32, ids *uintptr, count *uint32) Code             `cl:"clGetDeviceIDs"`
	GetDeviceInfo   func(id uintptr, what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code        `cl:"clGetDeviceInfo"`
	CreateContext   func(properties *uintptr, n uint32, ids *uintptr, notify, data uintptr, code *Code) uintptr `cl:"clCreateContext"`
	ReleaseContext  func(id uintptr) Code                                                                       `cl:"clReleaseContext"`
	CreateQueue     func(context, device uintptr, properties uint64, code *Code) uintptr                        `cl:"clCreateCommandQueue"`
	ReleaseQueue    func(id uintptr) Code                                                                       `cl:"clReleaseCommandQueue"`
	Flush           func(queue uintptr) Code                                                                    `cl:"clFlush"`
	Finish          func(queue uintptr) Code                                                                    `cl:"clFinish"`

	CreateBuffer    func(context uintptr, flags uint64, size, host uintptr, code *Code) uintptr         `cl:"clCreateBuffer"`
	CreateSubBuffer func(buffer uintptr, flags uint64, kind uint32, region *region, code *Code) uintptr `cl:"clCreateSubBuffer"`
	ReleaseMemory   func(id uintptr) Code                                                               `cl:"clReleaseMemObject"`

	CreateProgramWithSource func(context uintptr, n uint32, texts **byte, lengths *uintptr, code *Code) uintptr                     `cl:"clCreateProgramWithSource"`
	CreateProgramWithBinary func(context uintptr, n uint32, devices, lengths *uintptr, binaries **byte, status, code *Code) uintptr `cl:"clCreateProgramWithBinary"`
	CreateProgramWithIL     func(context uintptr, module *byte, length uintptr, code *Code) uintptr                                 `cl:"clCreateProgramWithIL,optional"`
	BuildProgram            func(program uintptr, n uint32, devices *uintptr, options string, notify, data uintptr) Code            `cl:"clBuildProgram"`
	GetProgramInfo          func(id uintptr, what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code                    `cl:"clGetProgramInfo"`
	GetBuildInfo            func(program, device uintptr, what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code       `cl:"clGetProgramBuildInfo"`
	ReleaseProgram          func(id uintptr) Code                                                                                   `cl:"clReleaseProgram"`

	CreateKernels func(program uintptr, n uint32, kernels *uintptr, count *uint32) Code                            `cl:"clCreateKernelsInProgram"`
	CreateKernel  func(program uintptr, name string, code *Code) uintptr                                           `cl:"clCreateKernel"`
	GetKernelInfo func(id uintptr, what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code             `cl:"clGetKernelInfo"`
	GetArgInfo    func(kernel uintptr, i, what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code      `cl:"clGetKernelArgInfo"`
	GetGroupInfo  func(kernel, device uintptr, what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code `cl:"clGetKernelWorkGroupInfo"`
	SetKernelArg  func(kernel uintptr, i uint32, size uintptr, value unsafe.Pointer) Code                          `cl:"clSetKernelArg"`
	ReleaseKernel func(id uintptr) Code                                                                            `cl:"clReleaseKernel"`

	EnqueueKernel func(queue, kernel uintptr, dims uint32, offset, global, local *uintptr, n uint32, after, event *uintptr) Code `cl:"clEnqueueNDRangeKernel"`
	EnqueueCopy   func(queue, from, to, fromOffset, toOffset, size uintptr, n uint32, after, event *uintptr) Code                `cl:"clEnqueueCopyBuffer"`
	EnqueueRead   func(queue, buffer uintptr, block uint32, offset, size, to uintptr, n uint32, after, event *uintptr) Code      `cl:"clEnqueueReadBuffer"`
	EnqueueWrite  func(queue, buffer uintptr, block uint32, offset, size, from uintptr, n uint32, after, event *uintptr) Code    `cl:"clEnqueueWriteBuffer"`

	WaitForEvents    func(n uint32, events *uintptr) Code                                                    `cl:"clWaitForEvents"`
	GetEventInfo     func(id uintptr, what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code    `cl:"clGetEventInfo"`
	GetProfilingInfo func(event uintptr, what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code `cl:"clGetEventProfilingInfo"`
	ReleaseEvent     func(id uintptr) Code                                                                   `cl:"clReleaseEvent"`
}

// region is cl_buffer_region.
type region struct{ origin, size uintptr }
