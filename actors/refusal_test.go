package actors_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-run/godwit/actors"
)

// What an actor's node refuses is heard in its words on every other node, however slow that
// is to read them.
func TestRefusalArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChaos(t, 1, 3)
		defer c.end()
		s, err := c.nodes[0].host.Create(t.Context(), actors.CreateOptions{Name: "counter", Module: c.module})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range c.nodes {
			began := time.Now()
			_, err := n.host.Migrate(t.Context(), "counter", actors.MigrateOptions{To: s.Node})
			if !errors.Is(err, actors.ErrInvalid) || !strings.Contains(err.Error(), "the actor is on that node") {
				t.Errorf("%s, which is %s: a move to where it is: %v", n.id.Short(), s.Node.Short(), err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("it took %v", took)
			}
		}
	})
}
