package godwit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
)

// Node is one node of the mesh. Its methods are safe for concurrent use.
type Node struct {
	cfg   Config
	log   *slog.Logger
	ready chan struct{} // closed once all below is set and the node takes tasks

	folder    *folder
	journal   *journal
	host      host.Host
	dialler   *dialler
	discovery *discovery
	links     *links

	closers []func() error // of what open has opened, in that order
	once    sync.Once
}

// ErrRan: a node runs once.
var ErrRan = errors.New("the node has run already")

// New checks a configuration and allocates a node. Nothing happens before Run.
func New(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Node{cfg: cfg, log: cfg.Log, ready: make(chan struct{})}, nil
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
	if err := n.open(); err != nil {
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

// open opens what needs no goroutine of ours.
func (n *Node) open() (err error) {
	if n.folder, err = openFolder(n.cfg.Dir); err != nil {
		return err
	}
	n.opened(n.folder.close)
	if n.journal, err = openJournal(n.folder.path(journalName), n.log); err != nil {
		return err
	}
	n.opened(n.journal.close)
	if n.host, err = openHost(n.folder, n.journal, n.cfg.Listen); err != nil {
		return err
	}
	n.opened(n.host.Close)
	n.sayWho()
	return n.openMesh()
}

// sayWho tells people which node this is.
func (n *Node) sayWho() {
	switch {
	case n.folder.lost:
		n.log.Warn("the journal is gone: what this folder's node had accepted is lost, and this is a new node", "id", n.host.ID())
	case n.folder.born:
		n.log.Info("new node", "id", n.host.ID())
	default:
		n.log.Info("node", "id", n.host.ID())
	}
}

// openMesh opens what finds other nodes and talks to them.
func (n *Node) openMesh() error {
	named, err := parsePeers(n.cfg.Bootstrap)
	if err != nil {
		return err
	}
	if n.dialler, err = newDialler(n.host, n.journal, n.log, named, n.connection); err != nil {
		return err
	}
	if n.discovery, err = newDiscovery(n.host, n.log, named, n.dialler); err != nil {
		return err
	}
	n.discovery.mdns, n.discovery.keys = !n.cfg.NoMDNS, n.capabilityKeys
	n.opened(n.discovery.close)
	return nil
}

// serve runs all goroutines until ctx is done or one of them fails.
func (n *Node) serve(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return n.dialler.run(ctx) })
	work.Go(func() error { return n.discovery.run(ctx) })
	close(n.ready)
	if err := work.Wait(); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	return nil
}

// Running is closed once the node is ready to take tasks.
func (n *Node) Running() <-chan struct{} { return n.ready }

// ID is the node's peer id. To be called once the node is running.
func (n *Node) ID() string { return n.host.ID().String() }

// Addrs are the multiaddresses under which others reach the node, each with its
// id. To be called once the node is running.
func (n *Node) Addrs() []string { return fullAddrs(n.host) }

func (n *Node) connection(p peer.ID, connected bool) {}

func (n *Node) capabilityKeys() []string { return []string{"node"} }
