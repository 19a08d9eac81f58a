// Package examples holds those of the example programs that `godwit demo` runs.
package examples

import "embed"

// Programs are the built programs, under the paths that they have in the
// repository: counter/counter.wasm, gpu-saxpy/gpu-saxpy.wasm, odyssey/odyssey.wasm, primes/primes.wasm and
// wordcount/wordcount.wasm.
//
//go:embed counter/counter.wasm gpu-saxpy/gpu-saxpy.wasm odyssey/odyssey.wasm primes/primes.wasm wordcount/wordcount.wasm
var Programs embed.FS
