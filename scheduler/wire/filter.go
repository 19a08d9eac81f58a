package wire

import "encoding/binary"

// Filter is a Bloom filter over CIDs: it may say that it has what it has not,
// never the reverse. Ten bits for each CID and four probes err for 1.2 % of
// them. (Bloom 1970; probes from one hash: Kirsch and Mitzenmacher 2006.)
type Filter []byte

const (
	filterBits   = 10
	filterProbes = 4
)

// NewFilter makes a filter of links. With more links than MaxFilter is good for
// it errs more often.
func NewFilter(links []Link) Filter {
	if len(links) == 0 {
		return nil
	}
	f := make(Filter, min(MaxFilter, (len(links)*filterBits+7)/8))
	for _, l := range links {
		for i := range filterProbes {
			bit := f.bit(l, i)
			f[bit/8] |= 1 << (bit % 8)
		}
	}
	return f
}

// Has tells whether the filter probably has a link.
func (f Filter) Has(l Link) bool {
	if len(f) == 0 || !l.Defined() {
		return false
	}
	for i := range filterProbes {
		if bit := f.bit(l, i); f[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// bit is the i-th probe. A CID ends with a hash already: its bytes are the
// numbers.
func (f Filter) bit(l Link, i int) uint64 {
	h := l.KeyString()
	h = h[len(h)-16:]
	a, b := binary.BigEndian.Uint64([]byte(h[:8])), binary.BigEndian.Uint64([]byte(h[8:]))
	return (a + uint64(i)*(b|1)) % (uint64(len(f)) * 8)
}
