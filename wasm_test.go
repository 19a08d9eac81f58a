package godwit

import (
	"encoding/binary"
	"slices"
)

// What little WebAssembly's binary format takes for the guests of these tests.

func leb(v int) []byte { return binary.AppendUvarint(nil, uint64(v)) }

func sleb(v int) (b []byte) {
	for ; v > 63; v >>= 7 {
		b = append(b, byte(v&0x7f)|0x80)
	}
	return append(b, byte(v))
}

func section(id byte, body ...[]byte) []byte {
	all := slices.Concat(body...)
	return slices.Concat([]byte{id}, leb(len(all)), all)
}

func text(s string) []byte { return slices.Concat(leb(len(s)), []byte(s)) }

// program is a module whose _start is code, with one memory that begins with data;
// functions 0 and 1 are WASI's fd_read and fd_write.
func program(pages int, code []byte, data []byte) []byte {
	body := slices.Concat([]byte{0}, code, []byte{0x0b})
	imports := func(name string) []byte {
		return slices.Concat(text("wasi_snapshot_preview1"), text(name), []byte{0, 0})
	}
	return slices.Concat([]byte{0, 'a', 's', 'm', 1, 0, 0, 0},
		section(1, []byte{2, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 0}),
		section(2, []byte{2}, imports("fd_read"), imports("fd_write")),
		section(3, []byte{1, 1}),
		section(5, []byte{1, 0}, leb(pages)),
		section(7, []byte{2}, text("memory"), []byte{2, 0}, text("_start"), []byte{0, 2}),
		section(10, []byte{1}, leb(len(body)), body),
		section(11, []byte{1, 0, 0x41, 0, 0x0b}, leb(len(data)), data))
}

// call calls function 0 or 1 with a descriptor and the vector at iov, and drops the
// result; the number of bytes goes to address 56.
func call(function byte, fd, iov int) []byte {
	return slices.Concat([]byte{0x41}, sleb(fd), []byte{0x41}, sleb(iov), []byte{0x41, 1, 0x41, 56, 0x10, function, 0x1a})
}

func iov(ptr, length int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(ptr))
	return binary.LittleEndian.AppendUint32(b, uint32(length))
}

// echo writes what it reads from standard input, up to 60,000 bytes.
func echo() []byte {
	return program(1, slices.Concat(call(0, 0, 0),
		[]byte{0x41, 4, 0x41, 56, 0x28, 2, 0, 0x36, 2, 0}, // mem32[4] = mem32[56]
		call(1, 1, 0)), iov(1024, 60_000))
}

// printer writes so many bytes to standard output, words again and again, and then
// "bye" to standard error.
func printer(words string, bytes int) []byte {
	const base = 1024
	code := slices.Repeat(call(1, 1, 0), bytes/len(words))
	code = slices.Concat(code, call(1, 1, 8), call(1, 2, 16))
	data := make([]byte, base)
	copy(data, slices.Concat(iov(base, len(words)), iov(base, bytes%len(words)), iov(32, 3)))
	copy(data[32:], "bye")
	return program(1+(base+len(words))>>16, code, append(data, words...))
}
