package activation

import (
	"testing"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// A reply that comes as a message says why it is none, if it is none, whoever knows that.
func TestReplyHasAReason(t *testing.T) {
	for _, c := range []struct {
		result wire.Result
		failed bool
		want   string
	}{
		{wire.Result{Outcome: wire.OK, Payload: []byte("42")}, false, "42"},
		{wire.Result{Outcome: wire.OK}, false, ""},
		{wire.Result{Outcome: wire.Refused, Payload: []byte("too much")}, true, "too much"},
		{wire.Result{Outcome: wire.NotFound}, true, "not found"},
		{wire.Result{Outcome: wire.TimedOut}, true, "timed out"},
		{wire.Result{Outcome: wire.Stopped}, true, "stopped"},
	} {
		g := guest{run: &run{}}
		g.deliver(mailbox.Delivery{Kind: mailbox.Reply, Token: 3, Result: c.result})
		if m := g.Message(); m == nil || m.Failed != c.failed || string(m.Payload) != c.want || m.Token != 3 {
			t.Errorf("%+v comes as %+v", c.result, m)
		}
	}
}
