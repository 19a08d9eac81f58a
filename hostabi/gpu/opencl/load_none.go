//go:build !(((linux && (amd64 || arm64)) || darwin) && !nogpu)

package opencl

import "fmt"

// Load returns ErrAbsent: this program was built without OpenCL.
func Load() (*Library, error) {
	return nil, fmt.Errorf("%w: built without it", ErrAbsent)
}
