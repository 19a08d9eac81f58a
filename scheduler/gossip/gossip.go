package gossip

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// The topics. Their names carry the version of what is said in them.
const (
	topicVectors  = "/godwit/vectors/1"
	topicModels   = "/godwit/models/1"
	topicRequests = "/godwit/requests/1"
)

// MaxMessage is the largest envelope that is passed on, in bytes.
const MaxMessage = 64 << 10

var errTooLarge = errors.New("gossip: record too large")

// ErrNotRunning: Run has not begun, or is over.
var ErrNotRunning = errors.New("gossip is not running")

// Config is what a mesh works over. Host and Self are needed.
type Config struct {
	// Host carries the protocol; it stays the caller's.
	Host host.Host
	// Self is this node, whose own records are not reported back.
	Self wire.NodeID
	// Vector and Model get each record that is new and well signed. They are
	// called by many goroutines and must not block. Either may be nil. Model also
	// gets the envelope, to be kept and passed on later.
	Vector func(v wire.Vector)
	Model  func(m wire.Model, envelope []byte)
	// Request gets each request for offers that is well signed and another node's. It
	// is called by many goroutines, must not block, and may be nil.
	Request func(r wire.Request)
	// Joined is called when another node takes part in the topic of vectors: a good
	// moment to publish one. It must not block, and may be nil.
	Joined func()
	// MaxNodes bounds of how many nodes, and of how many models, the newest record
	// is remembered; while there are as many, others are ignored. Default 8192.
	MaxNodes int
	// MinInterval is the least time between two vectors of one node; those that
	// come faster are not passed on. Default 50 ms.
	MinInterval time.Duration
	// MaxSkew is how far the clock of a node may be off. Default 5 minutes.
	MaxSkew time.Duration
	// Log takes what helps to find errors. Default: nothing is logged.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.MaxNodes == 0 {
		c.MaxNodes = 8192
	}
	if c.MinInterval == 0 {
		c.MinInterval = 50 * time.Millisecond
	}
	if c.MaxSkew == 0 {
		c.MaxSkew = 5 * time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Vector == nil {
		c.Vector = func(wire.Vector) {}
	}
	if c.Joined == nil {
		c.Joined = func() {}
	}
	if c.Request == nil {
		c.Request = func(wire.Request) {}
	}
	if c.Model == nil {
		c.Model = func(wire.Model, []byte) {}
	}
	return c
}

// Validate reports what is missing or makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Host == nil:
		return errors.New("gossip: no host")
	case c.Self == "":
		return errors.New("gossip: no id of this node")
	case c.MaxNodes < 0 || c.MinInterval < 0 || c.MaxSkew < 0:
		return errors.New("gossip: a negative bound")
	}
	return nil
}

// Mesh passes signed records on to all nodes.
type Mesh struct {
	cfg     Config
	vectors *newest
	models  *newest
	rates   *rates
	running atomic.Pointer[topics] // nil unless Run does
}

// topics are what a running mesh publishes in.
type topics struct {
	vectors, models, requests *pubsub.Topic
}

// New allocates a mesh; Run makes it work.
func New(cfg Config) (*Mesh, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Mesh{
		cfg:     cfg,
		vectors: newNewest(cfg.MaxNodes, cfg.MinInterval),
		models:  newNewest(cfg.MaxNodes, 0), // a withdrawal may follow at once
		rates:   newRates(cfg.MaxNodes),
	}, nil
}

// Run passes records on until ctx is done. It may be called once.
func (m *Mesh) Run(ctx context.Context) error {
	if err := m.run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("gossip: %w", err)
	}
	return nil
}

func (m *Mesh) run(ctx context.Context) error {
	ps, err := pubsub.NewGossipSub(ctx, m.cfg.Host,
		// Records carry their signer's signature: a second one, the sender's, adds nothing.
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
		pubsub.WithMaxMessageSize(MaxMessage+4096),
		pubsub.WithSubscriptionFilter(pubsub.WrapLimitSubscriptionFilter(
			pubsub.NewAllowlistSubscriptionFilter(topicVectors, topicModels, topicRequests), 16)),
		pubsub.WithPeerScore(scores()),
		pubsub.WithValidateQueueSize(256), pubsub.WithValidateThrottle(256),
		pubsub.WithFloodPublish(true),
	)
	if err != nil {
		return err
	}
	var t topics
	if t.vectors, err = join(ps, topicVectors, m.validateVector); err != nil {
		return err
	}
	if t.models, err = join(ps, topicModels, m.validateModel); err != nil {
		return err
	}
	if t.requests, err = join(ps, topicRequests, m.validateRequest); err != nil {
		return err
	}
	m.running.Store(&t)
	defer m.running.Store(nil)
	return m.watch(ctx, t.vectors)
}

// watch reports nodes that join a topic, until ctx is done.
func (m *Mesh) watch(ctx context.Context, t *pubsub.Topic) error {
	events, err := t.EventHandler()
	if err != nil {
		return err
	}
	defer events.Cancel()
	for {
		e, err := events.NextPeerEvent(ctx)
		if err != nil {
			return err
		}
		if e.Type == pubsub.PeerJoin {
			m.cfg.Joined()
		}
	}
}

// join takes part in a topic: relay keeps this node in its mesh, and what is said
// in it comes by way of the validator.
func join(ps *pubsub.PubSub, name string, validate pubsub.ValidatorEx) (*pubsub.Topic, error) {
	if err := ps.RegisterTopicValidator(name, validate, pubsub.WithValidatorConcurrency(64)); err != nil {
		return nil, err
	}
	t, err := ps.Join(name)
	if err == nil {
		_, err = t.Relay()
	}
	return t, err
}

// messageID names a message by its content: a copy of it is the same message,
// whoever sends it.
func messageID(m *pb.Message) string {
	sum := sha256.Sum256(m.Data)
	return string(sum[:20])
}

// PublishVector tells all nodes of a sealed vector of this node.
func (m *Mesh) PublishVector(ctx context.Context, envelope []byte) error {
	return m.publish(ctx, envelope, func(t *topics) *pubsub.Topic { return t.vectors })
}

// PublishModel tells all nodes of a sealed model, whoever signed it.
func (m *Mesh) PublishModel(ctx context.Context, envelope []byte) error {
	return m.publish(ctx, envelope, func(t *topics) *pubsub.Topic { return t.models })
}

func (m *Mesh) publish(ctx context.Context, envelope []byte, topic func(*topics) *pubsub.Topic) error {
	if len(envelope) > MaxMessage {
		return fmt.Errorf("gossip: %d bytes, more than %d", len(envelope), MaxMessage)
	}
	t := m.running.Load()
	if t == nil {
		return ErrNotRunning
	}
	if err := topic(t).Publish(ctx, envelope); err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	return nil
}
