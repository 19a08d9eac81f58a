package runtime

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/tetratelabs/wazero"

	"github.com/godwit-run/godwit/runtime/internal/meter"
	"github.com/godwit-run/godwit/runtime/internal/state"
	"github.com/godwit-run/godwit/runtime/internal/suspend"
)

// diskCache keeps rewritten modules in files, each with a checksum; a file that
// is damaged counts as absent. A nil *diskCache keeps nothing.
//
// A file is: SHA-256 of the rest (32 bytes), lengths of the plan and of the rewritten
// module (4 bytes each, little endian), the plan as JSON, the rewritten module, and the
// module before it got the save path, if it has one.
type diskCache struct {
	dir      string
	suspends bool // its modules have the save path
}

func openDiskCache(dir string, suspends bool) (*diskCache, error) {
	if dir == "" {
		return nil, nil
	}
	c := &diskCache{dir, suspends}
	if err := os.MkdirAll(c.modules(), 0o700); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return c, nil
}

func (c *diskCache) modules() string {
	name := fmt.Sprintf("metered-%d.%d.%d", meter.Version, meter.Revision, state.Revision)
	if c.suspends {
		name += fmt.Sprintf("-suspend-%d.%d", suspend.Version, suspend.Revision)
	}
	return filepath.Join(c.dir, name)
}

// machineCode is wazero's cache for one module. wazero believes every byte of what
// it reads there; so if what was sealed is not all there as it was, everything goes.
func (c *diskCache) machineCode(id cid.Cid) (wazero.CompilationCache, error) {
	dir := c.machineCodeDir(id)
	if c.prune(id) != nil {
		if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(c.sealFile(id))); err != nil {
			return nil, fmt.Errorf("cache: %w", err)
		}
	}
	return wazero.NewCompilationCacheWithDir(dir)
}

// prune removes what is not sealed from a module's folder: what suspended calls went on in, in
// this process or another one, and whatever else is there. It fails if something that was
// sealed is missing, or not what it was.
func (c *diskCache) prune(id cid.Cid) error {
	sealed, err := os.ReadFile(c.sealFile(id))
	if err != nil {
		return err
	}
	missing := make(map[string]bool)
	for line := range strings.Lines(string(sealed)) {
		missing[line] = true
	}
	err = filesOf(c.machineCodeDir(id), func(path, line string) error {
		if !missing[line] {
			return os.Remove(path)
		}
		delete(missing, line)
		return nil
	})
	if err == nil && len(missing) > 0 {
		err = errors.New("machine code is not what was sealed")
	}
	return err
}

func (c *diskCache) machineCodeDir(id cid.Cid) string {
	return filepath.Join(c.modules(), id.String()+".code")
}

func (c *diskCache) sealFile(id cid.Cid) string {
	return filepath.Join(c.modules(), id.String()+".seal")
}

// seal notes what wazero has put into the module's folder: a line with name and hash for
// each file. If it has added nothing to what machineCode found sealed, there is nothing to note,
// and nothing to read.
func (c *diskCache) seal(id cid.Cid) error {
	sealed, err := os.ReadFile(c.sealFile(id))
	if err == nil && strings.Count(string(sealed), "\n") == countFiles(c.machineCodeDir(id)) {
		return nil
	}
	var now strings.Builder
	err = filesOf(c.machineCodeDir(id), func(_, line string) error {
		now.WriteString(line)
		return nil
	})
	if err != nil {
		return err
	}
	return c.write(c.sealFile(id), []byte(now.String()))
}

// countFiles counts the files under a folder that can be seen.
func countFiles(dir string) (n int) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return nil
	})
	return n
}

// filesOf visits all files under a folder, in order, each with a line that says what it is.
func filesOf(dir string, visit func(path, line string) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return visit(path, fmt.Sprintf("%q %x\n", d.Name(), sha256.Sum256(b)))
	})
}

// get returns a rewritten module, if it is there.
func (c *diskCache) get(id cid.Cid) (r rewritten, ok bool) {
	if c == nil {
		return r, false
	}
	b, err := os.ReadFile(filepath.Join(c.modules(), id.String()))
	if err != nil {
		return r, false
	}
	return decodeCached(b)
}

func decodeCached(b []byte) (r rewritten, ok bool) {
	const head = sha256.Size + 8
	if len(b) < head {
		return r, false
	}
	sum := sha256.Sum256(b[sha256.Size:])
	n := uint64(binary.LittleEndian.Uint32(b[sha256.Size:]))
	m := uint64(binary.LittleEndian.Uint32(b[sha256.Size+4:]))
	rest := b[head:]
	if !bytes.Equal(sum[:], b[:sha256.Size]) || n+m > uint64(len(rest)) {
		return r, false
	}
	if json.Unmarshal(rest[:n], &r.plan) != nil {
		return r, false
	}
	r.module = rest[n : n+m]
	if base := rest[n+m:]; len(base) > 0 {
		r.base = bytes.Clone(base) // which is kept, and would keep the whole file
	}
	return r, true
}

func encodeCached(r *rewritten) ([]byte, error) {
	p, err := json.Marshal(r.plan)
	if err != nil {
		return nil, err
	}
	b := make([]byte, sha256.Size, sha256.Size+8+len(p)+len(r.module)+len(r.base))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.module)))
	b = append(append(append(b, p...), r.module...), r.base...)
	sum := sha256.Sum256(b[sha256.Size:])
	copy(b, sum[:])
	return b, nil
}

// put stores a rewritten module. A cache that can't be written is no reason not
// to run: put then leaves things as they are, unless something is truly odd.
func (c *diskCache) put(id cid.Cid, r *rewritten) error {
	if c == nil {
		return nil
	}
	b, err := encodeCached(r)
	if err != nil {
		return err
	}
	if err := c.write(filepath.Join(c.modules(), id.String()), b); err != nil {
		return ignoreUnwritable(err)
	}
	return nil
}

// write puts a file in place in one step.
func (c *diskCache) write(name string, content []byte) error {
	f, err := os.CreateTemp(c.modules(), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// ignoreUnwritable drops the errors of a full, read-only or vanished cache
// folder.
func ignoreUnwritable(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	if errors.As(err, &path) || errors.As(err, &link) {
		return nil
	}
	return fmt.Errorf("cache: %w", err)
}
