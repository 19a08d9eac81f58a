//go:build !linux

package linmem

import "errors"

// pagemap exists on Linux only.
type pagemap struct{}

func openPagemap() (*pagemap, error) { return nil, errors.ErrUnsupported }

func (*pagemap) close() error { return nil }

func (*pagemap) clearTouched([]byte, uint64) bool { return false }
