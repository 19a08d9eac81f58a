// Package api is a node's REST interface: server, client and the JSON between
// them.
//
// # Glossary
//
//   - backend: the node behind the server. The root package implements [Backend].
//   - problem: an error as application/problem+json (RFC 9457), with a hint.
//   - feed: the numbered state changes that /api/v1/events streams.
//
// # Invariants
//
//   - The server decides nothing about tasks: it checks, translates and streams.
//   - An error of the backend keeps its sentinel all the way to the client.
//   - Whatever a client sends is bounded before it is held: header, body, lists,
//     and the time it takes. Blobs are streams and never held.
//   - Off loopback every request is authenticated; on loopback the name and
//     origin of a request are checked, since any web page can send one there.
//
// # Figures
//
// On two cores that others shared, go test -bench . ./internal/api: a task from
// request to answer costs 0.2 ms of API, a blob passes at 1 GB/s with half a megabyte
// allocated for 64 MiB. What a node adds is in the root package's manual.
package api
