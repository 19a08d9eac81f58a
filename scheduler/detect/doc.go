// Package detect tells which other nodes are alive. It is the core of a failure
// detector: pure, driven by a shell as package scheduler says, and one for each
// node, which judges for itself alone.
//
// A node is watched by those that share work with it. Two signs make it suspect:
//
//   - Its last connection has closed: at once. The shell knocks at its address. If
//     that refuses, and two others do not reach it either, it is dead: all of that
//     takes two or three round trips.
//   - It is silent: a ping was not answered within the timeout. It is pinged again,
//     and two others are asked to ping it. While nobody reaches it the suspicion
//     lasts from MinSuspicion, if both others say so, to MaxSuspicion, if nobody
//     does: then the fault may be this node's own. Then it is dead.
//
// A suspect that answers is alive again, and so is one that was thought dead.
//
// # Glossary
//
// As in SWIM (https://www.cs.cornell.edu/projects/Quicksilver/public_pdfs/SWIM.pdf)
// and in memberlist, its best known implementation:
//
//   - alive, suspect, dead: what this node believes of another.
//   - incarnation: when a node was started, by its own word. Since everyone judges
//     for himself no suspicion travels, so none needs to be refuted, and the number
//     grows only when the node starts again. That ends the life before: dead, then
//     alive, with all that it ran lost.
//   - helper: a node that pings another one for this one. It helps with those that it
//     is connected with, or was until 10 s ago, and knocks at each of the latter once a
//     second at most: else anybody could have it dial whatever address he makes up.
//   - health: from 0, well, to MaxHealth: how far this node doubts itself. It is
//     Lifeguard's local health multiplier (https://arxiv.org/abs/1707.00788), and
//     grows when its own timers are late or helpers do not answer.
//
// # Bounds
//
// The timeout of a ping is that of RFC 6298, the smoothed round trip and four times
// its variation, between MinTimeout and MaxTimeout, times one and the health. With
// the defaults, on a network of small round trips, by a node in good health:
//
//	what happened to it        suspect after         dead after
//	killed                     at once               3 to 4 round trips
//	stopped, or cut off        350 ms at most        950 ms with helpers, 1.85 s without
//	paused for up to 0.7 s     350 ms, or never      never
//	this node itself paused    never                 never
//
// A helper that lies can keep a dead node suspect, or give a silent one MinSuspicion
// only; it cannot make one dead that answers: its own word counts more than everyone's. Nor does suspicion end while only others
// reach a node, since no work can be shared with it.
//
// # Figures
//
// False alarms an hour of one node about another, on a simulated network of 2 ms with
// three helpers (go test -run xxx -bench FalseAlarms -benchtime 20x ./scheduler/detect):
//
//	                                                 suspicions   deaths
//	quiet                                                     0        0
//	1 of 100 messages takes up to 0.5 s                     217        0
//	each process stands still for up to 0.3 s, every 10 s    97        0
//	both                                                    307        0
//	... for up to 0.7 s                                     229      2.5
//	... for up to 2 s                                       272      142
//
// Four real processes on loopback: the task of a killed one runs on another 7.5 ms
// later, that of a stopped one after 0.5 to 1.2 s
// (go test -run TasksOfALostNode -v .).
//
// # Why
//
// φ-accrual detectors learn the rhythm of heartbeats, and need a slow one to be
// cheap: these pings flow only between nodes that share work, so they can be quick,
// and a round trip says at once what a rhythm says after a while. A second opinion
// is what tells a dead node from a lost connection.
package detect
