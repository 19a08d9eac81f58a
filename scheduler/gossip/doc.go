// Package gossip tells all nodes of a mesh what one of them says of itself: its
// capacity vector, the models that it publishes, and requests for offers. It is
// libp2p's gossipsub with the checks that make it safe to listen.
//
//	mesh, err := gossip.New(gossip.Config{
//		Host: host, Self: self,
//		Vector: func(v wire.Vector) { ... },
//	})
//	...
//	go mesh.Run(ctx)
//	...
//	err = mesh.PublishVector(ctx, envelope)
//
// Gossip loses and reorders, so it carries soft state only: each record replaces
// the one before it, and whoever misses one gets the next. What must arrive, such
// as tasks and results, is sent over streams instead.
//
// # Glossary
//
//   - record: what a node says, in an envelope that it has signed (package wire).
//   - mark: what orders the records of one node; it only grows.
//
// # Invariants
//
//   - Nothing is passed on, or reported, before its size, its signature, its form
//     and its bounds have been checked.
//   - Of each node only newer records are taken than those before: replays and
//     stale records end at the first honest node.
//   - A peer that sends what no honest node sends is not listened to for long.
//   - Memory is bounded, however many nodes somebody invents.
package gossip
