// Package exchange trades blocks with other nodes over bitswap, Godwit's own and
// stock IPFS nodes alike, on a libp2p host that is made elsewhere.
//
// # Glossary
//
//   - bitswap: the protocol: a peer says which blocks it wants, those who have
//     them say so or send them (https://specs.ipfs.tech/bitswap-protocol/).
//   - session: related fetches; it learns which peers have the content.
//   - router: finds peers that announced a CID, usually the Kademlia DHT.
//   - announce: tell the router that the content under a CID is here.
//
// # Invariants
//
//   - A block is known by the hash of what arrived. A peer that sends other bytes
//     has sent another block, which nobody asked for and nobody keeps.
//   - A peer that claims to have a block and does not send it is passed by after
//     a few seconds; the fetch itself ends by the store's FetchTimeout.
//   - What a peer can have us keep is bounded: 1,024 wants, 8 MiB of blocks on
//     the way to it, one message of 4 MiB at most from each of its streams, of
//     which the host's resource manager bounds the number.
//   - What has a pin that is not Local is announced when it is here, at the start,
//     and every ReprovideEvery. Announcements that fail are tried again.
//   - Run owns every goroutine; when it returns, none is left.
//
// # Example
//
//	x, err := exchange.New(exchange.Config{
//		Host: host, Blocks: store.Blockstore(), Router: dht, Roots: store.Announced,
//	})
//	if err != nil {
//		return err
//	}
//	store.Attach(x)
//	return x.Run(ctx)
//
// # With a stock IPFS node
//
// The tests whose names say so run kubo's `ipfs` command if it is on the PATH;
// they passed with kubo v0.41.0. It needs to be told an address of ours once
// (`ipfs swarm connect /ip4/…/p2p/…`), or to share a DHT with us.
//
// # Figures
//
// BenchmarkFetch, both nodes in one process, on two cores that other work was
// keeping busy as well (load 4):
//
//	go test ./blobs/exchange -run xx -bench Fetch -benchtime 3x
//	BenchmarkFetch/tcp    182 MB/s
//
// It takes 0.9 s of processor time for 256 MiB, both sides together; with other
// work taking most of the two cores (load 10) it was 62 MB/s, over QUIC 59 MB/s; with
// nothing else on the machine 359 and 244.
package exchange
