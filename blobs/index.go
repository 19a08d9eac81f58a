package blobs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/godwit-run/godwit/blobs/internal/segment"
)

// The index is a pebble database of
//
//	'b' multihash            → entry: where a block is
//	'p' CID length, CID, name → since (unix ns, 8 bytes), 1 if local, reason
//	's' segment (4 bytes)    → live bytes, live blocks, synced bytes (8 bytes each)
//
// all integers big endian. Blocks go by multihash, not CID, as IPFS has it: one
// block can be named under several codecs.
type index struct{ db *pebble.DB }

const (
	keyBlock   = 'b'
	keyPin     = 'p'
	keySegment = 's'
)

// openIndex opens the database of a folder and locks it. When the disk is full,
// onFull may make room; what failed is then tried once more.
func openIndex(dir string, onFull func()) (*index, error) {
	cache := pebble.NewCache(4 << 20)
	defer cache.Unref()
	opts := &pebble.Options{
		Cache:              cache,
		MemTableSize:       2 << 20,
		FormatMajorVersion: pebble.FormatValueSeparation,
		MaxOpenFiles:       64,
		Logger:             quietLogger{},
		FS:                 vfs.OnDiskFull(vfs.Default, onFull),
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, opts)
	switch {
	case err == nil:
		return &index{db: db}, nil
	case isLocked(err):
		return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	return nil, fmt.Errorf("open blob index: %w", err)
}

// isLocked recognizes what pebble says of a folder that is locked: by another
// process (the system's error) or by this one (a text).
func isLocked(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) ||
		strings.Contains(err.Error(), "lock held by current process")
}

// quietLogger passes on only what pebble cannot go on after.
type quietLogger struct{}

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}

// Fatalf must not return. The store is sound after a crash at any moment.
func (quietLogger) Fatalf(format string, args ...any) {
	panic("blobs: index: " + fmt.Sprintf(format, args...))
}

// entry is where a block is, and whether it was found damaged there.
type entry struct {
	segment.Location
	damaged bool
}

func (e entry) encode() []byte {
	b := make([]byte, 13)
	if e.damaged {
		b[0] = 1
	}
	binary.BigEndian.PutUint32(b[1:], e.Segment)
	binary.BigEndian.PutUint32(b[5:], e.Offset)
	binary.BigEndian.PutUint32(b[9:], e.Size)
	return b
}

func decodeEntry(b []byte) (entry, error) {
	if len(b) != 13 || b[0] > 1 {
		return entry{}, errIndex
	}
	return entry{damaged: b[0] == 1, Location: segment.Location{
		Segment: binary.BigEndian.Uint32(b[1:]),
		Offset:  binary.BigEndian.Uint32(b[5:]),
		Size:    binary.BigEndian.Uint32(b[9:]),
	}}, nil
}

var errIndex = errors.New("blob index is corrupt")

func blockKey(hash multihash.Multihash) []byte {
	return append([]byte{keyBlock}, hash...)
}

// block looks a block up; ok is false if there is none.
func (x *index) block(hash multihash.Multihash) (e entry, ok bool, err error) {
	v, closer, err := x.db.Get(blockKey(hash))
	if errors.Is(err, pebble.ErrNotFound) {
		return entry{}, false, nil
	} else if err != nil {
		return entry{}, false, fmt.Errorf("look up block: %w", err)
	}
	e, err = decodeEntry(v)
	return e, err == nil, errors.Join(err, closer.Close())
}

// blocks visits every block, ordered by multihash, until visit errs.
func (x *index) blocks(visit func(hash multihash.Multihash, e entry) error) error {
	return x.scan([]byte{keyBlock}, func(k, v []byte) error {
		e, err := decodeEntry(v)
		if err != nil {
			return err
		}
		return visit(k[1:], e)
	})
}

// scan visits the keys with a prefix in order. Key and value are valid during
// the call.
func (x *index) scan(prefix []byte, visit func(k, v []byte) error) (err error) {
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return fmt.Errorf("scan blob index: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("scan blob index: %w", err)
		}
		if err := visit(it.Key(), v); err != nil {
			return err
		}
	}
	return it.Error()
}

// after is the first key behind all that have a prefix, which is not all 0xff.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	end[len(end)-1]++
	return end
}

// segmentState is what the index says of a segment.
type segmentState struct {
	live   int64 // bytes of the records that the index points to
	blocks int64 // how many those are
	synced int64 // how much of the file is known to be on the disk
}

// add accounts for a record that the index now points to.
func (s *segmentState) add(hash multihash.Multihash, size uint32) {
	s.live += segment.Overhead(hash) + int64(size)
	s.blocks++
}

// drop accounts for one that it points to no more.
func (s *segmentState) drop(hash multihash.Multihash, size uint32) {
	s.live -= segment.Overhead(hash) + int64(size)
	s.blocks--
}

func segmentKey(id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{keySegment}, id)
}

func (s segmentState) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(s.live))
	b = binary.BigEndian.AppendUint64(b, uint64(s.blocks))
	return binary.BigEndian.AppendUint64(b, uint64(s.synced))
}

func (x *index) segments() (map[uint32]*segmentState, error) {
	states := map[uint32]*segmentState{}
	err := x.scan([]byte{keySegment}, func(k, v []byte) error {
		if len(k) != 5 || len(v) != 24 {
			return errIndex
		}
		states[binary.BigEndian.Uint32(k[1:])] = &segmentState{
			live:   int64(binary.BigEndian.Uint64(v)),
			blocks: int64(binary.BigEndian.Uint64(v[8:])),
			synced: int64(binary.BigEndian.Uint64(v[16:])),
		}
		return nil
	})
	return states, err
}

func pinPrefix(id cid.Cid) []byte {
	b := []byte{keyPin, byte(id.ByteLen())}
	return append(b, id.Bytes()...)
}

func pinKey(id cid.Cid, name string) []byte { return append(pinPrefix(id), name...) }

func encodePin(p Pin) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(p.Since.UnixNano()))
	local := byte(0)
	if p.Local {
		local = 1
	}
	return append(append(b, local), p.Reason...)
}

func decodePin(k, v []byte) (Pin, error) {
	if len(k) < 2 || len(k) < 2+int(k[1]) || len(v) < 9 {
		return Pin{}, errIndex
	}
	id, err := cid.Cast(k[2 : 2+int(k[1])])
	if err != nil {
		return Pin{}, fmt.Errorf("%w: pin: %w", errIndex, err)
	}
	return Pin{
		CID:    id,
		Name:   string(k[2+int(k[1]):]),
		Since:  time.Unix(0, int64(binary.BigEndian.Uint64(v))).UTC(),
		Local:  v[8] == 1,
		Reason: string(v[9:]),
	}, nil
}

// pins visits the pins under a prefix, ordered by CID, then name.
func (x *index) pins(prefix []byte, visit func(Pin) error) error {
	return x.scan(prefix, func(k, v []byte) error {
		p, err := decodePin(k, v)
		if err != nil {
			return err
		}
		return visit(p)
	})
}
