package kernels

import (
	"os"
	"testing"

	"github.com/godwit-run/godwit/hostabi/gpu/driver"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/serve"
)

func TestMain(m *testing.M) {
	serve.Main()
	os.Exit(m.Run())
}

// TestOpenCL runs the kernels' OpenCL C on this machine's first device: what the twins are
// tested for holds there too.
func TestOpenCL(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d, err := driver.New(driver.Config{Command: []string{own}, CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 || list[0].Unusable != "" {
		if os.Getenv("GODWIT_CI") != "" {
			t.Fatalf("no usable device: %+v", list)
		}
		t.Skip("no usable device")
	}
	testKernels(t, d)
}
