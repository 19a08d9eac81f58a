package godwit

import (
	"context"
	"testing"
	"time"
)

// start runs a node until the test ends.
func start(t testing.TB, cfg Config) *Node {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir() + "/node"
	}
	if cfg.Listen == nil {
		cfg.Listen = []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}
	}
	cfg.NoMDNS = true
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-n.Running():
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	case <-time.After(time.Minute):
		t.Fatal("not ready")
	}
	return n
}

func TestTwoNodesFindEachOther(t *testing.T) {
	begun := time.Now()
	a := start(t, Config{Dir: t.TempDir() + "/a"})
	t.Log("ready after", time.Since(begun))
	b := start(t, Config{Dir: t.TempDir() + "/b", Bootstrap: a.Addrs()})
	waitFor(t, func() bool { return len(a.host.Network().Peers()) == 1 && len(b.host.Network().Peers()) == 1 })
	t.Log(b.host.Network().Conns()[0].RemoteMultiaddr(), time.Since(begun))
}

func waitFor(t testing.TB, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
