package gpu

import (
	"encoding/binary"
	"testing"
)

// FuzzCalls makes calls with arguments that are mostly handles that exist, small numbers and
// the ends of ranges: no sequence of them panics, nor reaches what is not the guest's.
func FuzzCalls(f *testing.F) {
	f.Add([]byte("\x05\x00\x00\x00\x00\x0e\x01\x02\x03\x04\x11\x05\x06\x07"))
	for i := range functions {
		f.Add(binary.BigEndian.AppendUint64([]byte{byte(i)}, 0x0102030405060708))
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		g := newGuest(t, Config{Mode: Preferred, Seed: []byte("fuzz"), Devices: nil})
		x, k := g.floats(1, 2, 3, 4), g.ready("saxpy")
		g.set(k, 4, float32(1), x, x)
		handles := []uint64{x, k, g.ready("sgemm"), g.ready("softmax"), g.launch(k)}
		g.shape(0)
		for len(program) > 6 {
			fn := functions[int(program[0])%len(functions)]
			args := make([]uint64, len(fn.params))
			for i := range args {
				args[i] = operand(program[1+i%6], handles)
			}
			if e := g.call(fn.name, args...); e == success && fn.name == "buffer" {
				handles = append(handles, g.out())
			}
			program = program[7:]
		}
		if _, err := g.state.(*State).Capture(); err != nil {
			t.Error(err)
		}
	})
}

// operand is an argument that is likely to lead somewhere.
func operand(b byte, handles []uint64) uint64 {
	numbers := []uint64{
		0, 1, 2, 3, 4, 5, 8, 16, 80, codeInt, codeFloat, atText, atOut, atData,
		memorySize - 8, memorySize, 1<<32 - 1, 1 << 31, 1 << 30, 1<<63 - 1, 1<<64 - 4, 1<<64 - 1,
	}
	if b < 128 {
		return numbers[int(b)%len(numbers)]
	}
	return handles[int(b)%len(handles)]
}
