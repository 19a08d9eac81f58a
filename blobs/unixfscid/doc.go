// Package unixfscid computes the content identifier of a stream of bytes: the
// one that `ipfs add --cid-version=1` prints for the same bytes, so that a
// stock IPFS node finds what Godwit names. It stores nothing.
//
// # Glossary
//
//   - chunk: [ChunkSize] consecutive bytes of the stream; the last may be shorter.
//   - leaf: a chunk as a block of its own, without any framing ("raw leaf").
//   - node: a dag-pb block that links up to [MaxLinks] leaves or nodes in order
//     and says, as UnixFS data, how many bytes of the stream each of them holds.
//   - CID: content identifier, version 1: the codec of a block and the SHA2-256
//     of its bytes.
//
// # Invariants
//
//   - A stream of at most one chunk is named by its only leaf (codec raw, so
//     the CID starts with "bafkrei"); any longer one by the root of a balanced
//     tree (codec dag-pb, "bafybei"), all of whose leaves are at one depth.
//   - What is held in memory is one chunk and, for each level of the tree, at
//     most MaxLinks links, whatever the length of the stream.
//
// # Example
//
//	id, size, err := unixfscid.Sum(file)
//
// # Why not boxo
//
// boxo's importer gives the same answer (the tests' expected values come from
// boxo v0.43.0), but linking it costs the command line megabytes and start-up
// time, which naming a module does not need. It also hashes each chunk between
// reading and storing it; over [Tree] and [Leaf] package blobs does the three
// side by side.
//
// Sources: the UnixFS specification (https://specs.ipfs.tech/unixfs/), the
// DAG-PB specification (https://ipld.io/specs/codecs/dag-pb/spec/).
package unixfscid
