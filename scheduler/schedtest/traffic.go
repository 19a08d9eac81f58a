package schedtest

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// How gossipsub passes a message on (its v1.1 defaults): to the meshDegree nodes with
// which one is grafted; and for three heartbeats of a second each its id is told to a
// quarter of the other peers, at least to as many.
const (
	meshDegree  = 6
	gossipShare = 0.25
	gossipTimes = 3
	messageID   = 20 + 2
	// rpcOverhead is what a message has besides its data: topic, framing, and the
	// headers of yamux, noise, TCP and IP.
	rpcOverhead = 32 + 12 + 18 + 40
	// maxPeers is how many connections a host keeps.
	maxPeers = 192
)

// Traffic is what gossip costs a mesh.
type Traffic struct {
	// Vector is the size of one, in bytes.
	Vector int
	// VectorsPerSecond that all nodes say together, and BytesPerSecond that each node
	// sends on average.
	VectorsPerSecond, BytesPerSecond float64
	// Age is how old a node's vector is on average, with others.
	Age time.Duration
}

// MeasureTraffic lets as many nodes announce on virtual time, all of them busy: the
// capacity of each changes by a tenth every two seconds. After a time in which the mesh
// has settled it counts, for as long again, what is sent by a model of gossipsub: every
// node passes every vector on.
func MeasureTraffic(seed uint64, nodes int) (Traffic, error) {
	rng := rand.New(rand.NewPCG(seed, 0x7afc))
	size, err := commonVector()
	if err != nil {
		return Traffic{}, err
	}
	pace := scheduler.Pace{Every: 15 * time.Second, Least: 100 * time.Millisecond}
	d := 4 * pace.Interval(nodes)
	said, age := 0, 0.0
	for range nodes {
		n, a := announceBusily(rng, pace, nodes, d)
		said, age = said+n, age+a
	}
	t := Traffic{Vector: size, VectorsPerSecond: float64(said) / d.Seconds()}
	t.Age = time.Duration(age / (float64(nodes) * d.Seconds()) * float64(time.Second))
	peers := min(nodes-1, maxPeers)
	graft := min(peers, meshDegree)
	told := min(max(gossipShare*float64(peers-graft), meshDegree), float64(peers-graft))
	each := float64((graft-1)*(size+rpcOverhead)) + gossipTimes*told*messageID
	own := float64(peers) * float64(size+rpcOverhead) / float64(nodes) // a node's own goes to all its peers
	t.BytesPerSecond = t.VectorsPerSecond * (each + own)
	return t, nil
}

// commonVector is the size of the envelope of a vector as most nodes have them.
func commonVector() (int, error) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	has := wire.Capacity{CPU: 16_000, Memory: 64 << 30, Storage: 1 << 40, Network: 1e9,
		GPUs: []wire.GPUDevice{{ID: "0", Name: "NVIDIA GeForce RTX 4090", Memory: 24 << 30, Capability: "sm_89", Available: true}}}
	v := wire.Vector{
		Node: wire.NodeIDOf(key.Public().(ed25519.PublicKey)), Started: start.UnixMilli(), Seq: 1000, Total: has, Free: has,
		Running: 3, Version: "v1.0.0", Region: "eu-west", Labels: map[string]string{"disk": "ssd", "zone": "b"},
		Models: []string{"llama-2-7b", "whisper"}, Blobs: make(wire.Filter, 64), Every: time.Minute,
	}
	envelope, err := wire.Seal(v, key)
	if err != nil {
		return 0, fmt.Errorf("seal a vector: %w", err)
	}
	return len(envelope), nil
}

// announceBusily is one node for twice as long as d. It returns how many vectors it says
// in the second half, and the sum of the vectors' ages over that time.
func announceBusily(rng *rand.Rand, p scheduler.Pace, nodes int, d time.Duration) (said int, age float64) {
	begin, end := start.Add(d), start.Add(2*d)
	now := start.Add(time.Duration(rng.Int64N(int64(p.Interval(nodes)))))
	changed, nextChange, last := false, now, begin
	for now.Before(end) {
		if !changed && !nextChange.After(now) {
			changed = true
		}
		due, again := p.Due(now, nodes, changed)
		if !due {
			if !changed && nextChange.Before(again) {
				again = nextChange
			}
			now = now.Add(max(time.Millisecond, again.Sub(now)))
			continue
		}
		p.Said(now, nodes)
		changed, nextChange = false, now.Add(time.Duration(rng.ExpFloat64()*float64(2*time.Second)))
		if now.After(begin) {
			said++
			age += now.Sub(last).Seconds() * now.Sub(last).Seconds() / 2
			last = now
		}
	}
	return said, age + end.Sub(last).Seconds()*end.Sub(last).Seconds()/2
}
