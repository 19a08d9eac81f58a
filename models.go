package godwit

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/journal"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/gossip"
	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// prefixModels is where the journal keeps the models that are known.
	prefixModels = "m/"
	// maxModels bounds them.
	maxModels = 1024
	// protocolModels is what a node asks a new neighbour for all models with, since
	// gossip tells only of those to come: each envelope after its length as a uvarint.
	protocolModels protocol.ID = "/godwit/models/1"
	// modelsTimeout bounds asking and answering.
	modelsTimeout = 20 * time.Second
	// modelPin is the prefix of the names of pins that keep what this node's models need.
	modelPin = "model/"
)

// knownModel is a model, its envelope, and when this node first heard of it. Of
// models with one name the one known for longest is meant, so that nobody takes a
// name over.
type knownModel struct {
	wire.Model
	envelope []byte
	heard    time.Time
}

// models are all models that the node knows, its own included.
type models struct {
	journal *journal.Journal
	self    wire.NodeID
	log     *slog.Logger
	changed func(m wire.Model) // is told of news

	mu     sync.Mutex
	list   map[string]*knownModel // by publisher and name
	asking map[peer.ID]bool       // who is being asked for models
}

func loadModels(j *journal.Journal, self wire.NodeID, log *slog.Logger, changed func(wire.Model)) (*models, error) {
	r := &models{journal: j, self: self, log: log, changed: changed, list: make(map[string]*knownModel), asking: make(map[peer.ID]bool)}
	for e, err := range j.Under(prefixModels) {
		if err != nil {
			return nil, err
		}
		if len(e.Value) < 8 {
			return nil, fmt.Errorf("journal: model of %d bytes", len(e.Value))
		}
		envelope := slices.Clone(e.Value[8:])
		m, err := wire.Open[wire.Model](envelope)
		if err != nil {
			return nil, fmt.Errorf("journal: model: %w", err)
		}
		heard := time.UnixMilli(int64(binary.BigEndian.Uint64(e.Value)))
		r.list[modelKey(m.Publisher, m.Name)] = &knownModel{m, envelope, heard}
	}
	return r, nil
}

func modelKey(publisher wire.NodeID, name string) string { return string(publisher) + "/" + name }

// add takes a model whose envelope was checked, and tells whether it is news. One
// of this node itself is on disk when it returns; others can be asked for again.
func (r *models) add(m wire.Model, envelope []byte) (bool, error) {
	key := modelKey(m.Publisher, m.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.list[key]
	if old != nil && old.Published >= m.Published || old == nil && len(r.list) >= maxModels {
		return false, nil
	}
	k := &knownModel{m, envelope, time.Now()}
	if old != nil {
		k.heard = old.heard
	}
	value := binary.BigEndian.AppendUint64(nil, uint64(k.heard.UnixMilli()))
	err := r.journal.Commit([]journal.Record{{Key: []byte(prefixModels + key), Value: append(value, envelope...)}}, m.Publisher == r.self)
	if err != nil {
		return false, err
	}
	r.list[key] = k
	return true, nil
}

// nextPublished is the time of a new version of a model of this node: after that of
// the version before, whatever the clock says.
func (r *models) nextPublished(name string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now().UnixMilli()
	if old := r.list[modelKey(r.self, name)]; old != nil {
		now = max(now, old.Published+1)
	}
	return now
}

// hear takes a model from another node.
func (r *models) hear(m wire.Model, envelope []byte) {
	news, err := r.add(m, slices.Clone(envelope))
	if err != nil {
		r.log.Error("keep model", "name", m.Name, "err", err)
	}
	if news {
		r.changed(m)
	}
}

// find is the model that a name means: this node's own, else the one it has known
// for longest.
func (r *models) find(name string) (wire.Model, bool) {
	var best *knownModel
	for _, k := range r.all() {
		if k.Name != name {
			continue
		}
		if k.Publisher == r.self {
			return k.Model, true
		}
		if best == nil || k.heard.Before(best.heard) {
			best = k
		}
	}
	if best == nil {
		return wire.Model{}, false
	}
	return best.Model, true
}

// all are the models that have not been withdrawn, by name.
func (r *models) all() []*knownModel {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*knownModel
	for _, k := range r.list {
		if !k.Withdrawn {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b *knownModel) int {
		return strings.Compare(a.Name+string(a.Publisher), b.Name+string(b.Publisher))
	})
	return list
}

// names are the models that this node publishes, for its vector.
func (r *models) names() (names []string) {
	for _, k := range r.all() {
		if k.Publisher == r.self && len(names) < wire.MaxModels {
			names = append(names, k.Name)
		}
	}
	return names
}

// differs tells whether the models that a node says it publishes are others than
// those known of it: some news has been lost on the way.
func (r *models) differs(v *wire.Vector) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := 0
	for _, k := range r.list {
		if k.Publisher == v.Node && !k.Withdrawn {
			known++
		}
	}
	for _, name := range v.Models {
		if k := r.list[modelKey(v.Node, name)]; k == nil || k.Withdrawn {
			return true
		}
	}
	return known != len(v.Models) && len(v.Models) < wire.MaxModels
}

// ask tells whether to ask a node for models: not while it is being asked.
func (r *models) ask(p peer.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asking[p] {
		return false
	}
	r.asking[p] = true
	return true
}

func (r *models) asked(p peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.asking, p)
}

// envelopes are those of all models, the withdrawn ones too.
func (r *models) envelopes() (list [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.list {
		list = append(list, k.envelope)
	}
	return list
}

// answer tells a neighbour of all models.
func (r *models) answer(s network.Stream) {
	defer s.Close()
	if err := s.SetDeadline(time.Now().Add(modelsTimeout)); err != nil {
		s.Reset()
		return
	}
	w := bufio.NewWriter(s)
	for _, e := range r.envelopes() {
		w.Write(append(binary.AppendUvarint(nil, uint64(len(e))), e...)) // Flush tells
	}
	if err := w.Flush(); err != nil {
		s.Reset()
	}
}

// heard takes a vector from another node.
func (n *Node) heard(v wire.Vector) {
	n.tell(scheduler.Learned{Vector: v})
	p := peer.ID(v.Node)
	if !n.models.differs(&v) || n.host.Network().Connectedness(p) != network.Connected || !n.models.ask(p) {
		return
	}
	n.runs.background(func(ctx context.Context) {
		defer n.models.asked(p)
		if err := n.askModels(ctx, p); err != nil {
			n.log.Debug("ask for models", "peer", p, "err", err)
		}
	})
}

// askModels asks a new neighbour for all models that it knows.
func (n *Node) askModels(ctx context.Context, p peer.ID) error {
	ctx, cancel := context.WithTimeout(ctx, modelsTimeout)
	defer cancel()
	s, err := n.host.NewStream(ctx, p, protocolModels)
	if err != nil {
		return err
	}
	defer s.Reset()
	if err := errors.Join(s.SetDeadline(time.Now().Add(modelsTimeout)), s.CloseWrite()); err != nil {
		return err
	}
	r := bufio.NewReader(s)
	for range maxModels {
		envelope, err := readEnvelope(r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		m, err := wire.Open[wire.Model](envelope)
		if err != nil {
			return err
		}
		if m.PublishedAt().Before(time.Now().Add(maxSkew)) {
			n.models.hear(m, envelope)
		}
	}
	return nil
}

// maxSkew is how far the clock of another node may be ahead.
const maxSkew = 5 * time.Minute

func readEnvelope(r *bufio.Reader) ([]byte, error) {
	size, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if size > gossip.MaxMessage {
		return nil, fmt.Errorf("%w: %d", errFrame, size)
	}
	envelope := make([]byte, size)
	_, err = io.ReadFull(r, envelope)
	return envelope, cut(err)
}

// publishModel signs a model of this node and tells the mesh.
func (n *Node) publishModel(ctx context.Context, m wire.Model) error {
	m.Publisher, m.Published = n.self, n.models.nextPublished(m.Name)
	envelope, err := wire.Seal(m, ed25519.PrivateKey(n.folder.key))
	if err != nil {
		return fmt.Errorf("%w: %w", api.ErrInvalid, err)
	}
	if len(envelope) > gossip.MaxMessage {
		return fmt.Errorf("%w: a model of %d bytes, more than %d", api.ErrInvalid, len(envelope), gossip.MaxMessage)
	}
	if news, err := n.models.add(m, envelope); err != nil || !news {
		return errors.Join(err, errors.New("too many models"))
	}
	n.modelChanged(m)
	if err := n.mesh.PublishModel(ctx, envelope); err != nil {
		n.log.Debug("publish model", "err", err) // neighbours ask when they connect
	}
	nudge(n.announce)
	return nil
}

func (n *Node) modelChanged(m wire.Model) {
	out := n.apiModel(m)
	n.feed.Publish(api.Event{Type: api.EventModel, Time: time.Now().UTC(), Model: &out})
}

func (n *Node) apiModel(m wire.Model) api.Model {
	spec := api.ModelSpec{
		Name: m.Name, Args: m.Args, Env: m.Env, Inputs: apiInputs(m.Inputs), Limits: apiLimits(m.Limits),
		Requirements: apiRequirements(&wire.Spec{Profile: m.Profile}),
	}
	if m.Module.Defined() {
		spec.Module = m.Module.String()
	}
	return api.Model{ModelSpec: spec, Publisher: m.Publisher.String(), CreatedAt: m.PublishedAt().UTC()}
}

// AddModel implements the API's backend.
func (n *Node) AddModel(ctx context.Context, spec api.ModelSpec) (api.Model, error) {
	m := wire.Model{Name: spec.Name, Publisher: n.self, Args: spec.Args, Env: spec.Env, Limits: wireLimits(spec.Limits)}
	var err error
	if m.Module, err = wire.ParseLink(spec.Module); err == nil {
		m.Inputs, err = wireInputs(spec.Inputs)
	}
	if err == nil {
		m.Profile, err = wireProfile(&spec.Requirements)
	}
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		return api.Model{}, fmt.Errorf("%w: %w", api.ErrInvalid, err)
	}
	s := m.Spec()
	for _, c := range needs(&s) {
		if err := n.store.Pin(blobs.Pin{Name: modelPin + m.Name, Reason: "model " + m.Name, CID: c}); err != nil {
			return api.Model{}, storeError(err)
		}
	}
	if _, err := n.store.ReadAll(ctx, m.Module.Cid, maxModuleBytes); err != nil {
		return api.Model{}, fmt.Errorf("module: %w", storeError(err))
	}
	if err := n.publishModel(ctx, m); err != nil {
		return api.Model{}, err
	}
	m, _ = n.models.find(m.Name)
	return n.apiModel(m), nil
}

// Models implements the API's backend.
func (n *Node) Models(context.Context) ([]api.Model, error) {
	list := []api.Model{}
	for _, k := range n.models.all() {
		list = append(list, n.apiModel(k.Model))
	}
	return list, nil
}

// RemoveModel implements the API's backend.
func (n *Node) RemoveModel(ctx context.Context, name string) error {
	m, ok := n.models.find(name)
	if !ok || m.Publisher != n.self {
		return fmt.Errorf("model %q of this node: %w", name, api.ErrNotFound)
	}
	if err := n.publishModel(ctx, wire.Model{Name: name, Withdrawn: true}); err != nil {
		return err
	}
	s := m.Spec()
	for _, c := range needs(&s) {
		if err := n.store.Unpin(c, modelPin+name); err != nil && !errors.Is(err, blobs.ErrNotPinned) {
			return storeError(err)
		}
	}
	return nil
}
