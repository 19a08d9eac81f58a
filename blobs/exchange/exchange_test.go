package exchange

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"

	"github.com/godwit-run/godwit/blobs"
)

// node is a store with an exchange over a libp2p host of its own.
type node struct {
	host  host.Host
	store *blobs.Store
	x     *Exchange
}

func newHost(t testing.TB, listen ...string) host.Host {
	t.Helper()
	if len(listen) == 0 {
		listen = []string{"/ip4/127.0.0.1/tcp/0"}
	}
	h, err := libp2p.New(libp2p.ListenAddrStrings(listen...), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func newNode(t testing.TB, h host.Host, router routing.ContentRouting) *node {
	t.Helper()
	store, err := blobs.Open(blobs.Config{Dir: t.TempDir(), FetchTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	x, err := New(Config{Host: h, Blocks: store.Blockstore(), Router: router, Roots: store.Announced})
	if err != nil {
		t.Fatal(err)
	}
	store.Attach(x)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- x.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &node{host: h, store: store, x: x}
}

func connect(t testing.TB, a, b host.Host) {
	t.Helper()
	if err := a.Connect(context.Background(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(n)})
	if _, err := src.Read(b); err != nil {
		panic(err)
	}
	return b
}

func put(t testing.TB, n *node, data []byte) blobs.Info {
	t.Helper()
	info, err := n.store.Import(context.Background(), bytes.NewReader(data), blobs.ImportOptions{Pin: blobs.Pin{Name: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestFetchFromAPeer(t *testing.T) {
	a, b := newNode(t, newHost(t), nil), newNode(t, newHost(t), nil)
	connect(t, a.host, b.host)
	for _, size := range []int{0, 1, 1 << 20, 60 << 20} {
		data := random(size)
		want := put(t, a, data)
		got, err := b.store.Fetch(context.Background(), want.CID, blobs.FetchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Blocks != want.Blocks || got.Bytes != want.Bytes || got.Missing != 0 {
			t.Errorf("%d bytes: fetched %+v of %+v", size, got, want)
		}
		back, err := b.store.ReadAll(context.Background(), want.CID, int64(size))
		if err != nil || !bytes.Equal(back, data) {
			t.Errorf("%d bytes: read back wrong: %v", size, err)
		}
	}
}

func benchFetch(b *testing.B, listen string) {
	const size = 256 << 20
	from := newNode(b, newHost(b, listen), nil)
	info := put(b, from, random(size))
	b.SetBytes(size)
	for b.Loop() {
		b.StopTimer()
		to := newNode(b, newHost(b, listen), nil)
		connect(b, to.host, from.host)
		b.StartTimer()
		if _, err := to.store.Fetch(context.Background(), info.CID, blobs.FetchOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFetch brings 256 MiB from one node to another over loopback, both in
// this process, until they are on the disk.
func BenchmarkFetch(b *testing.B) {
	b.Run("tcp", func(b *testing.B) { benchFetch(b, "/ip4/127.0.0.1/tcp/0") })
	b.Run("quic", func(b *testing.B) { benchFetch(b, "/ip4/127.0.0.1/udp/0/quic-v1") })
}
