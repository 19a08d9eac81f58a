package godwit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/journal"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// prefixOutput is where the journal keeps what tasks write: under each task its
// pieces in the order in which they came, numbered from 1.
const prefixOutput = "o/"

// liveLimit bounds what of each stream of an attempt is kept in the journal, in
// bytes. What is beyond it is seen when the task has ended, in its result.
const liveLimit = 4 << 20

// logbook keeps the live output of the tasks that this node submitted, and wakes
// those who follow it. What a task wrote and did not come live is in its result:
// see Node.Logs.
type logbook struct {
	journal *journal.Journal

	mu   sync.Mutex
	open map[wire.TaskID]*taskLog
}

// taskLog is the log of a task that goes on.
type taskLog struct {
	attempt uint32    // that began anew, and others went on with
	next    uint64    // number of the next piece
	have    [2]uint64 // bytes of each stream, of this attempt
	more    chan struct{}
}

func newLogbook(j *journal.Journal) *logbook {
	return &logbook{journal: j, open: make(map[wire.TaskID]*taskLog)}
}

// piece is a piece of output in the journal.
type piece struct {
	seq     uint64
	attempt uint32
	stream  wire.Stream
	offset  uint64
	data    []byte
}

func pieceKey(id wire.TaskID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(prefixOutput), id[:]...), seq)
}

func (p *piece) record(id wire.TaskID) journal.Record {
	value := binary.AppendUvarint([]byte{byte(p.stream)}, uint64(p.attempt))
	value = append(binary.AppendUvarint(value, p.offset), p.data...)
	return journal.Record{Key: pieceKey(id, p.seq), Value: value}
}

// decodePiece reads a record back. The piece is a copy.
func decodePiece(e journal.Entry) (p piece, err error) {
	key := e.Key[len(prefixOutput)+len(wire.TaskID{}):]
	if len(key) != 8 || len(e.Value) < 3 {
		return p, fmt.Errorf("journal: output of %d bytes", len(e.Value))
	}
	p.seq, p.stream = binary.BigEndian.Uint64(key), wire.Stream(e.Value[0])
	attempt, n := binary.Uvarint(e.Value[1:])
	offset, m := binary.Uvarint(e.Value[1+max(n, 0):])
	if n <= 0 || m <= 0 || p.stream != wire.Stdout && p.stream != wire.Stderr {
		return p, fmt.Errorf("journal: damaged output %x", key)
	}
	p.attempt, p.offset = uint32(attempt), offset
	p.data = append([]byte{}, e.Value[1+n+m:]...)
	return p, nil
}

// append keeps a piece, unless something before it is missing: then the rest of
// that stream is taken from the result. What came before is not kept twice.
func (b *logbook) append(w scheduler.Write) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, err := b.log(w.Task)
	if err != nil {
		return err
	}
	if w.Began > t.attempt {
		t.attempt, t.have = w.Began, [2]uint64{}
	}
	have := &t.have[w.Stream-wire.Stdout]
	if w.Began == t.attempt && w.Offset < *have { // an attempt went on from a checkpoint
		w.Data = w.Data[min(*have-w.Offset, uint64(len(w.Data))):]
		w.Offset = *have
	}
	if w.Began < t.attempt || w.Offset != *have || *have+uint64(len(w.Data)) > liveLimit || len(w.Data) == 0 {
		return nil
	}
	p := piece{seq: t.next, attempt: w.Began, stream: w.Stream, offset: w.Offset, data: w.Data}
	if err := b.journal.Commit([]journal.Record{p.record(w.Task)}, false); err != nil {
		return err
	}
	t.next, *have = t.next+1, *have+uint64(len(w.Data))
	t.wake()
	return nil
}

// log is the log of a task, read from the journal if this node was restarted
// since it began.
func (b *logbook) log(id wire.TaskID) (*taskLog, error) {
	if t := b.open[id]; t != nil {
		return t, nil
	}
	t := &taskLog{next: 1, more: make(chan struct{})}
	for p, err := range b.pieces(id, 1) {
		if err != nil {
			return nil, err
		}
		if p.attempt > t.attempt {
			t.attempt, t.have = p.attempt, [2]uint64{}
		}
		t.next, t.have[p.stream-wire.Stdout] = p.seq+1, p.offset+uint64(len(p.data))
	}
	b.open[id] = t
	return t, nil
}

func (t *taskLog) wake() {
	close(t.more)
	t.more = make(chan struct{})
}

// pieces are those of a task in the journal, from a number on.
func (b *logbook) pieces(id wire.TaskID, from uint64) iter.Seq2[piece, error] {
	return func(yield func(piece, error) bool) {
		low, high := pieceKey(id, from), journal.After(string(pieceKey(id, 0)[:len(prefixOutput)+len(id)]))
		for e, err := range b.journal.Scan(low, high) {
			var p piece
			if err == nil {
				p, err = decodePiece(e)
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// more is closed when there is more output of a task than now, or none will come.
func (b *logbook) more(id wire.TaskID) (<-chan struct{}, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, err := b.log(id)
	if err != nil {
		return nil, err
	}
	return t.more, nil
}

// end wakes the followers of a task that has ended, for the last time.
func (b *logbook) end(id wire.TaskID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.open[id]; t != nil {
		close(t.more)
		delete(b.open, id)
	}
}

// remove is the record that deletes a task's output.
func removeOutput(id wire.TaskID) journal.Record {
	prefix := pieceKey(id, 0)[:len(prefixOutput)+len(id)]
	return journal.Record{Key: prefix, End: journal.After(string(prefix))}
}

// Logs implements the API's backend.
func (n *Node) Logs(ctx context.Context, id string, o api.LogOptions) iter.Seq2[api.LogChunk, error] {
	return func(yield func(api.LogChunk, error) bool) {
		if err := n.logs(ctx, id, o, func(c api.LogChunk) bool { return yield(c, nil) }); err != nil && err != errEnough {
			yield(api.LogChunk{}, err)
		}
	}
}

// logs yields what came live, and when the task has ended the rest of what its
// last attempt wrote, out of the result.
func (n *Node) logs(ctx context.Context, prefix string, o api.LogOptions, yield func(api.LogChunk) bool) error {
	id, err := n.findTask(ctx, prefix)
	if err != nil {
		return err
	}
	r := reader{node: n, id: id, next: 1, from: max(o.From, 1), yield: yield}
	for {
		more, err := n.logbook.more(id)
		if err != nil {
			return err
		}
		task, err := n.task(ctx, id)
		if err != nil {
			return err
		}
		if err := r.read(); err != nil {
			return err
		}
		if task.State.Ended() {
			n.logbook.end(id)
			return r.rest(ctx, &task)
		}
		if !o.Follow {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// reader goes through a task's output.
type reader struct {
	node    *Node
	id      wire.TaskID
	next    uint64 // number of the next piece to read
	from    uint64 // and of the first to yield
	attempt uint32
	have    [2]uint64
	yield   func(api.LogChunk) bool
}

var errEnough = fmt.Errorf("enough read")

// read yields what is in the journal by now.
func (r *reader) read() error {
	for p, err := range r.node.logbook.pieces(r.id, r.next) {
		if err != nil {
			return err
		}
		if p.attempt != r.attempt {
			r.attempt, r.have = p.attempt, [2]uint64{}
		}
		r.have[p.stream-wire.Stdout] = p.offset + uint64(len(p.data))
		r.next = p.seq
		if err := r.chunk(p.stream, p.data); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) chunk(s wire.Stream, data []byte) error {
	seq := r.next
	r.next++
	if seq < r.from {
		return nil
	}
	name := "stdout"
	if s == wire.Stderr {
		name = "stderr"
	}
	if !r.yield(api.LogChunk{Seq: seq, Attempt: int(r.attempt), Stream: name, Data: data}) {
		return errEnough
	}
	return nil
}

// rest yields what the result has beyond what came live.
func (r *reader) rest(ctx context.Context, t *scheduler.Task) error {
	if t.Result == nil {
		return nil
	}
	if began := t.Began(t.Result.Attempt); began != r.attempt {
		r.attempt, r.have = began, [2]uint64{}
	}
	for i, text := range []*wire.Text{&t.Result.Stdout, &t.Result.Stderr} {
		if text.Size <= r.have[i] {
			continue
		}
		all, err := r.open(ctx, text, int64(r.have[i]))
		if err == nil {
			err = r.copy(wire.Stdout+wire.Stream(i), all)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open reads what a result has of a stream, from an offset on.
func (r *reader) open(ctx context.Context, t *wire.Text, offset int64) (io.ReadCloser, error) {
	if !t.Link.Defined() {
		return io.NopCloser(bytes.NewReader(t.Inline[min(offset, int64(len(t.Inline))):])), nil
	}
	f, err := r.node.store.Open(ctx, t.Link.Cid)
	if err != nil {
		return nil, storeError(err)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return openFile{f}, nil
}

// copy yields a stream in pieces.
func (r *reader) copy(s wire.Stream, from io.ReadCloser) error {
	defer from.Close()
	for {
		piece := make([]byte, wire.MaxOutput)
		n, err := io.ReadFull(from, piece)
		if n > 0 {
			if err := r.chunk(s, piece[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("output of task %s: %w", r.id, err)
		}
	}
}
