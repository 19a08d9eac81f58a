// Package transport carries the frames and streams of package actors between nodes,
// over libp2p. It looks into none of them.
//
//	t, err := transport.New(transport.Config{Host: host})
//	...
//	err = t.Run(ctx, handler) // until ctx is done
//	err = t.Send(node, frame) // from any goroutine, meanwhile
//
// # Protocols
//
//	/godwit/actors/1        one way: frames, each after its length as a uvarint
//	/godwit/actors/bulk/1   both ways: a stream for each exchange, such as the pages
//	                        of a checkpoint
//
// # Invariants
//
//   - Nothing is acknowledged: raft, and whoever asks, say again what was lost.
//   - A frame's length is checked before there is memory for it.
//   - What waits for a slow node is bounded, in frames and bytes; what is above that
//     is refused at once. What waits from one is bounded by not reading on.
//   - Pages never stand in the way of frames: a stream of frames carries only those,
//     and libp2p shares a connection between its streams by turns.
//   - A peer has few streams, and each has few of a node's goroutines: it can open
//     more only when others have ended.
//   - Run returns after all that it started has ended.
//
// A stream of frames stays open while there are frames: dialling and negotiating
// costs two round trips, and an election would pay for them. Heartbeats keep it open
// between nodes that share actors.
package transport
