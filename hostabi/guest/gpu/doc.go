// Package gpu lets guests written in Go compute on GPUs; it is compiled into the guest, for
// GOOS=wasip1 GOARCH=wasm. What the calls mean and cost is in package hostabi/gpu; errors here
// are its errnos.
//
//	d := gpu.Device(0)
//	x, err := d.Floats(data)               // a buffer with these
//	y, err := d.Buffer(4 * len(data))
//	k, err := d.Ready("saxpy")             // or d.Build(source, "") and program.Kernel("name")
//	err = k.Args(int32(len(data)), float32(2), x, y)
//	err = k.Run()                          // or k.Launch(n), and event.Wait()
//	err = y.ReadFloats(0, data)
//
// Everything is freed when the program ends; Free is for those who need more of it than fits.
package gpu
