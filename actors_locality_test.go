package godwit

import (
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/api"
)

// A hint stands: a living actor moves to a node that meets it, which joins later.
func TestHintMovesLivingActor(t *testing.T) {
	for _, c := range []struct {
		name  string
		hints func(code string) api.Hints
		join  func(cfg *Config)
		then  func(t *testing.T, n *Node)
	}{
		{
			name:  "region",
			hints: func(string) api.Hints { return api.Hints{Region: "eu"} },
			join:  func(cfg *Config) { cfg.Region = "eu" },
		},
		{
			name:  "near",
			hints: func(data string) api.Hints { return api.Hints{Near: []string{data}} },
			then: func(t *testing.T, n *Node) { // it has the data only now
				putBytes(t, n, standingData)
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := mesh(t, 3)
			elsewhere := putBytes(t, start(t, Config{}), standingData) // on a node of no mesh
			counterOn(t, nodes[0], "counter", c.hints(elsewhere), "")
			askNode(t, nodes[0], "counter", "add 7", "")
			cfg := Config{API: "127.0.0.1:0", Bootstrap: nodes[0].Addrs()}
			if c.join != nil {
				c.join(&cfg)
			}
			late := start(t, cfg)
			if c.then != nil {
				c.then(t, late)
			}
			want := strconv.Itoa(7 + movesTo(t, nodes[0], "counter", late.ID()))
			if got := askNode(t, late, "counter", "get", ""); got != want {
				t.Errorf("moved, it answers %s, want %s", got, want)
			}
		})
	}
}

// A node that is preferred by its name is moved to when it comes back.
func TestPreferredNodeComesBack(t *testing.T) {
	nodes := mesh(t, 3)
	cfg := Config{Dir: filepath.Join(t.TempDir(), "node"), API: "127.0.0.1:0"}
	id := ""
	t.Run("before", func(t *testing.T) { id = start(t, cfg).ID() })
	cfg.Bootstrap = nodes[0].Addrs()
	counterOn(t, nodes[0], "counter", api.Hints{Prefer: []string{id}}, "")
	start(t, cfg)
	movesTo(t, nodes[0], "counter", id)
}

var standingData = slices.Repeat([]byte("what the actor wants to be near "), 1<<12)

// movesTo has an actor work until it lives on a node, looks why it went there, and
// returns how many times it was asked.
func movesTo(t *testing.T, through *Node, name, node string) (asked int) {
	t.Helper()
	var a api.Actor
	for end := time.Now().Add(2 * time.Minute); a.Node != node; asked++ {
		<-time.After(10 * time.Millisecond) // else a busy machine does nothing but answer
		if time.Now().After(end) {
			t.Fatalf("it stays on %s", a.Node)
		}
		askNode(t, through, name, "inc", "")
		var err error
		if a, err = through.Actor(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if last := a.History[len(a.History)-1]; last.Reason != "locality" || last.Node != node {
		t.Errorf("history %+v", a.History)
	}
	waitFor(t, func() bool {
		a, err := through.Actor(t.Context(), name)
		return err == nil && len(a.Replicas) == 3 && slices.Contains(a.Replicas, node)
	})
	return asked
}
