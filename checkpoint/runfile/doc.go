// Package runfile keeps one run in one file, from its beginning to its end: what is run, the
// module, a checkpoint every now and then, and how it ended. Whoever has the file can finish
// the run.
//
// # Glossary
//
//   - job: what is run and how, in the words of whoever runs it; bytes to this package
//   - commit: a checkpoint's envelope, written after the objects that it needs
//   - delivered: how many bytes of the run's output the world has
//   - end: how the run ended, bytes to this package; what comes after it does not count
//
// # Use
//
//	f, err := runfile.Create(name, job, module)
//	... for each capture: ready, err := chain.Update(capture)
//	err = f.Save(ready)                        // on disk when it returns
//	err = f.Delivered(n)                       // after each write to the world
//	err = f.Finish(end)
//
//	f, err := runfile.Open(name)               // perhaps elsewhere
//	found, damaged, err := f.Newest(func(s *checkpoint.Signed) error { last = s; ... read it ... })
//	chain, err := checkpoint.Resume(config, last, f)
//
// # Invariants
//
//   - A commit counts once it, and all it needs, is synced; Save returns after that. Nothing
//     that was synced is written to again, but for the number of bytes delivered.
//   - After SIGKILL or power loss at any moment the file is whole up to the last commit
//     that counted, or, had it just been written anew, it is the one before or the one after.
//   - Of two commits the later counts; one that is damaged is passed over.
//   - One process at a time has a file: the others get ErrInUse.
//   - What the file holds is hostile until it is checked: records by their checksums, objects
//     by their names. Who has signed the commits is the caller's to look at.
//
// # Format
//
// All numbers are little-endian; CRC is CRC-32C.
//
//	offset   size
//	     0     16   "godwit run file\n"
//	    16      4   version, 1
//	    20      8   bytes delivered
//	    28      4   CRC of those 8 bytes
//	    32          records
//
//	record  0   4   kind: 1 job, 2 module, 3 object, 4 commit, 5 end
//	        4   4   length of the payload
//	        8   4   CRC of the payload
//	       12   4   CRC of the 12 bytes before
//	       16       payload; of an object its CID (36 bytes) and its data
//
// The first record is the job, the second one the module. The first that is damaged, or cut
// short, ends the file, but an object that is damaged is only passed over. As captures are added the file grows; when most of it is garbage it is
// written anew beside itself, synced, and takes its own place in one step. That a file is
// less than twice as large as what it was when last written anew, and SlackBytes, bounds both
// the garbage and the work.
package runfile
