package actortest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// memory is what a guest remembers. The guest understands:
//
//	add N         adds to the total and replies with it
//	get           replies with the total
//	trap N        adds, and then traps
//	give NAME N   sends money to another actor
//	take N        gets money
//	sum NAME      asks another actor for its total, waits, and replies with the sum
//	try NAME N    gives, asks another actor, waits, and then traps
//	ask NAME      asks, and takes the reply as a message
//	late N        sets a timer
//	spawn NAME    makes an actor
//
// and upgrades, which leave its memory as it is.
type memory struct {
	Total, Money, Ticks, Replies int64
	Mark                         uint64 // of clock and randomness
	Seen                         []wire.MessageID
	Spawned                      int
}

// blocked is a guest that waits for a reply.
type blocked struct {
	ask  uint64
	id   wire.MessageID
	trap bool
}

func (m *memory) encode() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // integers and bytes
	}
	return b
}

// handle works on a delivery. It returns the failure's cause, or what it waits for.
func (a *activation) handle(d mailbox.Delivery) (cause string, wait *blocked) {
	m := &a.mem
	seed := a.s.Seed()
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, m.Mark, seed, a.s.Now(), d.Number) // never fails
	m.Mark = h.Sum64()
	a.s.Advance(time.Microsecond)
	switch d.Kind {
	case mailbox.Timer:
		m.Ticks += int64(d.Token)
		return "", nil
	case mailbox.Reply:
		m.Replies++
		return "", nil
	case mailbox.Init:
		return "", nil
	}
	for _, id := range m.Seen {
		if id == d.ID {
			a.r.n.w.violated("%s: message %s takes effect twice", a.r, d.ID)
		}
	}
	m.Seen = append(m.Seen, d.ID)
	if d.Kind == mailbox.Upgrade {
		a.must(a.s.Upgraded())
		return "", nil
	}
	return a.command(d, strings.Fields(string(d.Result.Payload)))
}

func (a *activation) command(d mailbox.Delivery, words []string) (cause string, wait *blocked) {
	m, n := &a.mem, int64(0)
	_, _ = fmt.Sscan(words[len(words)-1], &n) // 0 where the last word is a name
	switch words[0] {
	case "add":
		m.Total += n
		a.reply(d, m.Total)
	case "get":
		a.reply(d, m.Total)
	case "trap":
		m.Total += n
		a.reply(d, m.Total)
		return "trap", nil
	case "give", "try":
		m.Money -= n
		a.must(a.s.Send(words[1], fmt.Appendf(nil, "take %d", n)))
		if words[0] == "try" {
			m.Money += n // what was sent before the trap stays sent, so it must be no money
			a.must(a.s.Send(words[1], fmt.Appendf(nil, "take %d", -n)))
			return "", &blocked{a.ask(words[1], false), d.ID, true}
		}
		a.reply(d, m.Money)
	case "take":
		m.Money += n
	case "sum":
		return "", &blocked{a.ask(words[1], false), d.ID, false}
	case "ask":
		a.ask(words[1], true)
	case "spawn":
		m.Spawned++
		a.must(a.s.Spawn(words[1], wire.Link{}))
	case "late":
		_, err := a.s.SetTimer(time.Duration(n)*time.Millisecond, uint64(n))
		a.must(err)
	}
	return "", nil
}

// resume goes on after a reply.
func (a *activation) resume(b *blocked, r wire.Result) (cause string) {
	n := int64(0)
	_, _ = fmt.Sscan(string(r.Payload), &n) // 0 of an ask that timed out
	if b.trap {
		return "trap after a reply"
	}
	a.mem.Replies += n
	a.must(a.s.Reply(b.id, wire.Result{Outcome: wire.OK, Payload: fmt.Append(nil, a.mem.Total+n)}))
	return ""
}

func (a *activation) reply(d mailbox.Delivery, n int64) {
	if d.Kind == mailbox.Ask {
		a.must(a.s.Reply(d.ID, wire.Result{Outcome: wire.OK, Payload: fmt.Append(nil, n)}))
	}
}

func (a *activation) ask(to string, async bool) uint64 {
	wait := time.Hour // a reply that is lost for good is noticed: nothing settles
	if async {
		wait = 700 * time.Millisecond
	}
	n, err := a.s.Ask(to, []byte("get"), wait, async)
	a.must(err)
	return n
}

func (a *activation) must(err error) {
	if err != nil && err != mailbox.ErrNoMessage { // the asker has given up
		a.r.n.w.violated("%s: %v", a.r, err)
	}
}
