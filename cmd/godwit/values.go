package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/runtime"
)

// The types here are flag values (pflag.Value): what a flag may be, and how to
// say so when it is something else.

// fuelValue is a positive number of units; the flag's zero value is no limit.
type fuelValue uint64

func (v *fuelValue) Type() string   { return "fuel" }
func (v *fuelValue) String() string { return strconv.FormatUint(uint64(*v), 10) }
func (v *fuelValue) Set(s string) error {
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil || n == 0 || n > runtime.MaxFuel {
		return fmt.Errorf("want a whole number from 1 to %d", uint64(runtime.MaxFuel))
	}
	*v = fuelValue(n)
	return nil
}

// timeoutValue is a positive time; the flag's zero value is no limit.
type timeoutValue time.Duration

func (v *timeoutValue) Type() string   { return "duration" }
func (v *timeoutValue) String() string { return time.Duration(*v).String() }
func (v *timeoutValue) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return errors.New("want a time such as 500ms, 30s or 1h30m")
	}
	*v = timeoutValue(d)
	return nil
}

// engineValue is a runtime.Kind.
type engineValue runtime.Kind

func engines() []string {
	return []string{string(runtime.KindAuto), string(runtime.KindCompiler), string(runtime.KindInterpreter)}
}

func (v *engineValue) Type() string   { return "engine" }
func (v *engineValue) String() string { return string(*v) }
func (v *engineValue) Set(s string) error {
	if s == "" {
		return errors.New("want auto, compiler or interpreter")
	}
	if err := (runtime.Config{Kind: runtime.Kind(s)}).Validate(); err != nil {
		return err
	}
	*v = engineValue(s)
	return nil
}

// memoryValue is a positive size in bytes.
type memoryValue units.Size

func (v *memoryValue) Type() string   { return "size" }
func (v *memoryValue) String() string { return units.Size(*v).String() }
func (v *memoryValue) Set(s string) error {
	size, err := units.ParseSize(s)
	if err == nil && size == 0 {
		err = errors.New("want more than nothing")
	}
	*v = memoryValue(size)
	return err
}

// envValue collects variables as K=V.
type envValue []string

func (v *envValue) Type() string   { return "env" }
func (v *envValue) String() string { return "" }
func (v *envValue) Set(s string) error {
	if strings.IndexByte(s, '=') < 1 {
		return errors.New("want K=V")
	}
	*v = append(*v, s)
	return nil
}
