package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit"
	"github.com/godwit-run/godwit/hostabi/gpu/driver"
	"github.com/godwit-run/godwit/internal/config"
)

// nodeFlags are the flags of `godwit node start`. Each that is given goes over
// the key it belongs to.
type nodeFlags struct {
	file              string
	data, api         string
	listen, bootstrap []string
	region            string
	labels            []string
	noMDNS            bool
	cpu, memory       string
	logLevel          string
	logFormat         string
}

func newNodeStart() *cobra.Command {
	var f nodeFlags
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Run a node until it is told to stop",
		Long: `Runs a node: it takes tasks, finds nodes for them, and runs those of others. It
finds other nodes on the local network by itself, and further ones by --bootstrap
with an address that another node printed. Once ready it prints one line of JSON:
{"peer_id", "api", "addrs"}.

SIGTERM and Ctrl-C drain it, as "godwit node drain" does, and end it then: no new work,
running tasks go on on other nodes from where they are; those that cannot may finish
within the grace time, and then go back to their queues.

Settings come from --config FILE (default $GODWIT_CONFIG), then from variables, such
as GODWIT_SCHEDULER_TASK_TIMEOUT for task_timeout in [scheduler], then from flags.
The API is open to this machine only unless a token (GODWIT_TOKEN) or client
certificates are set.`,
		Example: `  godwit node start
  godwit node start --data /var/lib/godwit --bootstrap /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW...`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return startNode(cmd.Context(), f.file, f.overrides(cmd.Flags().Changed))
		},
	}
	f.register(cmd)
	return cmd
}

func (f *nodeFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.file, "config", os.Getenv("GODWIT_CONFIG"), "read settings from the TOML `FILE`")
	fs.StringVar(&f.data, "data", "", "keep key, tasks and blobs in `DIR` (default "+config.DefaultData()+")")
	fs.StringVar(&f.api, "api", "", "answer the API on `HOST:PORT` (default 127.0.0.1:8080)")
	fs.StringArrayVar(&f.listen, "listen", nil, "listen for nodes on `MULTIADDR` (repeatable; default every interface, TCP and QUIC)")
	fs.StringArrayVar(&f.bootstrap, "bootstrap", nil, "join the node at `MULTIADDR` (repeatable)")
	fs.StringVar(&f.region, "region", "", "say that the node is in that region")
	fs.StringArrayVar(&f.labels, "label", nil, "give the node the label `K=V` (repeatable)")
	fs.BoolVar(&f.noMDNS, "no-mdns", false, "do not look for nodes on the local network")
	fs.StringVar(&f.cpu, "cpu", "", "offer that many `CORES` (default what there is)")
	fs.StringVar(&f.memory, "memory", "", "offer memory of that `SIZE` (default what there is)")
	fs.StringVar(&f.logLevel, "log-level", "", "log that and above: debug, info, warn or error (default warn)")
	fs.StringVar(&f.logFormat, "log-format", "", "log as text or json (default text)")
	complete(cmd, "config", completeFile)
	complete(cmd, "data", completeDir)
	complete(cmd, "log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
	complete(cmd, "log-format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// overrides are the settings that flags make.
func (f *nodeFlags) overrides(given func(flag string) bool) (list []config.Override) {
	for _, o := range []struct{ flag, key, value string }{
		{"data", "node.data", f.data},
		{"api", "scheduler.api.bind_address", f.api},
		{"listen", "node.listen", strings.Join(f.listen, ",")},
		{"bootstrap", "node.bootstrap", strings.Join(f.bootstrap, ",")},
		{"region", "node.region", f.region},
		{"label", "node.labels", strings.Join(f.labels, ",")},
		{"no-mdns", "node.mdns", strconv.FormatBool(!f.noMDNS)},
		{"cpu", "node.cpu", f.cpu},
		{"memory", "node.memory", f.memory},
		{"log-level", "log.level", f.logLevel},
		{"log-format", "log.format", f.logFormat},
	} {
		if given(o.flag) {
			list = append(list, config.Override{Key: o.key, Value: o.value})
		}
	}
	return list
}

// startNode runs a node until the first signal, and then until it has drained.
func startNode(ctx context.Context, file string, overrides []config.Override) (err error) {
	cfg, warnings, err := config.Load(file, os.Environ(), overrides...)
	if err != nil {
		return err
	}
	log := newLog(cfg)
	slog.SetDefault(log) // libraries that use package log speak through it as well
	for _, w := range warnings {
		log.Warn(w)
	}
	settings := nodeConfig(cfg, log)
	if cfg.GPUs && cfg.Run {
		gpus, err := driver.New(driver.Config{CacheDir: filepath.Join(cfg.Data, "gpu")})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, gpus.Close()) }()
		settings.Devices, settings.DeviceMemory = gpus, uint64(cfg.GPUMemory)
	}
	node, err := godwit.New(settings)
	if err != nil {
		return err
	}
	ctx, letGo := withSignals(ctx)
	defer letGo()
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	select {
	case <-node.Running():
		if err := json.NewEncoder(os.Stdout).Encode(whereabouts{node.ID(), apiURL(cfg, node.APIAddr()), node.Addrs()}); err != nil {
			log.Error("say where the node is", "err", err)
		}
		err = <-ended
	case err = <-ended:
	}
	return explainStart(cfg, err)
}

// apiURL is where this machine reaches the API.
func apiURL(cfg config.Config, addr string) string {
	if host, port, err := net.SplitHostPort(addr); err == nil && net.ParseIP(host).IsUnspecified() {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	if cfg.TLSCert != "" {
		return "https://" + addr
	}
	return "http://" + addr
}

// whereabouts is what a node prints when it is ready.
type whereabouts struct {
	PeerID string   `json:"peer_id"`
	API    string   `json:"api"`
	Addrs  []string `json:"addrs"`
}

// explainStart adds what can be done about a node that does not start.
func explainStart(cfg config.Config, err error) error {
	var hinted interface{ Hint() string }
	if errors.Is(err, syscall.EADDRINUSE) && !errors.As(err, &hinted) {
		return hintedError{err, fmt.Sprintf("another program has an address of this node; --api 127.0.0.1:0 takes a free one instead of %s", cfg.BindAddress)}
	}
	return err
}

// newLog writes to standard error.
func newLog(cfg config.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		panic(err) // config has checked it
	}
	options := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// nodeConfig is a configuration as the node takes it.
func nodeConfig(c config.Config, log *slog.Logger) godwit.Config {
	n := godwit.Config{
		Dir: c.Data, Listen: c.Listen, Bootstrap: c.Bootstrap, NoMDNS: !c.MDNS, Region: c.Region, Labels: c.Labels,
		API: c.BindAddress, APIToken: c.Token, APICert: c.TLSCert, APIKey: c.TLSKey, APIClientCA: c.ClientCA,
		MaxRequestBytes: int64(c.MaxRequestSize),
		CPU:             c.CPU, Memory: uint64(c.Memory), Storage: uint64(c.Storage), Network: c.Network,
		BlobQuota: int64(c.BlobQuota), MaxTasks: c.MaxConcurrentTasks, NoRun: !c.Run,
		MaxQueued: c.MaxQueued, SubmitRate: c.SubmitRate, MaxAttempts: c.Attempts(),
		BackoffBase: c.BackoffBase, BackoffMax: c.BackoffMax,
		NoRetryTimeout: !c.RetryOnTimeout, NoRetryLost: !c.RetryOnWorkerFailure,
		TaskTimeout: c.TaskTimeout, TaskMemory: uint64(c.TaskMemory), LostAfter: c.LostAfter(),
		Algorithm: c.SelectionAlgorithm, Strategy: c.Strategy, LoadMetric: c.LoadMetric,
		Cost: c.Cost, AuctionWindow: c.AuctionWindow,
		TrustFile: c.TrustFile, MinExecute: c.MinExecute, MinSubmit: c.MinSubmit,
		DefaultWeights: c.DefaultWeights, LatencyWeights: c.LatencyWeights, ThroughputWeights: c.ThroughputWeights,
		PreferLocal: c.PreferLocalWorkers, MaxLatency: c.MaxNetworkLatency, Discovery: c.DiscoveryInterval,
		Version:   readVersion().Version,
		MaxOutput: int64(c.MaxOutput), KeepEnded: c.KeepEnded, Grace: c.Grace, Log: log,
		TaskCheckpointEvery: c.TaskCheckpoints, TaskKeepers: c.Keepers, TaskCheckpointQuota: int64(c.CheckpointQuota),
		ActorReplicas: c.ActorReplicas, CheckpointEvery: c.CheckpointInterval, ActorHeartbeat: c.HeartbeatInterval,
		ActorSuspectAfter: c.SuspectAfter, ActorReplaceAfter: c.ReplaceAfter, ActorIdleAfter: c.IdleAfter,
	}
	if c.RetryBackoff == "constant" {
		n.BackoffMax = n.BackoffBase
	}
	return n
}
