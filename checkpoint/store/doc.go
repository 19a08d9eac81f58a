// Package store keeps checkpoints in a directory, writes them outside the
// pause, and takes them back when a policy says so.
//
// # Glossary
//
//   - segment: an append-only file of records; one is written to, the others
//     are only read and removed
//   - record: an object, a commit (a checkpoint's envelope), a removal, or the
//     seal at a segment's end
//   - batch: what is put for one checkpoint, until its commit
//   - group: records that are written and synced together with others'
//   - image: a linear memory as a plain file
//   - stream: a chain that a Writer makes checkpoints of
//
// # Use
//
//	s, err := store.Open(store.Config{FS: store.Dir(path), Rand: rand.Reader})
//	w, err := store.NewWriter(s, store.WriterConfig{})
//	go w.Run(ctx)
//	stream := w.Stream(chain)
//	err = stream.Submit(capture)               // never blocks; ErrBusy: the last one is not stored
//	... the next capture is due after stream.Interval()
//
//	signed, passedOver, err := s.Newest(name)  // the newest that is whole
//	file, err := images.Open(signed.Memory, s) // linmem's Restore(file, 0, signed.Memory.Size)
//	decision, err := s.Retain(name, policy, time.Now(), nil)
//	collected, err := s.Collect(ctx)
//
// # Invariants
//
//   - A checkpoint counts once its commit record, and all it needs, is synced;
//     Commit returns after that.
//   - Nothing that was synced is written to again. Opening a store begins a new
//     segment; what a crash cut off stays where it is, unread, until collected.
//   - After SIGKILL or power loss at any byte, every checkpoint that counted is
//     there, and one that was being written is there whole or not at all: its
//     commit record says where its group begins, and all records from there
//     must be sound. TestCrash loses, cuts and reorders unsynced writes.
//   - Segments are synced when a store is opened, before what they hold is
//     relied on: a killed process may have written it, and not synced.
//   - An object in the store has all below it in the store. Batches put children
//     first, and Collect forgets only what no checkpoint that counts refers to
//     and no batch in progress has put or asked for.
//   - A removal is kept as long as any segment holds the commit it takes back,
//     and a segment is gone for good before another is removed.
//   - A stream has at most one capture that is not stored.
//   - Of two records of one object the later counts. There are two when a segment
//     was being moved, or when the earlier one was found damaged.
//   - Any number of processes may look at a store (Config.ReadOnly) while its
//     owner writes, collects and removes: what they have found stays readable.
//
// # Segments
//
// Named NUMBER-SALT.seg, in hexadecimal (16 and 8 digits). All numbers are
// little-endian. CRC is CRC-32C beginning with the salt, which no guest knows: so
// none can write in its memory what passes for a record.
//
//	offset   size
//	     0      4   CRC of bytes 4 to 68
//	     4      4   CRC of the payload
//	     8      4   length of the payload
//	    12      1   kind: 1 object, 2 commit, 3 removal, 4 seal
//	    13      3   zero
//	    16      8   commit: offset of the first record of its group
//	    24      8   commit, seal: bytes of this segment that were synced before
//	    32     36   CID of the object, or of the checkpoint's manifest
//	    68          payload: the object; the envelope; nothing
//
// The salt is in the name because in the file a flipped bit would take the whole
// segment with it. Opening reads headers only, and payloads behind what the last
// commit or seal says was synced.
//
// # Damage
//
// Every payload is checked against its CID when it is read. One wrong byte, in a
// payload or a header, is found by its checksum and put right, and the
// hash has the last word: most of a memory is in packs that all its checkpoints
// share, so that an earlier checkpoint would not help. [Store.Damage] tells. What is
// beyond that is named ([checkpoint.DamageError]) and passed over ([Store.Newest]);
// a chain that is told ([checkpoint.Chain.Lost]) writes those pages anew, and the
// store takes a damaged object again, from it, from another node or from a file
// ([Store.Import]). What one wrong byte was put right in, [Store.Repair] writes
// anew, before a second one spoils it. Where no
// header is found the next is searched for, so that damage is never larger than
// the records it hits. Behind the last sync damage and an unfinished write look the
// same, and are reported as such.
//
// # Writing
//
// Whoever comes to append while another writes waits; then the first of those who
// waited is woken, before those whose records are written, and writes for all,
// with one sync. Stale commits (by epoch and sequence) are refused
// in that order. A failed write is tried again at the same place; after a failed
// sync nobody knows what is on disk, and a new segment is begun. A Writer tries
// until it succeeds, and meanwhile refuses captures; pages that change are in a
// later one, so all that grows is the interval ([checkpoint.Pace]).
//
// # Images
//
// To map a memory privately takes a plain file, and to write that takes as long as
// the memory is large; so [Images] keeps some. A file is not changed once it is
// made, since a mapping would see that. They are removed when the process starts
// again: nothing checks their bytes.
//
// # Figures
//
// Two cores of a shared AMD EPYC virtual machine with other work on it; best of
// three (go test -bench . ./checkpoint/store). 64 MiB with 1 % dirty, scattered
// noise, from the capture until it is synced: 3.0 ms. An image of 64 MiB, half of it
// noise: 69 ms to make, 5 µs to open when it is there. Opening a store of 500
// checkpoints: 29 ms.
//
// 1,000 chains, each again and again written to, captured, made a checkpoint of and
// synced: 77 µs of processor time for a checkpoint with one dirty page of noise, 109
// µs with four. So 10,000/s, ten for each chain, take 0.8 and 1.1 of two processors.
// Reached were 13,060/s and 9,370/s while another process kept one of the two busy;
// with both to themselves, writing to the pages left out, 15,860/s and 11,040/s. A
// quarter of the time is the signature, a quarter hashing, a fifth the system calls.
package store
