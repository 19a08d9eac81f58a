package godwit

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/godwit-run/godwit/internal/journal"
)

const (
	// prefixPeers is where the journal keeps the peers that were reached before.
	prefixPeers = "p/"
	// maxRemembered is how many peers the node remembers over a restart.
	maxRemembered = 1024
	// maxPeerAddrs is how many addresses of one peer are kept.
	maxPeerAddrs = 16

	dialTimeout = 10 * time.Second
	// Waits between dials of a peer that does not answer double from the first to
	// the last; then it is dialled at the last for ever.
	firstRedial = 250 * time.Millisecond
	lastRedial  = 30 * time.Second
	// wantPeers is with how many connections the node stops to dial peers that it
	// merely remembers.
	wantPeers = 48
)

// contact is a peer that the node tries to keep a connection with.
type contact struct {
	addrs []ma.Multiaddr
	// named is set for those that the configuration names: they are dialled
	// however many others there are.
	named     bool
	connected bool
	dialling  bool
	seen      time.Time // when there was a connection last
	wait      time.Duration
	due       time.Time // when to dial next
}

// book is whom to dial and when. It does nothing itself and has no lock: see
// dialler.
type book struct {
	contacts  map[peer.ID]*contact
	connected int
}

func newBook() *book { return &book{contacts: make(map[peer.ID]*contact)} }

// add notes addresses of a peer; it is dialled at once if it has news.
func (b *book) add(now time.Time, p peer.ID, addrs []ma.Multiaddr, named bool) {
	c := b.contacts[p]
	if c == nil {
		if len(b.contacts) >= maxRemembered && b.evict() == "" && !named {
			return
		}
		c = &contact{due: now}
		b.contacts[p] = c
	}
	c.named = c.named || named
	for _, a := range addrs {
		if !slices.ContainsFunc(c.addrs, a.Equal) {
			c.addrs = append([]ma.Multiaddr{a}, c.addrs...)
			c.wait, c.due = 0, now
		}
	}
	c.addrs = c.addrs[:min(len(c.addrs), maxPeerAddrs)]
}

// evict forgets the peer that was away for longest, and returns it; empty if there
// is none to spare.
func (b *book) evict() (oldest peer.ID) {
	for p, c := range b.contacts {
		spare := !c.named && !c.connected && !c.dialling
		if spare && (oldest == "" || c.seen.Before(b.contacts[oldest].seen)) {
			oldest = p
		}
	}
	delete(b.contacts, oldest)
	return oldest
}

// setConnected notes that a connection came or went. A peer just lost is dialled
// soon, in case only the connection broke.
func (b *book) setConnected(now time.Time, p peer.ID, connected bool) {
	c := b.contacts[p]
	if c == nil {
		b.add(now, p, nil, false)
		if c = b.contacts[p]; c == nil {
			return
		}
	}
	if c.connected == connected {
		return
	}
	c.connected, c.seen, c.wait = connected, now, 0
	if connected {
		b.connected++
		return
	}
	b.connected--
	b.delay(now, c)
}

// delay sets the time of the next dial: later after each failure, and not at the
// same moment for all who have lost the same peer.
func (b *book) delay(now time.Time, c *contact) {
	c.wait = min(max(2*c.wait, firstRedial), lastRedial)
	c.due = now.Add(c.wait/2 + rand.N(c.wait))
}

// next returns the peers to dial now, marked as being dialled, and when to ask
// again; a zero time if there is nothing to wait for.
func (b *book) next(now time.Time, most int) (due []peer.ID, again time.Time) {
	for _, p := range slices.Sorted(maps.Keys(b.contacts)) {
		c := b.contacts[p]
		if c.connected || c.dialling || len(c.addrs) == 0 || !c.named && b.connected >= wantPeers {
			continue
		}
		switch {
		case c.due.After(now):
			if again.IsZero() || c.due.Before(again) {
				again = c.due
			}
		case len(due) < most:
			c.dialling = true
			due = append(due, p)
		}
	}
	return due, again
}

// dialled notes how a dial ended; addr is the address that answered.
func (b *book) dialled(now time.Time, p peer.ID, addr ma.Multiaddr) {
	c := b.contacts[p]
	if c == nil {
		return
	}
	c.dialling = false
	if addr == nil {
		b.delay(now, c)
		return
	}
	c.addrs = slices.DeleteFunc(c.addrs, addr.Equal)
	c.addrs = slices.Insert(c.addrs, 0, addr)
}

// learn notes an address that is not worth a dial by itself.
func (b *book) learn(p peer.ID, a ma.Multiaddr) {
	c := b.contacts[p]
	if len(c.addrs) < maxPeerAddrs && !slices.ContainsFunc(c.addrs, a.Equal) {
		c.addrs = append(c.addrs, a)
	}
}

// remembered is a contact in the journal.
type remembered struct {
	Seen  int64    `cbor:"1,keyasint"` // Unix time in seconds
	Addrs [][]byte `cbor:"2,keyasint"`
}

// encode is the journal's record of a contact.
func (c *contact) encode(p peer.ID) (journal.Record, error) {
	r := remembered{Seen: c.seen.Unix()}
	for _, a := range c.addrs {
		r.Addrs = append(r.Addrs, a.Bytes())
	}
	value, err := cbor.Marshal(r)
	return journal.Record{Key: []byte(prefixPeers + string(p)), Value: value}, err
}

// loadBook reads the peers of before. Those above the number that is remembered,
// longest away first, are left out: forgotten deletes them.
func loadBook(j *journal.Journal, now time.Time) (b *book, forgotten []journal.Record, err error) {
	b = newBook()
	for e, err := range j.Under(prefixPeers) {
		if err != nil {
			return nil, nil, err
		}
		p, c, err := decodeContact(e)
		if err != nil {
			return nil, nil, fmt.Errorf("remembered peer: %w", err)
		}
		c.due = now
		b.contacts[p] = c
	}
	for len(b.contacts) > maxRemembered/2 {
		forgotten = append(forgotten, journal.Record{Key: []byte(prefixPeers + string(b.evict()))})
	}
	return b, forgotten, nil
}

func decodeContact(e journal.Entry) (peer.ID, *contact, error) {
	p, err := peer.IDFromBytes(slices.Clone(e.Key[len(prefixPeers):]))
	if err != nil {
		return "", nil, err
	}
	var r remembered
	if err := cbor.Unmarshal(e.Value, &r); err != nil {
		return "", nil, err
	}
	c := &contact{seen: time.Unix(r.Seen, 0)}
	for _, b := range r.Addrs {
		a, err := ma.NewMultiaddrBytes(b)
		if err != nil {
			return "", nil, err
		}
		c.addrs = append(c.addrs, a)
	}
	return p, c, nil
}
