package wire

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// Fault is an error of package device in a message; 0 is none.
type Fault uint8

// faults are the errors that the driver tells, Fault's value less one being the
// position.
var faults = []error{
	device.ErrLaunch, device.ErrDevice, device.ErrArgument, device.ErrRange, device.ErrShape,
	device.ErrForm, device.ErrBuild, device.ErrMemory, device.ErrClosed,
}

// maxText is the longest text of an error in bytes.
const maxText = device.MaxText

// FaultOf is the fault that err is, and its text.
func FaultOf(err error) (Fault, string) {
	if err == nil {
		return 0, ""
	}
	var build *device.BuildError
	if errors.As(err, &build) {
		return faultOf(device.ErrBuild), clip(build.Log, device.MaxLog)
	}
	for _, f := range faults {
		if errors.Is(err, f) {
			return faultOf(f), clip(err.Error(), maxText)
		}
	}
	return faultOf(device.ErrLaunch), clip(err.Error(), maxText)
}

func faultOf(err error) Fault {
	for i, f := range faults {
		if f == err {
			return Fault(i + 1)
		}
	}
	return 1
}

// Err is the error again, with the text made printable and short.
func (f Fault) Err(text string) error {
	if f == 0 {
		return nil
	}
	err := device.ErrLaunch
	if int(f) <= len(faults) {
		err = faults[f-1]
	}
	if err == device.ErrBuild {
		return &device.BuildError{Log: Printable(text, device.MaxLog)}
	}
	return fmt.Errorf("%s: %w", Printable(text, maxText), err)
}

// Printable is text of the other side's fit to be shown: at most limit bytes of UTF-8 without
// control characters other than new lines and tabs.
func Printable(text string, limit int) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' || r == '\t' {
			return r
		}
		return ' '
	}, clip(text, limit))
}

func clip(s string, limit int) string {
	return strings.ToValidUTF8(s[:min(len(s), limit)], "")
}
