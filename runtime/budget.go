package runtime

// budget counts what an instance's memories and tables take against its limit.
// It is used on the guest's goroutine alone.
type budget struct {
	limit    uint64
	used     uint64 // bytes
	peak     uint64 // bytes
	elements int64  // in tables
	refused  bool   // some growth was refused
}

const (
	elementBytes = 8
	// maxElements bounds the elements of all tables of an instance: engines
	// move a table as it grows, which nothing can interrupt.
	maxElements = 1 << 20
)

// resize takes a change from have to want bytes, or refuses it.
func (b *budget) resize(have, want uint64) bool {
	if want > have && want-have > b.limit-b.used {
		b.refused = true
		return false
	}
	b.used = b.used - have + want
	b.peak = max(b.peak, b.used)
	return true
}

// tables takes n more elements, or gives them back if n is negative.
func (b *budget) tables(n int64) bool {
	if n > maxElements-b.elements {
		b.refused = true
		return false
	}
	have := uint64(b.elements) * elementBytes
	if !b.resize(have, uint64(b.elements+n)*elementBytes) {
		return false
	}
	b.elements += n
	return true
}
