// Package hostabi specifies what a guest may import, and the contract between
// a host function and the runtime that calls it.
//
// # Glossary
//
//   - host function: a Go function that a guest imports and calls.
//   - host module: the import module name that a set of host functions shares.
//   - caller: the instance whose guest made the call.
//
// # Invariants
//
//   - Every argument is hostile: offsets and lengths are checked against
//     Caller.Memory before use, in 64-bit arithmetic.
//   - A host function that moves bytes charges UnitsFor(n) before it moves them,
//     so that no guest gets work for nothing.
//   - A host function that waits may suspend the guest instead (Suspend): it is called
//     again when the guest goes on, and must not have done anything before.
//   - What a host function remembers between calls lives in the state that the
//     instance carries (Caller.State), as plain data, so that it can be captured
//     with the instance and restored elsewhere. A host module itself is stateless
//     and shared by all instances of an engine.
//
// The host modules are in the folders below: wasi is WASI preview 1, actor what actors
// import, gpu the way to devices that compute.
package hostabi
