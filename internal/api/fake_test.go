package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"testing/fstest"
	"time"
)

// fake is a node that runs nothing: a test ends its tasks. What it stores it
// keeps in memory, under names that only look like CIDs.
type fake struct {
	mu       sync.Mutex
	tasks    []*fakeTask
	keys     map[string]int
	models   map[string]Model
	files    map[string][]byte
	trees    map[string]fstest.MapFS
	draining bool
	labels   map[string]string
	feed     *Feed
	actors   fakeActors

	refuse error // what Submit and PutFile answer
	broken int   // offset at which files turn out damaged, if not 0
	peak   int   // largest read of PutFile
	last   Submission
}

type fakeTask struct {
	Task
	logs  []LogChunk
	done  chan struct{}
	wrote chan struct{} // closed at the next piece
}

const (
	fakeID  = "12D3KooWFake"
	someCID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
)

func newFake() *fake {
	return &fake{
		keys: map[string]int{}, models: map[string]Model{}, files: map[string][]byte{},
		trees: map[string]fstest.MapFS{}, labels: map[string]string{}, feed: NewFeed(64),
	}
}

func (f *fake) Ready() error { return f.refuse }

func (f *fake) Self(context.Context) (Worker, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := Worker{ID: fakeID, State: NodeReady, Self: true, Labels: map[string]string{}}
	for k, v := range f.labels {
		w.Labels[k] = v
	}
	if f.draining {
		w.State = NodeDraining
	}
	return w, nil
}

func (f *fake) Workers(ctx context.Context) ([]Worker, error) {
	w, err := f.Self(ctx)
	return []Worker{w}, err
}

func (f *fake) Worker(ctx context.Context, id string) (Worker, error) {
	if !strings.HasPrefix(fakeID, id) {
		return Worker{}, fmt.Errorf("node %s: %w", id, ErrNotFound)
	}
	return f.Self(ctx)
}

func (f *fake) SetDraining(ctx context.Context, on bool) (Worker, error) {
	f.mu.Lock()
	f.draining = on
	f.mu.Unlock()
	return f.Self(ctx)
}

func (f *fake) SetLabels(ctx context.Context, set map[string]string, remove []string) (Worker, error) {
	f.mu.Lock()
	for k, v := range set {
		f.labels[k] = v
	}
	for _, k := range remove {
		delete(f.labels, k)
	}
	f.mu.Unlock()
	return f.Self(ctx)
}

func (f *fake) Submit(_ context.Context, s Submission) (Task, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = s
	if f.refuse != nil {
		return Task{}, false, f.refuse
	}
	if m := s.Request.Model; m != "" && f.models[m].Name == "" {
		return Task{}, false, fmt.Errorf("model %s: %w", m, ErrNotFound)
	}
	if i, ok := f.keys[s.IdempotencyKey]; ok && s.IdempotencyKey != "" {
		return f.tasks[i].Task, false, nil
	}
	f.keys[s.IdempotencyKey] = len(f.tasks)
	t := &fakeTask{
		Task: Task{ID: fmt.Sprintf("t%04d", len(f.tasks)), Status: StatusRunning, Submitter: fakeID, Request: s.Request},
		done: make(chan struct{}), wrote: make(chan struct{}),
	}
	f.tasks = append(f.tasks, t)
	f.feed.Publish(Event{Type: EventTask, Task: &Task{ID: t.ID, Status: t.Status}})
	return t.Task, true, nil
}

func (f *fake) Plan(context.Context, TaskRequest) (Plan, error) {
	return Plan{Summary: "1 node fits", Node: fakeID}, nil
}

func (f *fake) Explain(ctx context.Context, id string) (Plan, error) {
	t, err := f.find(id)
	if err != nil {
		return Plan{}, err
	}
	return Plan{TaskID: t.ID, Summary: "it runs"}, nil
}

func (f *fake) find(id string) (*fakeTask, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found *fakeTask
	for _, t := range f.tasks {
		if !strings.HasPrefix(t.ID, id) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("task %s: %w", id, ErrAmbiguous)
		}
		found = t
	}
	if found == nil {
		return nil, fmt.Errorf("task %s: %w", id, ErrNotFound)
	}
	return found, nil
}

func (f *fake) Task(_ context.Context, id string) (Task, error) {
	t, err := f.find(id)
	if err != nil {
		return Task{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return t.Task, nil
}

func (f *fake) Tasks(_ context.Context, filter TaskFilter) (tasks []Task, next string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.tasks {
		if (filter.Status == "" || filter.Status == t.Status) && len(tasks) < filter.Limit {
			tasks = append(tasks, t.Task)
		}
	}
	return tasks, "", nil
}

func (f *fake) Wait(ctx context.Context, id string) (Task, error) {
	t, err := f.find(id)
	if err != nil {
		return Task{}, err
	}
	select {
	case <-t.done:
		return f.Task(ctx, id)
	case <-ctx.Done():
		return Task{}, ctx.Err()
	}
}

func (f *fake) Cancel(ctx context.Context, id string) (Task, error) {
	if err := f.end(id, StatusCancelled); err != nil {
		return Task{}, err
	}
	return f.Task(ctx, id)
}

func (f *fake) Migrate(ctx context.Context, id, to string) (Task, error) {
	t, err := f.Task(ctx, id)
	if err == nil && t.Status != StatusRunning {
		err = fmt.Errorf("the task is %s: %w", t.Status, ErrConflict)
	}
	t.Node = to
	return t, err
}

func (f *fake) end(id, status string) error {
	t, err := f.find(id)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t.Status, t.Result = status, &Result{FuelUsed: 7, Outputs: []Output{}}
	close(t.done)
	f.feed.Publish(Event{Type: EventTask, Task: &Task{ID: t.ID, Status: status}})
	return nil
}

func (f *fake) print(id, stream, text string) error {
	t, err := f.find(id)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t.logs = append(t.logs, LogChunk{Seq: uint64(len(t.logs)), Attempt: 1, Stream: stream, Data: []byte(text)})
	close(t.wrote)
	t.wrote = make(chan struct{})
	return nil
}

func (f *fake) Logs(ctx context.Context, id string, o LogOptions) iter.Seq2[LogChunk, error] {
	return func(yield func(LogChunk, error) bool) {
		t, err := f.find(id)
		if err != nil {
			yield(LogChunk{}, err)
			return
		}
		for at := o.From; ; {
			f.mu.Lock()
			logs, wrote := t.logs[min(at, uint64(len(t.logs))):], t.wrote
			f.mu.Unlock()
			for _, c := range logs {
				if at++; !yield(c, nil) {
					return
				}
			}
			if len(logs) > 0 {
				continue
			}
			if !o.Follow {
				return
			}
			select {
			case <-wrote:
			case <-t.done:
				return
			case <-ctx.Done():
				yield(LogChunk{}, ctx.Err())
				return
			}
		}
	}
}

func (f *fake) PutFile(_ context.Context, r io.Reader, o PutOptions) (Blob, error) {
	if f.refuse != nil {
		return Blob{}, f.refuse
	}
	var content bytes.Buffer
	size, buf := int64(0), make([]byte, 1<<20)
	for {
		n, err := r.Read(buf)
		f.peak = max(f.peak, n)
		size += int64(n)
		if size <= 1<<20 {
			content.Write(buf[:n])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return Blob{}, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := fmt.Sprintf("file%d", len(f.files))
	f.files[id] = content.Bytes()
	return Blob{CID: id, Size: size, Kind: BlobFile, Local: true, Pinned: o.Pin, Name: o.Name}, nil
}

func (f *fake) PutTree(_ context.Context, entries iter.Seq2[TreeEntry, error], o PutOptions) (Blob, error) {
	tree := fstest.MapFS{}
	for e, err := range entries {
		if err != nil {
			return Blob{}, err
		}
		file := &fstest.MapFile{Mode: e.Mode}
		switch {
		case e.Target != "":
			file.Data = []byte(e.Target)
		case !e.Mode.IsDir():
			if file.Data, err = io.ReadAll(e.Body); err != nil {
				return Blob{}, err
			}
		}
		tree[e.Path] = file
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := fmt.Sprintf("tree%d", len(f.trees))
	f.trees[id] = tree
	return Blob{CID: id, Kind: BlobFolder, Pinned: o.Pin}, nil
}

func (f *fake) OpenFile(_ context.Context, cid string) (io.ReadSeekCloser, Blob, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.trees[cid]; ok {
		return nil, Blob{}, WithHint(fmt.Errorf("%s: %w", cid, ErrIsDir), "ask for an archive")
	}
	data, ok := f.files[cid]
	if !ok {
		return nil, Blob{}, fmt.Errorf("blob %s: %w", cid, ErrNotFound)
	}
	return &fakeFile{bytes.NewReader(data), f.broken}, Blob{CID: cid, Size: int64(len(data))}, nil
}

type fakeFile struct {
	*bytes.Reader
	broken int
}

func (f *fakeFile) Read(p []byte) (int, error) {
	if f.broken != 0 && int(f.Size())-f.Len() >= f.broken {
		return 0, ErrDamaged
	}
	return f.Reader.Read(p[:min(len(p), 16)])
}

func (f *fakeFile) Close() error { return nil }

func (f *fake) Tree(_ context.Context, cid string) iter.Seq2[TreeEntry, error] {
	return func(yield func(TreeEntry, error) bool) {
		f.mu.Lock()
		tree, ok := f.trees[cid]
		f.mu.Unlock()
		if !ok {
			yield(TreeEntry{}, fmt.Errorf("blob %s: %w", cid, ErrNotFound))
			return
		}
		errs := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == "." {
				return err
			}
			m := tree[path]
			e := TreeEntry{Path: path, Mode: fs.ModeDir}
			if m != nil {
				e = TreeEntry{Path: path, Mode: m.Mode, Size: int64(len(m.Data)), Body: bytes.NewReader(m.Data)}
			}
			if e.Mode&fs.ModeSymlink != 0 {
				e.Target, e.Size = string(m.Data), 0
			}
			if !yield(e, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if errs != nil {
			yield(TreeEntry{}, errs)
		}
	}
}

func (f *fake) Stat(_ context.Context, cid string, _ bool) (Blob, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if data, ok := f.files[cid]; ok {
		return Blob{CID: cid, Size: int64(len(data)), Kind: BlobFile}, nil
	}
	return Blob{}, fmt.Errorf("blob %s: %w", cid, ErrNotFound)
}

func (f *fake) Blobs(context.Context) ([]Blob, error) { return nil, nil }

func (f *fake) Pin(ctx context.Context, cid string) (Blob, error) {
	b, err := f.Stat(ctx, cid, false)
	b.Pinned = true
	return b, err
}

func (f *fake) Unpin(ctx context.Context, cid string) (Blob, error) { return f.Stat(ctx, cid, true) }

func (f *fake) AddModel(_ context.Context, spec ModelSpec) (Model, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := Model{ModelSpec: spec, Publisher: fakeID, CreatedAt: time.Unix(0, 0)}
	f.models[spec.Name] = m
	return m, nil
}

func (f *fake) Models(context.Context) (list []Model, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.models {
		list = append(list, m)
	}
	return list, nil
}

func (f *fake) RemoveModel(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.models[name]; !ok {
		return fmt.Errorf("model %s: %w", name, ErrNotFound)
	}
	delete(f.models, name)
	return nil
}

func (f *fake) Events(ctx context.Context, after uint64) iter.Seq[Event] {
	return f.feed.Events(ctx, after)
}

var (
	_ Backend = (*fake)(nil)

	errDisk = errors.New("disk on fire")
)
