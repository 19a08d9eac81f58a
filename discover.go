package godwit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	ds "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
	"github.com/multiformats/go-multihash"
)

const (
	// mdnsService is what nodes call themselves on the local network.
	mdnsService = "_godwit._udp"
	// dhtPrefix keeps the mesh's DHT apart from the public one of IPFS, which
	// would fill it with nodes that run no tasks.
	dhtPrefix = "/godwit"
	// maxFound is how many providers of a key are asked for.
	maxFound = 32
	// Provider records live for 48 hours in the DHT; nodes come and go faster.
	provideEvery = time.Hour
	// seekEvery is how often the node looks whether tasks wait for nodes that it
	// does not know yet.
	seekEvery = 3 * time.Second
	// findTimeout bounds one look-up in the DHT.
	findTimeout = 10 * time.Second
)

// discovery finds peers on the local network and through the DHT.
type discovery struct {
	host  host.Host
	dht   *dht.IpfsDHT
	log   *slog.Logger
	found mdns.Notifee
	mdns  bool
	// keys are those under which this node is to be found, wanted those under which
	// it looks for others right now.
	keys   func() []string
	wanted func(ctx context.Context) []string
	every  time.Duration // between looks for any node
}

func newDiscovery(h host.Host, log *slog.Logger, named []peer.AddrInfo, found mdns.Notifee) (*discovery, error) {
	table, err := dht.New(h,
		dht.Mode(dht.ModeAutoServer), dht.ProtocolPrefix(dhtPrefix),
		dht.Datastore(dssync.MutexWrap(ds.NewMapDatastore())), dht.BootstrapPeers(named...),
	)
	if err != nil {
		return nil, fmt.Errorf("start DHT: %w", err)
	}
	return &discovery{host: h, dht: table, log: log, found: found}, nil
}

func (d *discovery) close() error { return d.dht.Close() }

// run looks for peers until ctx is done. A network without multicast is no
// reason to fail: there are other ways.
func (d *discovery) run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	if d.mdns {
		service := mdns.NewMdnsService(d.host, mdnsService, d.found)
		if err := service.Start(); err != nil {
			d.log.Warn("no multicast DNS", "err", err)
		}
		defer service.Close()
	}
	work.Go(func() { d.provide(ctx) })
	work.Go(func() { d.seek(ctx) })
	<-ctx.Done()
	return nil
}

// provide puts this node's keys into the DHT, again and again; sooner while the
// DHT is empty, as it is just after the start.
func (d *discovery) provide(ctx context.Context) {
	const soon = 10 * time.Second
	wait := time.Second
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if d.dht.RoutingTable().Size() == 0 {
			wait = soon
			continue
		}
		wait = provideEvery
		for _, key := range d.keys() {
			if err := d.provideOne(ctx, key); err != nil {
				d.log.Debug("provide", "key", key, "err", err)
				wait = soon
			}
		}
	}
}

func (d *discovery) provideOne(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	return d.dht.Provide(ctx, keyCID(key), true)
}

// seek looks for nodes that tasks wait for, and now and then for any.
func (d *discovery) seek(ctx context.Context) {
	tick := time.NewTicker(seekEvery)
	defer tick.Stop()
	var last time.Time // when it looked for any node
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if d.dht.RoutingTable().Size() == 0 {
			continue
		}
		keys := d.wanted(ctx)
		if time.Since(last) >= d.every {
			last, keys = time.Now(), append(keys, bucketAny)
		}
		for _, key := range keys {
			d.find(ctx, key)
		}
	}
}

// find looks for nodes under a key and hands them to those who dial.
func (d *discovery) find(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	for p := range d.dht.FindProvidersAsync(ctx, keyCID(key), maxFound) {
		if p.ID != d.host.ID() {
			d.found.HandlePeerFound(p)
		}
	}
}

// keyCID is where a key lies in the DHT.
func keyCID(key string) cid.Cid {
	hash, err := multihash.Sum([]byte(key), multihash.SHA2_256, -1)
	if err != nil {
		panic(err) // SHA-256 is always there
	}
	return cid.NewCidV1(cid.Raw, hash)
}
