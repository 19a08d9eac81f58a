package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// side is a node with a transport, and what it has received.
type side struct {
	*Transport
	host   host.Host
	id     wire.NodeID
	stop   func()
	refuse func([]byte) error

	mu     sync.Mutex
	frames []string
	up     map[wire.NodeID]bool
	news   chan struct{}
}

func (s *side) Receive(_ context.Context, from wire.NodeID, frame []byte) error {
	s.mu.Lock()
	s.frames = append(s.frames, string(frame))
	s.mu.Unlock()
	s.tell()
	if s.refuse != nil {
		return s.refuse(frame)
	}
	return nil
}

// Serve answers with what it gets.
func (s *side) Serve(_ context.Context, _ wire.NodeID, stream actors.Stream) error {
	_, err := io.Copy(stream, stream)
	return err
}

func (s *side) Connection(node wire.NodeID, up bool) {
	s.mu.Lock()
	s.up[node] = up
	s.mu.Unlock()
	s.tell()
}

func (s *side) tell() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// await waits until what the side has received is as it should be.
func (s *side) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		ok := is()
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-s.news:
		case <-late:
			t.Fatalf("%s: not in time", what)
		}
	}
}

func (s *side) count(frame string) (n int) {
	for _, f := range s.frames {
		if f == frame {
			n++
		}
	}
	return n
}

func newSide(t *testing.T, cfg Config) *side {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Host = h
	tr, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := &side{Transport: tr, host: h, id: wire.NodeID(h.ID()), up: map[wire.NodeID]bool{}, news: make(chan struct{}, 1)}
	go func() { ended <- tr.Run(ctx, s) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		h.Close()
	})
	t.Cleanup(s.stop)
	for !tr.begins() { // Run has begun once it can be sent with
		if t.Context().Err() != nil {
			t.Fatal("the transport does not begin")
		}
	}
	return s
}

func (t *Transport) begins() bool {
	if !t.begin() {
		return false
	}
	t.workers.Done()
	return true
}

func connect(t *testing.T, a, b *side) {
	t.Helper()
	if err := a.host.Connect(t.Context(), peer.AddrInfo{ID: b.host.ID(), Addrs: b.host.Addrs()}); err != nil {
		t.Fatal(err)
	}
	b.await(t, "connection", func() bool { return b.up[a.id] })
	a.await(t, "connection", func() bool { return a.up[b.id] })
}

func TestFramesComeInOrder(t *testing.T) {
	a, b := newSide(t, Config{}), newSide(t, Config{})
	connect(t, a, b)
	var want []string
	for i := range 2000 {
		f := fmt.Sprintf("%d %s", i, strings.Repeat("x", i))
		want = append(want, f)
		if err := a.Send(b.id, []byte(f)); err != nil {
			t.Fatal(err)
		}
	}
	b.await(t, "frames", func() bool { return len(b.frames) == len(want) })
	for i, f := range b.frames {
		if f != want[i] {
			t.Fatalf("frame %d is %.20q", i, f)
		}
	}
	if err := a.Send(b.id, nil); !errors.Is(err, ErrFrame) {
		t.Errorf("an empty frame: %v", err)
	}
	if err := a.Send(b.id, make([]byte, actors.MaxFrame+1)); !errors.Is(err, ErrFrame) {
		t.Errorf("a frame too large: %v", err)
	}
}

func TestStreamsBothWays(t *testing.T) {
	a, b := newSide(t, Config{}), newSide(t, Config{})
	connect(t, a, b)
	s, err := a.Open(t.Context(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pages := bytes.Repeat([]byte("page"), 1<<20)
	go func() {
		s.Write(pages)
		s.CloseWrite()
	}()
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, pages) {
		t.Errorf("%d bytes came back of %d: %v", len(got), len(pages), err)
	}
}

// What the handler does not want ends the stream, and the next frame finds a new one.
func TestRefusedFrame(t *testing.T) {
	a, b := newSide(t, Config{}), newSide(t, Config{})
	b.refuse = func(f []byte) error {
		if string(f) == "bad" {
			return errors.New("bad")
		}
		return nil
	}
	connect(t, a, b)
	if err := a.Send(b.id, []byte("bad")); err != nil {
		t.Fatal(err)
	}
	b.await(t, "the bad frame", func() bool { return b.count("bad") == 1 })
	for try := 0; ; try++ { // what is in the broken stream is lost
		f := fmt.Sprintf("good %d", try)
		if err := a.Send(b.id, []byte(f)); err != nil {
			t.Fatal(err)
		}
		b.mu.Lock()
		n := len(b.frames)
		b.mu.Unlock()
		if n > 1 {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("nothing more arrives")
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestConnectionIsToldOnce(t *testing.T) {
	a, b := newSide(t, Config{}), newSide(t, Config{})
	connect(t, a, b)
	b.stop()
	a.await(t, "the end of the connection", func() bool { return !a.up[b.id] })
	for range 200 { // nobody answers: frames are dropped, and Send never blocks
		if err := a.Send(b.id, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	a.stop()
	if err := a.Send(b.id, []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("sent by a transport that has ended: %v", err)
	}
	if _, err := a.Open(t.Context(), b.id); !errors.Is(err, ErrClosed) {
		t.Errorf("opened by a transport that has ended: %v", err)
	}
}

// The first frame after a connection was lost and came back arrives: it does not go
// into the stream of before.
func TestFramesAfterReconnection(t *testing.T) {
	a, b := newSide(t, Config{}), newSide(t, Config{})
	for i := range 20 {
		connect(t, a, b)
		if err := a.Send(b.id, fmt.Appendf(nil, "frame %d", i)); err != nil {
			t.Fatal(err)
		}
		b.await(t, "a frame", func() bool { return len(b.frames) == i+1 })
		b.host.Network().ClosePeer(a.host.ID())
		a.await(t, "the end of the connection", func() bool { return !a.up[b.id] })
		b.await(t, "the end of the connection", func() bool { return !b.up[a.id] })
	}
}

// A peer that answers stays connected when one of two connections is closed.
func TestOneOfTwoConnectionsCloses(t *testing.T) {
	a, b := newSide(t, Config{}), newSide(t, Config{})
	connect(t, a, b)
	ctx := network.WithForceDirectDial(t.Context(), "a second one")
	if _, err := b.host.Network().DialPeer(ctx, a.host.ID()); err != nil {
		t.Fatal(err)
	}
	a.host.Network().ConnsToPeer(b.host.ID())[0].Close()
	for i := range 3 {
		if err := a.Send(b.id, fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	b.await(t, "a frame", func() bool { return b.count("2") == 1 })
}

// A hostile peer opens what it can: it gets its few streams and no more, and the frames
// of others still come.
func TestHostilePeer(t *testing.T) {
	b := newSide(t, Config{Streams: 3, FrameTimeout: 200 * time.Millisecond})
	evil, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer evil.Close()
	if err := evil.Connect(t.Context(), peer.AddrInfo{ID: b.host.ID(), Addrs: b.host.Addrs()}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []protocol.ID{protocolFrames, protocolBulk} {
		var open []network.Stream
		for range 20 {
			s, err := evil.NewStream(t.Context(), b.host.ID(), p)
			if err != nil {
				break
			}
			s.Write([]byte{1}) // half a frame
			open = append(open, s)
		}
		b.Transport.mu.Lock()
		if in := b.in[evil.ID()]; in != nil && (in.frames > frameStreams || in.bulk > 3) {
			t.Errorf("a peer has %d and %d streams", in.frames, in.bulk)
		}
		b.Transport.mu.Unlock()
		for _, s := range open {
			s.Reset()
		}
	}
	a := newSide(t, Config{})
	connect(t, a, b)
	if err := a.Send(b.id, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	b.await(t, "a frame beside a hostile peer", func() bool { return b.count("hello") == 1 })
}

// FuzzReadFrame reads whatever bytes: no frame is longer than may be, and what is read
// is what was there.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{3, 'a', 'b', 'c'})
	f.Add([]byte{0})
	f.Add(binary.AppendUvarint(nil, actors.MaxFrame+1))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(bytes.NewReader(b))
		for {
			frame, err := readFrame(noDeadline{}, r, time.Second)
			if err != nil {
				return
			}
			again := append(binary.AppendUvarint(nil, uint64(len(frame))), frame...)
			if len(frame) > actors.MaxFrame || !bytes.Contains(b, frame) || len(again) > len(b) {
				t.Fatalf("frame of %d bytes out of %d", len(frame), len(b))
			}
		}
	})
}

type noDeadline struct{}

func (noDeadline) SetReadDeadline(time.Time) error { return nil }
