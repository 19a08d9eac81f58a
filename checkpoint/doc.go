// Package checkpoint is the format of checkpoints: from one, a task or actor
// continues on any machine. It is pure: it makes objects of captured state and
// state of objects, and decides what to keep and how often to write. Package
// store keeps the objects on disk.
//
// # Glossary
//
//   - page: 4096 bytes of linear memory, the unit in which changes are noticed
//     and content is kept
//   - object: bytes named by their CID (version 1, sha2-256; codec raw or
//     dag-cbor), at most 1 MiB
//   - pack: an object of up to 64 pages
//   - place: a pack's index in the checkpoint's pack list, and a slot in it
//   - map leaf: an object that gives 64 pages their places
//   - tree node: an object of up to 16 links, over map leaves or packs
//   - part: what is not linear memory: globals, a table, a section
//   - manifest: the object that links to all of it; its CID is the checkpoint's
//   - envelope: the manifest with its owner's signature
//   - root: the object to export or pin a checkpoint by; links to both
//   - capture: what was copied out of a stopped instance
//   - chain: the checkpoints of one instance, each made from the one before
//
// # Use
//
//	chain, err := checkpoint.NewChain(checkpoint.Config{Name: "counter", Module: id, Owner: key})
//	...
//	ready, err := chain.Update(checkpoint.Capture{Order: ..., Size: ..., Dirty: runs, State: ...})
//	... store ready.Objects and ready.Envelope ...
//
//	signed, err := checkpoint.Open(envelope, checkpoint.Ed25519{}) // and is the owner whom you trust?
//	image, err := checkpoint.LoadImage(signed.Memory, objects)
//	err = image.WriteTo(file, objects) // a plain file to map privately
//	state, err := signed.ReadState(objects)
//	chain, err = checkpoint.Resume(config, signed, objects)
//
// # Invariants
//
//   - A checkpoint is whole without those before it: Previous and Module are
//     not links. So there is nothing to replay, and retention may remove any.
//   - Unchanged pages, map leaves, tree nodes and parts are the objects of the
//     checkpoint before: an update costs its dirty pages and the nodes above.
//   - A page of zeroes, and a leaf or node of nothing else, is written nowhere.
//   - What decodes, encodes to the same bytes. So what is signed is all there
//     is, and a CID names a meaning, not one of its spellings.
//   - Checkpoints of one name are ordered by (epoch, sequence); a chain makes
//     none that is not newer than its last.
//   - Every object is checked against its CID when it is read, and what cannot be
//     read is named with the pages or the part lost by it ([DamageError]).
//   - Objects come children first ([Missing]): a store that has one has all
//     below it.
//
// The objects of a memory are not a function of its content: they depend on
// the order in which pages were written, and what s2 makes of a page differs
// between architectures. Compare memories by their bytes.
//
// # Manifest
//
// DAG-CBOR: a map with these keys, in this order. A blob is a byte string of up
// to 1 KiB, or a link: to a raw object of up to 256 KiB, or to an array of links
// to such, all full but the last.
//
//	key              type          meaning
//	v                uint          format version, 1
//	fuel             map           used, limit (below 2^63), version (of the prices)
//	name             text          of the actor or task, 1 to 255 bytes
//	time             uint          nanoseconds since 1970, when it was captured
//	epoch            uint          below 2^63
//	owner            bytes         public key: libp2p's message PublicKey
//	memory           map           map (link or null): root of the tree of map leaves
//	                               page: 4096
//	                               size: bytes, a multiple of 65536, at most 4 GiB
//	                               packs (link or null): root of the tree of packs
//	                               packCount: places in the pack list
//	module           bytes         CID
//	tables           array         maps: type (0x70 funcref, 0x6f externref), entries (blob)
//	globals          blob
//	previous         bytes         CID of the checkpoint before; absent in the first
//	sections         map           name (1 to 23 bytes) to blob
//	sequence         uint          below 2^63
//	droppedData      blob
//	droppedElements  blob
//
// Globals are 17 bytes each: type (1), low and high 64 bits (8 each,
// little-endian). Table entries are function indices of 4 bytes, little-endian,
// 0xffffffff for null. Dropped segments are a bitmap, segment i in bit i%8 of byte
// i/8, without zero bytes at the end.
//
// # Pack, map leaf, tree node, root
//
//	pack   offset 0   1 byte   version, 1
//	              1   1 byte   0: pages as they are; 1: one s2 block of them
//	              2   2 bytes  number of pages, 1 to 64, little-endian
//	              4            pages
//
//	leaf   offset 0   1 byte   version, 1
//	              1            runs, until there are 64 pages (fewer in the last leaf):
//	                             uvarint  pack index plus 1; 0 for zero pages
//	                             1 byte   number of pages less 1
//	                             1 byte   slot of the first, unless they are zero pages
//
//	node   array of up to 16 links or null, none null at the end
//
//	root   map   v: 1; envelope: link (raw); manifest: link
//
// Pages of a run have slots one after the other; runs are as long as can be. A
// tree over n elements has as many levels as it takes for one node, its root; over
// one element that is the element itself.
//
// A leaf says where a page is, not what it hashes to. The hash is in the CID of
// the pack, shared by up to 64 pages, and so a leaf in which all 64 were written
// at different times still has under 300 bytes, not 2300: for 1 % of 64 MiB,
// scattered, nodes add 4 to 8 % to the pages. With a link for each page it would
// be 40 %.
//
// # Envelope
//
// libp2p's signed envelope, byte for byte (core/record of go-libp2p v0.49 makes
// the same of the same manifest and key, and opens these), written without that
// library, of which only the signing would be used:
//
//	field 1   PublicKey {field 1: 1 (Ed25519); field 2: 32 bytes}
//	field 2   "/godwit/checkpoint/1"
//	field 3   the manifest
//	field 5   signature of: domain "godwit-checkpoint", field 2, field 3, each after its
//	          length (uvarint)
//
// # CAR
//
// [Export] writes CAR version 1: root, envelope, the objects children first,
// the manifest. go-car v2.17 reads and verifies it, and [Import] takes what that
// library writes when it walks the root. kubo 0.41 imports one, pins the root,
// keeps all of it when it collects garbage, and exports it again. This package
// has its own hundred lines for it because go-car brings some thirty packages of
// IPLD machinery. Pin the root's CID.
//
// # Hashing
//
// Each page is hashed once, as it is, to recognise it: dirty but unchanged,
// twice in the memory, or known to an [Index] from another actor. Each object is
// hashed once, as it is written, for its name. SHA-256: processors have
// instructions for it, it is in the standard library, and all IPFS tools know it.
//
// # Gathering
//
// As pages are replaced, packs are left with few live ones. When replaced pages
// outnumber live ones three to one (Config.Garbage) an update also moves the live
// pages of the emptiest packs, at most as many as are dirty.
//
// # Figures
//
// Two cores of a shared AMD EPYC virtual machine with other work on it; best of
// three (go test -bench . ./checkpoint). Making a checkpoint of 64 MiB with
// scattered dirty pages, hashing, packing, compressing and signing included, none
// of it in the pause:
//
//	dirty pages            4      16     164    1638
//	µs                    63     149    1150    9700
//	ms per dirty MiB     4.1     2.4     1.8     1.6
//	tree B/dirty B      0.22    0.13    0.04    0.01
//
// Packs have 1.000 byte for each dirty byte if it is noise, 0.502 if half of each
// page is. Sent to a node that has the checkpoint before, for each byte of 1 % new
// pages: 1.038; after 200 such checkpoints 1.065; after 700, gathering included,
// 1.087. Reading the page map of 64 MiB takes 2.8 ms, most of it checking hashes.
package checkpoint
