package runfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/internal/filelock"
)

var (
	// ErrFormat is wrapped when a file is not a run file, not of this version, or damaged
	// where it begins.
	ErrFormat = errors.New("not a run file")
	// ErrInUse is wrapped when another process has the file.
	ErrInUse = errors.New("run file is in use by another process")
	// ErrUnfinished is wrapped when a run would take the place of one that has not ended.
	ErrUnfinished = errors.New("the file holds a run that has not ended")
)

const (
	// Version is the version of the format that is written, the only one that is read.
	Version = 1
	// SlackBytes is how much garbage a file may always have.
	SlackBytes = 16 << 20
	// MaxJob and MaxEnd bound what the caller keeps, in bytes.
	MaxJob, MaxEnd = 64 << 20, 64 << 20

	magic        = "godwit run file\n"
	deliveredAt  = len(magic) + 4
	headSize     = deliveredAt + 12
	recordHead   = 16
	objectIDSize = 36
)

type kind uint32

const (
	kindJob kind = 1 + iota
	kindModule
	kindObject
	kindCommit
	kindEnd
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// place is where a payload is.
type place struct {
	offset int64
	length int
}

// File is an open run file. Save, Finish and Rewrite are for one goroutine at a time; Get and
// Delivered may be called from others meanwhile.
type File struct {
	name string

	mu        sync.RWMutex
	file      *os.File
	size      int64 // of what is sound
	compact   int64 // size when it was last written anew
	torn      int64 // bytes after size that are not sound, when it was opened
	delivered uint64
	job, end  []byte
	module    place
	objects   map[cid.Cid]place
	commits   []place // the oldest first
}

// Job is what Create was given.
func (f *File) Job() []byte { return f.job }

// End is what Finish was given, nil if the run has not ended.
func (f *File) End() []byte { return f.end }

// Torn is how many bytes at the file's end were not sound when it was opened: what a crash
// has cut off, or damage.
func (f *File) Torn() int64 { return f.torn }

// Module reads the module.
func (f *File) Module() ([]byte, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.read(f.module)
}

// read reads a payload.
func (f *File) read(p place) ([]byte, error) {
	b := make([]byte, p.length)
	if _, err := f.file.ReadAt(b, p.offset); err != nil {
		return nil, fmt.Errorf("run file: %w", err)
	}
	return b, nil
}

// Get implements checkpoint.Getter.
func (f *File) Get(id cid.Cid) ([]byte, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	p, ok := f.objects[id]
	if !ok {
		return nil, fmt.Errorf("object %s: %w", id, checkpoint.ErrNotFound)
	}
	data, err := f.read(p)
	if err != nil {
		return nil, err
	}
	return data, checkpoint.Check(id, data)
}

// Newest gives the checkpoints to use, the newest first, until one is whole: until use returns
// something else than damage. Then damaged is how many newer ones are not, and found whether
// there was one at all.
func (f *File) Newest(use func(*checkpoint.Signed) error) (found bool, damaged int, err error) {
	for n := len(f.commits) - 1; n >= 0; n-- {
		envelope, err := f.read(f.commits[n])
		if err != nil {
			return false, damaged, err
		}
		signed, err := checkpoint.Open(envelope, checkpoint.Ed25519{})
		if err == nil {
			err = use(signed)
		}
		if err == nil || !isDamage(err) {
			return err == nil, damaged, err
		}
		damaged++
	}
	return false, damaged, nil
}

func isDamage(err error) bool {
	_, damage := errors.AsType[*checkpoint.DamageError](err)
	return damage || errors.Is(err, checkpoint.ErrFormat) || errors.Is(err, checkpoint.ErrSignature) ||
		errors.Is(err, checkpoint.ErrHash) || errors.Is(err, checkpoint.ErrNotFound)
}

// Save adds a checkpoint. It is on disk when Save returns. After an error the file is as it
// was, and the chain that made the checkpoint is useless.
func (f *File) Save(r *checkpoint.Ready) error {
	var b bytes.Buffer
	added := make(map[cid.Cid]place, len(r.Objects))
	for _, o := range r.Objects {
		if _, have := f.objects[o.ID]; have {
			continue
		}
		at := f.size + int64(b.Len()) + recordHead + objectIDSize
		added[o.ID] = place{at, len(o.Data)}
		appendRecord(&b, kindObject, []byte(o.ID.KeyString()), o.Data)
	}
	commit := place{f.size + int64(b.Len()) + recordHead, len(r.Envelope)}
	appendRecord(&b, kindCommit, r.Envelope)
	if err := f.append(b.Bytes()); err != nil {
		return err
	}
	f.mu.Lock()
	for id, p := range added {
		f.objects[id] = p
	}
	f.commits = append(f.commits, commit)
	f.mu.Unlock()
	if f.size < 2*f.compact+SlackBytes {
		return nil
	}
	return f.rewrite(f.job, r.Signed)
}

// Finish notes how the run ended.
func (f *File) Finish(end []byte) error {
	var b bytes.Buffer
	appendRecord(&b, kindEnd, end)
	if err := f.append(b.Bytes()); err != nil {
		return err
	}
	f.end = end
	return nil
}

// append writes and syncs records. What is left of a failed write is cut off: behind the end
// nothing may lie that reads like a record.
func (f *File) append(records []byte) error {
	_, err := f.file.WriteAt(records, f.size)
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("run file: %w", errors.Join(err, f.file.Truncate(f.size)))
	}
	f.size += int64(len(records))
	return nil
}

func appendRecord(b *bytes.Buffer, k kind, parts ...[]byte) {
	length, sum := 0, uint32(0)
	for _, p := range parts {
		length += len(p)
		sum = crc32.Update(sum, castagnoli, p)
	}
	var h [recordHead]byte
	binary.LittleEndian.PutUint32(h[0:], uint32(k))
	binary.LittleEndian.PutUint32(h[4:], uint32(length))
	binary.LittleEndian.PutUint32(h[8:], sum)
	binary.LittleEndian.PutUint32(h[12:], crc32.Checksum(h[:12], castagnoli))
	b.Write(h[:])
	for _, p := range parts {
		b.Write(p)
	}
}

// DeliveredBytes is how many bytes of output have been delivered.
func (f *File) DeliveredBytes() uint64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.delivered
}

// Delivered notes how many bytes of output have been delivered in all. A process that is killed
// after it returns has noted it.
func (f *File) Delivered(n uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delivered = n
	if _, err := f.file.WriteAt(encodeDelivered(n), int64(deliveredAt)); err != nil {
		return fmt.Errorf("run file: %w", err)
	}
	return nil
}

func encodeDelivered(n uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, n)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// Close lets go of the file.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(filelock.Unlock(f.file), f.file.Close())
}
