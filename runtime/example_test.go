package runtime_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/godwit-run/godwit/runtime"
)

// A program runs under limits, and what it used is told exactly.
func Example() {
	engine, err := runtime.New(runtime.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	binary, err := os.ReadFile("../examples/primes/primes.wasm")
	if err != nil {
		log.Fatal(err)
	}
	module, err := engine.Load(context.Background(), binary)
	if err != nil {
		log.Fatal(err)
	}
	defer module.Close()
	result, err := engine.Run(context.Background(), module, runtime.Task{
		Args:   []string{"primes", "1000000"},
		Stdout: os.Stdout,
		Limits: runtime.Limits{Fuel: 1_000_000_000, Memory: 64 << 20, WallTime: time.Minute},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Status, result.FuelUsed > 1_000_000, result.MemoryPeakBytes>>10, "KiB")
	// Output:
	// 78498 primes up to 1000000, the last is 999983
	// succeeded true 256 KiB
}

// Exports can be called by name, with arguments in text form.
func ExampleTask_invoke() {
	engine, err := runtime.New(runtime.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	// (module (func (export "add") (param i32 f64) (result f64) local.get 0 f64.convert_i32_s local.get 1 f64.add))
	module, err := engine.Load(context.Background(), []byte("\x00asm\x01\x00\x00\x00"+
		"\x01\x07\x01\x60\x02\x7f\x7c\x01\x7c\x03\x02\x01\x00\x07\x07\x01\x03add\x00\x00\x0a\x0a\x01\x08\x00\x20\x00\xb7\x20\x01\xa0\x0b"))
	if err != nil {
		log.Fatal(err)
	}
	defer module.Close()
	result, err := engine.Run(context.Background(), module, runtime.Task{Invoke: "add", InvokeArgs: []string{"-1", "2.5"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Values[0], result.FuelUsed)
	// Output: 1.5 4
}
