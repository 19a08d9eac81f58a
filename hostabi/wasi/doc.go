// Package wasi is WASI preview 1 (wasi_snapshot_preview1) for guests whose
// state can be captured: whatever a guest can observe is plain data, a State.
package wasi
