// Package placement ranks nodes for a task and says why: which terms of a score
// made a node first, or what put it out of the question. It is pure.
//
// # Glossary
//
//   - request: what a task wants; node: what is known of a place for it.
//   - candidate: a node with its score, or with the refusal that keeps it out.
//   - term: a part of a score, from 0 to 1, with its weight.
//   - factor: what the sum of the terms is multiplied by: how reliable a node was.
//   - wish: a term that only counts if the request asks for it. What is required is
//     no term but a gate.
//   - passing: a refusal that may be over when other tasks have ended. The others
//     are for good: Candidate.Never.
//
// # Example
//
//	index := placement.NewIndex(placement.Default())
//	index.Put(node)
//	...
//	candidates := index.Rank(&request)
//	if first := candidates[0]; first.Out == "" {
//		fmt.Println(first.Node.ID, first.Score, index.Reasons(&request, first.Node).Terms)
//	} else {
//		fmt.Println(placement.Summary(candidates)) // 3 of 4 nodes: not enough memory; 1: draining
//	}
//
// # The score
//
// The default policy, [Weighted], keeps out nodes trusted less than 0.3 and those that
// [Check] refuses. The score of the others is the weighted mean of these terms, whose
// weights are divided by their sum, times the factor:
//
//	term      value                                         default  latency  throughput
//	trust     as given                                      0.4      0.25     0.2
//	capacity  free part of the scarcest of cpu, memory,     0.3      0.1      0.5
//	          storage
//	queue     1 - tasks/10, times 10s/(10s + wait)          0.2      0.25     0.2
//	rtt       20ms/(20ms + round trip)                      0        0.35     0
//	spread    hash of task and node                         0.1      0.05     0.1
//	local     whether it is this node                       0; 1.1 if local nodes are preferred
//	prefer    whether it is one of the preferred nodes      2.5
//	avoid     whether it is none of those to be avoided     2.5
//	region    whether it is in the region                   0.5
//	label     part of the wished labels that it has         0.5
//	near      part of the wanted bytes that it holds        0.5
//	gpu       whether it has the GPU that is preferred, or  0.5
//	          required of any kind; a processor that is driven
//	          like a GPU counts half
//	colocate  whether the other task is or was there        2.5
//
// All from prefer on count only where the request has such a wish. The factor is the
// success rate of late, divided by 1 and the failures in a row: health is no part of
// trust, and no amount of it brings a node through the gate.
//
// # Invariants
//
//   - The same arguments give the same ranks: what spreads tasks over equal nodes
//     is a hash of task and node, not chance.
//   - Rank looks at every node, and says of each why. Best finds the same first one
//     without putting the others in order.
//   - An [Index] finds to the last bit what a [Ranker] finds, which judges one node
//     after the other: the tests compare them.
//   - Neither allocates, once it has seen as many nodes.
//
// # A policy of one's own
//
// Implement [Policy]: refuse what [Check] refuses, then add terms.
//
// # Why an index
//
// Most of a score does not depend on the request: an index works that out when a node
// changes, and keeps it with what decides whether a task fits in 88 bytes a node, one
// after the other. For the best node it then takes a comparison and a hash each, and
// for wishes only looks at nodes that could still win. All nodes are put in order by a
// radix sort of their rounded scores.
//
// Medians on a virtual machine with two EPYC cores and nothing else to do (go test -run
// xxx -bench Index -count 5 ./scheduler/placement):
//
//	                         100 nodes  10,000 nodes
//	best                     0.5 µs     34 µs
//	best, of four wishes     1.7 µs     0.19 ms
//	all in order             6.6 µs     0.5 ms
//	all, of four wishes      8.4 µs     0.8 ms
//	a change of a node       0.3 µs     0.3 µs
//
// One node after the other ([Ranker]): 8 µs and 0.9 ms for the best, 30 µs and 12 ms
// for all in order (go test -run xxx -bench Rank ./scheduler/placement).
package placement
