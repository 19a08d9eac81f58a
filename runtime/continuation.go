package runtime

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/godwit-run/godwit/runtime/internal/suspend"
)

// continuation is a call that has been suspended.
type continuation struct {
	export string       // that was called
	depth  int64        // call depth left
	frames []savedFrame // the innermost first
}

// savedFrame is where a function stood, and its values.
type savedFrame struct {
	point suspend.Point
	words []uint64
}

// maxFrames is more frames than any call has: each function that takes part in recursion
// takes at least one unit of depth, and no chain of calls between two such is longer
// than a few hundred (see internal/meter, maxChain).
const maxFrames = MaxCallDepth + 4096

// encode writes a continuation: version (1 byte), SHA-256 of the code that it is of (32
// bytes), name of the export (length and bytes), depth left, number of frames, and of
// each frame the point, the number of values and the values. All numbers are unsigned
// LEB128 in their shortest form.
func (c *continuation) encode(code [sha256.Size]byte) []byte {
	b := append([]byte{suspend.Version}, code[:]...)
	b = append(binary.AppendUvarint(b, uint64(len(c.export))), c.export...)
	b = binary.AppendUvarint(b, uint64(c.depth))
	b = binary.AppendUvarint(b, uint64(len(c.frames)))
	for n := range c.frames {
		f := &c.frames[n]
		b = binary.AppendUvarint(b, uint64(f.point))
		b = binary.AppendUvarint(b, uint64(len(f.words)))
		for _, w := range f.words {
			b = binary.AppendUvarint(b, w)
		}
	}
	return b
}

var errContinuation = errors.New("malformed continuation")

// decodeContinuation reads what encode has written for the same code.
func decodeContinuation(b []byte, code [sha256.Size]byte) (*continuation, error) {
	switch {
	case len(b) == 0:
		return nil, errContinuation
	case b[0] != suspend.Version:
		return nil, fmt.Errorf("continuation of version %d, not %d", b[0], suspend.Version)
	case len(b) < 1+len(code):
		return nil, errContinuation
	case !bytes.Equal(b[1:1+len(code)], code[:]):
		return nil, errors.New("the continuation is of code that this version does not make")
	}
	r := wordReader{rest: b[1+len(code):]}
	c := &continuation{export: string(r.bytes())}
	if depth := r.word(); depth <= MaxCallDepth {
		c.depth = int64(depth)
	} else {
		r.failed = true
	}
	for range r.count(maxFrames) {
		f := savedFrame{point: suspend.Point(r.word())}
		f.words = make([]uint64, r.count(len(r.rest)))
		for n := range f.words {
			f.words[n] = r.word()
		}
		c.frames = append(c.frames, f)
	}
	if r.failed || len(r.rest) > 0 || len(c.frames) == 0 {
		return nil, errContinuation
	}
	return c, nil
}

// wordReader reads numbers; once something is wrong it gives zeros.
type wordReader struct {
	rest   []byte
	failed bool
}

func (r *wordReader) word() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count is a number of things of which each takes at least a byte.
func (r *wordReader) count(most int) int {
	n := r.word()
	if n > uint64(min(most, len(r.rest))) {
		r.failed, r.rest = true, nil
		return 0
	}
	return int(n)
}

func (r *wordReader) bytes() []byte {
	n := r.count(len(r.rest))
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// pack lists the words of the frames as clones load them: the outermost frame first, each
// with the place of the next one's clone before it, in whole chunks.
func (c *continuation) pack(k *clone) []uint64 {
	var words []uint64
	for n := len(c.frames) - 1; n >= 0; n-- {
		next := uint64(0)
		if n > 0 {
			_, next = k.frame(c.frames[n-1].point)
		}
		words = append(append(words, next), c.frames[n].words...)
		for len(words)%suspend.Chunk != 0 {
			words = append(words, 0)
		}
	}
	return words
}

// unwinder takes frames as they are saved.
type unwinder struct {
	frames []savedFrame
	arena  []uint64 // holds their words
	start  int      // of the last frame's
	more   bool     // the last frame is not complete
	want   int      // words still to come in its piece
}

// take takes one call of suspend's HostSave.
func (u *unwinder) take(words []uint64) {
	if u.want == 0 {
		head := words[0]
		words = words[1:]
		if !u.more {
			u.frames = append(u.frames, savedFrame{point: suspend.PointOf(head)})
			u.start = len(u.arena)
		}
		u.want, u.more = suspend.WordsOf(head)
	}
	n := min(u.want, len(words))
	u.arena = append(u.arena, words[:n]...)
	u.want -= n
	u.frames[len(u.frames)-1].words = u.arena[u.start:len(u.arena):len(u.arena)]
}
