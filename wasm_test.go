package godwit

import "encoding/binary"

// printer is a module that writes so many bytes to standard output, text again and
// again, and then "bye" to standard error.
func printer(text string, bytes int) []byte {
	leb := func(v int) []byte { return binary.AppendUvarint(nil, uint64(v)) }
	sleb := func(v int) (b []byte) {
		for ; v > 63; v >>= 7 {
			b = append(b, byte(v&0x7f)|0x80)
		}
		return append(b, byte(v))
	}
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	section := func(id byte, body ...[]byte) []byte {
		all := join(body...)
		return join([]byte{id}, leb(len(all)), all)
	}
	name := func(s string) []byte { return join(leb(len(s)), []byte(s)) }
	const base = 1024 // of the text
	iov := func(ptr, length int) []byte {
		b := binary.LittleEndian.AppendUint32(nil, uint32(ptr))
		return binary.LittleEndian.AppendUint32(b, uint32(length))
	}
	// fd_write(fd, iovs, 1, written); drop
	write := func(fd, iovs int) []byte {
		return join([]byte{0x41}, sleb(fd), []byte{0x41}, sleb(iovs), []byte{0x41, 1, 0x41}, sleb(64), []byte{0x10, 0, 0x1a})
	}
	var code []byte
	chunks, rest := bytes/len(text), bytes%len(text)
	for range chunks {
		code = join(code, write(1, 0))
	}
	code = join([]byte{0}, code, write(1, 8), write(2, 16), []byte{0x0b})
	data := join(iov(base, len(text)), iov(base, rest), iov(100, 3))
	return join([]byte{0, 'a', 's', 'm', 1, 0, 0, 0},
		section(1, []byte{2, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 0}),
		section(2, []byte{1}, name("wasi_snapshot_preview1"), name("fd_write"), []byte{0, 0}),
		section(3, []byte{1, 1}),
		section(5, []byte{1, 0}, leb(1+(base+len(text))>>16)),
		section(7, []byte{2}, name("memory"), []byte{2, 0}, name("_start"), []byte{0, 1}),
		section(10, []byte{1}, leb(len(code)), code),
		section(11, []byte{3},
			[]byte{0, 0x41, 0, 0x0b}, leb(len(data)), data,
			[]byte{0, 0x41}, sleb(100), []byte{0x0b}, name("bye"),
			[]byte{0, 0x41}, sleb(base), []byte{0x0b}, name(text)))
}
