// Package wasm reads, validates and writes the WebAssembly binary format.
package wasm
