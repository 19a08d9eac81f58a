// Package actortest runs actors, replicated by groups of package group with the state
// of package mailbox, on one virtual clock, with everything that can go wrong, and
// checks what must always hold.
//
// A run is its seed: the same configuration gives the same trace, byte for byte.
// Messages are lost, doubled, late and out of order; links are cut, which is noticed
// soon, late, or wrongly; nodes stand still for seconds and go on; nodes crash at any
// event, and lose what their disks had not synced and everything that they had not
// sent. Meanwhile clients send and ask, actors pay each other, set timers, wait for
// each other's replies and fail, and groups hand over, replace replicas, park and take
// checkpoints. After Config.Faults all is healed, and what was begun must come to an end.
//
//	report, err := actortest.Run(actortest.Config{Seed: 42})
//
// # What must hold
//
//   - One history: what is committed at an index is the same on every replica, for ever.
//   - One state: after an entry every activation, replaying or not, has the same hash.
//   - What was acknowledged is in the state at the end, and took effect once.
//   - What clients see of one actor is linearizable (checked with porcupine).
//   - Money is neither made nor lost between actors.
//   - Nothing leaves a leader that has been replaced for longer than a lease.
//   - A failed message has no effect.
//   - In the end nothing waits: every ask is answered, every message settled.
//
// The shell in here is as simple as can be; that of package actors does the same with
// real disks, networks and guests.
package actortest
