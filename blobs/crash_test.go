package blobs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// crashDir has TestMain be a process that writes to the store of that folder
// until it is killed.
const crashDir = "GODWIT_BLOBS_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := churn(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// content is what stands under a number: up to 3 MiB.
func crashContent(seed uint64) []byte {
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	data := make([]byte, rng.Uint64()%(3<<20))
	if _, err := rng.Read(data); err != nil {
		panic(err)
	}
	return data
}

// churn imports and pins, unpins and collects, under a quota that has it do so
// often. It says what is done once it is done, and what it unpins before.
func churn(dir string) error {
	s, err := Open(Config{Dir: dir, Quota: 40 << 20})
	if err != nil {
		return err
	}
	ctx := context.Background()
	var kept []cid.Cid
	for p, err := range s.Pins() {
		if err != nil {
			return err
		}
		kept = append(kept, p.CID)
	}
	for {
		seed := rand.Uint64() % (1 << 24)
		info, err := s.Import(ctx, bytes.NewReader(crashContent(seed)), ImportOptions{Pin: Pin{Name: strconv.FormatUint(seed, 10)}})
		switch {
		case errors.Is(err, ErrQuota):
			for _, id := range kept[:len(kept)/2] {
				if err := unpinAll(s, id); err != nil {
					return err
				}
			}
			kept = kept[len(kept)/2:]
		case err != nil:
			return err
		default:
			fmt.Println("pinned", info.CID, seed)
			kept = append(kept, info.CID)
		}
	}
}

func unpinAll(s *Store, id cid.Cid) error {
	pins, err := s.PinsOf(id)
	if err != nil {
		return err
	}
	for _, p := range pins {
		fmt.Println("unpinning", id)
		if err := s.Unpin(id, p.Name); err != nil {
			return err
		}
	}
	return nil
}

// What a process was told is pinned is whole after SIGKILL at any moment, the
// store opens at once, and what it says of itself is true.
func TestKilledAtAnyMoment(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	dir := t.TempDir()
	pinned := map[cid.Cid]uint64{}
	for round := range rounds {
		delay := time.Duration(rand.Int64N(int64(400 * time.Millisecond)))
		runUntilKilled(t, dir, delay, pinned)
		s, err := Open(Config{Dir: dir, Quota: 40 << 20})
		if err != nil {
			t.Fatalf("round %d, killed after %v: %v", round, delay, err)
		}
		for id, seed := range pinned {
			checkPinned(t, s, id, seed)
		}
		checkAccounts(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("round %d, killed after %v", round, delay)
		}
	}
	if len(pinned) == 0 {
		t.Error("nothing was ever pinned")
	}
}

// runUntilKilled runs churn for a while after its first word, and keeps account
// of what it has said.
func runUntilKilled(t *testing.T, dir string, delay time.Duration, pinned map[cid.Cid]uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for first := true; lines.Scan(); first = false {
		if first {
			time.AfterFunc(delay, func() { _ = cmd.Process.Kill() })
		}
		var word, id string
		var seed uint64
		if n, _ := fmt.Sscan(lines.Text(), &word, &id, &seed); n < 2 {
			continue // cut short
		}
		c, err := cid.Decode(id)
		if err != nil {
			continue // cut short
		}
		if word == "pinned" {
			pinned[c] = seed
		} else {
			delete(pinned, c)
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the writer was not killed: %v", err)
	}
}

func checkPinned(t *testing.T, s *Store, id cid.Cid, seed uint64) {
	t.Helper()
	got, err := s.ReadAll(context.Background(), id, 3<<20)
	if err != nil || !bytes.Equal(got, crashContent(seed)) {
		t.Errorf("content %d, %s: %d bytes, %v", seed, id, len(got), err)
	}
	if pins, err := s.PinsOf(id); err != nil || len(pins) == 0 {
		t.Errorf("content %d, %s: pins %v, %v", seed, id, pins, err)
	}
}

// checkAccounts compares what the store says of its segments with what the
// index points to and the files hold.
func checkAccounts(t *testing.T, s *Store) {
	t.Helper()
	live, blocks := int64(0), int64(0)
	err := s.index.blocks(func(hash multihash.Multihash, e entry) error {
		if e.damaged {
			return fmt.Errorf("block %x is damaged", hash)
		}
		live += recordSize(hash, e)
		blocks++
		data, err := s.log.Read(e.Location, hash)
		if err != nil || !matches(hash, data) {
			return fmt.Errorf("block %x: %w", hash, damage(err))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	var disk int64
	for _, size := range s.log.Sizes() {
		disk += size
	}
	if u := s.Usage(); u.Live != live || u.Blocks != blocks || u.Disk != disk {
		t.Errorf("the store says %+v; there are %d live bytes in %d blocks, %d on disk", u, live, blocks, disk)
	}
}
