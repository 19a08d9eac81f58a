package godwit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/godwit-run/godwit/internal/journal"
)

// Numbers of connections between which the host closes those it needs least.
const (
	lowConnections  = 160
	highConnections = 192
)

// keyPorts is where the journal keeps the addresses that the host listened on.
const keyPorts = "n/listen"

// openHost builds the libp2p host: identity, TCP and QUIC, encryption, limits on
// what peers may take, observed addresses, hole punching.
func openHost(f *folder, j *journal.Journal, listen []string) (host.Host, error) {
	key, err := crypto.UnmarshalEd25519PrivateKey(f.key)
	if err != nil {
		return nil, err
	}
	remembered, err := j.Get([]byte(keyPorts))
	if err != nil {
		return nil, err
	}
	h, err := newHost(key, samePorts(listen, string(remembered)))
	if err != nil && len(remembered) > 0 { // somebody else has those ports by now
		h, err = newHost(key, listen)
	}
	if err != nil {
		return nil, err
	}
	var addrs []string
	for _, a := range h.Network().ListenAddresses() {
		addrs = append(addrs, a.String())
	}
	err = j.Commit([]journal.Record{{Key: []byte(keyPorts), Value: []byte(strings.Join(addrs, "\n"))}}, false)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func newHost(key crypto.PrivKey, listen []string) (host.Host, error) {
	manager, err := connmgr.NewConnManager(lowConnections, highConnections, connmgr.WithGracePeriod(time.Minute))
	if err != nil {
		return nil, err
	}
	options := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.Transport(tcp.NewTCPTransport, tcp.WithConnectionTimeout(dialTimeout)),
		libp2p.Transport(quic.NewTransport),
		libp2p.ConnectionManager(manager),
		libp2p.UserAgent("godwit"),
		libp2p.WithDialTimeout(dialTimeout),
		libp2p.SwarmOpts(swarm.WithDialRanker(rankAddrs)),
		libp2p.DisableMetrics(), // they are the process's, and there may be several nodes in it
		libp2p.EnableHolePunching(),
		libp2p.EnableAutoNATv2(),
	}
	if len(listen) == 0 {
		options = append(options, libp2p.NoListenAddrs)
	} else {
		options = append(options, libp2p.ListenAddrStrings(listen...))
	}
	if !onlyLoopback(listen) {
		options = append(options, libp2p.NATPortMap())
	}
	h, err := libp2p.New(options...)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", strings.Join(listen, ", "), err)
	}
	return h, nil
}

// quicDelay is the head start of TCP over QUIC where both are near: enough on a busy
// machine too. The death of a process closes its TCP connections at once; of a QUIC
// connection nobody learns before a heartbeat is missed.
const quicDelay = 300 * time.Millisecond

// rankAddrs says in which order to try a peer's addresses. Near by, TCP comes
// first: the kernel moves the same bytes for two thirds of the processor time that
// QUIC takes (200 MiB between two nodes on one machine: 1.1 s against 1.7 s).
// Elsewhere libp2p's own order holds, QUIC first, which gets through more NATs.
func rankAddrs(addrs []ma.Multiaddr) []network.AddrDelay {
	var near []network.AddrDelay
	var far []ma.Multiaddr
	for _, a := range addrs {
		_, err := a.ValueForProtocol(ma.P_TCP)
		switch {
		case !manet.IsPrivateAddr(a) && !manet.IsIPLoopback(a):
			far = append(far, a)
		case err == nil:
			near = append(near, network.AddrDelay{Addr: a})
		default:
			near = append(near, network.AddrDelay{Addr: a, Delay: quicDelay})
		}
	}
	return append(near, swarm.DefaultDialRanker(far)...)
}

// samePorts puts the ports of last time into addresses that leave the port open,
// so that those who remember this node find it again after a restart.
func samePorts(listen []string, remembered string) []string {
	var out []string
	for _, a := range listen {
		i := slices.IndexFunc(strings.Split(remembered, "\n"), func(b string) bool { return fillsPort(a, b) })
		if i >= 0 {
			a = strings.Split(remembered, "\n")[i]
		}
		out = append(out, a)
	}
	return out
}

// fillsPort tells whether b is a with a port where a has none.
func fillsPort(a, b string) bool {
	want, have := strings.Split(a, "/"), strings.Split(b, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		open := want[i] == "0" && i > 0 && (want[i-1] == "tcp" || want[i-1] == "udp")
		if want[i] != have[i] && !open {
			return false
		}
	}
	return true
}

func onlyLoopback(listen []string) bool {
	for _, s := range listen {
		a, err := ma.NewMultiaddr(s)
		if err != nil || !manet.IsIPLoopback(a) {
			return false
		}
	}
	return true
}

// fullAddrs are the addresses under which others reach a host, with its id.
func fullAddrs(h host.Host) []string {
	addrs, err := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	if err != nil {
		return nil // a host has a valid id
	}
	var list []string
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return list
}
