package actors

import (
	"context"
	"io"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// Network is what carries bytes between nodes; package transport is the one over
// libp2p. It authenticates: whoever is named as a sender is the sender.
type Network interface {
	// Send queues a frame for a node and returns at once. Frames to one node arrive
	// in order or not at all. An error says that this one will not arrive; no error
	// does not say that it will.
	Send(to wire.NodeID, frame []byte) error
	// Open opens a stream of its own to a node, for what is too much for a frame.
	Open(ctx context.Context, to wire.NodeID) (Stream, error)
	// Run receives until ctx is done, and returns when no call of h is under way.
	Run(ctx context.Context, h Handler) error
}

// Handler takes what comes from other nodes. Its methods are called by the network's
// goroutines.
type Handler interface {
	// Receive takes a frame; those of one node come in order. While it blocks, no
	// more are read of that node. An error says that the node sends what no node
	// should: the network closes its stream.
	Receive(ctx context.Context, from wire.NodeID, frame []byte) error
	// Serve serves a stream that a node has opened. The network closes the stream
	// when it returns.
	Serve(ctx context.Context, from wire.NodeID, s Stream) error
	// Connection tells that the first connection with a node has come or that the
	// last one is gone. It does not block.
	Connection(node wire.NodeID, up bool)
}

// Stream is bytes both ways, in order.
type Stream interface {
	io.ReadWriteCloser
	// CloseWrite tells the other side that nothing more comes from this one.
	CloseWrite() error
	// SetDeadline bounds the time of all reading and writing.
	SetDeadline(t time.Time) error
	// Reset ends the stream for both sides, whatever is under way.
	Reset() error
}

// MaxFrame bounds a frame in bytes, both ways.
const MaxFrame = 4 << 20
