package godwit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/godwit-run/godwit/internal/journal"
)

// maxDials is how many peers are dialled at the same time.
const maxDials = 16

// dialler keeps the node connected: it dials those the configuration names, those
// found and those remembered, and dials again for ever.
type dialler struct {
	host    host.Host
	journal *journal.Journal
	log     *slog.Logger
	book    *book
	found   chan peer.AddrInfo
	ended   chan dialEnd
	// changed is told of every peer that a connection comes or goes with, known of
	// those that have said to be nodes.
	changed func(p peer.ID, connected bool)
	known   func(p peer.ID)
}

// dialEnd is how a dial ended: addr is nil if nobody answered.
type dialEnd struct {
	peer peer.ID
	addr ma.Multiaddr
}

func newDialler(h host.Host, j *journal.Journal, log *slog.Logger, named []peer.AddrInfo, changed func(peer.ID, bool), known func(peer.ID)) (*dialler, error) {
	now := time.Now()
	b, forgotten, err := loadBook(j, now)
	if err == nil {
		err = j.Commit(forgotten, false)
	}
	if err != nil {
		return nil, err
	}
	for _, p := range named {
		if p.ID != h.ID() {
			b.add(now, p.ID, p.Addrs, true)
		}
	}
	return &dialler{
		host: h, journal: j, log: log, book: b, changed: changed, known: known,
		found: make(chan peer.AddrInfo, 64), ended: make(chan dialEnd),
	}, nil
}

// HandlePeerFound takes a peer that discovery has found. When there are more
// than the dialler can look at, some are dropped: they are found again.
func (d *dialler) HandlePeerFound(p peer.AddrInfo) {
	select {
	case d.found <- p:
	default:
	}
}

// run dials until ctx is done, and returns when no dial is under way any more.
func (d *dialler) run(ctx context.Context) error {
	sub, err := d.host.EventBus().Subscribe([]any{
		new(event.EvtPeerConnectednessChanged), new(event.EvtPeerIdentificationCompleted),
	}, eventbus.BufSize(256))
	if err != nil {
		return fmt.Errorf("watch connections: %w", err)
	}
	defer sub.Close()
	var dials sync.WaitGroup
	defer dials.Wait()
	for _, p := range d.host.Network().Peers() { // those that were faster than Subscribe
		d.connection(p, true)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for running := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case e := <-sub.Out():
			switch e := e.(type) {
			case event.EvtPeerConnectednessChanged:
				d.connection(e.Peer, e.Connectedness == network.Connected)
			case event.EvtPeerIdentificationCompleted:
				d.remember(e.Peer)
			}
		case p := <-d.found:
			if p.ID != d.host.ID() {
				d.book.add(time.Now(), p.ID, p.Addrs, false)
			}
		case end := <-d.ended:
			running--
			d.book.dialled(time.Now(), end.peer, end.addr)
			d.remember(end.peer)
		case <-timer.C:
		}
		due, again := d.book.next(time.Now(), maxDials-running)
		for _, p := range due {
			running++
			info := peer.AddrInfo{ID: p, Addrs: d.book.contacts[p].addrs}
			dials.Go(func() { d.dial(ctx, info) })
		}
		if !again.IsZero() {
			timer.Reset(time.Until(again))
		}
	}
}

// connection notes that a connection with p came or went.
func (d *dialler) connection(p peer.ID, connected bool) {
	d.log.Debug("connection", "peer", p, "connected", connected)
	d.book.setConnected(time.Now(), p, connected)
	d.changed(p, connected)
	d.remember(p) // else when it has said what it is: the two come in either order
}

// remember puts a connected peer into the journal if it is a node, with the
// addresses that it listens on by its own account behind those that answered.
func (d *dialler) remember(p peer.ID) {
	c := d.book.contacts[p]
	if c == nil || !c.connected {
		return
	}
	spoken, err := d.host.Peerstore().SupportsProtocols(p, protocolTasks)
	if err != nil || len(spoken) == 0 {
		return
	}
	d.known(p)
	for _, a := range d.host.Peerstore().Addrs(p) {
		d.book.learn(p, a)
	}
	r, err := c.encode(p)
	if err == nil {
		err = d.journal.Commit([]journal.Record{r}, false)
	}
	if err != nil {
		d.log.Error("remember peer", "peer", p, "err", err)
	}
}

// dial connects with a peer and reports the end to run, unless that is over.
func (d *dialler) dial(ctx context.Context, p peer.AddrInfo) {
	end := dialEnd{peer: p.ID}
	d.host.Peerstore().AddAddrs(p.ID, p.Addrs, peerstore.TempAddrTTL)
	err := d.host.Connect(ctx, p)
	if err != nil {
		d.log.Debug("dial", "peer", p.ID, "err", err)
	} else if conns := d.host.Network().ConnsToPeer(p.ID); len(conns) > 0 {
		end.addr = conns[0].RemoteMultiaddr()
		if conns[0].Stat().Direction == network.DirInbound { // its port is not one it listens on
			end.addr = p.Addrs[0]
		}
	}
	select {
	case d.ended <- end:
	case <-ctx.Done():
	}
}
