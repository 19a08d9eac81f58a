// Package actor is what the guest of an actor imports (module godwit_actor), beside
// WASI: messages in, replies and messages out, timers, other actors. The SDKs are
// thin covers over it: hostabi/guest for Go, hostabi/include/godwit.h for C,
// hostabi/rust/godwit.rs for Rust.
//
// # Two styles
//
//   - A reactor exports godwit_handle, which is called for each message. It is built
//     without _start (C: -mexec-model=reactor, Go: -buildmode=c-shared, Rust: a
//     cdylib); _initialize is called once, first, if there is one.
//   - A process exports _start, and loops: receive, work, reply. When _start
//     returns the actor stops.
//
// Either way one message is worked on at a time. A reactor costs least: between
// messages it is memory and nothing else.
//
// # What a message does, happens once
//
// A guest sees only what its actor's log holds, the clock and randomness included,
// so that whoever goes on with the log after a crash sees the same and does the
// same. What a guest sends, replies, sets and spawns leaves the node when it returns
// from the message or blocks in await or receive. If it traps, or the fuel for one
// message runs out, then the message has no effect: what it did since it last
// blocked is dropped, its memory is as before the message, and an ask gets a refusal.
// So messages between actors take effect exactly once.
//
// Epoch counts activations, with gaps: it is another whenever the actor has moved or
// has been started again, and only grows. It is there for talking to the outside;
// what depends on it is the only thing that a replay can do differently, so a guest
// should do no more than print it.
//
// # Calls
//
// All functions return an errno, i32, but where another type is given. Pointers and
// lengths are i32; "in" is a pointer and a length of bytes that the host reads; "out"
// is a pointer and a capacity: as many bytes as fit are written. A message larger
// than the buffer can be read again with a larger one: info tells its length.
//
//	message(info *info)                       the current message; ENOMSG if there is none
//	receive(timeout i64, info *info)          process style: waits for the next message and makes it
//	                                          the current one. Nanoseconds: 0 does not wait, below 0 waits for
//	                                          ever. ETIMEDOUT if there was none; ENOTSUP in a reactor
//	payload(out, offset i32, n *u32)          bytes of the current message from offset on
//	sender(out, n *u32)                       the name of the actor that it is from; empty: a client
//	reply(id *[16]u8, in)                     answers an ask; id 0 (null) is the current message. ENOMSG if that
//	                                          is no ask or has its reply. May be later than the message
//	refuse(id *[16]u8, in)                    likewise, as a failure, with its reason
//	send(to in, in)                           a message to an actor by name
//	ask(to in, in, timeout i64, flags i32, ask *u64)
//	                                          a message that wants a reply. Nanoseconds; 0 is the default, 10 s.
//	                                          Flag 1: the reply comes as a message, not by await
//	await(ask i64, n *u32)                    blocks until the reply is there; n is its length. ETIMEDOUT;
//	                                          ENOENT: no such actor; ECONNREFUSED: it refused, the reason
//	                                          can be read; ENOMSG: no such ask
//	answer(out, offset i32, n *u32)           bytes of what await got last
//	timer(delay i64, token i64, id *u64)      a message of kind 4 with that token, once, after so many nanoseconds
//	cancel(id i64)                            takes a timer back; ENOMSG if it is due or gone
//	spawn(name in, module in)                 makes an actor; module is a CID in text, or empty: of the own
//	                                          module. If the name is taken nothing happens. EAGAIN while 16 are
//	                                          in the making
//	stop(reason in)                           ends the actor when the guest has returned
//	name(out, n *u32)                         its own name
//	epoch() i64                               see above
//	now() i64                                 nanoseconds since the Unix epoch; goes on from message to message
//	random(out)                               fills the buffer
//	log(level i32, in)                        a line for `godwit actor logs`: 0 debug, 1 info, 2 warn, 3 error
//	save(in)                                  within godwit_save: the state for the next module
//
//	struct info {                             48 bytes, little-endian
//		u32 kind       1 send, 2 ask, 3 reply, 4 timer, 5 state from before an upgrade
//		u32 length     of the payload
//		u32 sender     length of the sender's name
//		u32 failed     1: this reply is a refusal, its payload the reason. Without a word of the
//		               other actor that is "not found", "timed out", "stopped" or "failed"
//		u8  id[16]
//		u64 token      of a reply: the ask; of a timer: what it was set with
//		u64 time       as now
//	}
//
// Clock and randomness are also those of WASI. Time stands while a message is worked
// on, but for a microsecond at each reading; sleeping lets it pass at once, for
// this actor alone. To wait for a time that others share, set a timer.
//
// # Errno
//
// Numbers are WASI's, so that C's strerror knows them.
//
//	0 success
//	1 E2BIG          payload over 1 MiB, name over 255 bytes, log over 64 KiB, state over 256 MiB
//	6 EAGAIN         too much under way: outgoing messages, asks or timers not yet done
//	14 ECONNREFUSED  the other actor refused, or failed at the message
//	20 EEXIST
//	21 EFAULT        memory out of bounds
//	25 EILSEQ        a name that is not UTF-8
//	28 EINVAL        an empty name, an unknown flag or level, no CID
//	29 EIO           the node failed
//	44 ENOENT        no such actor
//	49 ENOMSG        no such message, ask or timer
//	52 ENOSYS        this run is not an actor
//	58 ENOTSUP       not here: receive in a reactor, save outside of godwit_save, await after reading
//	                 from a GPU in the same message
//	73 ETIMEDOUT
//
// # Fuel
//
// Beside the instruction: hostabi.UnitsFor of the bytes that are moved; 64 for each
// message sent, reply, ask, timer and log line, 4096 for spawn.
//
// # Upgrade
//
// Memory means nothing to another module. Before an upgrade godwit_save of the old
// module is called and hands its state over with save, in a form of its own; then
// godwit_load of the new module is called, and reads it as the current message.
//
// # Invariants
//
//   - No argument makes a function panic.
//   - Everything is charged before it is done.
//   - The host module keeps nothing: what it is about is in the Activation, which the
//     caller's state has under ModuleName, and in the answer that await got last,
//     which is the Activation's too.
package actor
