// Package wasi is WASI preview 1 (import module wasi_snapshot_preview1) for
// guests that may have to go on elsewhere: all that it remembers of a guest is
// plain data, a State, apart from the readers, writers and inputs that a State
// is attached to in one process. All 46 functions of the specification are here
// (WASI repository, legacy/preview1/witx); UnstableModule serves wasi_unstable,
// the version before it, over the same state.
//
// # Glossary
//
//   - System: the WASI of one instance: a State and its attachments.
//   - node: a file, directory or symbolic link of the guest's tree, named by its
//     inode number.
//   - descriptor: an entry of the descriptor table, named by its number; it
//     refers to a standard stream or a node, and has rights.
//   - input: something of the host's that the guest reads under /in.
//   - output: what the guest leaves under /out.
//   - price: the fuel that a call costs beside the instruction that makes it.
//
// # Example
//
//	system, err := wasi.New(wasi.Config{
//		Args:   []string{"wordcount", "/in/book.txt"},
//		Stdout: os.Stdout,
//		Inputs: []wasi.Input{wasi.FileInput("book.txt", "moby-dick.txt")},
//	})
//	// Run an instance that imports wasi.Module() and whose Caller.State
//	// answers wasi.ModuleName with system. Then:
//	err = system.WriteOutputs("results")
//	err = system.Close()
//
// # What the guest sees
//
// One preopened directory, descriptor 3, named "/". So ordinary programs of C,
// Rust and Go find "/in/x", "/out/y", "/tmp/z", and relative paths, which start
// at "/". The tree is in memory and begins with three directories:
//
//   - /in has the inputs. Nothing below it can be changed: EROFS. Files are read
//     where the guest reads them, never as a whole. A directory is listed when
//     the guest first looks at it; sizes and times are those of that moment, and
//     a file ends there even if it grows. Symbolic links are the guest's to
//     follow, within its own tree: none leads into the host's.
//   - /out is collected: see Outputs and WriteOutputs.
//   - /tmp, like whatever else the guest makes in "/", goes away with it. So a
//     program finds its working directory writable, as in a container. The three
//     directories themselves can be neither removed nor renamed: EBUSY.
//
// There are no devices, so no /dev/null; no permissions, no users and no sockets
// (ENOTSUP; sock_shutdown answers ENOTSOCK, which C programs test for).
// Times of access are not kept up by reading.
//
// Programs that are told of a directory to work in, such as those of the
// official test suite (WebAssembly/wasi-testsuite), take "/", which is preopened
// under that name, or any directory below it opened from there.
//
// A path is looked up below the directory of its descriptor, and never leads
// above it: ENOTCAPABLE, whether by "..", by a symbolic link or by a leading
// slash. An absolute symbolic link can be made and followed from the root
// directory, where it leads to the guest's own root, and from nowhere else.
// Bounds are those of Linux: names of 255 bytes, paths of 4096 (ENAMETOOLONG),
// 40 links in one lookup (ELOOP). Names are UTF-8 (EILSEQ).
//
// Rights are as in the specification: ENOTCAPABLE without them; path_open hands
// on no more than the directory's inheriting rights; fd_fdstat_set_rights only
// drops. What other runtimes and C libraries made customary: a descriptor is
// opened with those of the rights asked for that its node has a use for, and
// bits that are no right are ignored; O_TRUNC is allowed to who may ask for
// fd_filestat_set_size on the new descriptor; ESPIPE for offsets of standard
// streams, EISDIR for reading a directory, whatever the rights.
//
// # Limits
//
// MaxOpenFiles bounds the descriptor table (EMFILE). MaxOutputBytes bounds the
// tree (ENOSPC, EFBIG for a file that is too large by itself): sizes of files
// with their holes, targets of links, and for each name its length and
// NodeBytes, so that neither empty files nor long names nor hard links can fill
// the host's memory. A file that is open keeps its content counted after its
// last name has gone. The same number bounds what goes to standard output and
// standard error together (ENOSPC). One call takes at most 1024 buffers and
// 65536 subscriptions (EINVAL).
//
// # Fuel
//
// Calls are charged before they move anything: hostabi.UnitsFor of the bytes,
// rounded up for each item.
//
//	args_get, environ_get         the strings with their NULs, 4 a pointer
//	random_get                    the bytes
//	fd_read, fd_pread             8 a buffer; the bytes that are delivered
//	fd_write, fd_pwrite           8 a buffer; the bytes that are accepted
//	fd_readdir                    each entry's bytes: 24 and its name
//	fd_prestat_dir_name           the name
//	path_*                        each path; and one unit for each component of
//	                              it, and of what is left after a symbolic link
//	  that make a name            NodeBytes, the name, the target of a link
//	  path_readlink               the bytes of the target
//	  path_rename of a directory  one unit for each directory above the new place
//	poll_oneoff                   48 a subscription, 32 an event
//	all others                    nothing
//
// # Standard streams, and stopping a guest
//
// The context of a call is done when the guest is to stop; whatever waits then
// returns at once, with EINTR that nobody will see. A stream that cannot block
// (nil, buffers, io.Discard, regular files) is read and written where the guest
// stands. Any other has a goroutine, started at its first use, that makes one
// Read or Write at a time, when the guest asks for it; guest bytes are copied
// for it, so that it never touches linear memory. A Write has returned before
// fd_write does, so output is in order, also between two streams.
//
// A Read of a terminal or pipe cannot be interrupted. If one is under way when
// the guest is stopped, Close does not wait for it: the goroutine stays until
// the Read returns, drops what it read, and ends. It holds nothing but its own
// buffer and the reader; the harm it can do is to swallow input meant for
// whoever reads the same stream next in this process. Likewise for a Write.
// Close waits for every goroutine that is not inside such a call.
//
// # Determinism
//
// With Config.Deterministic two runs are the same to the last byte and unit of
// fuel, given the same input bytes in whatever pieces they arrive: clocks are
// virtual, from 2020-01-01T00:00:00Z on and one microsecond further at each
// reading; to sleep is to advance them; randomness is ChaCha8; file times of the
// host are not shown; no stream is a terminal; a read of standard input is full
// (up to 64 KiB) unless the input ends, and a poll of it waits for as much.
//
// # State
//
// State has exported fields and no pointers into the process: descriptors with
// flags, rights and offsets, the nodes with times and contents, clocks, the
// random generator, pending input, counters of what was delivered. Snapshot
// hands it out between two calls, and Restore makes a System of it, where the
// inputs are attached again by their index and files of inputs are opened again
// when they are read. What can be worked out (indexes, counts of open
// descriptors) is not in it. A new guest has no tree yet: it is made when first
// looked at, since New is on the path of every task.
//
// # Invariants
//
//   - No argument makes a function panic, but for proc_exit, whose panic with
//     hostabi.Exit is the contract.
//   - A pointer is checked before anything is done, results included.
//   - Every node in the tree has as many Links as names, and lives while it has
//     one or is open; every directory but the root has one name.
//   - Tree.Bytes is exact.
package wasi
