package scheduler

import (
	"crypto/sha256"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// clients keeps the rates and the idempotency keys of those who submit.
type clients struct {
	rate    float64 // submissions a second; 0 is no bound
	burst   float64
	buckets map[string]*bucket
	keys    map[clientKey]keyUse
}

// bucket is a token bucket.
type bucket struct {
	tokens float64
	at     time.Time
}

type clientKey struct{ client, key string }

type keyUse struct {
	task   wire.TaskID
	digest [sha256.Size]byte
}

// maxBuckets is how many clients have buckets before those that are full again
// are dropped.
const maxBuckets = 1024

func newClients(cfg SubmitterConfig) clients {
	return clients{cfg.Rate, float64(cfg.Burst), make(map[string]*bucket), make(map[clientKey]keyUse)}
}

// wait is how long a client has to wait before its next submission.
func (c *clients) wait(now time.Time, client string) time.Duration {
	if c.rate == 0 {
		return 0
	}
	b := c.buckets[client]
	if b == nil {
		c.sweep(now)
		b = &bucket{tokens: c.burst, at: now}
		c.buckets[client] = b
	}
	b.fill(c, now)
	if b.tokens >= 1 {
		return 0
	}
	return time.Duration((1 - b.tokens) / c.rate * float64(time.Second))
}

// spend takes the token that wait has found.
func (c *clients) spend(client string) {
	if b := c.buckets[client]; b != nil {
		b.tokens--
	}
}

func (b *bucket) fill(c *clients, now time.Time) {
	b.tokens = min(c.burst, b.tokens+c.rate*now.Sub(b.at).Seconds())
	b.at = now
}

func (c *clients) sweep(now time.Time) {
	if len(c.buckets) < maxBuckets {
		return
	}
	for name, b := range c.buckets {
		if b.fill(c, now); b.tokens == c.burst {
			delete(c.buckets, name)
		}
	}
}

// seen looks up an idempotency key: nil, a *ExistsError or ErrKeyReused.
func (c *clients) seen(t *task) error {
	use, ok := c.keys[clientKey{t.client, t.key}]
	switch {
	case t.key == "" || !ok:
		return nil
	case use.digest != t.digest:
		return ErrKeyReused
	}
	return &ExistsError{use.task}
}

func (c *clients) remember(t *task) {
	if t.key != "" {
		c.keys[clientKey{t.client, t.key}] = keyUse{t.id, t.digest}
	}
}

func (c *clients) forget(t *task) {
	if t.key != "" {
		delete(c.keys, clientKey{t.client, t.key})
	}
}
