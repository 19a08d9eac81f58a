package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func submit(t *testing.T, c *Client) Task {
	t.Helper()
	task, _, err := c.Submit(t.Context(), Submission{Request: TaskRequest{Module: someCID}})
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// Logs come as they are written, and end with the task.
func TestLogsFollow(t *testing.T) {
	node, c := serve(t, Config{})
	task := submit(t, c)
	check(t, node.print(task.ID, "stdout", "one\n"))
	var got []string
	for line, err := range c.Logs(t.Context(), task.ID, LogOptions{Follow: true}) {
		check(t, err)
		if line.End != nil {
			got = append(got, line.End.Status)
			continue
		}
		got = append(got, line.Stream+":"+string(line.Data))
		switch len(got) {
		case 1:
			check(t, node.print(task.ID, "stderr", "two\xff\n"))
		case 2:
			check(t, node.end(task.ID, StatusSucceeded))
		}
	}
	if want := []string{"stdout:one\n", "stderr:two\xff\n", StatusSucceeded}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	resp, text := roundTrip(t, c, "GET", "/api/v1/tasks/"+task.ID+"/logs", "")
	if text != "one\ntwo\xff\n" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("plain: %q", text)
	}
	_, text = roundTrip(t, c, "GET", "/api/v1/tasks/"+task.ID+"/logs?stream=stderr&follow=false", "")
	if text != "two\xff\n" {
		t.Errorf("stderr alone: %q", text)
	}
	for line := range c.Logs(t.Context(), task.ID, LogOptions{From: 1}) {
		if line.Seq != 1 {
			t.Errorf("from 1: got %d", line.Seq)
		}
	}
}

func TestLogsEndWithTheClient(t *testing.T) {
	_, c := serve(t, Config{})
	task := submit(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	for _, err := range c.Logs(ctx, task.ID, LogOptions{Follow: true}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	for _, err := range c.Logs(t.Context(), "nope", LogOptions{Follow: true}) {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
}

func TestEvents(t *testing.T) {
	node, c := serve(t, Config{})
	task := submit(t, c)
	var got []string
	for e, err := range c.Events(t.Context(), EventFilter{Task: task.ID}) {
		check(t, err)
		if got = append(got, e.Task.Status); len(got) == 2 {
			break
		}
		check(t, node.end(task.ID, StatusFailed))
	}
	if want := []string{StatusRunning, StatusFailed}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A reader that is too slow is told how much it missed; a writer never waits.
func TestFeed(t *testing.T) {
	f := NewFeed(4)
	for range 10 {
		f.Publish(Event{Type: EventTask})
	}
	seqs := func(after uint64, n int) (got []uint64, missed uint64) {
		for e := range f.Events(t.Context(), after) {
			if e.Type == EventMissed {
				missed += e.Missed
			} else if got = append(got, e.Seq); len(got) == n {
				break
			}
		}
		return got, missed
	}
	for _, c := range []struct {
		after  uint64
		want   []uint64
		missed uint64
	}{
		{0, []uint64{7, 8, 9, 10}, 6},
		{5, []uint64{7, 8, 9, 10}, 1},
		{6, []uint64{7, 8, 9, 10}, 0},
		{9, []uint64{10}, 0},
		{500, []uint64{7, 8, 9, 10}, 6}, // a number of before a restart
	} {
		if got, missed := seqs(c.after, len(c.want)); !slices.Equal(got, c.want) || missed != c.missed {
			t.Errorf("after %d: got %v and %d missed", c.after, got, missed)
		}
	}
	next, stop := iter.Pull(f.Events(t.Context(), FromNow))
	defer stop()
	time.AfterFunc(time.Millisecond, func() { f.Publish(Event{Type: EventTask}) })
	if e, _ := next(); e.Seq != 11 {
		t.Errorf("from now: got %d", e.Seq)
	}
}

// zeros is a large file that nobody has to hold.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.left))
	z.left -= int64(n)
	clear(p[:n])
	return n, nil
}

func TestFilesAreStreams(t *testing.T) {
	node, c := serve(t, Config{MaxRequestBytes: 1000})
	const size = 64 << 20
	b, err := c.PutFile(t.Context(), &zeros{size}, PutOptions{Pin: true, Name: "big"})
	if err != nil || b.Size != size || !b.Pinned || b.Name != "big" {
		t.Fatalf("got %+v, %v", b, err)
	}
	if node.peak == 0 || node.peak > 1<<20 {
		t.Errorf("largest read: %d bytes", node.peak)
	}
	f, n, err := c.OpenFile(t.Context(), b.CID)
	check(t, err)
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil || int64(len(content)) != n || n != 1<<20 {
		t.Errorf("read %d of %d bytes, %v", len(content), n, err)
	}
	resp, text := roundTrip(t, c, "GET", "/api/v1/blobs/"+b.CID, "", "Range", "bytes=5-9")
	if resp.StatusCode != 206 || len(text) != 5 || resp.Header.Get("Content-Security-Policy") != "sandbox" {
		t.Errorf("range: %s, %d bytes", resp.Status, len(text))
	}
}

// Content that turns out damaged half-way cannot be taken for the whole, and the
// client learns what is wrong with it.
func TestDamageBreaksTheStream(t *testing.T) {
	node, c := serve(t, Config{})
	b, err := c.PutFile(t.Context(), strings.NewReader(strings.Repeat("x", 100_000)), PutOptions{})
	check(t, err)
	node.broken = 60_000
	f, _, err := c.OpenFile(t.Context(), b.CID)
	check(t, err)
	defer f.Close()
	if n, err := io.Copy(io.Discard, f); !errors.Is(err, ErrDamaged) || n > 60_000 {
		t.Errorf("read %d bytes, %v", n, err)
	}
	node.broken = -1
	if _, _, err := c.OpenFile(t.Context(), b.CID); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged at its beginning: %v", err)
	}
}

// flaky is a node whose files break off once, and then go on.
type flaky struct {
	*fake
	left int
}

func (f *flaky) OpenFile(ctx context.Context, cid string) (io.ReadSeekCloser, Blob, error) {
	f.mu.Lock()
	f.left--
	f.broken = 0
	if f.left >= 0 {
		f.broken = 30_000 * (3 - f.left)
	}
	f.mu.Unlock()
	return f.fake.OpenFile(ctx, cid)
}

func TestDownloadGoesOn(t *testing.T) {
	node := &flaky{newFake(), 3}
	c := serveOver(t, Config{}, node)
	var want strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&want, "%6d", i)
	}
	b, err := c.PutFile(t.Context(), strings.NewReader(want.String()), PutOptions{})
	check(t, err)
	f, _, err := c.OpenFile(t.Context(), b.CID)
	check(t, err)
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || string(got) != want.String() {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
}

// The node's refusal arrives although the client has much left to say.
func TestPutRefused(t *testing.T) {
	node, c := serve(t, Config{})
	node.refuse = ErrNoSpace
	if _, err := c.PutFile(t.Context(), &zeros{8 << 20}, PutOptions{}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("got %v", err)
	}
}

func TestFolders(t *testing.T) {
	node, c := serve(t, Config{})
	dir := t.TempDir()
	check(t, os.CopyFS(dir, fstest.MapFS{
		"a.txt": {Data: []byte("a")}, "sub/run.sh": {Data: []byte("b"), Mode: 0o755}, "sub/empty/x": {}, ".hidden": {Data: []byte("h")},
	}))
	check(t, os.Symlink("../a.txt", filepath.Join(dir, "sub/link")))
	b, err := c.PutTree(t.Context(), Folder(dir, false), PutOptions{Pin: true})
	if err != nil || b.Kind != BlobFolder {
		t.Fatalf("got %+v, %v", b, err)
	}
	if _, hidden := node.trees[b.CID][".hidden"]; hidden {
		t.Error("a hidden file was stored")
	}
	out := t.TempDir()
	check(t, Extract(out, c.Tree(t.Context(), b.CID)))
	text, err := os.ReadFile(filepath.Join(out, "sub/link"))
	if err != nil || string(text) != "a" {
		t.Errorf("through the link: %q, %v", text, err)
	}
	if info, err := os.Stat(filepath.Join(out, "sub/run.sh")); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("executable bit: %v, %v", info, err)
	}
	if _, _, err := c.OpenFile(t.Context(), b.CID); !errors.Is(err, ErrIsDir) {
		t.Errorf("as a file: %v", err)
	}
	if err := Extract(t.TempDir(), c.Tree(t.Context(), "none")); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

// What a hostile archive names outside of the folder is not touched.
func TestExtractStaysInside(t *testing.T) {
	outside := t.TempDir()
	for name, entries := range map[string][]TreeEntry{
		"climbing":     {file("../evil")},
		"absolute":     {file("/tmp/evil")},
		"through link": {{Path: "l", Mode: fs.ModeSymlink, Target: outside}, file("l/evil")},
		"replacing":    {file("a"), file("a")},
	} {
		dir := t.TempDir()
		err := Extract(dir, func(yield func(TreeEntry, error) bool) {
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
		})
		left, _ := os.ReadDir(outside)
		if err == nil || len(left) > 0 {
			t.Errorf("%s: %v, %d files outside", name, err, len(left))
		}
	}
}

func file(path string) TreeEntry {
	return TreeEntry{Path: path, Size: 1, Body: strings.NewReader("x")}
}

// An archive either says what it holds or is refused; what it says is inside.
func FuzzReadTar(f *testing.F) {
	var good bytes.Buffer
	check(f, writeTar(&good, func(yield func(TreeEntry, error) bool) {
		_ = yield(TreeEntry{Path: "d", Mode: fs.ModeDir}, nil) && yield(file("d/f"), nil) &&
			yield(TreeEntry{Path: "l", Mode: fs.ModeSymlink, Target: "d"}, nil)
	}))
	f.Add(good.Bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, archive []byte) {
		for e, err := range readTar(bytes.NewReader(archive)) {
			if err != nil {
				return
			}
			if !fs.ValidPath(e.Path) || e.Path == "." || len(e.Path) > maxPath {
				t.Fatalf("path %q", e.Path)
			}
		}
	})
}

// A client that never ends its header or body is let go, whether or not anybody
// reads that body.
func TestSlowClients(t *testing.T) {
	_, c := serve(t, Config{HeaderTimeout: 50 * time.Millisecond, BodyTimeout: 50 * time.Millisecond, StallTimeout: 50 * time.Millisecond})
	for name, start := range map[string]string{
		"header": "POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n",
		"body":   "POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"unread": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx",
		"blob":   "POST /api/v1/blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx",
	} {
		conn, err := net.Dial("tcp", c.base.Host)
		check(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, start)
		check(t, err)
		check(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		if answer, err := io.ReadAll(conn); err != nil || name != "unread" && len(answer) > 0 && !bytes.HasPrefix(answer, []byte("HTTP/1.1 408 ")) {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
	}
}

// Large headers are refused; the client may not get to read that.
func TestLargeHeader(t *testing.T) {
	_, c := serve(t, Config{})
	req, err := http.NewRequest("GET", c.base.String()+"/healthz", nil)
	check(t, err)
	req.Header.Set("X-Large", strings.Repeat("x", 1<<17))
	resp, err := http.DefaultClient.Do(req)
	if err == nil && resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %s", resp.Status)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
