package api

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"
)

// maxPath bounds a path in an archive, in bytes; maxEntries how many there are.
const (
	maxPath    = 4096
	maxEntries = 1 << 20
)

// readTar yields what an archive holds. Whatever is neither file, folder nor
// symbolic link, and every path that leaves the folder, is an error.
func readTar(r io.Reader) iter.Seq2[TreeEntry, error] {
	return func(yield func(TreeEntry, error) bool) {
		in := tar.NewReader(r)
		for n := 0; ; n++ {
			h, err := in.Next()
			if err == io.EOF {
				return
			}
			if err == nil && n >= maxEntries {
				err = fmt.Errorf("%w: archive of more than %d entries", ErrTooLarge, maxEntries)
			}
			if err != nil {
				yield(TreeEntry{}, archiveError(err))
				return
			}
			entry, err := tarEntry(h)
			if err == nil && entry.Path == "." {
				continue
			}
			entry.Body = in
			if !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

// archiveError tells a bad archive from a bad connection.
func archiveError(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, tar.ErrFieldTooLong) || errors.Is(err, tar.ErrInsecurePath) {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return err
}

func tarEntry(h *tar.Header) (TreeEntry, error) {
	e := TreeEntry{Path: path.Clean(strings.TrimSuffix(h.Name, "/")), Size: h.Size}
	if len(h.Name) > maxPath || !fs.ValidPath(e.Path) || strings.IndexByte(e.Path, 0) >= 0 {
		return e, fmt.Errorf("%w: path %q in the archive", ErrInvalid, clip(h.Name))
	}
	switch h.Typeflag {
	case tar.TypeReg:
		e.Mode = fs.FileMode(h.Mode) & 0o111
	case tar.TypeDir:
		e.Mode, e.Size = fs.ModeDir, 0
	case tar.TypeSymlink:
		e.Mode, e.Target, e.Size = fs.ModeSymlink, h.Linkname, 0
		if len(h.Linkname) > maxPath || h.Linkname == "" {
			return e, fmt.Errorf("%w: link %q in the archive", ErrInvalid, clip(h.Name))
		}
	default:
		return e, fmt.Errorf("%w: %q is neither file, folder nor symbolic link", ErrInvalid, clip(h.Name))
	}
	return e, nil
}

// writeTar is the reverse of readTar.
func writeTar(w io.Writer, entries iter.Seq2[TreeEntry, error]) error {
	out := tar.NewWriter(w)
	for e, err := range entries {
		if err != nil {
			return err
		}
		if err := writeEntry(out, e); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	return out.Close()
}

func writeEntry(out *tar.Writer, e TreeEntry) error {
	h := &tar.Header{Name: e.Path, Mode: int64(0o644 | e.Mode&0o111), Format: tar.FormatPAX}
	switch {
	case e.Mode.IsDir():
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, e.Path+"/", 0o755
	case e.Mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.Target, 0o777
	default:
		h.Typeflag, h.Size = tar.TypeReg, e.Size
	}
	if err := out.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	_, err := io.Copy(out, e.Body)
	return err
}
