// Package mailbox is the state of an actor beside its instance: what it has taken,
// what waits for it, what it has sent, its timers, its failures and its history. It
// is replicated: a pure function of the entries of the actor's log and of what the
// guest did with them, and part of every checkpoint.
//
// # Glossary
//
//   - delivery: one thing that the guest is given to work on: a message, a reply, a
//     timer. They are numbered; at most one is in progress.
//   - call: what the guest does in a delivery: reply, send, ask, set a timer.
//   - release: calls take effect when the guest blocks or has finished; the calls of a
//     delivery that fails before its first release never were.
//   - output: what is to leave the actor, once the entry that caused it is committed.
//   - source: a session or channel that messages come from, with what is known of it
//     to take each message once.
//
// # How an activation drives it
//
//	s := mailbox.New(actor, &spec)            // or Decode, from a checkpoint
//	for each committed entry, in order:
//		release(s.Apply(entry))
//		if the guest is blocked in await and s.Result(ask) is there: have it go on
//		for d, ok := s.Next(); ok; d, ok = s.Next():
//			run the guest on d: its calls are s.Reply, s.Send, s.Ask, ...
//			  when it blocks:    release(s.Release()), and wait for the next entry
//			  when it returns:   release(s.Finish())
//			  when it fails:     failed, outputs := s.Fail(cause); release(outputs), and see below
//
// If the actor has stopped while the guest is blocked (Status, and not Quiet), the
// delivery is to fail, with any cause: it has no effect then, and nobody is told.
//
// An entry is applied only when the guest is done with what the one before has made
// possible: it is back, or blocked. So the guest of a replay is in the same place.
//
// A failed delivery has no effect on memory: the activation goes back to a checkpoint,
// mailbox and instance both, and replays the entries behind it without outputs. When
// Next yields a delivery that had failed, it calls s.Skip(failed) instead of the
// guest: that repeats what had been released, when it had been released, and the
// failure. The checkpoint to go back to must have been taken while Quiet.
//
// The instance's memory belongs to the state after the last entry that was applied,
// and so does Encode: a checkpoint has both, taken at the same moment.
//
// # Exactly once
//
// Messages of a channel are numbered without gaps, and only the next one is taken; the
// sender keeps each until it is acknowledged, an ask until its reply has come, and
// sends it again after each activation. Messages of a session come in any order: each
// number is taken once. The floor that comes with them bounds what must be known; what
// senders do not bound is bounded by number (the oldest is forgotten first) and by log
// time. The reply to an ask is kept until its sender has moved the floor past it, so
// that an ask that comes again gets the same reply.
//
// # Time
//
// The guest's clock is that of the log: the time of the last entry, and never
// backwards. Timers and asks are due by it, when an entry comes that is late enough;
// whoever leads proposes one, empty if need be, at NextDue.
//
// # Invariants
//
//   - Equal entries and equal calls make equal states: Encode tells.
//   - What the guest can make it keep is bounded; calls beyond that are ErrFull.
//   - Every ask is answered at most once with what counts, then with the same again.
//   - No input panics: entries are those that wire.Decode returns.
//
// # Figures
//
// An ask of 100 bytes taken, delivered, answered and forgotten: 2.7 µs, on one core of a
// busy EPYC machine; a state with 1000 such replies is encoded in 0.5 ms (go test -bench .
// ./actors/mailbox).
//
// It is pure: no goroutine, lock, clock, randomness, disk or network.
package mailbox
