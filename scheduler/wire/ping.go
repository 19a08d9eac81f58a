package wire

import "fmt"

// Between nodes that watch each other (package detect), on a stream of their own:
// what they say must not wait behind the messages of tasks.
type (
	// Ping asks for a sign of life: the receiver's own, or that of another node,
	// which the receiver then pings for the sender. Answer: Pong.
	Ping struct {
		Seq uint64 `cbor:"seq"`
		Of  NodeID `cbor:"of,omitempty"` // empty: the receiver
	}
	// Pong answers the Ping of the same number, about the same node.
	Pong struct {
		Seq uint64 `cbor:"seq"`
		Of  NodeID `cbor:"of,omitempty"`
		// Up is false if the other node was not reached.
		Up bool `cbor:"up,omitempty"`
		// Incarnation is when the node that is up started, as in its vectors, in
		// milliseconds since 1970: what another one ran is gone.
		Incarnation int64 `cbor:"incarnation,omitempty"`
	}
)

func (Ping) message() {}
func (Pong) message() {}

// Validate implements Body.
func (m Ping) Validate() error { return checkPing(m.Seq, m.Of) }

// Validate implements Body.
func (m Pong) Validate() error {
	if m.Incarnation < 0 || m.Of == "" && !m.Up {
		return fmt.Errorf("pong of incarnation %d, up %v: %w", m.Incarnation, m.Up, ErrInvalid)
	}
	return checkPing(m.Seq, m.Of)
}

func checkPing(seq uint64, of NodeID) error {
	if seq == 0 || of != "" && of.Validate() != nil {
		return fmt.Errorf("ping %d of %x: %w", seq, string(of), ErrInvalid)
	}
	return nil
}
