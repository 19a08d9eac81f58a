package device

import (
	"fmt"
	"regexp"
	"strings"
)

// plain are the compiler's options that take no value (OpenCL 3.0, section 5.8.6).
var plain = regexp.MustCompile(`^(-cl-(single-precision-constant|denorms-are-zero|fp32-correctly-rounded-divide-sqrt|` +
	`opt-disable|strict-aliasing|mad-enable|no-signed-zeros|unsafe-math-optimizations|finite-math-only|fast-relaxed-math|` +
	`uniform-work-group-size|no-subgroup-ifp|kernel-arg-info|std=CL(1\.[012]|2\.0|3\.0))|-w|-Werror)$`)

// define is -D NAME or -D NAME=VALUE, where the value has nothing that a shell or a
// compiler's driver would take for more than a value.
var define = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(=[A-Za-z0-9_.+\-*/()<>=&|^!~%:,]*)?$`)

// CheckOptions checks options for the compiler: those of the specification and
// macros (-D NAME=VALUE) are let through, and nothing that names a file. Errors wrap
// ErrForm.
func CheckOptions(options string) error {
	if len(options) > MaxOptions {
		return fmt.Errorf("%d bytes of options: %w", len(options), ErrForm)
	}
	words := strings.Fields(options)
	for i := 0; i < len(words); i++ {
		macro, isMacro := strings.CutPrefix(words[i], "-D")
		if isMacro && macro == "" && i+1 < len(words) {
			i++
			macro = words[i]
		}
		if isMacro && define.MatchString(macro) || !isMacro && plain.MatchString(words[i]) {
			continue
		}
		return fmt.Errorf("option %.40q: %w", words[i], ErrForm)
	}
	return nil
}
