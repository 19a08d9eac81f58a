package driver

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

func TestCacheKeepsBinaries(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gpu")
	d := open(t, Config{CacheDir: dir})
	works(t, d)
	kept, err := filepath.Glob(filepath.Join(dir, "*.bin"))
	must(t, err)
	if len(kept) != 1 {
		t.Fatalf("kept %v", kept)
	}
	before, err := os.ReadFile(kept[0])
	must(t, err)
	start := time.Now()
	works(t, open(t, Config{CacheDir: dir}))
	t.Logf("start of a process, build from the cache and launch: %v", time.Since(start))

	// What is damaged is built again.
	damaged := bytes.Clone(before)
	damaged[len(damaged)-1] ^= 1
	must(t, os.WriteFile(kept[0], damaged, 0o600))
	works(t, d)
	after, err := os.ReadFile(kept[0])
	must(t, err)
	if bytes.Equal(after, damaged) {
		t.Error("the damaged binary is still there")
	}

	// What is whole but of no use to the driver is, too.
	c := newCache(dir, 1<<20)
	key := filepath.Base(kept[0][:len(kept[0])-len(".bin")])
	c.put(key, []byte("nonsense"))
	works(t, d)
}

func TestCacheDropsTheOldest(t *testing.T) {
	c := newCache(t.TempDir(), 3*(1000+100))
	for i, key := range []string{"a", "b", "c"} {
		c.put(key, make([]byte, 1000))
		at := time.Now().Add(time.Duration(i-10) * time.Hour)
		must(t, os.Chtimes(c.path(key), at, at))
	}
	if c.get("a") == nil { // it is used: now b is the oldest
		t.Fatal("a is gone")
	}
	c.put("d", make([]byte, 1000))
	for key, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true} {
		if got := c.get(key) != nil; got != want {
			t.Errorf("%s kept: %v", key, got)
		}
	}
	c.put("too large", make([]byte, 1<<20))
	if c.get("too large") != nil {
		t.Error("what is larger than the cache was kept")
	}
}

func TestCacheThatOthersCanWriteToIsNotUsed(t *testing.T) {
	c := newCache(t.TempDir(), 1<<20)
	c.put("key", []byte("binary"))
	if !bytes.Equal(c.get("key"), []byte("binary")) {
		t.Fatal("not kept")
	}
	must(t, os.Chmod(c.dir, 0o777))
	if c.get("key") != nil {
		t.Error("used")
	}
}

func TestKeysDiffer(t *testing.T) {
	seen := map[string]int{}
	for i, c := range []struct {
		info   device.Info
		source device.Source
	}{
		{}, {info: device.Info{Driver: "1"}}, {info: device.Info{Name: "1"}}, {info: device.Info{Version: "1"}},
		{source: device.Source{Options: "a", Text: []byte("b")}}, {source: device.Source{Text: []byte("ab")}},
		{source: device.Source{Options: "ab"}}, {source: device.Source{Form: "ab"}},
	} {
		key := keyOf(c.info, c.source)
		if j, ok := seen[key]; ok {
			t.Errorf("%d and %d have the same key", i, j)
		}
		seen[key] = i
	}
}
