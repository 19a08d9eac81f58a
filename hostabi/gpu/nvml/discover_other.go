//go:build !(nvml && cgo && linux)

package nvml

// Discover lists what NVIDIA's driver knows. This build does not ask: its error is
// ErrNotBuilt.
func Discover() (System, error) { return System{}, ErrNotBuilt }
