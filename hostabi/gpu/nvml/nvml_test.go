package nvml

import (
	"errors"
	"testing"
)

func TestCapabilityAndUse(t *testing.T) {
	for _, c := range []struct {
		name       string
		d          Device
		capability string
		usable     bool
	}{
		{"A100", Device{Major: 8, Memory: 40 << 30}, "sm_80", true},
		{"T4", Device{Major: 7, Minor: 5, Memory: 16 << 30}, "sm_75", true},
		{"GB10", Device{Major: 12, Minor: 1, Memory: 1}, "sm_121", true},
		{"unknown", Device{Memory: 1}, "", true},
		{"partitioned", Device{Major: 8, Memory: 1, Partitioned: true}, "sm_80", false},
		{"silent", Device{Major: 8}, "sm_80", false},
	} {
		ok, why := c.d.Usable()
		if got := c.d.Capability(); got != c.capability || ok != c.usable || ok != (why == "") {
			t.Errorf("%s: %q, usable %v: %s", c.name, got, ok, why)
		}
	}
}

func TestVersionsAndSlots(t *testing.T) {
	for v, want := range map[int]string{12040: "12.4", 11080: "11.8", 13000: "13.0", 0: "", -1: ""} {
		if got := cudaVersion(v); got != want {
			t.Errorf("%d is %q, want %q", v, got, want)
		}
	}
	if got := slot(1, 0x3b, 0x1f); got != "0001:3b:1f.0" {
		t.Error(got)
	}
}

// A machine without NVIDIA's driver, or a program without NVML, is not in error.
func TestDiscoverHere(t *testing.T) {
	s, err := Discover()
	if err != nil && !errors.Is(err, ErrNoDriver) && !errors.Is(err, ErrNotBuilt) {
		t.Fatal(err)
	}
	if err != nil && len(s.Devices) > 0 {
		t.Errorf("%v, and devices %+v", err, s.Devices)
	}
}
