package gossip

import (
	"context"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// validateVector decides about a message that claims to be a vector. Rejection
// counts against the peer that sent it, so it is for what no honest node sends:
// one that merely passes on a record late is ignored.
func (m *Mesh) validateVector(_ context.Context, from peer.ID, msg *pubsub.Message) pubsub.ValidationResult {
	v, err := open[wire.Vector](msg.Data)
	if err != nil {
		m.cfg.Log.Debug("bad vector", "from", from, "err", err)
		return pubsub.ValidationReject
	}
	now := time.Now()
	if v.StartedAt().After(now.Add(m.cfg.MaxSkew)) || !m.vectors.take(now, string(v.Node), mark{v.Started, v.Seq}) {
		return pubsub.ValidationIgnore
	}
	if v.Node != m.cfg.Self {
		m.cfg.Vector(v)
	}
	return pubsub.ValidationAccept
}

// validateModel decides about a message that claims to be a model.
func (m *Mesh) validateModel(_ context.Context, from peer.ID, msg *pubsub.Message) pubsub.ValidationResult {
	v, err := open[wire.Model](msg.Data)
	if err != nil {
		m.cfg.Log.Debug("bad model", "from", from, "err", err)
		return pubsub.ValidationReject
	}
	now := time.Now()
	key := string(v.Publisher) + v.Name
	if v.PublishedAt().After(now.Add(m.cfg.MaxSkew)) || !m.models.take(now, key, mark{v.Published, 0}) {
		return pubsub.ValidationIgnore
	}
	if v.Publisher != m.cfg.Self {
		m.cfg.Model(v, msg.Data)
	}
	return pubsub.ValidationAccept
}

// open checks an envelope: its size, its signature, and then what it says.
func open[T wire.Record](envelope []byte) (T, error) {
	if len(envelope) > MaxMessage {
		var none T
		return none, errTooLarge
	}
	return wire.Open[T](envelope)
}

// mark orders the records of one kind and signer.
type mark struct {
	era int64
	seq uint64
}

func (m mark) after(other mark) bool {
	return m.era > other.era || m.era == other.era && m.seq > other.seq
}

// newest knows the newest record under each key, so that none is taken twice and
// none after a newer one: replayed and stale records end here.
type newest struct {
	most     int
	interval time.Duration

	mu    sync.Mutex
	marks map[string]*taken
}

// taken is what was taken last under a key, and when.
type taken struct {
	mark mark
	at   time.Time
}

// forget is after what time without a record a key may make room for another.
// Until then a record of before cannot be played again.
const forget = time.Hour

func newNewest(most int, interval time.Duration) *newest {
	return &newest{most: most, interval: interval, marks: make(map[string]*taken)}
}

// take tells whether a record is newer than all before, and not too soon after
// the last one. If so it counts as taken.
func (n *newest) take(now time.Time, key string, m mark) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := n.marks[key]
	if last == nil {
		if len(n.marks) >= n.most && !n.makeRoom(now) {
			return false
		}
		n.marks[key] = &taken{m, now}
		return true
	}
	if !m.after(last.mark) || now.Sub(last.at) < n.interval {
		return false
	}
	*last = taken{m, now}
	return true
}

// makeRoom drops what was last heard of long ago.
func (n *newest) makeRoom(now time.Time) bool {
	for key, t := range n.marks {
		if now.Sub(t.at) > forget {
			delete(n.marks, key)
		}
	}
	return len(n.marks) < n.most
}
