// Package segment keeps records in append-only files: the blocks of a store,
// one after the other, each written once.
//
// # Glossary
//
//   - record: a header and the block's bytes. The header is 4 bytes of magic,
//     4 bytes of length (big endian), 1 byte of key length, and the key: the
//     block's multihash, which is also the record's checksum.
//   - segment: a file of records, of about Config.Size bytes, named by its
//     number in hexadecimal: 0000001f.seg.
//   - location: where a record is: segment, offset, lengths.
//   - active: the segment that grows. The others are sealed and never change.
//
// # Invariants
//
//   - Records are self-describing: [Log.Scan] finds them again without an index,
//     so an index over them may lose its last writes in a crash.
//   - A failed append leaves the file as long as before.
//   - A location stays readable until its segment is removed.
//
// # Why not the database
//
// A log-structured database writes each block to its write-ahead log, again
// when the memory table is flushed, and again in compactions. With 256 KiB
// blocks that is most of the work: see BenchmarkBlocksInPebble in package blobs.
package segment
