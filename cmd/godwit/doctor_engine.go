package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	goruntime "runtime"

	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/runtime"
)

// answer is a module whose function f returns 42:
//
//	(module (func (export "f") (result i32) i32.const 42))
var answer = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x05\x01\x60\x00\x01\x7f" + // types: () -> i32
	"\x03\x02\x01\x00" + // functions
	"\x07\x05\x01\x01f\x00\x00" + // exports
	"\x0a\x06\x01\x04\x00\x41\x2a\x0b") // code

// engineChecks run a module.
func engineChecks() []check {
	v := readVersion()
	kind, err := tryEngine()
	return []check{
		found("godwit", "%s", v.Version),
		found("go", "%s", v.Go),
		found("wazero", "%s", orUnknown(v.Engine)),
		tried("runs modules", err, "%s", describeKind(kind)).required(),
	}
}

func describeKind(k runtime.Kind) string {
	if k == runtime.KindCompiler {
		return fmt.Sprintf("compiled: wazero has a compiler for %s/%s", goruntime.GOOS, goruntime.GOARCH)
	}
	return fmt.Sprintf("interpreted, 10 to 100 times slower: wazero has no compiler for %s/%s", goruntime.GOOS, goruntime.GOARCH)
}

// tryEngine runs a small module to its end.
func tryEngine() (kind runtime.Kind, err error) {
	engine, err := runtime.New(runtime.Config{})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	ctx := context.Background()
	m, err := engine.Load(ctx, answer)
	if err != nil {
		return "", err
	}
	result, err := engine.Run(ctx, m, runtime.Task{Invoke: "f"})
	if err != nil {
		return "", err
	}
	if len(result.Values) != 1 || result.Values[0].String() != "42" {
		return "", fmt.Errorf("a module that returns 42 returned %v (%s)", result.Values, result.Message)
	}
	return engine.Kind(), nil
}

// memoryChecks tell how large guests' memories may become without moving.
func memoryChecks() []check {
	largest := uint64(1 << 32)
	if math.MaxInt == math.MaxInt32 {
		largest = 256 << 20
	}
	return []check{
		tried("reservation", runtime.ProveReservation(largest), "%v of address space for each memory, which grows in place", units.Size(largest)),
	}
}

// trackingChecks tell how checkpoints find what was written: the first that
// works is used.
func trackingChecks() []check {
	var all []check
	used := false
	for _, way := range runtime.ProveTracking() {
		detail := "works, as a fallback"
		if way.Err == nil && !used {
			used, detail = true, "works, and is used"
		}
		all = append(all, tried(way.Name, way.Err, "%s", detail))
	}
	if !used {
		all = append(all, tried("any", errors.New("no way of finding written pages works"), "").required())
	}
	return all
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
