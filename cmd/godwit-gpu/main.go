// Command godwit-gpu is the process in which devices' drivers live. A node, or
// `godwit run`, starts it when a guest first asks for a device, and again after a driver
// has crashed or had to be killed; see hostabi/gpu/driver. It is of no use by itself.
package main

import (
	"fmt"
	"os"

	"github.com/godwit-run/godwit/hostabi/gpu/driver/serve"
)

func main() {
	serve.Main()
	fmt.Fprintln(os.Stderr, "godwit-gpu is started by godwit, which looks for it beside itself and on the PATH")
	os.Exit(2)
}
