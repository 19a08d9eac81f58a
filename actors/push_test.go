package actors

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/godwit-run/godwit/actors/wire"
)

// Checkpoints to a node take turns: small ones do not wait for large ones, and those that
// an actor on its way waits for wait for none.
func TestPushesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &loop{turns: make(map[lane]chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		began := 0
		push := func(node wire.NodeID, bytes int64) (p *push, leave func()) {
			p = newPush(stored{bytes: bytes}, 0)
			end := make(chan struct{})
			go func() {
				leave, err := p.enter(ctx, l.pushTurn(node, bytes))
				if err != nil {
					return
				}
				began++
				<-end
				leave()
			}()
			synctest.Wait()
			return p, func() { close(end) }
		}
		begun := func(what string, want int) {
			t.Helper()
			if synctest.Wait(); began != want {
				t.Errorf("%s: %d have begun, want %d", what, began, want)
			}
		}
		const large, small = 64 << 20, 1 << 10
		var leaves []func()
		for range maxLarge {
			_, leave := push("a", large)
			leaves = append(leaves, leave)
		}
		_, leave := push("a", large)
		fifth, leave5 := push("a", large)
		begun("large ones to one node", 3)
		_, leaveSmall := push("a", small)
		begun("a small one", 4)
		_, leaveB := push("b", large)
		begun("to another node", 5)
		fifth.hurried()
		fifth.hurried()
		begun("an actor waits for it", 6)
		leave5() // it had no turn to give to another
		begun("after that", 6)
		leaves[0]()
		begun("a turn is free", 7)
		for _, leave := range append(leaves[1:], leave, leaveSmall, leaveB) {
			leave()
		}
		for range maxSmall + 1 {
			_, leave := push("a", small)
			defer leave()
		}
		begun("small ones have an end, too", 7+maxSmall)
		cancel()
	})
}
