//go:build !linux

package link

import "os"

// anonymous is a file without a name: there is no memfd here.
func anonymous() (*os.File, error) {
	f, err := os.CreateTemp("", "godwit-gpu-*")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

func seal(*os.File) error { return nil }

func sealed(*os.File) bool { return true }
