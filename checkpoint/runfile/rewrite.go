package runfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/internal/filelock"
)

// Create makes a file for a run that has not begun. A file of that name is replaced if its run
// has ended, or if it is empty; else the error wraps ErrUnfinished, ErrFormat or ErrInUse.
func Create(name string, job, module []byte) (*File, error) {
	f := &File{name: name}
	old, err := claim(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := f.replace(job, module, nil); err != nil {
			return nil, err
		}
		return f, nil
	case err != nil:
		return nil, err
	}
	f.file = old
	if err := f.replaceable(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.replace(job, module, nil); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// replaceable tells why a file's place cannot be taken.
func (f *File) replaceable() error {
	info, err := f.file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	if err := f.load(); err != nil {
		return err
	}
	if f.end == nil {
		return fmt.Errorf("%s: %w", f.name, ErrUnfinished)
	}
	f.delivered, f.end = 0, nil
	return nil
}

// Copy makes another file that goes on from the same checkpoint, or from the beginning if
// last is nil. What is said of Create holds for the name.
func (f *File) Copy(name string, job []byte, last *checkpoint.Signed) (*File, error) {
	module, err := f.Module()
	if err != nil {
		return nil, err
	}
	to, err := Create(name, job, module)
	if err != nil {
		return nil, err
	}
	to.delivered = f.DeliveredBytes()
	if err := to.replace(job, module, f.objectsOf(last)); err != nil {
		return nil, errors.Join(err, to.Close())
	}
	return to, nil
}

// Rewrite writes the file anew: with another job, without all but the last checkpoint (nil is
// none), without an end.
func (f *File) Rewrite(job []byte, last *checkpoint.Signed) error {
	f.end = nil
	return f.rewrite(job, last)
}

func (f *File) rewrite(job []byte, last *checkpoint.Signed) error {
	module, err := f.Module()
	if err != nil {
		return err
	}
	return f.replace(job, module, f.objectsOf(last))
}

// contents writes a checkpoint to a file: its objects, then its commit.
type contents func(*draft) error

func (f *File) objectsOf(last *checkpoint.Signed) contents {
	if last == nil {
		return nil
	}
	return func(d *draft) error {
		for o, err := range checkpoint.Missing(last, f, func(id cid.Cid) bool { return false }) {
			if err != nil {
				return err
			}
			if o.ID == last.ID {
				continue // the envelope has it
			}
			d.objects[o.ID] = place{d.size + recordHead + objectIDSize, len(o.Data)}
			d.put(kindObject, []byte(o.ID.KeyString()), o.Data)
		}
		d.commits = []place{d.put(kindCommit, last.Envelope)}
		return nil
	}
}

// draft is a file that is being written anew.
type draft struct {
	file    *os.File
	out     *bufio.Writer
	size    int64
	objects map[cid.Cid]place
	commits []place
	module  place
}

// put adds a record and says where its payload is; errors come with the flush.
func (d *draft) put(k kind, parts ...[]byte) place {
	var b bytes.Buffer
	appendRecord(&b, k, parts...)
	at := place{d.size + recordHead, b.Len() - recordHead}
	d.size += int64(b.Len())
	d.out.Write(b.Bytes())
	return at
}

// replace puts a file written anew in this one's place. From then on it has the lock.
func (f *File) replace(job, module []byte, more contents) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("run file: %w", err)
		}
	}()
	if len(job) > MaxJob {
		return fmt.Errorf("a job of %d bytes, more than %d", len(job), MaxJob)
	}
	file, err := f.newDraft()
	if err != nil {
		return err
	}
	name := file.Name()
	d := &draft{file: file, out: bufio.NewWriterSize(file, 1<<18), objects: make(map[cid.Cid]place)}
	if err = errors.Join(lock(file), d.write(job, module, more)); err != nil {
		return errors.Join(err, file.Close(), os.Remove(name))
	}
	if err = f.become(d, name); err != nil {
		return errors.Join(err, file.Close(), os.Remove(name))
	}
	f.job = job
	return syncDir(filepath.Dir(f.name))
}

// newDraft opens a file to write anew. Who has the lock of the old one has a name for it, so that
// at most one is left behind; who begins may not be alone.
func (f *File) newDraft() (*os.File, error) {
	dir, base := filepath.Dir(f.name), "."+filepath.Base(f.name)+"."
	if f.file == nil {
		return os.CreateTemp(dir, base+"*")
	}
	name := filepath.Join(dir, base+"new")
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// place gives a draft the name of the file: at once whole, and where there was none, unless
// somebody else was faster.
func (f *File) place(draft string) error {
	if f.file != nil {
		return os.Rename(draft, f.name)
	}
	err := os.Link(draft, f.name)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", f.name, ErrInUse)
	case err != nil: // the file system has no links
		return os.Rename(draft, f.name)
	}
	return os.Remove(draft)
}

func (d *draft) write(job, module []byte, more contents) error {
	head := binary.LittleEndian.AppendUint32([]byte(magic), Version)
	d.out.Write(append(head, encodeDelivered(0)...))
	d.size = int64(headSize)
	d.put(kindJob, job)
	d.module = d.put(kindModule, module)
	if more != nil {
		if err := more(d); err != nil {
			return err
		}
	}
	return errors.Join(d.out.Flush(), d.file.Sync())
}

// become takes the draft for the file. What has been delivered by then is noted in it.
func (f *File) become(d *draft, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := d.file.WriteAt(encodeDelivered(f.delivered), int64(deliveredAt)); err != nil {
		return err
	}
	if err := d.file.Sync(); err != nil {
		return err
	}
	if err := f.place(name); err != nil {
		return err
	}
	old := f.file
	f.file, f.size, f.compact, f.torn = d.file, d.size, d.size, 0
	f.module, f.objects, f.commits = d.module, d.objects, d.commits
	if old == nil {
		return nil
	}
	return errors.Join(filelock.Unlock(old), old.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open opens the file of a run that has begun, and cuts off what is not sound at its end. Errors
// wrap ErrFormat or ErrInUse.
func Open(name string) (*File, error) {
	file, err := claim(name)
	if err != nil {
		return nil, err
	}
	f := &File{name: name, file: file}
	if err = f.load(); err == nil && f.torn > 0 {
		err = file.Truncate(f.size)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// claim opens and locks the file that has a name: by the time that it is locked another may have
// taken its place.
func claim(name string) (*os.File, error) {
	for {
		file, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		err = regular(file)
		if err == nil {
			err = lock(file)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, errors.Join(err, file.Close()))
		}
		now, err := os.Stat(name)
		was, statErr := file.Stat()
		if err == nil && statErr == nil && os.SameFile(now, was) {
			return file, nil
		}
		if err := errors.Join(statErr, filelock.Unlock(file), file.Close()); err != nil {
			return nil, err
		}
	}
}

// lock takes a file for this process.
func lock(file *os.File) error {
	err := filelock.Lock(file)
	if errors.Is(err, filelock.ErrHeld) {
		return ErrInUse
	}
	return err
}

func regular(file *os.File) error {
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrFormat
	}
	return err
}

// load reads what the file holds, up to the first record that is not sound.
func (f *File) load() error {
	info, err := f.file.Stat()
	if err != nil {
		return fmt.Errorf("run file: %w", err)
	}
	head := make([]byte, headSize)
	if _, err := f.file.ReadAt(head, 0); err != nil || string(head[:len(magic)]) != magic {
		return fmt.Errorf("%s: %w", f.name, ErrFormat)
	}
	if v := binary.LittleEndian.Uint32(head[len(magic):]); v != Version {
		return fmt.Errorf("%s: %w of version %d: it is of version %d", f.name, ErrFormat, Version, v)
	}
	f.delivered = binary.LittleEndian.Uint64(head[deliveredAt:])
	if !bytes.Equal(head[deliveredAt:], encodeDelivered(f.delivered)) {
		return fmt.Errorf("%s: %w: its head is damaged", f.name, ErrFormat)
	}
	f.objects = make(map[cid.Cid]place)
	s := &scan{f: f, at: int64(headSize), size: info.Size()}
	for s.next() {
	}
	if s.err != nil {
		return fmt.Errorf("run file: %w", s.err)
	}
	if f.job == nil || f.module.offset == 0 {
		return fmt.Errorf("%s: %w: its beginning is damaged", f.name, ErrFormat)
	}
	f.size, f.compact, f.torn = s.at, s.begun, info.Size()-s.at
	return nil
}

// scan goes through the records of a file.
type scan struct {
	f        *File
	at, size int64
	begun    int64 // where the first commit ended
	err      error
}

// next takes the next record in, and tells whether there was one.
func (s *scan) next() bool {
	var h [recordHead]byte
	if s.at+recordHead > s.size {
		return false
	}
	if _, s.err = s.f.file.ReadAt(h[:], s.at); s.err != nil {
		return false
	}
	p := place{s.at + recordHead, int(int32(binary.LittleEndian.Uint32(h[4:])))}
	sound := crc32.Checksum(h[:12], castagnoli) == binary.LittleEndian.Uint32(h[12:])
	if !sound || p.length < 0 || p.offset+int64(p.length) > s.size {
		return false
	}
	k := kind(binary.LittleEndian.Uint32(h[0:]))
	whole := s.summed(p, binary.LittleEndian.Uint32(h[8:]))
	// An object that is damaged is not there, so that it is written again when it is needed.
	if s.err != nil || !whole && k != kindObject || whole && !s.take(k, p) {
		return false
	}
	s.at = p.offset + int64(p.length)
	if s.begun == 0 || len(s.f.commits) == 0 {
		s.begun = s.at
	}
	return true
}

// summed checks a payload.
func (s *scan) summed(p place, want uint32) bool {
	sum := crc32.New(castagnoli)
	_, s.err = io.Copy(sum, io.NewSectionReader(s.f.file, p.offset, int64(p.length)))
	return s.err == nil && sum.Sum32() == want
}

// take notes what a record is.
func (s *scan) take(k kind, p place) bool {
	f := s.f
	switch {
	case k == kindJob && f.job == nil && p.length <= MaxJob:
		f.job, s.err = f.read(p)
	case k == kindModule && f.job != nil && f.module.offset == 0:
		f.module = p
	case k == kindObject && p.length >= objectIDSize:
		id, err := cid.Cast(s.bytes(place{p.offset, objectIDSize}))
		if err != nil {
			return false
		}
		f.objects[id] = place{p.offset + objectIDSize, p.length - objectIDSize}
	case k == kindCommit && p.length <= checkpoint.MaxEnvelope:
		f.commits, f.end = append(f.commits, p), nil
	case k == kindEnd && p.length <= MaxEnd:
		f.end = s.bytes(p)
	default:
		return false
	}
	return s.err == nil
}

func (s *scan) bytes(p place) []byte {
	var b []byte
	if s.err == nil {
		b, s.err = s.f.read(p)
	}
	return b
}
