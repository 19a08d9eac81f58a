package activation

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
	"unicode/utf8"
)

// Line is a line of what an actor has said on this node.
type Line struct {
	Time time.Time `json:"t"` // of the actor
	// Index is the entry of the log at which it was said, Epoch the activation.
	Index uint64 `json:"i"`
	Epoch uint64 `json:"e"`
	// Stream is stdout, stderr or log; Level is for log: debug, info, warn, error.
	Stream string `json:"s"`
	Level  string `json:"l,omitempty"`
	Text   string `json:"x"`
}

// maxLine is where a longer line is cut in two, in bytes.
const maxLine = 64 << 10

// journal is the lines of one actor on disk: a file that is written to, and the one
// before it. A line that is said again in a replay is not written again.
type journal struct {
	path string
	max  int64 // bytes of both files

	mu    sync.Mutex
	file  *os.File // nil until the first line
	size  int64
	floor uint64 // lines up to this entry are in the file
	known bool   // floor is known
	// news is closed when there is another line; nil if nobody waits for one.
	news chan struct{}
}

func newJournal(path string, max int64) *journal { return &journal{path: path, max: max} }

// begin has lines be known that are there now, however they came.
func (j *journal) begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.known = false
}

// write appends a line, unless it is there from before this process saw the actor.
func (j *journal) write(l Line) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.known {
		j.floor, j.known = lastIndex(j.path), true
	}
	if l.Index <= j.floor {
		return nil
	}
	if err := j.append(l); err != nil {
		return fmt.Errorf("log of an actor: %w", err)
	}
	if j.news != nil {
		close(j.news)
		j.news = nil
	}
	return nil
}

func (j *journal) append(l Line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if err := j.room(int64(len(b))); err != nil {
		return err
	}
	n, err := j.file.Write(b)
	j.size += int64(n)
	return err
}

// room opens the file, and begins a new one when this one is full.
func (j *journal) room(n int64) (err error) {
	if j.file != nil && j.size > 0 && j.size+n > j.max/2 {
		if err := errors.Join(j.file.Close(), os.Rename(j.path, j.path+oldSuffix)); err != nil {
			j.file = nil
			return err
		}
		j.file = nil
	}
	if j.file != nil {
		return nil
	}
	if j.file, err = os.OpenFile(j.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	info, err := j.file.Stat()
	if err == nil {
		j.size = info.Size()
	}
	return err
}

const oldSuffix = ".1"

// close gives the file back. The next line opens it again.
func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}

// remove removes the files.
func (j *journal) remove() error {
	err := j.close()
	for _, name := range []string{j.path, j.path + oldSuffix} {
		if e := os.Remove(name); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// wait returns what is closed when there is another line.
func (j *journal) wait() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.news == nil {
		j.news = make(chan struct{})
	}
	return j.news
}

// lines reads what there is, oldest first. A line that a crash has cut off is left
// out.
func (j *journal) lines() ([]Line, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []Line
	for _, name := range []string{j.path + oldSuffix, j.path} {
		lines, err := readLines(name)
		if err != nil {
			return nil, fmt.Errorf("log of an actor: %w", err)
		}
		all = append(all, lines...)
	}
	return all, nil
}

func readLines(name string) ([]Line, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []Line
	r := bufio.NewReaderSize(f, 64<<10)
	for {
		b, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		var l Line
		if json.Unmarshal(b, &l) == nil {
			lines = append(lines, l)
		}
	}
}

// lastIndex is the entry of the last line in a journal, 0 if there is none that can
// be read: then lines are written twice, which is better than not at all.
func lastIndex(path string) uint64 {
	for _, name := range []string{path, path + oldSuffix} {
		lines, err := readLines(name)
		if n := len(lines); err == nil && n > 0 {
			return lines[n-1].Index
		}
	}
	return 0
}

// stream is standard output or standard error of a guest, as lines.
type stream struct {
	name string
	say  func(stream, text string)
	part []byte
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		s.part = append(s.part, p[:i]...)
		s.flush()
		p = p[i+1:]
	}
	s.part = append(s.part, p...)
	for len(s.part) > maxLine {
		s.say(s.name, text(s.part[:maxLine]))
		s.part = append(s.part[:0], s.part[maxLine:]...)
	}
	return n, nil
}

// flush says what has been written of a line.
func (s *stream) flush() {
	for len(s.part) > maxLine {
		s.say(s.name, text(s.part[:maxLine]))
		s.part = s.part[maxLine:]
	}
	s.say(s.name, text(s.part))
	s.part = nil
}

// end says the rest when the guest is done with a message.
func (s *stream) end() {
	if len(s.part) > 0 {
		s.flush()
	}
}

// text is bytes of a guest as text.
func text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
}

// journals are those of the actors that have spoken since the process began.
type journals struct {
	dir string
	max int64

	mu  sync.Mutex
	all map[string]*journal
}

func newJournals(dir string, max int64) *journals {
	return &journals{dir: dir, max: max, all: map[string]*journal{}}
}

// of is the journal of an actor, by a name that is fit for a file.
func (s *journals) of(name string) *journal {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.all[name]
	if j == nil {
		j = newJournal(filepath.Join(s.dir, name+".log"), s.max)
		s.all[name] = j
	}
	return j
}

// release forgets a journal that nobody waits for; its files stay.
func (s *journals) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.all[name]
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.news == nil && j.file == nil {
		delete(s.all, name)
	}
}

// forget removes the journal of an actor.
func (s *journals) forget(name string) error {
	j := s.of(name)
	s.mu.Lock()
	delete(s.all, name)
	s.mu.Unlock()
	return j.remove()
}
