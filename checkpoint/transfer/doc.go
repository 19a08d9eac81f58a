// Package transfer brings checkpoints from one node's store to another's, over whatever
// carries bytes both ways. It sends what the other side lacks.
//
//	sent, err := transfer.Send(ctx, stream, store, recent, signed)            // here
//	signed, err := transfer.Receive(ctx, stream, store, name, maxBytes, nil)  // there
//
// # Glossary
//
//   - frame: its length in four bytes, big-endian, and as many bytes
//   - recent: what the last checkpoints of a name have added, so that nothing has to be
//     searched for when one is sent after the other
//
// # Protocol
//
// One exchange brings one checkpoint. Each item is a frame:
//
//	offer    the envelope
//	have     what the other side has of that name: nothing, this very checkpoint, or
//	         another one; or why it does not want it
//	objects  those that are not below what it has, each a CID and bytes, and then an
//	         empty frame
//	done     empty once the checkpoint counts on the other side's disk, else why not
//
// If the sender does not know what the other side has, a list of all CIDs goes first,
// and a bitmap of those wanted comes back.
//
// # Invariants
//
//   - Nothing is kept that was not checked: the envelope's signature, each object's hash.
//   - A length is checked before there is memory for it, and all of an exchange is
//     bounded by what the receiver allows.
//   - Send returns nil only after the other side has said that the checkpoint is on its
//     disk.
package transfer
