package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Config is everything that can be set. The zero value of a field is its default
// unless it says otherwise; see [Default].
type Config struct {
	// Data is the node's folder: key, tasks, blobs. Default: godwit in the user's
	// data folder.
	Data string `key:"node.data"`
	// Listen are multiaddresses to listen on; Bootstrap those of nodes to join.
	Listen    []string `key:"node.listen"`
	Bootstrap []string `key:"node.bootstrap"`
	// MDNS is whether to look for nodes on the local network. Default: true.
	MDNS bool `key:"node.mdns"`
	// Region and Labels say where and what the node is.
	Region string            `key:"node.region"`
	Labels map[string]string `key:"node.labels"`
	// CPU is how many cores tasks may have, parts of one included; 0 is what the
	// machine and its cgroup allow. So are Memory, Storage (bytes) and Network
	// (megabits a second).
	CPU     float64    `key:"node.cpu"`
	Memory  units.Size `key:"node.memory"`
	Storage units.Size `key:"node.storage"`
	Network float64    `key:"node.network"`
	// GPUs is whether tasks may have the node's GPUs, and what else its OpenCL drivers
	// find. Default: true. Those without memory of their own get GPUMemory of the node's,
	// in bytes, which tasks then cannot have besides; 0 is a quarter, up to 4 GiB.
	GPUs      bool       `key:"node.gpus"`
	GPUMemory units.Size `key:"node.gpu_memory"`
	// Cost is what tasks of other nodes pay here, in credits for 1000 units of fuel,
	// while nothing runs; with ten tasks it is half as much again.
	Cost float64 `key:"node.cost"`
	// Run is whether tasks run here; else the node only takes and places them.
	// Default: true.
	Run bool `key:"node.run"`
	// Grace is how long running tasks have to finish when the node is told to stop.
	Grace time.Duration `key:"node.grace" unit:"1s"`
	// BlobQuota bounds the blob store, in bytes; 0 is no bound but the disk.
	BlobQuota units.Size `key:"blobs.quota"`

	// MaxConcurrentTasks is how many tasks run at once; 0 is as many as fit.
	MaxConcurrentTasks int `key:"scheduler.max_concurrent_tasks"`
	// SelectionAlgorithm is round-robin, capability-based or performance-aware; ""
	// weighs all that is known of a node. So does "" for Strategy and LoadMetric.
	SelectionAlgorithm string `key:"scheduler.selection_algorithm" enum:",round-robin,capability-based,performance-aware"`
	// TaskTimeout limits tasks that set no limit themselves; 0 is none.
	TaskTimeout time.Duration `key:"scheduler.task_timeout" unit:"1s"`
	// DiscoveryInterval is the time between looks for new nodes.
	DiscoveryInterval time.Duration `key:"scheduler.discovery_interval" unit:"1s"`
	// TaskMemory is what a task gets that asks for none; MaxOutput bounds what is
	// kept of its standard output, and as much again of its standard error. In bytes.
	TaskMemory units.Size `key:"scheduler.task_memory"`
	MaxOutput  units.Size `key:"scheduler.max_output"`
	// MaxQueued is how many tasks may wait before the API answers 429; SubmitRate
	// how many a second one client may submit, 0 for no bound.
	MaxQueued  int     `key:"scheduler.max_queued"`
	SubmitRate float64 `key:"scheduler.submit_rate"`
	// KeepEnded is how long ended tasks are remembered.
	KeepEnded time.Duration `key:"scheduler.keep_ended" unit:"1s"`

	// BindAddress is the API's HOST:PORT. Default: 127.0.0.1:8080.
	BindAddress string `key:"scheduler.api.bind_address"`
	// MaxRequestSize bounds a request other than a blob, in bytes. Default: 10 MB.
	MaxRequestSize units.Size `key:"scheduler.api.max_request_size"`
	// Token is what clients must show; TokenFile is a file that holds it.
	Token     string `key:"scheduler.api.token" env:"GODWIT_TOKEN"`
	TokenFile string `key:"scheduler.api.token_file"`
	// TLSCert and TLSKey are the API's PEM files, ClientCA that of the authorities
	// whose client certificates it accepts.
	TLSCert  string `key:"scheduler.api.tls_cert"`
	TLSKey   string `key:"scheduler.api.tls_key"`
	ClientCA string `key:"scheduler.api.client_ca"`

	// MaxAttempts is how often a task is tried in all; BackoffBase and BackoffMax
	// bound the time between attempts.
	MaxAttempts          int           `key:"scheduler.retry.max_attempts"`
	BackoffBase          time.Duration `key:"scheduler.retry.backoff_base" unit:"1s"`
	BackoffMax           time.Duration `key:"scheduler.retry.backoff_max" unit:"1s"`
	RetryOnTimeout       bool          `key:"scheduler.retry.retry_on_timeout"`
	RetryOnWorkerFailure bool          `key:"scheduler.retry.retry_on_worker_failure"`

	// Strategy is least-loaded, random or performance; LoadMetric what load is:
	// task-count, cpu-usage or memory-usage.
	Strategy           string `key:"scheduler.load_balancing.strategy" enum:",least-loaded,random,performance"`
	LoadMetric         string `key:"scheduler.load_balancing.load_metric" enum:",task-count,cpu-usage,memory-usage"`
	PreferLocalWorkers bool   `key:"scheduler.load_balancing.prefer_local_workers"`
	// MaxNetworkLatency keeps tasks off nodes with a longer round trip; 0 is no bound.
	MaxNetworkLatency time.Duration `key:"scheduler.load_balancing.max_network_latency" unit:"1ms"`

	// AuctionWindow is how long an auction waits for offers at most; from 1 to 500 ms.
	AuctionWindow time.Duration `key:"scheduler.auction.window" unit:"1ms"`
	// TrustFile says how far other nodes are trusted, from 0 to 1; "" trusts everyone
	// 0.5. It is read again when it changes. Nodes trusted less than MinExecute get no
	// tasks, those trusted less than MinSubmit cannot have theirs run here. Both are
	// above 0: whom nobody trusts at all is kept out.
	TrustFile  string  `key:"scheduler.trust.file"`
	MinExecute float64 `key:"scheduler.trust.min_execute"`
	MinSubmit  float64 `key:"scheduler.trust.min_submit"`
	// DefaultWeights, LatencyWeights and ThroughputWeights change what the terms of a
	// score weigh, by their names, for tasks of each class: trust, capacity, queue,
	// rtt, spread, local, prefer, avoid, region, label, near, colocate, gpu.
	DefaultWeights    map[string]float64 `key:"scheduler.weights.default"`
	LatencyWeights    map[string]float64 `key:"scheduler.weights.latency"`
	ThroughputWeights map[string]float64 `key:"scheduler.weights.throughput"`

	// HealthCheckInterval is the time between signs of life of running tasks. A node
	// is lost when so many as MaxConsecutiveFailures are missing, and
	// HealthCheckTimeout has passed: see [Config.LostAfter].
	HealthCheckInterval    time.Duration `key:"scheduler.fault_tolerance.health_check_interval" unit:"1s"`
	HealthCheckTimeout     time.Duration `key:"scheduler.fault_tolerance.health_check_timeout" unit:"1s"`
	MaxConsecutiveFailures int           `key:"scheduler.fault_tolerance.max_consecutive_failures"`
	// EnableRetries false means one attempt; MaxRetries counts those after the
	// first. See [Config.Attempts].
	EnableRetries bool   `key:"scheduler.fault_tolerance.enable_retries"`
	MaxRetries    int    `key:"scheduler.fault_tolerance.max_retries"`
	RetryBackoff  string `key:"scheduler.fault_tolerance.retry_backoff" enum:"exponential,constant"`

	// TaskCheckpoints is the time between checkpoints of a task that runs for more than a
	// second, which Keepers other nodes keep; of those here, CheckpointQuota bounds the bytes.
	TaskCheckpoints time.Duration `key:"scheduler.checkpoints.interval" unit:"1ms"`
	Keepers         int           `key:"scheduler.checkpoints.keepers"`
	CheckpointQuota units.Size    `key:"scheduler.checkpoints.quota"`

	// ActorReplicas is how many nodes keep an actor that asks for no number.
	ActorReplicas int `key:"actors.replicas"`
	// CheckpointInterval is the time between checkpoints of an actor that works.
	CheckpointInterval time.Duration `key:"actors.checkpoint_interval" unit:"1ms"`
	// HeartbeatInterval is the time between signs of life of nodes that share actors; one
	// that is silent for SuspectAfter counts as dead, and what it kept others keep in
	// its place after ReplaceAfter.
	HeartbeatInterval time.Duration `key:"actors.heartbeat_interval" unit:"1ms"`
	SuspectAfter      time.Duration `key:"actors.suspect_after" unit:"1ms"`
	ReplaceAfter      time.Duration `key:"actors.replace_after" unit:"1s"`
	// IdleAfter is after what time without work an actor leaves the memory.
	IdleAfter time.Duration `key:"actors.idle_after" unit:"1s"`

	// LogLevel is debug, info, warn or error; LogFormat text or json.
	LogLevel  string `key:"log.level" enum:"debug,info,warn,error"`
	LogFormat string `key:"log.format" enum:"text,json"`
}

// Default is the configuration of an empty file.
func Default() Config {
	return Config{
		Data: DefaultData(), MDNS: true, Run: true, GPUs: true, Grace: 10 * time.Second,
		DiscoveryInterval: time.Minute,
		TaskMemory:        128 << 20, MaxOutput: 256 << 20, MaxQueued: 100_000, KeepEnded: 24 * time.Hour,
		BindAddress: "127.0.0.1:8080", MaxRequestSize: 10_000_000,
		MaxAttempts: 3, BackoffBase: 2 * time.Second, BackoffMax: time.Minute,
		RetryOnTimeout: true, RetryOnWorkerFailure: true,
		MinExecute: 0.3, MinSubmit: 0.1, AuctionWindow: wire.MaxWindow,
		HealthCheckInterval: time.Second, HealthCheckTimeout: 500 * time.Millisecond, MaxConsecutiveFailures: 3,
		TaskCheckpoints: 100 * time.Millisecond, Keepers: 2, CheckpointQuota: 16 << 30,
		ActorReplicas: 3, CheckpointInterval: 100 * time.Millisecond, HeartbeatInterval: 100 * time.Millisecond,
		SuspectAfter: 350 * time.Millisecond, ReplaceAfter: 30 * time.Second, IdleAfter: 2 * time.Second,
		EnableRetries: true, MaxRetries: 2, RetryBackoff: "exponential",
		LogLevel: "warn", LogFormat: "text",
	}
}

// DefaultData is where a node keeps its data unless told otherwise: godwit in
// $XDG_DATA_HOME or ~/.local/share
// (https://specifications.freedesktop.org/basedir-spec/latest/).
func DefaultData() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "godwit")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share", "godwit")
}

// Attempts is how often a task is tried: the smaller number where max_attempts
// and max_retries disagree.
func (c Config) Attempts() int {
	if !c.EnableRetries {
		return 1
	}
	return min(c.MaxAttempts, c.MaxRetries+1)
}

// LostAfter is how long a node may be silent about a task before it counts as
// lost. A connection that closes tells sooner.
func (c Config) LostAfter() time.Duration {
	return time.Duration(c.MaxConsecutiveFailures)*c.HealthCheckInterval + c.HealthCheckTimeout
}

// KeyError is a value that makes no sense, and the key it belongs to.
type KeyError struct {
	Key string
	Err error
}

func (e *KeyError) Error() string { return e.Key + ": " + e.Err.Error() }
func (e *KeyError) Unwrap() error { return e.Err }

// Validate reports the first value that makes no sense. Its errors are *KeyError.
func (c Config) Validate() error {
	for _, f := range fieldsOf(&c) {
		if err := f.validate(); err != nil {
			return &KeyError{f.key, err}
		}
	}
	if err := c.validatePlacement(); err != nil {
		return err
	}
	wrong := func(key, format string, args ...any) error { return &KeyError{key, fmt.Errorf(format, args...)} }
	const tolerance = "scheduler.fault_tolerance."
	switch lost := c.LostAfter(); {
	case c.Data == "":
		return wrong("node.data", "no data folder: there is no home folder to put it in")
	case c.MaxAttempts < 1:
		return wrong("scheduler.retry.max_attempts", "want at least 1")
	case c.BackoffMax < c.BackoffBase:
		return wrong("scheduler.retry.backoff_max", "%v is less than backoff_base, %v", c.BackoffMax, c.BackoffBase)
	case c.Token != "" && c.TokenFile != "":
		return wrong("scheduler.api.token_file", "there is a token too")
	case lost < time.Second:
		return wrong(tolerance+"health_check_interval", "a node would be lost after %v: want a second at least", lost)
	case lost > 24*time.Hour:
		return wrong(tolerance+"health_check_interval", "a node would be lost after %v: want a day at most", lost)
	case c.TaskCheckpoints < 10*time.Millisecond:
		return wrong("scheduler.checkpoints.interval", "want 10 ms at least")
	case c.Keepers < 1 || c.Keepers > 8:
		return wrong("scheduler.checkpoints.keepers", "want 1 to 8")
	case c.ActorReplicas < 1 || c.ActorReplicas > 7:
		return wrong("actors.replicas", "want 1 to 7")
	case min(c.CheckpointInterval, c.HeartbeatInterval, c.IdleAfter) < 10*time.Millisecond:
		return wrong("actors", "checkpoint_interval, heartbeat_interval and idle_after: want 10 ms at least")
	case c.SuspectAfter < 2*c.HeartbeatInterval:
		return wrong("actors.suspect_after", "want two heartbeats at least")
	case c.ReplaceAfter < c.SuspectAfter:
		return wrong("actors.replace_after", "want suspect_after at least")
	case c.MaxQueued < 1:
		return wrong("scheduler.max_queued", "want at least 1")
	}
	return nil
}

// validatePlacement checks what decides where tasks run.
func (c Config) validatePlacement() error {
	for key, v := range map[string]float64{"scheduler.trust.min_execute": c.MinExecute, "scheduler.trust.min_submit": c.MinSubmit} {
		if !(v > 0 && v <= 1) {
			return &KeyError{key, fmt.Errorf("%v is not above 0 and up to 1", v)}
		}
	}
	switch {
	case c.AuctionWindow < time.Millisecond || c.AuctionWindow > wire.MaxWindow:
		return &KeyError{"scheduler.auction.window", fmt.Errorf("%v is not from 1ms to %v", c.AuctionWindow, wire.MaxWindow)}
	case c.Cost > 1e9:
		return &KeyError{"node.cost", fmt.Errorf("%v is more than 1e9 credits", c.Cost)}
	}
	for key, values := range map[string]map[string]float64{
		"scheduler.weights.default": c.DefaultWeights, "scheduler.weights.latency": c.LatencyWeights,
		"scheduler.weights.throughput": c.ThroughputWeights,
	} {
		if err := (placement.Options{Weights: values}).Validate(); err != nil {
			return &KeyError{key, err}
		}
	}
	return nil
}

// warnings are what Validate lets pass although it is probably not meant.
func (c Config) warnings(set map[string]source) []string {
	const attempts, retries = "scheduler.retry.max_attempts", "scheduler.fault_tolerance.max_retries"
	var list []string
	if c.EnableRetries && set[attempts] != "" && set[retries] != "" && c.MaxAttempts != c.MaxRetries+1 {
		list = append(list, fmt.Sprintf("%s = %d and %s = %d (%d attempts) disagree: a task is tried %d times",
			attempts, c.MaxAttempts, retries, c.MaxRetries, c.MaxRetries+1, c.Attempts()))
	}
	return list
}

// agree settles what only one of two keys with one meaning says.
func (c *Config) agree(set map[string]source) {
	const attempts, retries = "scheduler.retry.max_attempts", "scheduler.fault_tolerance.max_retries"
	switch {
	case set[attempts] != "" && set[retries] == "":
		c.MaxRetries = c.MaxAttempts - 1
	case set[retries] != "" && set[attempts] == "":
		c.MaxAttempts = c.MaxRetries + 1
	}
}

// Keys are all keys, sorted.
func Keys() []string {
	var c Config
	var keys []string
	for _, f := range fieldsOf(&c) {
		keys = append(keys, f.key)
	}
	slices.Sort(keys)
	return keys
}

// Variable is the environment variable of a key.
func Variable(key string) string {
	return "GODWIT_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}
