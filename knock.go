package godwit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/godwit-run/godwit/scheduler/detect"
)

const (
	// knockTimeout bounds a knock.
	knockTimeout = time.Second
	// maxKnocks is how many go on at once, and maxKnockAddrs how many addresses of a
	// peer are knocked at.
	maxKnocks     = 16
	maxKnockAddrs = 8
)

// knocker finds out whether a peer that was lost is still there.
type knocker struct {
	host host.Host
	free chan struct{}

	mu sync.Mutex
	// reached is where peers were reached last, for those that this node has dialled.
	reached map[peer.ID]ma.Multiaddr
}

func newKnocker(h host.Host) *knocker {
	return &knocker{host: h, free: make(chan struct{}, maxKnocks), reached: make(map[peer.ID]ma.Multiaddr)}
}

// remember notes where a connected peer was reached.
func (k *knocker) remember(p peer.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.host.Network().ConnsToPeer(p) {
		if len(k.reached) >= maxRemembered {
			clear(k.reached)
		}
		if c.Stat().Direction == network.DirOutbound {
			k.reached[p] = c.RemoteMultiaddr()
		}
	}
}

// knock tries to connect. Meanwhile it asks the peer's machine whether anybody still
// listens there, which it says at once where libp2p would go on trying.
func (k *knocker) knock(ctx context.Context, p peer.ID) detect.Outcome {
	ctx, cancel := context.WithTimeout(ctx, knockTimeout)
	defer cancel()
	select {
	case k.free <- struct{}{}:
		defer func() { <-k.free }()
	case <-ctx.Done():
		return detect.Failed
	}
	if len(k.host.Peerstore().Addrs(p)) == 0 {
		return detect.Unknown
	}
	if s, ok := k.host.Network().(interface{ Backoff() *swarm.DialBackoff }); ok {
		s.Backoff().Clear(p) // it may have failed to answer before
	}
	outcomes := make(chan detect.Outcome, 2)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	work.Go(func() {
		if k.host.Connect(ctx, peer.AddrInfo{ID: p}) == nil {
			outcomes <- detect.Reached
			return
		}
		<-ctx.Done() // somebody else's dial may have spoilt it
		outcomes <- detect.Failed
	})
	work.Go(func() {
		if k.refused(ctx, p) {
			outcomes <- detect.Refused
		}
	})
	return <-outcomes
}

// refused tells whether the address where the peer was reached last, or else all of
// its addresses, refuse connections.
func (k *knocker) refused(ctx context.Context, p peer.ID) bool {
	k.mu.Lock()
	last := k.reached[p]
	k.mu.Unlock()
	if last != nil && isTCP(last) {
		return refuses(ctx, last)
	}
	addrs := slices.DeleteFunc(k.host.Peerstore().Addrs(p), func(a ma.Multiaddr) bool { return !isTCP(a) })
	if len(addrs) == 0 || len(addrs) > maxKnockAddrs {
		return false
	}
	answers := make(chan bool, len(addrs))
	for _, a := range addrs {
		go func() { answers <- refuses(ctx, a) }()
	}
	all := true
	for range addrs {
		all = <-answers && all
	}
	return all
}

// isTCP tells whether an address is one of TCP itself: what is behind it needs no
// name to be looked up, and no relay.
func isTCP(a ma.Multiaddr) bool {
	network, _, err := manet.DialArgs(a)
	return err == nil && (network == "tcp4" || network == "tcp6")
}

func refuses(ctx context.Context, a ma.Multiaddr) bool {
	var d manet.Dialer
	conn, err := d.DialContext(ctx, a)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
