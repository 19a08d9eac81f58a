// What gpuabi.c does, in Go.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/godwit-run/godwit/hostabi/guest/gpu"
)

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// number is an error's.
func number(err error) uint32 {
	var e gpu.Errno
	if !errors.As(err, &e) && errors.Is(err, gpu.NoBuild) {
		e = gpu.NoBuild
	}
	return uint32(e)
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

const d = gpu.Device(0)

func device() {
	devices, texts := must(gpu.Devices()), 0
	for _, text := range []string{d.Name(), d.Vendor(), d.Family(), d.Capability(), d.Driver(), d.ID()} {
		texts += one(text != "")
	}
	fmt.Printf("mode %d, devices %d, %d texts, compiles %d\n", gpu.ModeOfRun(), one(devices > 0), texts, one(must(d.Facts()).Compiles()))
}

func buffers() {
	a, b := must(d.Buffer(80)), must(d.Buffer(48))
	used, most, err := gpu.Memory()
	check(err)
	text := make([]byte, 5)
	check(a.Write(70, []byte("godwit")))
	check(a.CopyTo(b, 3, 71, 5))
	check(b.Read(3, text))
	fmt.Printf("size %d, used %d of more %d, %s\n", must(a.Size()), used, one(most > used), text)
	fmt.Printf("beyond: %d\n", number(b.Read(44, text)))
	check(a.Free())
	check(b.Free())
}

func numbers(p gpu.Program) {
	k, o := must(p.Kernel("numbers")), must(d.Buffer(80))
	check(k.Args(o, int8(-1), uint8(255), int16(-2), uint16(65535), int32(-3), uint32(4294967295), int64(-4), uint64(1<<62), float32(0.5), 0.25))
	fmt.Printf("half for an int: %d\n", number(k.Arg(5, gpu.Half(0))))
	check(k.Run(1, 1, 1))
	got := make([]byte, 80)
	check(o.Read(0, got))
	for i := range 10 {
		var n uint64
		for j := range 8 {
			n |= uint64(got[8*i+j]) << (8 * j)
		}
		fmt.Print(int64(n), map[bool]string{true: "\n", false: " "}[i == 9])
	}
}

type pair struct {
	tag    int8
	weight float64
}

func shapes(p gpu.Program) {
	k, o := must(p.Kernel("shapes")), must(d.Buffer(32))
	table := make([]float32, 64)
	table[32] = 0.5
	t := must(d.Floats(table))
	for _, a := range must(k.Parameters()) {
		fmt.Printf("%s: space %d, type %d, size %d\n", a.Type, a.Space, a.Code, a.Size)
	}
	u := make([]uint8, 16)
	u[15] = 3
	check(k.Args(o, gpu.Part{Buffer: t, Offset: 128, Size: 4}, gpu.Vector[float32](0, 0, 0, 1), gpu.Vector[int32](0, 0, 2), gpu.Vector(u...),
		gpu.Struct(pair{5, 0.25}), gpu.Local(16), gpu.Null))
	e := must(k.LaunchRange(gpu.Range{Dims: 1, Offset: [3]uint64{100}, Global: [3]uint64{8}, Local: [3]uint64{4}}))
	check(e.Wait())
	times := must(e.Times())
	got := make([]float32, 8)
	check(o.ReadFloats(0, got))
	fmt.Printf("%g %g, ended %d, in order %d\n", got[0], got[7], one(must(e.Done())), one(times.Started <= times.Ended))
}

func main() {
	device()
	buffers()
	p := must(d.Build(string(must(io.ReadAll(os.Stdin))), "-Werror"))
	numbers(p)
	shapes(p)
	_, err := d.Build("nonsense", "")
	fmt.Printf("nonsense: %d, log %d\n", number(err), one(gpu.BuildLog() != ""))
	_, err = d.BuildSPIRV([]byte("nonsense"), "")
	fmt.Printf("SPIR-V: %d\n", one(errors.Is(err, gpu.NoBuild) || errors.Is(err, gpu.NoSupport)))
	_, err = p.Kernel("none")
	fmt.Printf("no kernel: %d\n", number(err))
	fmt.Printf("no arguments: %d\n", number(must(d.Ready("saxpy")).Run()))
	check(gpu.WaitAll())
}
