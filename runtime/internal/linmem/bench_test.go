package linmem

import (
	"errors"
	"fmt"
	"testing"
)

// scatter writes one byte in each of n pages of 4 KiB spread over mem.
func scatter(mem []byte, n int) {
	step := len(mem) / n &^ 4095
	for i := range n {
		mem[i*step] = 1
	}
}

// BenchmarkAllocate is one instance's share: a pooled memory is taken, a few
// pages of it are written, and it is freed.
func BenchmarkAllocate(b *testing.B) {
	for _, size := range []uint64{64 << 10, 1 << 20, 16 << 20, 256 << 20} {
		for _, pages := range []int{1, 4, 16, 256} {
			if uint64(pages)*4096 > size {
				continue
			}
			b.Run(fmt.Sprintf("size=%dK/touched=%d", size>>10, pages), func(b *testing.B) {
				benchAllocate(b, Config{}, size, pages)
			})
		}
	}
}

// BenchmarkUnpooled is the same with a fresh mapping each time.
func BenchmarkUnpooled(b *testing.B) {
	benchAllocate(b, Config{MaxIdle: -1}, 16<<20, 4)
}

func benchAllocate(b *testing.B, cfg Config, size uint64, pages int) {
	p, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for b.Loop() {
		m := p.NewAllocator(Options{}).Allocate(size, 4<<30)
		scatter(m.Reallocate(size), pages)
		m.Free()
	}
}

// BenchmarkZero compares two ways to zero a memory between two users, the
// refaults of the next one included: clearing the touched pages in place, and
// giving all pages back.
func BenchmarkZero(b *testing.B) {
	pages, err := openPagemap()
	if err != nil {
		b.Skip(err)
	}
	defer pages.close()
	inPlace := func(mem []byte) error {
		if !pages.clearTouched(mem, uint64(len(mem))) {
			return errors.New("cannot tell touched pages")
		}
		return nil
	}
	for _, used := range []int{128 << 10, 1 << 20, 16 << 20, 256 << 20} {
		for _, touched := range []int{1, 16, 256} {
			if touched*4096 > used {
				continue
			}
			name := fmt.Sprintf("used=%dK/touched=%d", used>>10, touched)
			b.Run(name+"/clear", func(b *testing.B) { benchZero(b, used, touched, inPlace) })
			b.Run(name+"/discard", func(b *testing.B) { benchZero(b, used, touched, discard) })
		}
	}
}

func benchZero(b *testing.B, used, touched int, zero func([]byte) error) {
	m, err := reserve(used)
	if err == nil {
		err = m.commit(used)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer m.release()
	for b.Loop() {
		scatter(m.mem, touched)
		if err := zero(m.mem); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNew is what a process pays at its start.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		p, err := New(Config{})
		if err == nil {
			err = p.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkProve is the self-test of all rungs.
func BenchmarkProve(b *testing.B) {
	for b.Loop() {
		Prove()
	}
}
