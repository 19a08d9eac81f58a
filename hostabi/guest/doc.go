// Package guest is for actors written in Go: it is compiled into the guest, for
// GOOS=wasip1 GOARCH=wasm. What the calls mean and cost is in package
// hostabi/actor; errors here are its errnos.
//
// A reactor has a function that is called for each message:
//
//	package main
//
//	import "github.com/godwit-run/godwit/hostabi/guest"
//
//	var count int
//
//	//go:wasmexport godwit_handle
//	func handle() {
//		guest.Handle(func(m guest.Message) ([]byte, error) {
//			count++
//			return strconv.AppendInt(nil, int64(count), 10), nil
//		})
//	}
//
//	func main() {} // not called
//
// and is built with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o counter.wasm
//
// A process loops in main, and is built without -buildmode:
//
//	func main() {
//		for {
//			m, err := guest.Receive(guest.Forever)
//			...
//			m.Reply([]byte("done"))
//		}
//	}
//
// The memory of the whole program, goroutines included, is what a checkpoint has.
// In a reactor other goroutines run only while a message is handled.
package guest
