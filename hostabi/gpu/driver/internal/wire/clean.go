package wire

import (
	"fmt"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// Clean makes what a driver says of its devices fit to be believed and shown: texts are
// short and printable, and what makes no sense makes a device unusable.
func (f Facts) Clean() []device.Info {
	infos := make([]device.Info, 0, len(f.Devices))
	for _, in := range f.Devices {
		for _, text := range []*string{
			&in.ID, &in.Backend, &in.Platform, &in.Name, &in.Vendor, &in.Capability, &in.UUID, &in.PCI, &in.Version, &in.Driver, &in.Unusable,
		} {
			*text = Printable(*text, device.MaxText)
		}
		for i := range in.Extensions {
			in.Extensions[i] = Printable(in.Extensions[i], device.MaxText)
		}
		if in.Unusable == "" && (in.ID == "" || in.MaxGroup == 0 || in.Memory == 0) {
			in.Unusable = "its driver does not tell its limits"
		}
		infos = append(infos, in)
	}
	return infos
}

// Clean checks what was built. Errors wrap ErrFrame.
func (b *Built) Clean() error {
	if len(b.Kernels) > MaxKernels || len(b.Binary) > MaxBinary {
		return fmt.Errorf("program of %d kernels and %d bytes: %w", len(b.Kernels), len(b.Binary), ErrFrame)
	}
	b.Log = Printable(b.Log, device.MaxLog)
	for i := range b.Kernels {
		k := &b.Kernels[i]
		k.Name = Printable(k.Name, device.MaxText)
		if len(k.Args) > device.MaxArgs {
			return fmt.Errorf("kernel of %d arguments: %w", len(k.Args), ErrFrame)
		}
		for j := range k.Args {
			a := &k.Args[j]
			a.Name, a.Type = Printable(a.Name, device.MaxText), Printable(a.Type, device.MaxText)
			if a.Kind < device.ByValue || a.Kind > device.Unknown {
				return fmt.Errorf("argument of kind %d: %w", a.Kind, ErrFrame)
			}
		}
	}
	return nil
}
