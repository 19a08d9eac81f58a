// Package placement ranks nodes for a task and says why: which terms of a score
// made a node first, or what put it out of the question. It is pure.
//
// # Glossary
//
//   - request: what a task wants; node: what is known of a place for it.
//   - candidate: a node with its score, or with the refusal that keeps it out.
//   - term: a part of a score, from 0 to 1, with its weight.
//   - passing: a refusal that may be over when other tasks have ended. The others
//     are for good: Candidate.Never.
//
// # Example
//
//	candidates := placement.NewRanker(placement.Default()).Rank(&request, nodes)
//	if candidates[0].Out == "" {
//		fmt.Println(candidates[0].Node.ID, candidates[0].Score)
//	} else {
//		fmt.Println(placement.Summary(candidates)) // 3 of 4 nodes: not enough memory; 1: draining
//	}
//
// # Invariants
//
//   - The same arguments give the same ranks: what spreads tasks over equal nodes
//     is a hash of task and node, not chance.
//   - Rank looks at every node, and says of each why. Best finds the same first one
//     without putting the others in order.
//   - Neither allocates, once a Ranker has seen as many nodes.
//
// # A policy of one's own
//
// Implement [Policy]: refuse what [Check] refuses, then add terms.
package placement
