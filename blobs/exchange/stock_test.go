package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/blobs"
)

// stock is a stock IPFS node: kubo's command with its default settings, but for
// addresses on loopback and no bootstrap peers.
type stock struct {
	t    *testing.T
	bin  string
	repo string
}

// startStock runs the ipfs command that is on the PATH as a daemon. These tests
// need one: https://docs.ipfs.tech/install/command-line/.
func startStock(t *testing.T) *stock {
	t.Helper()
	bin, err := exec.LookPath("ipfs")
	if err != nil {
		t.Skip("no ipfs command on the PATH")
	}
	s := &stock{t: t, bin: bin, repo: t.TempDir()}
	s.run("init")
	s.run("bootstrap", "rm", "--all")
	s.run("config", "--json", "Addresses.Swarm", `["/ip4/127.0.0.1/tcp/0"]`)
	s.run("config", "Addresses.API", "/ip4/127.0.0.1/tcp/0")
	s.run("config", "Addresses.Gateway", "/ip4/127.0.0.1/tcp/0")
	daemon := s.command("daemon")
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait()
	})
	awaitLine(t, out, "Daemon is ready")
	return s
}

// awaitLine reads until a line appears, and the rest in the background.
func awaitLine(t *testing.T, r io.Reader, want string) {
	t.Helper()
	var seen bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.Contains(seen.String(), want) {
		n, err := r.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			t.Fatalf("waiting for %q: %v after:\n%s", want, err, &seen)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
}

func (s *stock) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.bin, args...)
	cmd.Env = append(os.Environ(), "IPFS_PATH="+s.repo)
	return cmd
}

// run runs a command of the node and returns what it prints.
func (s *stock) run(args ...string) string {
	s.t.Helper()
	cmd := s.command(args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("ipfs %v: %v\n%s", args, err, &errs)
	}
	return strings.TrimSpace(string(out))
}

// connect has the stock node dial ours, as somebody who was told our address.
func (s *stock) connect(n *node) {
	s.t.Helper()
	s.run("swarm", "connect", fmt.Sprintf("%s/p2p/%s", n.host.Addrs()[0], n.host.ID()))
}

func (s *stock) add(args ...string) cid.Cid {
	s.t.Helper()
	return s.addAs("1", args...)
}

func (s *stock) addAs(version string, args ...string) cid.Cid {
	s.t.Helper()
	id, err := cid.Decode(s.run(append([]string{"add", "-Q", "--cid-version=" + version}, args...)...))
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// trees are what is put: by name, a file's size, or -1 for a folder, or a link.
var trees = []struct {
	name  string
	build func(t *testing.T, dir string)
}{
	{"files", func(t *testing.T, dir string) {
		for _, size := range []int{0, 1, 100, 256<<10 - 1, 256 << 10, 256<<10 + 1, 1 << 20, 3<<20 + 17} {
			write(t, dir, fmt.Sprintf("%d.bin", size), size)
		}
	}},
	{"nested", func(t *testing.T, dir string) {
		write(t, dir, "a/b/c/d/e.txt", 5)
		write(t, dir, "a/b/z.txt", 300<<10)
		write(t, dir, "ünïcode ☃ name", 7)
		write(t, dir, "Upper", 1)
		if err := os.MkdirAll(filepath.Join(dir, "empty"), 0o755); err != nil {
			t.Fatal(err)
		}
	}},
	{"hidden", func(t *testing.T, dir string) {
		write(t, dir, ".secret", 9)
		write(t, dir, ".git/config", 9)
		write(t, dir, "seen", 9)
	}},
	{"links", func(t *testing.T, dir string) {
		write(t, dir, "target", 3)
		for name, to := range map[string]string{"link": "target", "dangling": "no/where", "up": "../x"} {
			if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}},
	{"empty", func(*testing.T, string) {}},
	{"almost sharded", func(t *testing.T, dir string) { many(t, dir, 3200) }},
	{"sharded", func(t *testing.T, dir string) { many(t, dir, 6000) }},
	{"sharded below", func(t *testing.T, dir string) { many(t, filepath.Join(dir, "sub"), 5000) }},
}

// many writes files whose links take about 80 bytes each; a folder is sharded
// once they take more than 256 KiB.
func many(t *testing.T, dir string, n int) {
	for i := range n {
		write(t, dir, fmt.Sprintf("%040d", i), i%3)
	}
}

func write(t *testing.T, dir, name string, size int) {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, random(size), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCIDsAreThoseOfAStockNode(t *testing.T) {
	s, n := startStock(t), newNode(t, newHost(t), nil)
	ctx := context.Background()
	for _, size := range []int{0, 1, 256 << 10, 256<<10 + 1, 10<<20 + 1, 174 * 256 << 10, 174*256<<10 + 1, 100 << 20} {
		name := filepath.Join(t.TempDir(), "f")
		write(t, filepath.Dir(name), "f", size)
		got, err := n.store.ImportPath(ctx, name, blobs.ImportOptions{})
		if want := s.add("--only-hash", name); err != nil || got.CID != want {
			t.Errorf("%d bytes: %s, %v; stock has %s", size, got.CID, err, want)
		}
	}
	for _, tree := range trees {
		dir := t.TempDir()
		tree.build(t, dir)
		for _, hidden := range []bool{false, true} {
			got, err := n.store.ImportPath(ctx, dir, blobs.ImportOptions{Hidden: hidden})
			if want := s.add("-r", "--only-hash", fmt.Sprintf("--hidden=%v", hidden), dir); err != nil || got.CID != want {
				t.Errorf("%s, hidden %v: %s, %v; stock has %s", tree.name, hidden, got.CID, err, want)
			}
		}
	}
}

func TestAStockNodeFetchesFromUs(t *testing.T) {
	s, n := startStock(t), newNode(t, newHost(t), nil)
	s.connect(n)
	for _, tree := range trees {
		dir := t.TempDir()
		tree.build(t, dir)
		info, err := n.store.ImportPath(context.Background(), dir, blobs.ImportOptions{Pin: blobs.Pin{Name: "test"}, Hidden: true})
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(t.TempDir(), "got")
		s.run("get", "-o", to, info.CID.String())
		same(t, tree.name, dir, to)
	}
	big := random(40 << 20)
	if got := s.run("cat", put(t, n, big).CID.String()); got != strings.TrimSpace(string(big)) {
		t.Errorf("stock node read %d other bytes", len(got))
	}
}

func TestWeFetchFromAStockNode(t *testing.T) {
	s, n := startStock(t), newNode(t, newHost(t), nil)
	s.connect(n)
	ctx := context.Background()
	for _, version := range []string{"1", "0"} {
		for _, tree := range trees {
			dir := t.TempDir()
			tree.build(t, dir)
			id := s.addAs(version, "-r", "--hidden", dir)
			info, err := n.store.Fetch(ctx, id, blobs.FetchOptions{})
			if err != nil || info.Missing != 0 || info.Kind != blobs.KindFolder {
				t.Fatalf("%s: %+v, %v", tree.name, info, err)
			}
			to := filepath.Join(t.TempDir(), "got")
			if err := n.store.Export(ctx, id, to, nil); err != nil {
				t.Fatal(tree.name, err)
			}
			same(t, tree.name, dir, to)
		}
	}
	for _, args := range [][]string{{"--trickle"}, {"--raw-leaves=false"}, {"--chunker=rabin"}, {"--hash=blake3"}, {"--inline"}} {
		want := random(5<<20 + 3)
		name := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		id := s.add(append(args, name)...)
		got, err := n.store.ReadAll(ctx, id, int64(len(want)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: read %d of %d bytes, %v", args, len(got), len(want), err)
		}
	}
}

// same compares two folders.
func same(t *testing.T, name, a, b string) {
	t.Helper()
	if out, err := exec.Command("diff", "-r", "--no-dereference", a, b).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}

// A want that comes before the content is answered when it is put.
func TestAStockNodeThatAskedEarlyIsAnswered(t *testing.T) {
	s, n := startStock(t), newNode(t, newHost(t), nil)
	s.connect(n)
	data := random(600 << 10)
	id := s.add("--only-hash", file(t, data))
	cat := s.command("cat", id.String())
	var out bytes.Buffer
	cat.Stdout = &out
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	for !s.wants(id) {
		time.Sleep(10 * time.Millisecond)
	}
	put(t, n, data)
	if err := cat.Wait(); err != nil || !bytes.Equal(out.Bytes(), data) {
		t.Errorf("read %d bytes, %v", out.Len(), err)
	}
}

func file(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// wants tells whether the node is looking for a block.
func (s *stock) wants(id cid.Cid) bool {
	var list struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(s.run("bitswap", "wantlist", "--enc=json")), &list); err != nil {
		s.t.Fatal(err)
	}
	return len(list.Keys) > 0
}
