package wire

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// Each change makes a request, an offer or a renewal that is out of bounds.
func TestValidateAuction(t *testing.T) {
	all := bodiesByName()
	request := func(change func(*Request)) Body {
		r := all["request"].(Request)
		change(&r)
		return r
	}
	offer := func(change func(*Offer)) Body {
		o := all["offer"].(Offer)
		change(&o)
		return o
	}
	for name, b := range map[string]Body{
		"no window":           request(func(r *Request) { r.Window = 0 }),
		"long window":         request(func(r *Request) { r.Window = MaxWindow + 1 }),
		"nobody's share":      request(func(r *Request) { r.Share = 0 }),
		"more than everyone":  request(func(r *Request) { r.Share = Everyone + 1 }),
		"before all time":     request(func(r *Request) { r.Made = -1 }),
		"no submitter":        request(func(r *Request) { r.Submitter = "" }),
		"no attempt":          request(func(r *Request) { r.Attempt = 0 }),
		"no module":           request(func(r *Request) { r.Module = Link{} }),
		"no data":             request(func(r *Request) { r.Data = []Link{{}} }),
		"too much data":       request(func(r *Request) { r.Data = slices.Repeat([]Link{testLink()}, MaxReads+1) }),
		"for free":            request(func(r *Request) { r.Profile.CPU = 0 }),
		"hints":               request(func(r *Request) { r.Hints.Labels = []string{"x"} }),
		"endless cost":        request(func(r *Request) { r.MaxCost = 1 << 63 }),
		"no lease":            offer(func(o *Offer) { o.Lease = 0 }),
		"long lease":          offer(func(o *Offer) { o.Lease = MaxLease + 1 }),
		"no executor":         offer(func(o *Offer) { o.Executor = "" }),
		"for nobody":          offer(func(o *Offer) { o.Submitter = "x" }),
		"endless offer":       offer(func(o *Offer) { o.Cost = 1 << 63 }),
		"endless data":        offer(func(o *Offer) { o.Held = 1 << 63 }),
		"starts before":       offer(func(o *Offer) { o.Start = -1 }),
		"negative way":        offer(func(o *Offer) { o.RTT = -time.Second }),
		"endless capacity":    offer(func(o *Offer) { o.Free.CPU = 1 << 31 }),
		"label":               offer(func(o *Offer) { o.Labels = map[string]string{"": "x"} }),
		"renewed for ever":    Renew{nil, MaxRenewal + 1},
		"renewed for no time": Renew{nil, 0},
		"too many renewed":    Renew{slices.Repeat([]Ref{{testID, 1}}, MaxRefs+1), time.Minute},
		"no offer":            Bid{Ref{testID, 1}, nil},
		"large offer":         Bid{Ref{testID, 1}, make([]byte, MaxOffer+1)},
	} {
		if err := b.Validate(); err == nil {
			t.Errorf("%s: %+v is valid", name, b)
		}
		if _, err := Encode(b); err == nil {
			t.Errorf("%s: %+v is encoded", name, b)
		}
	}
}

// The share of nodes that a request asks is as large as it says, the same for
// everybody who looks, another one for each attempt, and has the preferred ones.
func TestAsks(t *testing.T) {
	r := bodiesByName()["request"].(Request)
	r.Share, r.Hints.Prefer = Everyone/4, []NodeID{testNode(7)}
	count := func() (asked []NodeID) {
		for i := range byte(200) {
			if r.Asks(testNode(i)) {
				asked = append(asked, testNode(i))
			}
		}
		return asked
	}
	first := count()
	if n := len(first); n < 30 || n > 75 {
		t.Errorf("%d of 200 nodes are asked, want about 50", n)
	}
	if !slices.Equal(first, count()) || !r.Asks(testNode(7)) {
		t.Error("not the same for everybody, or without the preferred one")
	}
	r.Attempt++
	if slices.Equal(first, count()) {
		t.Error("the next attempt asks the same ones")
	}
	if r.Share = Everyone; len(count()) != 200 {
		t.Error("not everybody is asked")
	}
}

// No envelope opens as a request or an offer but what its signer wrote as one.
func FuzzOpenAuction(f *testing.F) {
	request := must(Seal(bodiesByName()["request"].(Request), testKey(1)))
	offer := must(Seal(bodiesByName()["offer"].(Offer), testKey(2)))
	f.Add(request)
	f.Add(offer)
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := Open[Request](b); err == nil && (!bytes.Equal(b, request) || r.Validate() != nil) {
			t.Fatalf("a request: %x", b)
		}
		if o, err := Open[Offer](b); err == nil && (!bytes.Equal(b, offer) || o.Validate() != nil) {
			t.Fatalf("an offer: %x", b)
		}
	})
}
