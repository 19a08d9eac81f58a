// Package schedtest runs whole meshes of scheduler cores on one virtual clock,
// with everything that can go wrong, and checks after every event what must
// always hold.
//
// A run is its seed: the same configuration gives the same trace, byte for byte.
// Messages are lost, doubled, late and out of order; links are cut, which is
// noticed late or never; nodes stand still, drain, and crash, when they lose what
// was not synced and everything that they had not sent; clocks are wrong, each by
// another time; liars join and answer and offer whatever may do harm. Nodes watch
// each other with package detect over the same network. After Config.Faults the mesh heals, and what was accepted
// must come to its end.
//
//	report, err := schedtest.Run(schedtest.Config{Seed: 42, Nodes: 5, Tasks: 40})
//
// # What must hold
//
//   - Each accepted task ends exactly once, and a crash does not change how.
//   - Of a task's attempts one alone is live for its submitter, who gave it to one node.
//   - What runs on a node at once is never more than the node has, device by device,
//     nor is what it holds to be free.
//   - Nobody decides for another: nothing runs where it was not given, and accepted.
//   - A result that counts is what its run came to, of the last attempt.
//   - In the end every executor is idle and all of its capacity is free.
package schedtest
