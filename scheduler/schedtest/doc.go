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
//   - A long task comes to what its whole computation comes to, wherever its attempts went
//     on; each goes on from a checkpoint that an earlier one has really made, and from none
//     older than the newest that the submitter knew of and somebody had who could be asked.
//   - A keeper that knows of an attempt keeps nothing more of earlier ones.
//   - What is not placed, where nothing goes wrong, fits nowhere.
//   - In the end every executor is idle and all of its capacity is free.
//
// # Figures
//
// Gossip, by a model of gossipsub with 192 connections a node, all nodes busy
// (go test -run xxx -bench Gossip -benchtime 1x ./scheduler/schedtest). The pace of
// scheduler.Pace makes it level off; without it 1,000 nodes would send 14 MB/s each.
//
//	nodes     each sends    all say           a vector's age
//	10         23 kB/s       5 vectors/s        2 s
//	100        82 kB/s      13 vectors/s        4 s
//	1,000     106 kB/s      15 vectors/s       45 s
//	10,000    104 kB/s      15 vectors/s      7.6 min
//
// Placement on 40 unequal nodes of 3,000 tasks of 0.2 s to a minute: mean slowdown
// (go test -run xxx -bench Quality -benchtime 1x ./scheduler/schedtest), against one
// scheduler that knows everything at once and against tasks that wait where chance
// puts them:
//
//	load    slowdown    of all-knowing    of random
//	0.5     1.06        1.04              0.06
//	0.7     1.20        1.10              0.06
//	0.85    1.28        1.14              0.06
package schedtest
