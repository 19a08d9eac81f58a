package opencl

import (
	"errors"
	"unsafe"
)

// ErrAbsent is a machine, or a build, without OpenCL.
var ErrAbsent = errors.New("no OpenCL library")

// maxObjects is how many platforms, devices of a platform and kernels of a program are
// looked at.
const maxObjects = 256

// Library is libOpenCL.
type Library struct {
	functions functions
}

// Device is one device of a platform.
type Device struct {
	lib          *Library
	id, platform uintptr
}

// Context owns buffers and programs for one device.
type Context struct {
	device Device
	id     uintptr
}

// Queue runs commands one after the other.
type Queue struct {
	lib *Library
	id  uintptr
}

// Memory is a buffer or a part of one.
type Memory struct {
	lib *Library
	id  uintptr
}

// Program is source or a binary, and what was built from it.
type Program struct {
	device Device
	id     uintptr
}

// Kernel is a function of a program, with its arguments.
type Kernel struct {
	device Device
	id     uintptr
}

// Event is what becomes of a command.
type Event struct {
	lib *Library
	id  uintptr
}

// getter is one of the functions that tell: clGet…Info with its objects given.
type getter func(what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code

// value asks for something of fixed size, and is zero if that is not known.
func value[T any](get getter, what uint32) (v T) {
	var length uintptr
	if code := get(what, unsafe.Sizeof(v), unsafe.Pointer(&v), &length); code != 0 {
		return *new(T)
	}
	return v
}

// text asks for bytes of any number up to limit. It is nil if that is not known.
func text(get getter, what uint32, limit int) []byte {
	var length uintptr
	if get(what, 0, nil, &length) != 0 || length == 0 || length > uintptr(limit) {
		return nil
	}
	b := make([]byte, length)
	if get(what, length, unsafe.Pointer(&b[0]), &length) != 0 {
		return nil
	}
	return b
}

// words is text without the zero at its end.
func words(get getter, what uint32, limit int) string {
	b := text(get, what, limit)
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
