package scheduler_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// A task of low priority waits for important ones that came a little later, and not
// for those that come when it has waited for long.
func TestLowPrioritiesAge(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	submit := func(name string, p wire.Priority) {
		s := m.bigSpec()
		s.Priority = p
		m.mustSubmit(name, s)
	}
	submit("first", wire.PriorityNormal)
	submit("low", wire.PriorityLow)
	for i := range 6 { // critical is three levels above low
		submit(fmt.Sprintf("critical-%d", i), wire.PriorityCritical)
		for range 4 {
			m.pass(10 * time.Second)
			m.announce(m.exec("e1"))
		}
	}
	m.taken()
	for range 7 {
		m.end("e1", success)
	}
	var order []string
	for line := range strings.SplitSeq(m.taken(), "\n") {
		if rest, ok := strings.CutPrefix(line, "e1 starts "); ok {
			order = append(order, strings.TrimSuffix(rest, "/1"))
		}
	}
	if got, want := strings.Join(order, " "), "critical-0 critical-1 critical-2 critical-3 critical-4 low critical-5"; got != want {
		t.Errorf("started %s, want %s", got, want)
	}
}

// answers are what an executor says to requests of submitters, as "a reserved, b
// refused share".
type requester struct {
	t   *testing.T
	e   *scheduler.Executor
	now time.Time
	n   uint32
	// told are those who were told that there is room.
	told []wire.NodeID
}

func (r *requester) step(ev scheduler.Event) (answer string) {
	ready := r.e.Step(r.now, ev)
	for _, out := range ready.Messages {
		switch m := out.Message.(type) {
		case wire.Reserved:
			answer = "reserved"
		case wire.Refused:
			answer = string(m.Why)
		case wire.Heartbeat:
			r.told = append(r.told, out.To)
		}
	}
	return answer
}

func (r *requester) reserve(who byte, cpu uint32) (wire.Ref, string) {
	r.n++
	ref := wire.Ref{Task: wire.TaskID{byte(r.n), 1}, Attempt: 1}
	return ref, r.step(scheduler.Received{From: nodeOf(testKey(who)), Message: wire.Reserve{
		Ref: ref, Profile: wire.Profile{CPU: cpu, Memory: wire.MB}, Lease: 10 * time.Second}})
}

func (r *requester) cancel(who byte, ref wire.Ref) {
	r.step(scheduler.Received{From: nodeOf(testKey(who)), Message: wire.Cancel{Ref: ref}})
}

// One submitter has all of an executor until another one wants a part: then it gets
// no more until that has its share.
func TestShares(t *testing.T) {
	e := must(scheduler.NewExecutor(scheduler.ExecutorConfig{Key: testKey(0), Capacity: wire.Capacity{CPU: 1000, Memory: 1 << 30}}))
	r := &requester{t: t, e: e, now: time.Unix(1_700_000_000, 0)}
	const hog, other = 1, 2
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	var held []wire.Ref
	for range 10 {
		ref, got := r.reserve(hog, 100)
		want("alone", got, "reserved")
		held = append(held, ref)
	}
	_, got := r.reserve(other, 300)
	want("the other, when all is gone", got, "cpu")
	r.cancel(hog, held[0])
	if len(r.told) != 1 || r.told[0] != nodeOf(testKey(other)) {
		t.Errorf("told %v that there is room", r.told)
	}
	_, got = r.reserve(hog, 100)
	want("the hog, while the other waits", got, "share")
	r.cancel(hog, held[1])
	r.cancel(hog, held[2])
	_, got = r.reserve(other, 300)
	want("the other, when there is room", got, "reserved")
	r.cancel(hog, held[3])
	_, got = r.reserve(hog, 100)
	want("the hog, when nobody waits", got, "reserved")

	_, got = r.reserve(other, 900)
	want("the other, for more than its share", got, "cpu")
	r.cancel(hog, held[4])
	_, got = r.reserve(hog, 100)
	want("the hog, as nobody waits for a share", got, "reserved")

	_, got = r.reserve(other, 100)
	want("the other", got, "cpu")
	r.now = r.now.Add(2 * time.Second) // and it does not ask again
	r.cancel(hog, held[5])
	_, got = r.reserve(hog, 100)
	want("the hog, later", got, "reserved")
}

// However many wait, and whoever they say they are, what is remembered of them is
// bounded, and capacity adds up.
func TestManyWait(t *testing.T) {
	e := must(scheduler.NewExecutor(scheduler.ExecutorConfig{Key: testKey(0), Capacity: wire.Capacity{CPU: 1000, Memory: 1 << 30}}))
	r := &requester{t: t, e: e, now: time.Unix(1_700_000_000, 0)}
	ref, _ := r.reserve(1, 1000)
	for i := range 2000 {
		r.e.Step(r.now, scheduler.Received{From: nodeOf(crowdKey(i)), Message: wire.Reserve{
			Ref: wire.Ref{Task: wire.TaskID{1}, Attempt: 1}, Profile: wire.Profile{CPU: 1, Memory: wire.MB}, Lease: time.Second}})
	}
	r.cancel(1, ref)
	if len(r.told) > 1 || e.Free().CPU != 1000 {
		t.Errorf("%d were told, %+v is free", len(r.told), e.Free())
	}
}

// A submitter that is not trusted gets nothing, neither directly nor in an auction.
func TestSubmittersAreTrusted(t *testing.T) {
	stranger := nodeOf(testKey(5))
	e := must(scheduler.NewExecutor(scheduler.ExecutorConfig{Key: testKey(0), Capacity: small, Trust: func(id wire.NodeID) float64 {
		if id == stranger {
			return 0.05
		}
		return 0.5
	}}))
	r := &requester{t: t, e: e, now: time.Unix(1_700_000_000, 0)}
	if _, got := r.reserve(5, 100); got != "trust" {
		t.Errorf("a stranger's reservation: %s", got)
	}
	ask := scheduler.Asked{Request: wire.Request{Ref: wire.Ref{Task: wire.TaskID{9}, Attempt: 1}, Submitter: stranger,
		Window: time.Second / 2, Share: wire.Everyone, Module: testModule, Profile: wire.Minimal()}}
	if got := r.step(ask); got != "trust" || e.Runs() != 0 {
		t.Errorf("a stranger's request: %s", got)
	}
	if _, got := r.reserve(1, 100); got != "reserved" {
		t.Errorf("anybody else's reservation: %s", got)
	}
}
