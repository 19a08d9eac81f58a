package godwit

import (
	"context"
	"crypto/ed25519"
	"fmt"
	routedhost "github.com/libp2p/go-libp2p/p2p/host/routed"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/hostfacts"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/detect"
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// reserved is the memory in bytes that the node keeps for itself.
const reserved = 128 << 20

// reconnectGrace is how long a closed connection may take to come back before the
// attempts on that node are lost. The failure detector mostly tells sooner.
const reconnectGrace = 2 * time.Second

// policy is the part that chooses how nodes are ranked.
func (c *Config) policy() placement.Options {
	return placement.Options{
		Algorithm: placement.Algorithm(c.Algorithm), Strategy: placement.Strategy(c.Strategy),
		LoadMetric: placement.LoadMetric(c.LoadMetric), PreferLocal: c.PreferLocal, MaxLatency: c.MaxLatency,
		MinTrust: c.MinExecute, Weights: c.DefaultWeights, LatencyWeights: c.LatencyWeights, ThroughputWeights: c.ThroughputWeights,
	}
}

// newPolicy makes the policy, unless there is one of the embedder's own.
func (c *Config) newPolicy() (placement.Policy, error) {
	if c.Policy != nil {
		return c.Policy, nil
	}
	return placement.New(c.policy())
}

// submitter is the part of the configuration that the submitter's core takes.
func (c *Config) submitter(key ed25519.PrivateKey, policy placement.Policy, trust func(wire.NodeID) float64) scheduler.SubmitterConfig {
	return scheduler.SubmitterConfig{
		Self: wire.NodeIDOf(key.Public().(ed25519.PublicKey)), Key: key, Keepers: c.TaskKeepers,
		Policy: policy, Trust: trust, LostAfter: c.LostAfter, ReconnectGrace: reconnectGrace, MaxConcurrent: c.MaxTasks, MaxQueued: c.MaxQueued, KeepEnded: c.KeepEnded, Rate: c.SubmitRate,
		BackoffBase: c.BackoffBase, BackoffMax: c.BackoffMax,
		NoRetryOnTimeout: c.NoRetryTimeout, NoRetryOnNodeLoss: c.NoRetryLost,
		ForgetAfter: 3 * c.Announce, StaleAfter: 2 * c.Announce, Window: c.AuctionWindow,
	}
}

// keeperConfig is the part that keeps checkpoints of tasks.
func (n *Node) keeperConfig() keeperConfig {
	return keeperConfig{
		self: n.self, host: routedhost.Wrap(n.host, n.discovery.dht), log: n.log, dir: n.folder.path(taskStoreName),
		bytes: n.cfg.TaskCheckpointQuota, trust: n.trusted.of, least: n.cfg.MinSubmit, full: n.space.check,
	}
}

// detector is the part that the failure detector takes: who may be silent about its
// tasks for longer may stand still for longer, too.
func (c *Config) detector(self wire.NodeID, started int64) detect.Config {
	part := float64(c.LostAfter) / float64(defaultLostAfter)
	return detect.Config{
		Self: self, Incarnation: started,
		MinSuspicion: time.Duration(part * float64(detect.DefaultMinSuspicion)),
		MaxSuspicion: time.Duration(part * float64(detect.DefaultMaxSuspicion)),
	}
}

// executor is the part that the executor's core takes.
func (c *Config) executor(key ed25519.PrivateKey, capacity wire.Capacity, trust func(wire.NodeID) float64) scheduler.ExecutorConfig {
	return scheduler.ExecutorConfig{Key: key, Capacity: capacity, KeepUnacked: c.KeepEnded, Cost: uint64(c.Cost * 1e6), Trust: trust, MinTrust: c.MinSubmit}
}

// api is the part that the REST interface takes.
func (c *Config) api() api.Config {
	return api.Config{
		Bind: c.API, Token: c.APIToken, TLSCert: c.APICert, TLSKey: c.APIKey, ClientCA: c.APIClientCA,
		MaxRequestBytes: c.MaxRequestBytes, Version: c.Version, Log: c.Log,
	}
}

// capacity is what tasks may have: what is configured, else what the machine and
// its cgroup leave.
func (c *Config) capacity(ctx context.Context) (wire.Capacity, error) {
	if c.NoRun {
		return wire.Capacity{}, nil
	}
	facts, err := hostfacts.Detect(ctx, c.Dir)
	if err != nil {
		return wire.Capacity{}, fmt.Errorf("detect capacity: %w", err)
	}
	has := wire.Capacity{
		CPU: uint32(facts.CPUCores * 1000), Memory: facts.MemoryAvailable - min(facts.MemoryAvailable, reserved),
		Storage: facts.StorageAvailable, Network: uint64(c.Network * 1e6),
	}
	if c.CPU > 0 {
		has.CPU = uint32(c.CPU*1000 + 0.5)
	}
	if c.Memory > 0 {
		has.Memory = c.Memory
	}
	if c.Storage > 0 {
		has.Storage = c.Storage
	}
	return has, has.Validate()
}
