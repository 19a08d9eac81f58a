package kernels

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

//go:embed cl
var sources embed.FS

// group is the size of the work-groups of kernels that have one for each row.
const group = 64

// Kernel is a ready-made kernel.
type Kernel struct {
	signature device.Signature
	grouped   bool // a work-group has a row, or part
	// plan checks the arguments, and says how much there is to do.
	plan func(a args) (work, error)
	// twin does it.
	twin func(ctx context.Context, a args) error
}

// work is what a launch comes to.
type work struct {
	lots       int64 // that are done side by side: for a work-item each, or a group
	operations int64 // all together
}

// all are the kernels.
var all = []Kernel{
	kernel("saxpy", false, "int n, float a, float* x, float* y", planSaxpy, saxpy),
	kernel("sgemm", false, "int transa, int transb, int m, int n, int k, float alpha, "+
		"float* a, int offa, int lda, float* b, int offb, int ldb, float beta, float* c, int offc, int ldc", planSgemm, sgemm),
	kernel("reduce_sum", true, "int n, float* x, int parts, float* out", planReduceSum, reduceSum),
	kernel("softmax", true, "int rows, int cols, float* x, float* y", planSoftmax, softmax),
	kernel("layernorm", true, "int rows, int cols, float eps, float* x, float* gamma, float* beta, float* y", planLayernorm, layernorm),
	kernel("conv2d", false, "int ci, int h, int w, int co, int kh, int kw, int stride, int pad, "+
		"float* x, float* weights, float* bias, float* y", planConv2d, conv2d),
	kernel("histogram", false, "int n, int bins, float low, float high, float* x, uint* counts", planHistogram, histogram),
}

func kernel(name string, grouped bool, params string, plan func(args) (work, error), twin func(context.Context, args) error) Kernel {
	k := Kernel{device.Signature{Name: name, MaxGroup: group, Multiple: group}, grouped, plan, twin}
	if grouped {
		k.signature.Required = [3]uint64{group, 1, 1}
		k.signature.LocalMemory = 4 * group
	}
	for p := range strings.SplitSeq(params, ", ") {
		typ, id, _ := strings.Cut(p, " ")
		arg := device.Arg{Kind: device.ByValue, Name: id, Type: typ, Size: 4}
		if strings.HasSuffix(typ, "*") {
			arg.Kind, arg.Size = device.InBuffer, 0
		}
		k.signature.Args = append(k.signature.Args, arg)
	}
	return k
}

// Find finds a kernel by name.
func Find(name string) (Kernel, bool) {
	for _, k := range all {
		if k.signature.Name == name {
			return k, true
		}
	}
	return Kernel{}, false
}

// Names are those of all kernels.
func Names() []string {
	var names []string
	for _, k := range all {
		names = append(names, k.signature.Name)
	}
	return names
}

// Signature is what the kernel takes.
func (k Kernel) Signature() device.Signature { return k.signature }

// Source is what to build it from for a device: OpenCL C, or its name where the backend has it.
// The error wraps device.ErrForm if the device takes neither.
func (k Kernel) Source(info device.Info) (device.Source, error) {
	if info.Takes(device.Named) {
		return device.Source{Form: device.Named, Text: []byte(k.signature.Name)}, nil
	}
	if !info.Takes(device.OpenCLC) {
		return device.Source{}, fmt.Errorf("kernel %s: %w", k.signature.Name, device.ErrForm)
	}
	files := []string{"cl/" + k.signature.Name + ".cl"}
	if k.grouped {
		files = []string{"cl/group.cl", files[0]}
	}
	var text []byte
	for _, name := range files {
		b, err := sources.ReadFile(name)
		if err != nil {
			return device.Source{}, fmt.Errorf("kernel %s: %w", k.signature.Name, errors.Join(device.ErrForm, err))
		}
		text = append(text, b...)
	}
	return device.Source{Form: device.OpenCLC, Text: text}, nil
}

// Check tells why arguments, which fit the signature, would lead the kernel out of its
// buffers. Errors wrap device.ErrArgument or device.ErrRange.
func (k Kernel) Check(values []device.Value) error {
	_, err := k.planned(values)
	return err
}

// Range is the shape that suits arguments that pass Check.
func (k Kernel) Range(values []device.Value) device.Range {
	w, err := k.planned(values)
	if err != nil || w.lots < 1 {
		w.lots = 1
	}
	r := device.Range{Dims: 1, Global: [3]uint64{uint64(min(w.lots, 1<<22))}}
	if k.grouped {
		r.Global[0], r.Local[0] = group*uint64(min(w.lots, 1<<16)), group
	}
	return r
}

// Operations counts the multiplications, additions and the like that a launch with these
// arguments makes; 0 if they do not pass Check.
func (k Kernel) Operations(values []device.Value) uint64 {
	w, err := k.planned(values)
	if err != nil {
		return 0
	}
	return uint64(w.operations)
}

func (k Kernel) planned(values []device.Value) (work, error) {
	if err := k.signature.CheckArgs(device.Info{}, values); err != nil {
		return work{}, err
	}
	w, err := k.plan(values)
	if err != nil {
		return work{}, fmt.Errorf("kernel %s: %w", k.signature.Name, err)
	}
	return w, nil
}
