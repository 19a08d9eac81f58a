package linmem

import (
	"bytes"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func newPool(t testing.TB, cfg Config) *Pool {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// model is a memory beside the slice it should equal.
type model struct {
	mem  *Memory
	real []byte
	want []byte
}

func (m *model) resize(t *rapid.T, size int) {
	real := m.mem.Reallocate(uint64(size))
	if real == nil {
		t.Fatalf("Reallocate(%d) refused", size)
	}
	m.want = append(m.want[:min(size, len(m.want))], make([]byte, max(0, size-len(m.want)))...)
	m.real = real
}

func (m *model) check(t *rapid.T) {
	if !bytes.Equal(m.real, m.want) {
		t.Fatalf("memory differs from the model at byte %d of %d", mismatch(m.real, m.want), len(m.want))
	}
}

func mismatch(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// TestNeverForeignBytes lets memories of many sizes come and go through small
// pools: each must equal a slice that nobody else ever had.
func TestNeverForeignBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, err := New(Config{
			MaxReserve:   rapid.SampledFrom([]uint64{0, 64 << 10, 256 << 10}).Draw(t, "reserve"),
			MaxIdle:      rapid.SampledFrom([]int{-1, 1, 3, 64}).Draw(t, "idle"),
			KeepResident: rapid.SampledFrom([]uint64{0, 64 << 10, 256 << 10}).Draw(t, "keep"),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if rapid.Bool().Draw(t, "without pagemap") && p.pages != nil {
			if err := p.pages.close(); err != nil {
				t.Fatal(err)
			}
			p.pages = nil
		}
		a := p.NewAllocator(Options{Movable: true})
		defer a.Close()
		var live []*model
		pick := func(t *rapid.T) *model {
			if len(live) == 0 {
				t.Skip("no memory")
			}
			return live[rapid.IntRange(0, len(live)-1).Draw(t, "which")]
		}
		const limit = 1 << 20
		sizes := rapid.SampledFrom([]int{0, 100, PageSize, 3 * PageSize, 5*PageSize + 100, limit / 2, limit})
		t.Repeat(map[string]func(*rapid.T){
			"allocate": func(t *rapid.T) {
				m := &model{mem: a.Allocate(0, rapid.SampledFrom([]uint64{limit, 4 << 30}).Draw(t, "max"))}
				m.resize(t, sizes.Draw(t, "size"))
				live = append(live, m)
				m.check(t)
			},
			"resize": func(t *rapid.T) {
				m := pick(t)
				m.resize(t, sizes.Draw(t, "size"))
				m.check(t)
			},
			"write": func(t *rapid.T) {
				m := pick(t)
				if len(m.want) == 0 {
					t.Skip("empty")
				}
				off := len(m.want) * rapid.IntRange(0, 9).Draw(t, "tenth") / 10
				n := min(rapid.SampledFrom([]int{1, 5000, 300000, limit}).Draw(t, "n"), len(m.want)-off)
				for i := range n {
					m.real[off+i], m.want[off+i] = byte(i)|1, byte(i)|1
				}
			},
			"free": func(t *rapid.T) {
				m := pick(t)
				m.check(t)
				if err := m.mem.Close(); err != nil {
					t.Fatal(err)
				}
				for i := range live {
					if live[i] == m {
						live = append(live[:i], live[i+1:]...)
						break
					}
				}
			},
		})
		for _, m := range live {
			m.check(t)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPoolReusesAndIsBounded(t *testing.T) {
	p := newPool(t, Config{MaxIdle: 2})
	a := p.NewAllocator(Options{})
	for range 5 {
		a.Allocate(0, 1<<20)
	}
	last := a.Memories()[4]
	base := &last.Reallocate(PageSize)[0]
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if p.Idle() != 2 {
		t.Errorf("%d mappings idle, want MaxIdle = 2", p.Idle())
	}
	if again := a.Allocate(0, 1<<20).Reallocate(PageSize); &again[0] != base {
		t.Error("the mapping freed last was not reused")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPoolFollowsDemand: mappings of a length nobody wants any more make room.
func TestPoolFollowsDemand(t *testing.T) {
	p := newPool(t, Config{MaxIdle: 1})
	for _, size := range []uint64{1 << 20, 4 << 20, 4 << 20} {
		p.NewAllocator(Options{}).Allocate(0, size).Free()
	}
	if m := p.pop(4 << 20); m == nil {
		t.Error("the pool kept the wrong length")
	} else if err := m.release(); err != nil {
		t.Error(err)
	}
}

func TestMaxMemories(t *testing.T) {
	a := newPool(t, Config{MaxMemories: 2}).NewAllocator(Options{})
	defer a.Close()
	for i, ok := range []bool{true, true, false} {
		if m := a.Allocate(0, 1<<20); (m.Reallocate(PageSize) != nil) != ok || (m.Err() == nil) != ok {
			t.Errorf("memory %d: %v", i, m.Err())
		}
	}
	a.Memories()[0].Free()
	a.Memories()[0].Free()
	a.Memories()[2].Free()
	for i, ok := range []bool{true, false} {
		if m := a.Allocate(0, 1<<20); (m.Reallocate(PageSize) != nil) != ok {
			t.Errorf("memory %d after one was freed: %v", i, m.Err())
		}
	}
}

func TestFreeAfterPoolClose(t *testing.T) {
	p := newPool(t, Config{})
	m := p.NewAllocator(Options{}).Allocate(0, 1<<20)
	buf := m.Reallocate(1 << 20)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	buf[1<<20-1] = 1 // still ours
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if p.Idle() != 0 {
		t.Error("a closed pool kept a mapping")
	}
}

func TestManyGoroutines(t *testing.T) {
	p := newPool(t, Config{MaxIdle: 3})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				m := p.NewAllocator(Options{}).Allocate(0, 4<<20)
				buf := m.Reallocate(uint64(1+i%40) * PageSize)
				if at := bytes.IndexFunc(buf, func(r rune) bool { return r != 0 }); at >= 0 {
					t.Errorf("goroutine %d: byte %d is not zero", g, at)
				}
				for j := 0; j < len(buf); j += 10007 {
					buf[j] = byte(g) + 1
				}
				m.Free()
			}
		})
	}
	wg.Wait()
}

func TestConfigValidate(t *testing.T) {
	for _, c := range []struct {
		cfg Config
		ok  bool
	}{
		{Config{}, true},
		{Config{MaxReserve: PageSize, MaxIdle: -1, KeepResident: PageSize}, true},
		{Config{MaxReserve: PageSize / 2}, false},
		{Config{MaxReserve: 3 * PageSize}, false},
		{Config{MaxReserve: 1 << 63}, false},
		{Config{KeepResident: 4096}, false},
	} {
		if _, err := New(c.cfg); (err == nil) != c.ok {
			t.Errorf("New(%+v): %v", c.cfg, err)
		}
	}
}
