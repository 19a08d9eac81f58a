package actors

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// conn is a stream of frames: each has its length before it, in four bytes, big-endian.
// An empty frame ends a series of them.
type conn struct {
	Stream
	r *bufio.Reader
	w *bufio.Writer
}

// connBuffer is for frames that are small, as most are; what is large goes past it.
const connBuffer = 4 << 10

func newConn(s Stream) *conn {
	return &conn{Stream: s, r: bufio.NewReaderSize(s, connBuffer), w: bufio.NewWriterSize(s, connBuffer)}
}

// Read implements io.Reader: what follows the frames read so far, as it is.
func (c *conn) Read(p []byte) (int, error) { return c.r.Read(p) }

// errFrame is wrapped when a node sends what is no frame.
var errFrame = errors.New("frame of an impossible length")

// put writes a frame, which is sent with the next flush at the latest.
func (c *conn) put(frame []byte) error {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(frame)))
	if _, err := c.w.Write(length[:]); err != nil {
		return err
	}
	_, err := c.w.Write(frame)
	return err
}

func (c *conn) flush() error { return c.w.Flush() }

// get reads a frame of up to most bytes.
func (c *conn) get(most int) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(c.r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if uint64(n) > uint64(most) {
		return nil, fmt.Errorf("%w: %d", errFrame, n)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(c.r, frame); err != nil {
		return nil, err
	}
	return frame, nil
}

// Write implements io.Writer: as it is, behind the frames written so far.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.flush(); err != nil {
		return 0, err
	}
	return c.Stream.Write(p)
}

// putValue writes a value as a frame and sends it.
func (c *conn) putValue(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return errors.Join(c.put(b), c.flush())
}

// getValue reads a frame that is a value.
func (c *conn) getValue(v any) error {
	b, err := c.get(MaxFrame)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// series writes bytes as frames, and ends them when it is closed.
type series struct{ *conn }

// Write implements io.Writer.
func (s series) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		piece := p[:min(len(p), 256<<10)]
		if err := s.put(piece); err != nil {
			return n, err
		}
		n, p = n+len(piece), p[len(piece):]
	}
	return n, nil
}

// Close ends the series.
func (s series) Close() error { return errors.Join(s.put(nil), s.flush()) }

// unseries reads what a series has written.
type unseries struct {
	*conn
	rest  []byte
	ended bool
}

// Read implements io.Reader.
func (s *unseries) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.ended {
			return 0, io.EOF
		}
		frame, err := s.get(256 << 10)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		s.rest, s.ended = frame, len(frame) == 0
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close ends the stream. Who closes it has all that it waited for: that the other side
// was quicker to do so is no failure.
func (c *conn) Close() error {
	c.Stream.Close()
	return nil
}
