//go:build ((linux && (amd64 || arm64)) || darwin) && !nogpu

package opencl

import (
	"fmt"
	"reflect"
	goruntime "runtime"
	"strings"

	"github.com/ebitengine/purego"
)

// Load finds libOpenCL and what is needed of it. Errors wrap ErrAbsent.
func Load() (*Library, error) {
	handle, err := dlopen()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	lib := &Library{}
	table := reflect.ValueOf(&lib.functions).Elem()
	for i := range table.NumField() {
		name, optional := strings.CutSuffix(table.Type().Field(i).Tag.Get("cl"), ",optional")
		symbol, err := purego.Dlsym(handle, name)
		switch {
		case err == nil:
			purego.RegisterFunc(table.Field(i).Addr().Interface(), symbol)
		case !optional:
			return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
		}
	}
	return lib, nil
}

// dlopen takes the first library that opens. It stays open: drivers do not survive
// being unloaded.
func dlopen() (handle uintptr, err error) {
	names := []string{"libOpenCL.so.1", "libOpenCL.so"}
	if goruntime.GOOS == "darwin" {
		names = []string{"/System/Library/Frameworks/OpenCL.framework/OpenCL", "libOpenCL.dylib"}
	}
	for _, name := range names {
		if handle, err = purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL); err == nil {
			return handle, nil
		}
	}
	return 0, err
}
