package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// auction is a task's wait for offers. It closes when all nodes have answered that
// are known to live and could run it, or when its window ends; then the offers are
// scored like nodes in view, and the best one is taken up.
type auction struct {
	request wire.Request
	asked   placement.Request
	wanted  placement.Request // as it is for nodes that make no offer
	// expected have not answered yet.
	expected map[wire.NodeID]bool
	offers   []offer
	// heard have answered with a bid, good or bad, and strangers of them are not in
	// view.
	heard     map[wire.NodeID]bool
	strangers int
	// unmet are wishes that nobody in view meets: unless an offer does, others may
	// come that are not in view, and the window stays open.
	unmet []wish
}

// offer is a bid that holds, and when it came.
type offer struct {
	wire.Offer
	at time.Time
}

const (
	// maxOffers bounds what is kept of one auction, and maxStrangers how many of that
	// are of nodes that are not in view: others are turned down.
	maxOffers, maxStrangers = 256, 64
	// After an auction without a good offer the next one waits, longer each time.
	minAuctionPause = 250 * time.Millisecond
	maxAuctionPause = 8 * time.Second
)

// openAuction asks all nodes for offers.
func (s *Submitter) openAuction(t *task, r placement.Request, why string, unmet []wish) {
	s.number(t)
	t.spent = true // everybody is going to know it
	a := &auction{asked: r, wanted: r, expected: make(map[wire.NodeID]bool), heard: make(map[wire.NodeID]bool), unmet: unmet}
	// What an offer leaves free is what counts: that the task fits, it says itself.
	a.asked.Needs = wire.Profile{Duration: r.Needs.Duration}
	capable := s.capable(&r)
	a.request = s.newRequest(t, len(capable))
	for _, id := range capable {
		if a.request.Asks(id) {
			a.expected[id] = true
		}
	}
	round := s.round(t, wire.PlaceAuction, why)
	round.Asked = len(a.expected)
	t.auction, t.answerBy = a, s.now.Add(s.cfg.Window)
	s.enter(t, phaseBidding)
	s.effect(Ask{a.request})
}

// capable are the nodes in view that could run a task sooner or later, and are not
// known to be out of reach.
func (s *Submitter) capable(r *placement.Request) (ids []wire.NodeID) {
	for _, c := range s.view.index.Rank(r) {
		if !c.Never && c.Node.Out == "" {
			ids = append(ids, c.Node.ID)
		}
	}
	return ids
}

func (s *Submitter) newRequest(t *task, capable int) wire.Request {
	q := wire.Request{
		Ref: t.ref(), Submitter: s.cfg.Self, Made: s.now.UnixMilli(), Window: s.cfg.Window, Share: wire.Everyone,
		Profile: t.needs, Hints: t.spec.Hints, Module: t.spec.Module, Data: dataOf(t.spec),
		Fuel: t.spec.Limits.Fuel, MaxCost: t.spec.MaxCost,
	}
	if capable > s.cfg.MaxBidders {
		q.Share = uint32(max(1, wire.Everyone*uint64(s.cfg.MaxBidders)/uint64(capable)))
	}
	return q
}

// dataOf is what a task reads besides its module, as far as a request has room.
func dataOf(spec *wire.Spec) (links []wire.Link) {
	if spec.Stdin.Defined() {
		links = append(links, spec.Stdin)
	}
	for _, in := range spec.Inputs {
		links = append(links, in.Link)
	}
	return links[:min(len(links), wire.MaxReads)]
}

// bid takes an offer, or turns down one that comes too late or for nothing. A node has
// one for each auction: to check its signature is what costs most.
func (s *Submitter) bid(from wire.NodeID, m wire.Bid) {
	t := s.bidding[m.Task]
	if t == nil || t.number != m.Attempt {
		if s.live(from, m.Ref) == nil {
			s.send(from, wire.Cancel{Ref: m.Ref})
		}
		return
	}
	a := t.auction
	if a.heard[from] {
		return
	}
	if !s.hasRoom(a, from) {
		s.send(from, wire.Cancel{Ref: m.Ref})
		return
	}
	a.heard[from] = true
	delete(a.expected, from)
	if o, err := s.openOffer(t, from, m); err != nil {
		s.stats.BadOffers++
		s.answers(t, Answer{Node: from, Said: SaidInvalid, Detail: err.Error()})
		s.send(from, wire.Cancel{Ref: m.Ref})
	} else {
		a.offers = append(a.offers, offer{o, s.now})
		s.answers(t, Answer{Node: from, Said: SaidOffered, Offer: &OfferFacts{o.Queue, o.Cost, o.Start, o.Held, o.RTT, o.Lease}})
	}
	s.maybeClose(t)
}

// hasRoom tells whether an offer of a node is to be looked at. Names cost nothing, so
// those whom nobody has heard of must not keep the others out.
func (s *Submitter) hasRoom(a *auction, from wire.NodeID) bool {
	if k, _ := s.view.node(from); k == nil {
		if a.strangers >= maxStrangers {
			return false
		}
		a.strangers++
	}
	return len(a.heard) < maxOffers
}

// openOffer checks that an offer is its sender's, and for this auction.
func (s *Submitter) openOffer(t *task, from wire.NodeID, m wire.Bid) (wire.Offer, error) {
	o, err := wire.Open[wire.Offer](m.Envelope)
	switch {
	case err != nil:
	case o.Executor != from || o.Submitter != s.cfg.Self || o.Ref != m.Ref:
		err = fmt.Errorf("the offer is another node's, or for another attempt")
	case o.Total.ShortageOfAll(t.needs) != "":
		err = fmt.Errorf("the offer is of less than what was asked for")
	}
	return o, err
}

// declined: a node that was asked for an offer has none, or has gone.
func (s *Submitter) declined(t *task, a Answer) {
	if t.auction.expected[a.Node] {
		delete(t.auction.expected, a.Node)
		s.answers(t, a)
		s.maybeClose(t)
	}
}

// maybeClose closes an auction if nobody is waited for.
func (s *Submitter) maybeClose(t *task) {
	a := t.auction
	if len(a.expected) > 0 {
		return
	}
	for _, w := range a.unmet {
		if !slices.ContainsFunc(a.offers, func(o offer) bool { return w.met(&o.Offer) }) {
			return
		}
	}
	s.closeAuction(t)
}

// closeAuction scores the offers and takes the best one up.
func (s *Submitter) closeAuction(t *task) {
	a := t.auction
	for _, id := range slices.Sorted(maps.Keys(a.expected)) {
		s.answers(t, Answer{Node: id, Said: SaidSilent})
	}
	nodes := make([]placement.Node, 0, len(a.offers))
	for i := range a.offers {
		nodes = append(nodes, s.offering(&a.offers[i]))
	}
	ranked := s.bidders.Rank(&a.asked, nodes)
	s.noteScores(t, ranked)
	if len(ranked) == 0 || ranked[0].Out != "" {
		s.noOffer(t)
		return
	}
	t.score = ranked[0].Score
	s.takeUp(t, ranked[0].Node.ID)
}

// offering is a node as its offer describes it. What others have said of it, and how
// it did, is known from elsewhere.
func (s *Submitter) offering(o *offer) placement.Node {
	n := placement.Node{
		ID: o.Executor, Self: o.Executor == s.cfg.Self, Trust: s.cfg.Trust(o.Executor),
		Health: placement.Health{SuccessRate: 1}, RTT: o.RTT,
	}
	v := wire.Vector{Node: o.Executor}
	if _, known := s.view.node(o.Executor); known != nil {
		n.Health, n.Turn, n.Trust = known.Health, known.Turn, known.Trust
		if known.RTT > 0 { // measured here, which is better than being told
			n.RTT = known.RTT
		}
		v = *known.Vector
	}
	v.Total, v.Region, v.Labels, v.Cost = o.Total, o.Region, o.Labels, o.Cost
	n.Vector, n.Free, n.Tasks = &v, o.Free, int(o.Queue)
	n.Offered, n.Held, n.Start = true, o.Held, o.Start
	if !o.at.Add(o.Lease).After(s.now) {
		n.Out = wire.RefusedSilent // expired
	}
	return n
}

// before is what a node has free without what it offers, as far as its total goes.
func before(o *wire.Offer, needs wire.Profile) wire.Capacity {
	c := o.Free.Clone()
	c.CPU = min(c.CPU+needs.CPU, o.Total.CPU)
	c.Memory = min(c.Memory+needs.Memory, o.Total.Memory)
	c.Storage = min(c.Storage+needs.Storage, o.Total.Storage)
	c.Network = min(c.Network+needs.Network, o.Total.Network)
	if needs.GPU == nil {
		return c
	}
	left := needs.GPU.Count
	for i := range c.GPUs {
		if g := &c.GPUs[i]; left > 0 && !g.Available && g.Fits(needs.GPU) {
			g.Available = true
			left--
		}
	}
	return c
}

// noteScores writes what the offers are worth into the record.
func (s *Submitter) noteScores(t *task, ranked []placement.Candidate) {
	r := t.openRound()
	ranked = append(slices.Clone(ranked), s.without(t)...)
	if r.Known = len(ranked); r.Known > 0 {
		r.Summary = placement.Summary(ranked)
	}
	for i := range ranked[:min(len(ranked), maxConsidered)] {
		r.keep(&ranked[i])
	}
	for _, c := range ranked {
		for i := range r.Answers {
			if a := &r.Answers[i]; a.Node == c.Node.ID && a.Said == SaidOffered {
				a.Score, a.Why = c.Score, c.Out
			}
		}
	}
}

// takeUp renews the lease of one offer, and gives the task to the node; the others
// are turned down.
func (s *Submitter) takeUp(t *task, winner wire.NodeID) {
	s.turnDown(t, winner)
	t.node = winner
	s.send(winner, wire.Renew{Attempts: []wire.Ref{t.ref()}, Lease: lease})
	s.reserved(t)
	r := &t.rounds[len(t.rounds)-1]
	s.effect(Auctioned{t.ref(), r.Took, r.Score})
}

// turnDown cancels all offers but one.
func (s *Submitter) turnDown(t *task, winner wire.NodeID) {
	for i := range t.auction.offers {
		o := &t.auction.offers[i]
		free := o.Free
		if o.Executor != winner {
			free = before(&o.Offer, t.needs)
			s.send(o.Executor, wire.Cancel{Ref: t.ref()})
		}
		s.heard(o.Executor, free)
	}
}

// noOffer ends an auction that led to nothing.
func (s *Submitter) noOffer(t *task) {
	s.turnDown(t, "")
	s.endRound(t, "")
	t.auctionAt = s.now.Add(min(minAuctionPause<<min(t.auctions, 10), maxAuctionPause))
	t.auctions++
	s.enter(t, phasePaused) // leaves the auction, before others are asked
	if t.spec.Placement == wire.PlaceAuto {
		s.resume(t)
		return
	}
	s.lineUp(t)
}

// dropAuction ends the auction of a task that needs no node any more.
func (s *Submitter) dropAuction(t *task) {
	if t.auction != nil {
		s.turnDown(t, "")
		s.endRound(t, "")
	}
}

// auctions are the tasks that are being auctioned, in an order that is the same
// every time.
func (s *Submitter) auctions() []*task {
	return slices.SortedFunc(maps.Values(s.bidding), func(a, b *task) int { return a.id.Compare(b.id) })
}

// whyAuction is why a task is to be auctioned, empty if it is not. best is the node
// that it would go to, nil if there is none.
func (s *Submitter) whyAuction(t *task, best *placement.Node) (why string, unmet []wish) {
	switch p := t.spec.Placement; {
	case p == wire.PlaceAuction:
		return "asked for", s.unmetWishes(&t.spec.Hints)
	case p != wire.PlaceAuto || len(s.view.index.Nodes()) < 2 || !t.spec.Hints.Require.Colocate.IsZero():
		return "", nil
	}
	if unmet = s.unmetWishes(&t.spec.Hints); len(unmet) > 0 {
		return "nobody in view has " + words(unmet), unmet
	}
	switch n, large := &t.needs, &s.cfg.Large; {
	case best == nil:
		return "", nil
	case large.CPU > 0 && n.CPU >= large.CPU, large.Memory > 0 && n.Memory >= large.Memory:
		return "the task is large", nil
	case large.Duration > 0 && n.Duration >= large.Duration:
		return "the task is long", nil
	case !best.Self && s.now.Sub(best.Health.LastSeen) > s.staleAfter(best):
		return "what is known is old", nil
	}
	return "", nil
}

// staleAfter is when news of a node are old: it has missed an announcement.
func (s *Submitter) staleAfter(n *placement.Node) time.Duration {
	if n.Vector.Every > 0 {
		return 2 * n.Vector.Every
	}
	return s.cfg.StaleAfter
}

// wish is something that a task asks for and that nobody in view has.
type wish struct {
	what string
	// met tells whether an offer has it.
	met func(o *wire.Offer) bool
}

func words(unmet []wish) string {
	var list []string
	for _, w := range unmet {
		list = append(list, w.what)
	}
	return strings.Join(list, " or ")
}

// unmetWishes are those of which nobody in view has anything.
func (s *Submitter) unmetWishes(h *wire.Hints) (unmet []wish) {
	for _, w := range []*wire.Wishes{&h.Wishes, &h.Require} {
		for _, l := range w.Labels {
			key, value, _ := strings.Cut(l, "=")
			if !s.anybody(func(v *wire.Vector) bool { return v.HasLabel(key, value) }) {
				unmet = append(unmet, wish{"label " + l, func(o *wire.Offer) bool {
					return (&wire.Vector{Region: o.Region, Labels: o.Labels}).HasLabel(key, value)
				}})
			}
		}
		if w.Region != "" && !s.anybody(func(v *wire.Vector) bool { return v.Region == w.Region }) {
			unmet = append(unmet, wish{"region " + w.Region, func(o *wire.Offer) bool { return o.Region == w.Region }})
		}
		if len(w.Prefer) > 0 && !s.anybody(func(v *wire.Vector) bool { return slices.Contains(w.Prefer, v.Node) }) {
			unmet = append(unmet, wish{"the node", func(o *wire.Offer) bool { return slices.Contains(w.Prefer, o.Executor) }})
		}
		if len(w.Near) > 0 && !s.anybody(func(v *wire.Vector) bool { return slices.ContainsFunc(w.Near, v.Blobs.Has) }) {
			unmet = append(unmet, wish{"the data", func(o *wire.Offer) bool { return o.Held > 0 }})
		}
	}
	return unmet
}

func (s *Submitter) anybody(has func(v *wire.Vector) bool) bool {
	return slices.ContainsFunc(s.view.index.Nodes(), func(n placement.Node) bool { return has(n.Vector) })
}
