// Package runtime runs WebAssembly guests under exact fuel and hard limits.
//
// The public face, for embedders:
//
//	New(Config) (*Engine, error)                          one a process
//	(*Engine).Inspect(binary []byte) (Info, error)        what is in it; compiles nothing
//	(*Engine).Load(ctx, binary []byte) (*Module, error)   decode, validate, meter, compile (cached)
//	(*Engine).Run(ctx, *Module, Task) (Result, error)     one run to completion; err is the system's failure only
//	(*Module).Instantiate(ctx, Task) (*Instance, error)   for calls one by one
//	(*Instance).Call(ctx, name, args ...uint64) ([]uint64, error)
package runtime
