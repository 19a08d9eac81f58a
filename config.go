package godwit

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	awire "github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Config is what a node is and may do. Only Dir is needed: the zero value of
// every other field means its default.
type Config struct {
	// Dir is the data folder: key, journal, blobs, compiled modules. It is made if
	// missing, for this user alone (0700), and one node at a time has it.
	Dir string
	// Listen are the multiaddresses to listen on. Default: TCP and QUIC on every
	// interface; ports that are 0 are chosen once and then kept over restarts.
	Listen []string
	// Bootstrap are multiaddresses of nodes to join, each ending in /p2p/PEER-ID.
	Bootstrap []string
	// NoMDNS leaves out looking for nodes on the local network.
	NoMDNS bool
	// Discovery is the time between looks for more nodes in the DHT. Default 1 min.
	Discovery time.Duration
	// Region says where the node is, up to 128 bytes: what tasks ask for.
	Region string
	// Labels are what tasks may ask for besides. Those set at run time are kept in
	// the journal and come before these.
	Labels map[string]string

	// API is the HOST:PORT of the REST interface; a port of 0 chooses one. Default
	// empty: none, the node is used through its methods.
	API string
	// APIToken is what clients must show; needed off loopback, unless APIClientCA
	// is set.
	APIToken string
	// APICert and APIKey are PEM files that make the API speak TLS.
	APICert, APIKey string
	// APIClientCA is a PEM file of those whose certificates clients must show.
	APIClientCA string
	// MaxRequestBytes bounds the body of an API request other than a blob.
	// Default 1 MiB.
	MaxRequestBytes int64

	// CPU is how many cores tasks may have. Default: what the machine has and the
	// cgroup allows.
	CPU float64
	// Memory, Storage bound what tasks may have in bytes. Default: what is free
	// of the machine's and the cgroup allows, less a reserve for the node itself.
	Memory, Storage uint64
	// Network is the bandwidth in megabits a second that tasks may count on.
	// Default 1000.
	Network float64
	// Devices runs what guests give to GPUs: hostabi/gpu/driver, for one. The node uses
	// it, and leaves closing it to whoever made it. Default nil: tasks that need a GPU
	// do not run here.
	Devices device.Backend
	// DeviceMemory is what devices without memory of their own may have of Memory
	// together, in bytes; tasks then cannot have it besides. Default: a quarter of it,
	// up to 4 GiB.
	DeviceMemory uint64
	// BlobQuota bounds the bytes of the blob store. Default: no bound but the disk.
	BlobQuota int64
	// MaxTasks is how many of the tasks submitted here are placed or run at once.
	// Default 1000.
	MaxTasks int
	// NoRun makes a node that takes and places tasks, and runs none.
	NoRun bool

	// Policy ranks nodes in a way of one's own; what the fields from Algorithm to
	// PreferLocal, MaxLatency, MinExecute and the weights say is then up to it. Default
	// nil: as they say.
	Policy placement.Policy
	// Algorithm, Strategy and LoadMetric choose how nodes are ranked, by the names
	// in placement.Options: round-robin, capability-based or performance-aware;
	// least-loaded, random or performance; task-count, cpu-usage or memory-usage.
	// Default empty: by all that is known of a node.
	Algorithm, Strategy, LoadMetric string
	// PreferLocal has tasks run here if they fit.
	PreferLocal bool
	// MaxLatency keeps tasks off nodes with a longer round trip; 0 is no bound.
	MaxLatency time.Duration

	// TrustFile is a file that says how far other nodes are trusted, in the form of
	// package scheduler/trust; it is read again when it changes. Default empty:
	// everyone 0.5, from 0 to 1.
	TrustFile string
	// MinExecute is how far a node must be trusted to get tasks of this one, and
	// MinSubmit to have its own run here. Defaults 0.3 and 0.1.
	MinExecute, MinSubmit float64
	// DefaultWeights, LatencyWeights and ThroughputWeights change what the terms of a
	// score weigh for tasks of each class; see placement.Weights.
	DefaultWeights, LatencyWeights, ThroughputWeights map[string]float64

	// Cost is what tasks of other nodes pay here, in credits for 1000 units of fuel,
	// while nothing runs; with ten tasks it is half as much again. Default 0.
	Cost float64
	// AuctionWindow is how long auctions wait for offers at most, up to 500 ms, the
	// default.
	AuctionWindow time.Duration

	// MaxQueued is how many tasks may wait here before submitting answers that
	// the node is busy. Default 100,000.
	MaxQueued int
	// SubmitRate bounds the tasks a second that one client may submit; 0 is no
	// bound.
	SubmitRate float64
	// MaxAttempts is how often a task is given to a node, first time included,
	// unless it says so itself. Default 3.
	MaxAttempts int
	// BackoffBase and BackoffMax bound the wait before an attempt is repeated; it
	// doubles from one to the other, jittered. Defaults 2 s and 60 s.
	BackoffBase, BackoffMax time.Duration
	// NoRetryTimeout, NoRetryLost leave out repeating attempts that took longer
	// than their time limit, or whose node was lost.
	NoRetryTimeout, NoRetryLost bool
	// TaskTimeout limits the wall-clock time of attempts that set no limit; 0 is
	// no limit.
	TaskTimeout time.Duration
	// TaskMemory is the memory in bytes of tasks that ask for none. Default 128 MiB.
	TaskMemory uint64
	// LostAfter is how long a node may be silent about a task that it runs before it
	// counts as lost; those that live are heard of every second. Default 3.5 s. (A
	// connection that closes tells at once, and a node that answers no pings is lost
	// after a quarter to a half of this.)
	LostAfter time.Duration
	// Announce is the time between announcements of capacity; it is announced
	// earlier when it changes by a tenth. Default 15 s.
	Announce time.Duration
	// MaxOutput bounds what is kept of a task's standard output, and as much again
	// of its standard error, in bytes. Default 256 MiB.
	MaxOutput int64
	// KeepEnded is how long a task is kept after its end. Default 24 h.
	KeepEnded time.Duration
	// Grace is how long running tasks have to finish when the node is told to
	// stop; then they go back to their submitters. Default 10 s.
	Grace time.Duration

	// TaskCheckpointEvery is the time between checkpoints of a task that runs for more than
	// a second. Default 100 ms.
	TaskCheckpointEvery time.Duration
	// TaskKeepers is how many nodes keep them, besides the one that runs the task, 1 to 8.
	// Default 2.
	TaskKeepers int
	// TaskCheckpointQuota bounds the bytes of the checkpoints of tasks on this node. Default
	// 16 GiB.
	TaskCheckpointQuota int64

	// ActorReplicas is how many nodes keep an actor that asks for no number, 1 to 7.
	// Default 3.
	ActorReplicas int
	// CheckpointEvery is the time between checkpoints of an actor that works. Default
	// 100 ms.
	CheckpointEvery time.Duration
	// ActorHeartbeat is the time between signs of life to nodes that share actors with
	// this one. Default 100 ms.
	ActorHeartbeat time.Duration
	// ActorSuspectAfter is after what silence such a node counts as dead; a connection
	// that closes tells sooner. Default 350 ms.
	ActorSuspectAfter time.Duration
	// ActorReplaceAfter is after what time what a dead node kept is kept by another
	// instead. Default 30 s.
	ActorReplaceAfter time.Duration
	// ActorIdleAfter is after what time without work an actor leaves the memory.
	// Default 2 s.
	ActorIdleAfter time.Duration

	// Version is what the node says it is, up to 64 bytes.
	Version string

	// Log takes what people may want to know. Default: nothing is logged.
	Log *slog.Logger
}

// DefaultConfig is the configuration that the zero Config stands for, with a
// folder still to be named.
func DefaultConfig() Config { return Config{}.withDefaults() }

func (c Config) withDefaults() Config {
	if len(c.Listen) == 0 {
		c.Listen = []string{
			"/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1",
			"/ip6/::/tcp/0", "/ip6/::/udp/0/quic-v1",
		}
	}
	c.Labels = maps.Clone(c.Labels)
	defaultTo(&c.MaxRequestBytes, 1<<20)
	defaultTo(&c.Network, 1000)
	defaultTo(&c.MaxTasks, 1000)
	defaultTo(&c.MaxQueued, 100_000)
	defaultTo(&c.MaxAttempts, 3)
	defaultTo(&c.BackoffBase, 2*time.Second)
	defaultTo(&c.BackoffMax, time.Minute)
	defaultTo(&c.TaskMemory, 128<<20)
	defaultTo(&c.LostAfter, defaultLostAfter)
	defaultTo(&c.Discovery, time.Minute)
	defaultTo(&c.Announce, 15*time.Second)
	defaultTo(&c.MaxOutput, 256<<20)
	defaultTo(&c.KeepEnded, 24*time.Hour)
	defaultTo(&c.Grace, 10*time.Second)
	defaultTo(&c.TaskCheckpointEvery, 100*time.Millisecond)
	defaultTo(&c.TaskKeepers, 2)
	defaultTo(&c.TaskCheckpointQuota, 16<<30)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

const defaultLostAfter = 3500 * time.Millisecond

func defaultTo[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// ErrConfig is wrapped by every error that Validate returns.
var ErrConfig = errors.New("invalid configuration")

// Validate reports the first value that makes no sense. Its errors wrap
// [ErrConfig].
func (c Config) Validate() error {
	if c.Dir == "" {
		return fmt.Errorf("%w: no data folder", ErrConfig)
	}
	for _, a := range c.Listen {
		if _, err := ma.NewMultiaddr(a); err != nil {
			return fmt.Errorf("%w: listen address %q: %w", ErrConfig, a, err)
		}
	}
	if _, err := parsePeers(c.Bootstrap); err != nil {
		return err
	}
	if err := c.policy().Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return c.validateNumbers()
}

func (c Config) validateNumbers() error {
	negative := map[string]bool{
		"cpu": c.CPU < 0, "network": c.Network < 0, "blob quota": c.BlobQuota < 0, "max tasks": c.MaxTasks < 0,
		"max queued": c.MaxQueued < 0, "max latency": c.MaxLatency < 0, "submit rate": c.SubmitRate < 0, "max attempts": c.MaxAttempts < 0,
		"backoff base": c.BackoffBase < 0, "backoff max": c.BackoffMax < 0, "task timeout": c.TaskTimeout < 0,
		"lost after": c.LostAfter < 0, "discovery": c.Discovery < 0, "announce": c.Announce < 0, "max output": c.MaxOutput < 0,
		"keep ended": c.KeepEnded < 0, "auction window": c.AuctionWindow < 0, "grace": c.Grace < 0, "max request bytes": c.MaxRequestBytes < 0,
		"task checkpoint every": c.TaskCheckpointEvery < 0, "task keepers": c.TaskKeepers < 0, "task checkpoint quota": c.TaskCheckpointQuota < 0,
		"actor replicas": c.ActorReplicas < 0, "checkpoint every": c.CheckpointEvery < 0, "actor heartbeat": c.ActorHeartbeat < 0,
		"actor suspect after": c.ActorSuspectAfter < 0, "actor replace after": c.ActorReplaceAfter < 0, "actor idle after": c.ActorIdleAfter < 0,
	}
	for name, is := range negative {
		if is {
			return fmt.Errorf("%w: %s is negative", ErrConfig, name)
		}
	}
	if c.TaskKeepers > wire.MaxKeepers {
		return fmt.Errorf("%w: %d keepers of checkpoints, more than %d", ErrConfig, c.TaskKeepers, wire.MaxKeepers)
	}
	if c.ActorReplicas > awire.MaxReplicas {
		return fmt.Errorf("%w: %d replicas of actors, more than %d", ErrConfig, c.ActorReplicas, awire.MaxReplicas)
	}
	if !(c.Cost >= 0 && c.Cost < 1e12) {
		return fmt.Errorf("%w: cost of %v", ErrConfig, c.Cost)
	}
	if c.AuctionWindow > wire.MaxWindow {
		return fmt.Errorf("%w: auction window of %v, more than %v", ErrConfig, c.AuctionWindow, wire.MaxWindow)
	}
	if len(c.Region) > 128 {
		return fmt.Errorf("%w: region of %d bytes, more than 128", ErrConfig, len(c.Region))
	}
	return nil
}

// parsePeers reads multiaddresses of peers, those of one peer together.
func parsePeers(addrs []string) ([]peer.AddrInfo, error) {
	var list []ma.Multiaddr
	for _, s := range addrs {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("%w: peer address %q: %w", ErrConfig, s, err)
		}
		list = append(list, a)
	}
	peers, err := peer.AddrInfosFromP2pAddrs(list...)
	if err != nil {
		return nil, fmt.Errorf("%w: peer address: %w: it must end in /p2p/PEER-ID", ErrConfig, err)
	}
	return peers, nil
}
