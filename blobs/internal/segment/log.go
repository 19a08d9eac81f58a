package segment

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Config is the shape of a log.
type Config struct {
	// Dir is the folder of the segments, which exists.
	Dir string
	// Size is the number of bytes after which a segment is sealed. A record
	// may reach beyond it.
	Size int64
}

// Log is a folder of segments. Append, Seal, Truncate and Remove are for
// one goroutine at a time; the others may run beside them.
type Log struct {
	cfg Config

	mu    sync.RWMutex // of files
	files map[uint32]*file

	active uint32 // 0 is none yet
	last   uint32 // highest number ever used: one is not used twice in a Log
}

type file struct {
	*os.File
	size int64
}

// Open finds the segments of a folder. All are sealed, until Resume.
func Open(cfg Config) (*Log, error) {
	l := &Log{cfg: cfg, files: map[uint32]*file{}}
	names, err := filepath.Glob(filepath.Join(cfg.Dir, "*.seg"))
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	for _, name := range names {
		if err := l.open(name); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// open takes up one file. Names that are not ours are passed over.
func (l *Log) open(name string) error {
	var id uint32
	if _, err := fmt.Sscanf(filepath.Base(name), "%08x.seg", &id); err != nil || id == 0 || l.path(id) != name {
		return nil
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open segment: %w", err), f.Close())
	}
	l.files[id] = &file{File: f, size: info.Size()}
	l.last = max(l.last, id)
	return nil
}

func (l *Log) path(id uint32) string {
	return filepath.Join(l.cfg.Dir, fmt.Sprintf("%08x.seg", id))
}

// Close closes the files without syncing them.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.Close())
	}
	l.files = map[uint32]*file{}
	return errors.Join(errs...)
}

// Sizes is the length in bytes of each segment.
func (l *Log) Sizes() map[uint32]int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	sizes := make(map[uint32]int64, len(l.files))
	for id, f := range l.files {
		sizes[id] = f.size
	}
	return sizes
}

// Resume makes the last segment active again unless it is full.
func (l *Log) Resume() {
	last := uint32(0)
	for id := range l.Sizes() {
		last = max(last, id)
	}
	if f := l.file(last); f != nil && f.size < l.cfg.Size {
		l.active = last
	}
}

// Skip keeps a number from being used for a new segment.
func (l *Log) Skip(id uint32) { l.last = max(l.last, id) }

// Size is the length in bytes of a segment; 0 if there is none.
func (l *Log) Size(id uint32) int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if f := l.files[id]; f != nil {
		return f.size
	}
	return 0
}

// Active is the segment that grows; 0 is none.
func (l *Log) Active() uint32 { return l.active }

// Append writes records behind one another and returns where they are. All are
// in one segment. They are on disk after the next Sync.
func (l *Log) Append(records []Record) ([]Location, error) {
	f, err := l.writable()
	if err != nil {
		return nil, err
	}
	locations, end, err := write(f, l.active, records)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("append to segment: %w", err), f.Truncate(f.size))
	}
	l.mu.Lock()
	f.size = end
	l.mu.Unlock()
	return locations, nil
}

// write puts records at the file's end. Blocks larger than the buffer pass it by.
func write(f *file, id uint32, records []Record) (locations []Location, end int64, err error) {
	end = f.size
	w := bufio.NewWriterSize(io.NewOffsetWriter(f, end), 64<<10)
	for _, r := range records {
		locations = append(locations, Location{Segment: id, Offset: uint32(end), Size: uint32(len(r.Data))})
		// A bufio.Writer keeps its first error for Flush.
		_, _ = w.Write(r.header())
		_, _ = w.Write(r.Data)
		end += r.size()
	}
	return locations, end, w.Flush()
}

// writable is the active segment, which is a new one once the last is sealed.
func (l *Log) writable() (*file, error) {
	if f := l.file(l.active); f != nil {
		return f, nil
	}
	id := l.last + 1
	f, err := os.OpenFile(l.path(id), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start segment: %w", err)
	}
	if err := syncDir(l.cfg.Dir); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(l.path(id)))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files[id] = &file{File: f}
	l.active, l.last = id, id
	return l.files[id], nil
}

// syncDir makes a new name survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

func (l *Log) file(id uint32) *file {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.files[id]
}

// Full tells whether the active segment has reached its size.
func (l *Log) Full() bool {
	f := l.file(l.active)
	return f != nil && f.size >= l.cfg.Size
}

// Sync brings to the disk what was appended to a segment before the call. It
// may run beside anything. A segment that is gone needs no syncing.
func (l *Log) Sync(id uint32) error {
	f := l.file(id)
	if f == nil {
		return nil
	}
	if err := f.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("sync segment: %w", err)
	}
	return nil
}

// Seal syncs the active segment; the next append starts another.
func (l *Log) Seal() error {
	if err := l.Sync(l.active); err != nil {
		return err
	}
	l.active = 0
	return nil
}

// Read returns the record at a location. It errs with ErrCorrupt if there is
// another than the key names, and with fs.ErrNotExist if the segment is gone.
// The caller still has to check the data against the key.
func (l *Log) Read(at Location, key []byte) ([]byte, error) {
	f := l.file(at.Segment)
	if f == nil {
		return nil, fmt.Errorf("segment %08x: %w", at.Segment, fs.ErrNotExist)
	}
	head := Overhead(key)
	buf := make([]byte, head+int64(at.Size))
	if _, err := f.ReadAt(buf, int64(at.Offset)); err != nil {
		return nil, readError(at, err)
	}
	data := buf[head:]
	if !bytes.Equal(buf[:head], Record{Key: key, Data: data}.header()) {
		return nil, fmt.Errorf("%w at %d of segment %08x", ErrCorrupt, at.Offset, at.Segment)
	}
	return data[:len(data):len(data)], nil
}

// readError tells apart a file that was removed under the reader, and one that
// ends too early.
func readError(at Location, err error) error {
	switch {
	case errors.Is(err, os.ErrClosed):
		err = fs.ErrNotExist
	case errors.Is(err, io.EOF):
		err = ErrCorrupt
	}
	return fmt.Errorf("read at %d of segment %08x: %w", at.Offset, at.Segment, err)
}

// Scan calls visit for each record from an offset on, in order, until the end,
// the first bytes that are no record, or visit says stop. It returns where it
// stopped. The data is only valid during the call.
func (l *Log) Scan(id uint32, from int64, maxData uint32, visit func(Location, Record) (ok bool)) (end int64, err error) {
	f := l.file(id)
	if f == nil {
		return 0, fmt.Errorf("segment %08x: %w", id, fs.ErrNotExist)
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f, from, f.size-from), 256<<10)
	for end = from; ; {
		rec, err := next(r, maxData)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrCorrupt) {
			return end, nil
		} else if err != nil {
			return end, fmt.Errorf("scan segment %08x: %w", id, err)
		}
		if !visit(Location{Segment: id, Offset: uint32(end), Size: uint32(len(rec.Data))}, rec) {
			return end, nil
		}
		end += rec.size()
	}
}

// next reads one record.
func next(r io.Reader, maxData uint32) (Record, error) {
	var fixed [fixedBytes]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return Record{}, err
	}
	keyLen, dataLen, err := parseFixed(fixed[:])
	if err != nil || dataLen > maxData {
		return Record{}, ErrCorrupt
	}
	buf := make([]byte, keyLen+int(dataLen))
	if _, err := io.ReadFull(r, buf); err != nil {
		return Record{}, err
	}
	return Record{Key: buf[:keyLen], Data: buf[keyLen:]}, nil
}

// Truncate cuts a segment's end off.
func (l *Log) Truncate(id uint32, size int64) error {
	f := l.file(id)
	if f == nil {
		return fmt.Errorf("segment %08x: %w", id, fs.ErrNotExist)
	}
	if err := f.Truncate(size); err != nil {
		return fmt.Errorf("truncate segment: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f.size = size
	return nil
}

// Remove deletes a sealed segment. Reads under way end well or with
// fs.ErrNotExist.
func (l *Log) Remove(id uint32) error {
	l.mu.Lock()
	f := l.files[id]
	delete(l.files, id)
	l.mu.Unlock()
	if f == nil {
		return nil
	}
	if err := errors.Join(os.Remove(l.path(id)), f.Close()); err != nil {
		return fmt.Errorf("remove segment: %w", err)
	}
	return nil
}
