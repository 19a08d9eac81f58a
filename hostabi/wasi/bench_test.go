package wasi

import (
	"bytes"
	"io"
	"os"
	"testing"
)

// BenchmarkNew is what a task that does nothing pays for its WASI.
func BenchmarkNew(b *testing.B) {
	cfg := Config{Args: []string{"main"}}
	b.ReportAllocs()
	for b.Loop() {
		s, err := New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

// BenchmarkWrite writes short lines and large blocks to the kinds of stream
// there are, and to a file.
func BenchmarkWrite(b *testing.B) {
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	go io.Copy(io.Discard, r) // ends when w is closed
	defer w.Close()
	for _, c := range []struct {
		name   string
		stdout io.Writer
	}{{"discard", io.Discard}, {"pipe", w}, {"file", nil}} {
		for _, size := range []int{2, 4096, 1 << 20} {
			b.Run(c.name+"/"+sizeName(size), func(b *testing.B) {
				g := newGuest(b, Config{Stdout: c.stdout, MaxOutputBytes: OutputBytesCeiling})
				g.memory = make([]byte, 2<<20)
				fd := uint32(1)
				if c.stdout == nil {
					fd = g.mustOpen(3, "tmp/f", openCreate, rightFdWrite|rightFdSeek)
				}
				g.iovec(1<<20, size)
				stack := make([]uint64, 4)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if fd != 1 {
						g.system.state.Descriptors[fd].Offset = 0
					}
					copy(stack, []uint64{uint64(fd), atIovec, 1, atResult})
					byName["fd_write"].Call(g.ctx, g, stack)
					if stack[0] != 0 {
						b.Fatal(stack[0])
					}
				}
			})
		}
	}
}

func sizeName(n int) string {
	if n >= 1<<20 {
		return "1MiB"
	}
	if n >= 1<<10 {
		return "4KiB"
	}
	return "2B"
}

// BenchmarkRead reads blocks of 64 KiB of an input and of standard input.
func BenchmarkRead(b *testing.B) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	for _, name := range []string{"input", "stdin"} {
		b.Run(name, func(b *testing.B) {
			g := newGuest(b, Config{Inputs: []Input{BytesInput("a", content)}, Stdin: endless{}})
			g.memory = make([]byte, 1<<20)
			fd := uint32(0)
			if name == "input" {
				fd = g.mustOpen(3, "in/a", 0, rightFdRead)
			}
			g.iovec(atData, len(content))
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				g.system.state.Descriptors[fd].Offset = 0
				if e := g.call("fd_read", fd, atIovec, 1, atResult); e != success {
					b.Fatal(e)
				}
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
