// Package blobs is a content-addressed store in a folder: files and folders come
// in as the DAGs that a stock IPFS node makes of them, are named by CID, read
// verified, pinned, collected under a quota, and fetched from other nodes.
//
// # Glossary
//
//   - block: up to [MaxBlock] bytes, named by the hash of its bytes.
//   - CID: content identifier: that hash, and how to read the bytes (the codec).
//   - DAG: a block and, if its codec has links, all that it links to, and so on.
//     [Info] tells how much of one is here.
//   - UnixFS: how files and folders are put into DAG-PB and raw blocks
//     (https://specs.ipfs.tech/unixfs/). Files are cut into chunks of 256 KiB; a
//     folder of very many names is sharded (a HAMT).
//   - pin: keeps a DAG from being collected, under a name, for a reason.
//   - hold: what an import, fetch or open file keeps while it lasts.
//   - segment: an append-only file of blocks (package blobs/internal/segment).
//   - index: a pebble database of where each block is, and of the pins.
//   - damaged: a block whose bytes on disk do not match its name any more.
//   - ballast: room set aside for the index on a full disk.
//
// # Invariants
//
//   - CIDs are those of `ipfs add --cid-version=1` with its defaults, for files,
//     folders, links and sharded folders. Hidden files are left out of a folder
//     unless asked for, as there.
//   - No byte is returned or served that was not verified against its CID.
//   - What Import, Fetch or Pin has returned for is on the disk: segments are
//     synced before the index, the index before the call returns. Calls at the
//     same time share a sync.
//   - The store is sound after SIGKILL or a power cut at any moment: segments
//     describe themselves, so Open reads what was appended after the last sync,
//     forgets what is no whole block, and has the index point to the rest.
//   - A block that is reachable from a pin or a hold is not collected, whatever
//     goes on at the same time.
//   - A damaged block is found when it is read. It is then fetched anew through
//     the exchange; without one that has it, the error names it by CID. Importing
//     the same content mends it too.
//   - When the quota is used up or the disk is full, new blocks are refused with
//     [QuotaError] or [DiskError]; what is there stays as it was.
//   - Memory is bounded by constants, whatever the size of a file: an import has
//     some 16 MiB under way and 20 bytes for each block, a fetch windowBlocks
//     blocks. A collection needs some 20 bytes for each block that is reachable.
//
// # Example
//
//	store, err := blobs.Open(blobs.Config{Dir: dir, Quota: 10 << 30})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	info, err := store.ImportPath(ctx, "model.bin", blobs.ImportOptions{Pin: blobs.Pin{Name: "user"}})
//	...
//	file, err := store.Open(ctx, info.CID) // io.Reader, io.ReaderAt, io.Seeker
//
// With other nodes:
//
//	x, err := exchange.New(exchange.Config{Host: host, Blocks: store.Blockstore(), Router: dht, Roots: store.Announced})
//	store.Attach(x)
//	go x.Run(ctx)
//	info, err = store.Fetch(ctx, id, blobs.FetchOptions{Limit: 1 << 30})
//
// # Collection
//
// [Store.Collect] marks what pins and holds reach while everything else goes on,
// locks writes out to sweep the index, cuts off what is garbage at the ends of
// segments, and moves the live blocks out of those that are still an eighth or
// more garbage. It runs by itself when a write finds no room.
//
// # Why blocks are not in the database
//
// A log-structured database writes each block to its log, again from its memory
// table, and again when it compacts. Measured on two cores that other work was
// keeping busy as well (load 6 to 7), the same blocks in both:
//
//	go test ./blobs -run xx -bench 'Put|Get|Pebble' -benchtime 2x
//	BenchmarkPut              375 MB/s
//	BenchmarkGet              486 MB/s
//	BenchmarkBlocksInPebble    89 MB/s  (values apart from keys, no compression)
//
// With nothing else on the machine put and get reached 872 and 1,433 MB/s; at load 16
// the three were 159, 452 and 87.
//
// So pebble keeps the index and the pins, and blocks are appended to plain files.
//
// # Why our own importer
//
// boxo reads, hashes and stores each chunk in turn; [unixfscid.Tree] lets the
// three run side by side. Folders, which are not many bytes, are boxo's. Reading
// is boxo's but for the names of sharded folders, where v0.43 does not check what
// hostile blocks say.
package blobs
