package activation

import (
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/wire"
)

// A handler that waits in await loses nothing with its node: the checkpoint before its
// message and the log behind it have it wait again elsewhere, without asking again. There
// the answer arrives, and the state is the one of a life in one place.
func TestAwaitGoesOnElsewhere(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	here, there := newNode(t, lib), newNode(t, lib)
	s := newScript(t, lib.guest(t, "probe"))
	a, w := here.activate(s.start(nil))
	s.add(s.ask("inc"), s.ask("touch 50"))
	a.Apply(s.entries[1:])
	c := w.checkpoint(a, 2)
	s.add(s.ask("inc"), s.ask("ask other hi"))
	a.Apply(s.entries[2:])
	if last := w.executed(3); !last.InCall || len(w.asked()) != 1 {
		t.Fatalf("it does not wait: %+v, asked %v", last, w.asked())
	}
	a.Checkpoint() // there is none while it waits
	here.push(s.actor, c, there)
	b, w2 := there.activate(s.start(&c))
	if last := w2.executed(3); !last.InCall {
		t.Fatalf("elsewhere it does not wait: %+v", last)
	}
	reply := wire.Item{Reply: &wire.Reply{Ask: w.asked()[0], Result: wire.Result{Outcome: wire.OK, Payload: []byte("the answer")}}}
	s.add(reply, s.ask("inc"))
	for _, x := range []*Activation{a, b} {
		x.Apply(s.entries[3:])
	}
	w.executed(4)
	w2.executed(4)
	if got := strings.Join(w.answers(), ", "); got != "1, 1, 2, the answer, 3" {
		t.Errorf("here: %s", got)
	}
	if got := strings.Join(w2.answers(), ", "); !strings.HasSuffix(got, "the answer, 3") {
		t.Errorf("elsewhere: %s", got)
	}
	if a.hash(t, w) != b.hash(t, w2) {
		t.Error("elsewhere it ends in another state")
	}
	if after := w2.checkpoint(b, 4); after.Index != 4 {
		t.Errorf("captured afterwards at %d", after.Index)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, captured := range w.captured {
		if captured.Checkpoint.Index == 3 {
			t.Error("captured in await: were the handler to fail, there would be no way back")
		}
	}
}
