package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

// HashState is a SHA-256 over all that an instance is: the fuel used, the state,
// and size bytes of linear memory. Two instances of one module with equal hashes
// go on alike. It does not depend on how a checkpoint keeps the memory.
func HashState(used uint64, s *State, size uint64, memory io.Reader) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	hashField(h, "godwit-state-1", nil)
	hashField(h, "fuel", binary.LittleEndian.AppendUint64(nil, used))
	hashField(h, "globals", encodeGlobals(s.Globals))
	for _, t := range s.Tables {
		hashField(h, "table", append([]byte{byte(t.Type)}, encodeEntries(t.Entries)...))
	}
	for _, d := range []struct {
		name    string
		indices []uint32
	}{{"data", s.DroppedData}, {"elements", s.DroppedElements}} {
		set, err := encodeSet(d.indices)
		if err != nil {
			return sum, err
		}
		hashField(h, d.name, set)
	}
	for _, name := range sortedKeys(s.Sections) {
		hashField(h, "section "+name, s.Sections[name])
	}
	hashField(h, "memory", binary.LittleEndian.AppendUint64(nil, size))
	if _, err := io.CopyN(h, memory, int64(size)); err != nil {
		return sum, fmt.Errorf("hash memory: %w", err)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// hashField adds bytes with their name and length. A hash takes whatever it is
// given.
func hashField(h hash.Hash, name string, b []byte) {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(name)))
	head = binary.LittleEndian.AppendUint64(append(head, name...), uint64(len(b)))
	h.Write(append(head, b...))
}
