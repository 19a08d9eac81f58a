package wasi

import "encoding/binary"

// memory is the guest's linear memory. Every access is checked, in 64-bit
// arithmetic; what lies outside is EFAULT.
type memory []byte

// bytes is the part [ptr, ptr+n) of the memory.
func (m memory) bytes(ptr, n uint32) ([]byte, errno) {
	end := uint64(ptr) + uint64(n)
	if end > uint64(len(m)) {
		return nil, efault
	}
	return m[ptr:end:end], success
}

// array is the memory of n elements of the given size from ptr on.
func (m memory) array(ptr, n, size uint32) ([]byte, errno) {
	end := uint64(ptr) + uint64(n)*uint64(size)
	if end > uint64(len(m)) {
		return nil, efault
	}
	return m[ptr:end:end], success
}

var le = binary.LittleEndian

// iovMax bounds the length of an iovec array, as IOV_MAX does in POSIX.
const iovMax = 1024

// iovec is an array of buffers in guest memory that has been checked.
type iovec struct {
	mem   memory
	array []byte // 8 bytes each: pointer, length
	total uint64 // sum of the lengths
}

// iovec checks the array of n buffers at ptr: each must lie in memory, and
// their sum must be expressible in the u32 that reads and writes return.
func (m memory) iovec(ptr, n uint32) (iovec, errno) {
	if n > iovMax {
		return iovec{}, einval
	}
	array, e := m.array(ptr, n, 8)
	if e != success {
		return iovec{}, e
	}
	v := iovec{mem: m, array: array}
	for i := 0; i < len(array); i += 8 {
		size := le.Uint32(array[i+4:])
		if _, e := m.bytes(le.Uint32(array[i:]), size); e != success {
			return iovec{}, e
		}
		v.total += uint64(size)
	}
	if v.total > 1<<32-1 {
		return iovec{}, einval
	}
	return v, success
}

// buffers yields the buffers in order. The array is read again for each one,
// since a read into an earlier buffer may have changed it; so they are checked
// again.
func (v iovec) buffers(yield func([]byte) bool) {
	for i := 0; i < len(v.array); i += 8 {
		b, e := v.mem.bytes(le.Uint32(v.array[i:]), le.Uint32(v.array[i+4:]))
		if e != success || len(b) > 0 && !yield(b) {
			return
		}
	}
}

func (m memory) put32(ptr, v uint32) errno {
	b, e := m.bytes(ptr, 4)
	if e == success {
		le.PutUint32(b, v)
	}
	return e
}

func (m memory) put64(ptr uint32, v uint64) errno {
	b, e := m.bytes(ptr, 8)
	if e == success {
		le.PutUint64(b, v)
	}
	return e
}
