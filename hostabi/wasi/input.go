package wasi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// Input is something the guest finds under /in, read-only.
type Input struct {
	// Name is its path below /in, in the form of fs.ValidPath and not ".". No
	// name may lie inside another.
	Name string
	// Source is where it comes from.
	Source Source
}

// Source is where an input comes from.
type Source interface {
	// Attach opens the input. New calls it once for each System.
	Attach() (Attachment, error)
}

// Attachment is an open input: either one file or a tree.
type Attachment struct {
	// File is the file, nil if the input is a tree. It is read as the guest
	// reads, up to Size.
	File FileReader
	// Modified is the modification time of File.
	Modified time.Time
	// Tree is the tree. Symbolic links are shown to the guest as such, if the
	// tree implements fs.ReadLinkFS, and followed only within the guest's tree.
	// Files that implement io.ReaderAt or io.Seeker are read where the guest
	// reads; others from the start each time the guest goes back.
	Tree fs.FS
	// Closer lets go of the input; may be nil.
	Closer io.Closer
}

// FileReader is a file of known size. ReadAt may be called while the guest
// waits, and never by two goroutines at once.
type FileReader interface {
	io.ReaderAt
	Size() int64
}

type sourceFunc func() (Attachment, error)

func (f sourceFunc) Attach() (Attachment, error) { return f() }

// BytesInput is the file /in/NAME with that content, which is not copied and
// must not change.
func BytesInput(name string, content []byte) Input {
	return Input{name, sourceFunc(func() (Attachment, error) {
		return Attachment{File: bytes.NewReader(content)}, nil
	})}
}

// FSInput is the directory /in/NAME with the content of a file system.
func FSInput(name string, tree fs.FS) Input {
	return Input{name, sourceFunc(func() (Attachment, error) {
		return Attachment{Tree: tree}, nil
	})}
}

// FileInput is the file /in/NAME with the content of a regular file of the host.
func FileInput(name, hostPath string) Input {
	return Input{name, sourceFunc(func() (Attachment, error) {
		f, err := os.Open(hostPath)
		if err != nil {
			return Attachment{}, err
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s: not a regular file", hostPath)
		}
		if err != nil {
			return Attachment{}, errors.Join(err, f.Close())
		}
		return Attachment{File: hostFile{f, info.Size()}, Modified: info.ModTime(), Closer: f}, nil
	})}
}

type hostFile struct {
	*os.File
	size int64
}

func (f hostFile) Size() int64 { return f.size }

// DirInput is the directory /in/NAME with the content of a directory of the
// host. Symbolic links in it never lead out of it.
func DirInput(name, hostPath string) Input {
	return Input{name, sourceFunc(func() (Attachment, error) {
		root, err := os.OpenRoot(hostPath)
		if err != nil {
			return Attachment{}, err
		}
		return Attachment{Tree: root.FS(), Closer: root}, nil
	})}
}

func validateInputs(inputs []Input) error {
	names := make(map[string]bool, len(inputs))
	for _, in := range inputs {
		if err := validateName(in.Name); err != nil {
			return err
		}
		if in.Source == nil {
			return fmt.Errorf("%w: input %q has no source", ErrConfig, in.Name)
		}
		if names[in.Name] {
			return fmt.Errorf("%w: two inputs named %q", ErrConfig, in.Name)
		}
		names[in.Name] = true
	}
	for name := range names {
		for up := path.Dir(name); up != "."; up = path.Dir(up) {
			if names[up] {
				return fmt.Errorf("%w: input %q lies inside input %q", ErrConfig, name, up)
			}
		}
	}
	return nil
}

func validateName(name string) error {
	valid := fs.ValidPath(name) && name != "." && len(name) < pathMax && strings.IndexByte(name, 0) < 0
	for part := range strings.SplitSeq(name, "/") {
		valid = valid && len(part) <= nameMax
	}
	if !valid {
		return fmt.Errorf("%w: input name %q is not a relative path", ErrConfig, name)
	}
	return nil
}

func (s *System) openInputs() error {
	for _, in := range s.cfg.Inputs {
		a, err := in.Source.Attach()
		if err != nil {
			return fmt.Errorf("input %s: %w", in.Name, err)
		}
		s.inputs = append(s.inputs, a)
		if (a.File == nil) == (a.Tree == nil) {
			return fmt.Errorf("%w: input %q is not either a file or a tree", ErrConfig, in.Name)
		}
	}
	return nil
}

// closeInputs closes the open input files, then the inputs.
func (s *System) closeInputs() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.close())
	}
	for _, a := range s.inputs {
		if a.Closer != nil {
			errs = append(errs, a.Closer.Close())
		}
	}
	s.files, s.inputs = nil, nil
	return errors.Join(errs...)
}
