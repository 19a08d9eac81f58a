package godwit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/libp2p/go-libp2p/core/host"
	routedhost "github.com/libp2p/go-libp2p/p2p/host/routed"
	"golang.org/x/sync/errgroup"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/blobs/exchange"
	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/actor"
	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/journal"
	"github.com/godwit-run/godwit/internal/metrics"
	"github.com/godwit-run/godwit/runtime"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/gossip"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Node is one node of the mesh. Its methods are safe for concurrent use once it
// is running.
type Node struct {
	cfg       Config
	log       *slog.Logger
	startedAt time.Time
	ready     chan struct{} // closed once all below is set and the node takes tasks
	stopping  atomic.Bool   // set when it takes no more
	drained   atomic.Bool   // set while somebody wants no tasks here
	stopped   chan struct{} // closed once the cores are stepped no more
	announce  chan struct{} // has room for one: announce soon

	self      wire.NodeID
	capacity  wire.Capacity // what tasks may have, in all
	folder    *folder
	space     *space
	journal   *journal.Journal
	store     *blobs.Store
	host      host.Host
	dialler   *dialler
	discovery *discovery
	exchange  *exchange.Exchange
	mesh      *gossip.Mesh
	links     *links
	gpus      *gpus
	engine    *runtime.Engine
	// suspending is the engine of actors and of tasks that may run for long.
	suspending *runtime.Engine
	actors     *actors.Host
	code       *actorModules
	listener   net.Listener // of the API; nil if there is none

	loop      *loop
	committer *committer
	execution *execution
	keeper    *keeper
	runs      *runs
	logbook   *logbook
	holds     *holds
	models    *models
	labels    *labels
	announcer *announcer
	trusted   *trusted
	watcher   *watcher
	waiters   waiters
	ids       idTexts
	feed      *api.Feed
	metrics   *metrics.Set
	offers    offers
	bidder    *bidder

	closers []func() error // of what open has opened, in that order
	once    sync.Once
}

// ErrRan: a node runs once.
var ErrRan = errors.New("the node has run already")

// feedSize is how many events are kept for readers that come late.
const feedSize = 4096

// New checks a configuration and allocates a node. Nothing happens before Run.
func New(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Node{
		cfg: cfg, log: cfg.Log, feed: api.NewFeed(feedSize),
		ready: make(chan struct{}), stopped: make(chan struct{}), announce: make(chan struct{}, 1),
	}, nil
}

// Run is the node's life. When ctx is done it takes no new work, lets the tasks
// that run here finish within the grace time, hands the others back, and returns
// nil. It returns an error if the node could not start or cannot go on.
func (n *Node) Run(ctx context.Context) error {
	err := ErrRan
	n.once.Do(func() { err = n.run(ctx) })
	return err
}

func (n *Node) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, n.close()) }()
	n.startedAt = time.Now()
	if err := n.open(ctx); err != nil {
		return err
	}
	return n.serve(ctx)
}

// opened remembers what to close.
func (n *Node) opened(closer func() error) { n.closers = append(n.closers, closer) }

// close closes all that was opened, the last first.
func (n *Node) close() error {
	var errs []error
	for len(n.closers) > 0 {
		last := len(n.closers) - 1
		errs = append(errs, n.closers[last]())
		n.closers = n.closers[:last]
	}
	return errors.Join(errs...)
}

// open opens everything, from the disk up.
func (n *Node) open(ctx context.Context) error {
	for _, step := range []func(context.Context) error{n.openDisk, n.openHost, n.openMesh, n.openCores, n.openActors, n.openKeeper, n.openAPI} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// openDisk opens what the data folder holds, and begins to look for devices.
func (n *Node) openDisk(ctx context.Context) (err error) {
	n.gpus = n.cfg.findGPUs(ctx)
	n.opened(n.gpus.close)
	if n.folder, err = openFolder(n.cfg.Dir); err != nil {
		return err
	}
	n.opened(n.folder.close)
	n.space = &space{dir: n.cfg.Dir}
	ballast := n.folder.path(ballastName)
	if err := n.space.takeBallast(ballast); err != nil {
		n.log.Warn("ballast", "err", err) // it is only for worse days
	}
	disk := vfs.OnDiskFull(vfs.Default, func() { os.Remove(ballast) }) // and the write is tried again
	if n.journal, err = openJournal(disk, n.folder.path(journalName), n.log); err != nil {
		return err
	}
	n.opened(n.journal.Close)
	n.store, err = blobs.Open(blobs.Config{Dir: n.folder.path(blobsName), Quota: n.cfg.BlobQuota})
	if err != nil {
		return err
	}
	n.opened(n.store.Close)
	if err := errors.Join(os.RemoveAll(n.folder.path(tempName)), os.Mkdir(n.folder.path(tempName), 0o700)); err != nil {
		return err
	}
	if n.labels, err = loadLabels(n.journal, n.cfg.Labels); err != nil {
		return err
	}
	if n.trusted, err = newTrusted(n.cfg.TrustFile, n.log); err != nil {
		return err
	}
	n.capacity, err = n.cfg.capacity(ctx)
	return err
}

// openHost opens the libp2p host and says who this node is.
func (n *Node) openHost(context.Context) (err error) {
	if n.host, err = openHost(n.folder, n.journal, n.cfg.Listen); err != nil {
		return err
	}
	n.opened(n.host.Close)
	n.self = wire.NodeID(n.host.ID())
	switch {
	case n.folder.lost:
		n.log.Warn("the journal is gone: what the node of this folder had accepted is lost, and this is a new node", "id", n.host.ID())
	case n.folder.born:
		n.log.Warn("new node: there was none in the data folder", "id", n.host.ID(), "dir", n.cfg.Dir)
	default:
		n.log.Info("node", "id", n.host.ID())
	}
	n.models, err = loadModels(n.journal, n.self, n.log, n.modelChanged)
	return err
}

// openMesh opens what finds other nodes and talks to them.
func (n *Node) openMesh(context.Context) error {
	named, err := parsePeers(n.cfg.Bootstrap)
	if err != nil {
		return err
	}
	if n.dialler, err = newDialler(n.host, n.journal, n.log, named, n.connection, n.recognized); err != nil {
		return err
	}
	if n.discovery, err = newDiscovery(n.host, n.log, named, n.dialler); err != nil {
		return err
	}
	n.discovery.mdns, n.discovery.every = !n.cfg.NoMDNS, n.cfg.Discovery
	n.discovery.keys, n.discovery.wanted = n.capabilityKeys, n.wantedKeys
	n.opened(n.discovery.close)
	n.exchange, err = exchange.New(exchange.Config{
		Host: n.host, Blocks: n.store.Blockstore(), Router: n.discovery.dht, Roots: n.store.Announced,
	})
	if err != nil {
		return err
	}
	n.bidder = newBidder(n)
	n.mesh, err = gossip.New(gossip.Config{
		Host: n.host, Self: n.self, Log: n.log, Model: n.models.hear,
		Vector: n.heard, Request: n.bidder.hear,
		Joined: n.welcome,
	})
	return err
}

// welcome has this node announce itself to one that has just joined, and once more a
// little later: the way to it may not be open yet, and the next announcement is far.
func (n *Node) welcome() {
	nudge(n.announce)
	time.AfterFunc(joinDelay, func() { nudge(n.announce) })
}

// openCores makes the cores and hands them what is in the journal.
func (n *Node) openCores(context.Context) (err error) {
	if n.engine, err = runtime.New(runtime.Config{
		CacheDir: n.folder.path(codeName), HostModules: []hostabi.Module{actor.Module(), gpu.Module()},
	}); err != nil {
		return err
	}
	n.opened(n.engine.Close)
	n.offerGPUs()
	n.metrics = metrics.New(n.measure)
	policy, err := n.cfg.newPolicy()
	if err != nil {
		return err
	}
	submitter, err := scheduler.NewSubmitter(n.cfg.submitter(n.folder.key, policy, n.trusted.of))
	if err != nil {
		return err
	}
	executor, err := scheduler.NewExecutor(n.cfg.executor(n.folder.key, n.capacity, n.trusted.of))
	if err != nil {
		return err
	}
	n.execution = &execution{
		engine: n.engine, store: n.store, modules: newModules(n.engine, n.store), gpus: n.gpus, metrics: n.metrics,
		log: n.log, dir: n.folder.path(tempName), maxOutput: n.cfg.MaxOutput,
	}
	n.runs, n.logbook, n.holds = newRuns(n), newLogbook(n.journal), newHolds(n.store, n.log)
	if n.announcer, err = newAnnouncer(n); err != nil {
		return err
	}
	if n.watcher, err = newWatcher(n); err != nil {
		return err
	}
	n.committer = newCommitter(n.journal, n.send, n.effect)
	n.loop = newLoop(submitter, executor, n.committer, n.metrics.Selected, n.metrics.TaskRetried)
	if err := n.loop.restore(n.journal); err != nil {
		return err
	}
	return n.holds.restore(submitter)
}

// openKeeper opens what keeps the checkpoints of tasks. Those that may run for long run on
// the engine of the actors, which can suspend its guests.
func (n *Node) openKeeper(context.Context) (err error) {
	if n.keeper, err = openKeeper(n.keeperConfig()); err != nil {
		return err
	}
	n.opened(n.keeper.close)
	x := n.execution
	x.lasting, x.keeper, x.key = newModules(n.suspending, n.store), n.keeper, checkpoint.Ed25519Key(n.folder.key)
	x.every = n.cfg.TaskCheckpointEvery
	return nil
}

// openAPI opens the address of the REST interface.
func (n *Node) openAPI(context.Context) (err error) {
	if n.cfg.API == "" {
		return nil
	}
	if n.listener, err = api.Listen(n.cfg.api()); err != nil {
		return err
	}
	n.opened(func() error { n.listener.Close(); return nil }) // Serve may have closed it
	return nil
}

// serve runs all goroutines until ctx is done and the node has drained, or one of
// them fails.
func (n *Node) serve(ctx context.Context) error {
	living, die := context.WithCancel(context.WithoutCancel(ctx))
	defer die()
	work, living := errgroup.WithContext(living)
	n.links = newLinks(protocolTasks, routedhost.Wrap(n.host, n.discovery.dht), n.log, n.receive)
	n.host.SetStreamHandler(protocolModels, n.models.answer)
	n.store.Attach(n.exchange)
	for _, run := range []func(context.Context) error{
		n.runLoop, n.committer.run, n.exchange.Run, n.mesh.Run, n.watcher.run, n.dialler.run, n.discovery.run,
		n.announcer.run, n.bidder.run, n.holds.run, n.sweep, n.watchWorkers, n.watchTrust, n.measureRTT, n.watchSpace, n.serveAPI,
		n.runActors, n.keeper.run,
	} {
		work.Go(func() error { return run(living) })
	}
	if err := n.awaitActors(living); err != nil {
		die()
		return errors.Join(err, work.Wait())
	}
	close(n.ready)
	n.log.Info("ready", "after", time.Since(n.startedAt).Round(time.Millisecond))
	select {
	case <-ctx.Done():
		n.drain(living)
	case <-living.Done():
	}
	die()
	err := work.Wait()
	n.runs.close()
	n.links.close()
	return err
}

func (n *Node) runLoop(ctx context.Context) error {
	defer close(n.stopped)
	return n.loop.run(ctx)
}

func (n *Node) serveAPI(ctx context.Context) error {
	if n.listener == nil {
		<-ctx.Done()
		return nil
	}
	cfg := n.cfg.api()
	cfg.Metrics = n.metrics.Handler()
	if err := api.New(cfg, n).Serve(ctx, n.listener); err != nil {
		return fmt.Errorf("API: %w", err)
	}
	return nil
}

// drain lets what runs here finish, for the grace time at most, and then waits a
// little for what is left to be handed back.
func (n *Node) drain(ctx context.Context) {
	n.stopping.Store(true)
	n.log.Info("stopping")
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Grace+handBack)
	defer cancel()
	if err := n.step(ctx, scheduler.SetDraining{On: true, Grace: n.cfg.Grace}); err != nil {
		return
	}
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		n.drainActors(ctx, true)
	}()
	defer func() { <-moved }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		idle := false
		if n.ask(ctx, func() { idle = n.loop.executor.Idle() }) != nil || idle {
			break
		}
		<-tick.C
	}
	if err := n.announcer.leave(ctx); err != nil {
		n.log.Debug("take leave", "err", err)
	}
}

// handBack is how long a draining node waits for others to acknowledge what it has
// handed back to them.
const handBack = 2 * time.Second

// Running is closed once the node is ready to take tasks.
func (n *Node) Running() <-chan struct{} { return n.ready }

// ID is the node's peer id. To be called once the node is running.
func (n *Node) ID() string { return n.host.ID().String() }

// Addrs are the multiaddresses under which others reach the node, each with its
// id. To be called once the node is running.
func (n *Node) Addrs() []string { return fullAddrs(n.host) }

// APIAddr is the HOST:PORT of the REST interface, empty if there is none. To be
// called once the node is running.
func (n *Node) APIAddr() string {
	if n.listener == nil {
		return ""
	}
	return n.listener.Addr().String()
}

// ErrJournal is wrapped when the node's journal cannot be written any more, such as on a
// full or broken disk: the node must stop, and goes on from what is on disk when it is
// started again.
var ErrJournal = journal.ErrFailed

// openJournal opens the node's memory of everything but blobs and actors.
func openJournal(disk vfs.FS, dir string, log *slog.Logger) (*journal.Journal, error) {
	return journal.Open(disk, dir, journal.Config{Name: "journal", Cache: 1 << 20, Table: 4 << 20, Log: log})
}
