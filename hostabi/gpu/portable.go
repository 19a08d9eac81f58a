package gpu

import (
	"regexp"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// vendorWord is what not every device has: double and half, and vectors of them, and
// extensions (OpenCL 3.0, chapter 6).
var vendorWord = regexp.MustCompile(`\b((double|half)(2|3|4|8|16)?|cl_[a-z]+_\w+)\b`)

var comment = regexp.MustCompile(`(?s)//[^\n]*|/\*.*?\*/`)

func withoutComments(text string) string { return comment.ReplaceAllString(text, " ") }

// notPortableError is something that a program uses, which other devices may not have.
type notPortableError struct{ what string }

func (e notPortableError) Error() string {
	return e.what + " is not on every device: an actor with it could not move"
}

func (e notPortableError) Unwrap() error { return device.ErrForm }
