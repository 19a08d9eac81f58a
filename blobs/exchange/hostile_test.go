package exchange

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	goruntime "runtime"
	"sync/atomic"
	"testing"
	"time"

	bsmsg "github.com/ipfs/boxo/bitswap/message"
	pb "github.com/ipfs/boxo/bitswap/message/pb"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-msgio"
	"github.com/multiformats/go-multihash"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/blobs/unixfscid"
)

// hostile is a peer that claims to have whatever it is asked for, and then does
// what answer says when it is to send it.
type hostile struct {
	host  host.Host
	asked atomic.Int64 // blocks
}

func newHostile(t *testing.T, answer func(m bsmsg.BitSwapMessage, id cid.Cid)) *hostile {
	h := &hostile{host: newHost(t)}
	h.host.SetStreamHandler(bsnet.ProtocolBitswap, func(s network.Stream) {
		defer s.Close()
		r := msgio.NewVarintReaderSize(s, network.MessageSizeMax)
		for {
			in, _, err := bsmsg.FromMsgReader(r)
			if err != nil {
				return
			}
			out := bsmsg.New(false)
			for _, e := range in.Wantlist() {
				switch {
				case e.Cancel:
				case e.WantType == pb.Message_Wantlist_Have:
					out.AddHave(e.Cid)
				default:
					h.asked.Add(1)
					answer(out, e.Cid)
				}
			}
			if !out.Empty() {
				h.send(s.Conn().RemotePeer(), out)
			}
		}
	})
	return h
}

func (h *hostile) send(to peer.ID, m bsmsg.BitSwapMessage) {
	s, err := h.host.NewStream(context.Background(), to, bsnet.ProtocolBitswap)
	if err != nil {
		return
	}
	defer s.Close()
	_ = m.ToNetV1(s)
}

// lie sends other bytes than those asked for.
func lie(m bsmsg.BitSwapMessage, id cid.Cid) {
	data := append([]byte("not what you asked for: "), id.Bytes()...)
	b, err := blocks.NewBlockWithCid(data, id)
	if err != nil {
		panic(err)
	}
	m.AddBlock(b)
}

func stall(bsmsg.BitSwapMessage, cid.Cid) {}

func TestAPeerThatLiesOrStallsIsPassedBy(t *testing.T) {
	for name, answer := range map[string]func(bsmsg.BitSwapMessage, cid.Cid){"lies": lie, "stalls": stall} {
		t.Run(name, func(t *testing.T) {
			bad := newHostile(t, answer)
			good, n := newNode(t, newHost(t), nil), newNode(t, newHost(t), nil)
			data := random(5 << 20)
			info := put(t, good, data)
			connect(t, n.host, bad.host)
			if _, err := n.store.Fetch(short(t), info.CID, blobs.FetchOptions{}); err == nil {
				t.Fatal("fetched from a hostile peer alone")
			}
			if bad.asked.Load() == 0 {
				t.Fatal("the hostile peer was never asked")
			}
			connect(t, n.host, good.host)
			if _, err := n.store.Fetch(context.Background(), info.CID, blobs.FetchOptions{}); err != nil {
				t.Fatal(err)
			}
			got, err := n.store.ReadAll(context.Background(), info.CID, int64(len(data)))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if u := n.store.Usage(); u.Blocks != int64(info.Blocks) {
				t.Errorf("%d blocks of %d: the rest is not ours", u.Blocks, info.Blocks)
			}
		})
	}
}

// short is a context for what must not take long.
func short(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAloneWithAStallingPeerAFetchEndsByItself(t *testing.T) {
	bad, n := newHostile(t, stall), newNode(t, newHost(t), nil)
	connect(t, n.host, bad.host)
	id := unixfscid.SumBytes([]byte("nobody has this"))
	var block *blobs.BlockError
	if _, err := n.store.Fetch(context.Background(), id, blobs.FetchOptions{}); !errors.Is(err, blobs.ErrMissing) || !errors.As(err, &block) || block.CID != id {
		t.Errorf("got %v", err)
	}
}

// A peer that sends blocks nobody asked for, wants without end, and messages that
// are none, costs no lasting memory, and others are served meanwhile.
func TestAFloodIsBorne(t *testing.T) {
	bad, n, other := newHostile(t, stall), newNode(t, newHost(t), nil), newNode(t, newHost(t), nil)
	connect(t, bad.host, n.host)
	connect(t, other.host, n.host)
	info := put(t, n, random(3<<20))
	before := heap()
	for i := range 100 {
		m := bsmsg.New(false)
		junk := random(1<<20 + i)
		m.AddBlock(blocks.NewBlock(junk))
		for j := range 2000 {
			hash, err := multihash.Sum([]byte{byte(i), byte(j), byte(j >> 8)}, multihash.SHA2_256, -1)
			if err != nil {
				t.Fatal(err)
			}
			m.AddEntry(cid.NewCidV1(cid.Raw, hash), int32(j), pb.Message_Wantlist_Block, true)
		}
		bad.send(n.host.ID(), m)
		bad.raw(n.host.ID(), binary.AppendUvarint(nil, 1<<40))
		bad.raw(n.host.ID(), append(binary.AppendUvarint(nil, 64), junk[:64]...))
	}
	if _, err := other.store.Fetch(context.Background(), info.CID, blobs.FetchOptions{}); err != nil {
		t.Error(err)
	}
	if u := n.store.Usage(); u.Blocks != int64(info.Blocks) {
		t.Errorf("%d blocks, %d are ours", u.Blocks, info.Blocks)
	}
	if grown := heap() - before; grown > 48<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

func (h *hostile) raw(to peer.ID, data []byte) {
	s, err := h.host.NewStream(context.Background(), to, bsnet.ProtocolBitswap)
	if err != nil {
		return
	}
	defer s.Close()
	_, _ = s.Write(data)
}

func heap() int64 {
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What a peer sends under the right CID may still be nonsense.
func TestADAGThatIsNoneIsAnError(t *testing.T) {
	n, other := newNode(t, newHost(t), nil), newNode(t, newHost(t), nil)
	connect(t, n.host, other.host)
	for _, codec := range []uint64{cid.DagProtobuf, cid.DagCBOR} {
		hash, err := multihash.Sum([]byte("\xff\xff not a node"), multihash.SHA2_256, -1)
		if err != nil {
			t.Fatal(err)
		}
		b, err := blocks.NewBlockWithCid([]byte("\xff\xff not a node"), cid.NewCidV1(codec, hash))
		if err != nil {
			t.Fatal(err)
		}
		if err := other.store.Blockstore().Put(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		if _, err := n.store.Fetch(context.Background(), b.Cid(), blobs.FetchOptions{}); !errors.Is(err, blobs.ErrMalformed) {
			t.Errorf("codec %#x: got %v", codec, err)
		}
	}
}

// Content is found through the DHT on a node that one is not connected to, also
// when it was pinned before that node knew anybody.
func TestProvidersAreFoundThroughTheDHT(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	routed := func() (*node, host.Host) {
		h := newHost(t)
		d, err := dht.New(h, dht.Mode(dht.ModeServer), dht.ProtocolPrefix("/godwit-test"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return newNode(t, h, d), h
	}
	a, ha := routed()
	_, middle := routed()
	c, hc := routed()
	data := random(2 << 20)
	info := put(t, a, data) // announcing fails, and is tried again
	connect(t, ha, middle)
	connect(t, hc, middle)
	got, err := c.store.ReadAll(ctx, info.CID, int64(len(data)))
	for errors.Is(err, blobs.ErrMissing) { // not announced yet
		got, err = c.store.ReadAll(ctx, info.CID, int64(len(data)))
	}
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
